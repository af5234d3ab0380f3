package test

// Where our server listens: who may connect, and what stands in the place of a socket.
//
// Not tested in this file: what is answered (supervisord_server_test.go).

import (
	"crypto/sha1"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// freePort is a port of the loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestOnlyWhoKnowsThePasswordIsAnswered(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	digest := fmt.Sprintf("{SHA}%x", sha1.Sum([]byte("secret")))
	supervisedByOurs(t, fmt.Sprintf("[inet_http_server]\nport=127.0.0.1:%d\nusername=u\npassword=%s\n[program:a]\ncommand=/bin/cat\n", port, digest))
	ask := func(user, password string) int {
		request, err := http.NewRequest("POST", fmt.Sprintf("http://127.0.0.1:%d/RPC2", port),
			strings.NewReader("<?xml version='1.0'?><methodCall><methodName>supervisor.getState</methodName><params></params></methodCall>"))
		must(err)
		if user != "" {
			request.SetBasicAuth(user, password)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0
		}
		response.Body.Close()
		return response.StatusCode
	}
	eventually(t, "the right password is taken", func() bool { return ask("u", "secret") == 200 })
	for _, wrong := range [][2]string{{"", ""}, {"u", "x"}, {"x", "secret"}, {"u", digest}, {"u", ""}} {
		if code := ask(wrong[0], wrong[1]); code != 401 {
			t.Errorf("%q: %d", wrong, code)
		}
	}
}

func TestASocketHasItsModeAndOwner(t *testing.T) {
	needRoot(t)
	s := supervisedByOurs(t, "[unix_http_server]\nchmod=0757\nchown=nobody:nogroup\n[program:a]\ncommand=/bin/cat\n")
	var info unix.Stat_t
	must(unix.Stat(filepath.Join(s.dir, "sock"), &info))
	if info.Mode&0o7777 != 0o757 || info.Uid != 65534 || info.Gid != 65534 {
		t.Errorf("mode %o of %d:%d", info.Mode&0o7777, info.Uid, info.Gid)
	}
}

func TestAStaleSocketIsReplacedAndOneInUseIsNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ourSupervisord(), withServer+"[program:a]\ncommand=/bin/cat\nstartsecs=0\n")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.file("s"), Net: "unix"})
	must(err)
	listener.SetUnlinkOnClose(false)
	said, end := h.say("-nc", h.file("c"))
	if !strings.HasPrefix(said, "Error: Another program is already listening on a port that one of our HTTP servers is configured to use.") &&
		!strings.Contains(said, "\nError: Another program is already listening") || end != "exit 2" || exists(h.file("run")) {
		t.Errorf("%s: %s", end, said)
	}
	listener.Close() // and its file stays
	h.begin(t)
	eventually(t, "a runs", func() bool { return strings.Contains(statesIn(t, h), "a RUNNING") }, func() string { return textOf(h.file("log")) })
}

// A client that comes as soon as supervisord has gone into the background is answered.
func TestInTheBackgroundTheServerAnswersAtOnce(t *testing.T) {
	h := newHouse(t, ourSupervisord(), withServer+"[program:a]\ncommand=/bin/cat\nstartsecs=0\n")
	if said, end := h.say("-c", h.file("c")); end != "exit 0" {
		t.Fatalf("%s: %s", end, said)
	}
	if out := statesIn(t, h); !strings.HasPrefix(out, "a ") {
		t.Errorf("%q", out)
	}
	h.end()
	if exists(h.file("s")) || exists(h.file("pid")) {
		t.Error("a file is left")
	}
}
