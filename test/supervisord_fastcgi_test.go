package test

// The programs of a [fcgi-program:x] accept connections from one socket, as under Debian's
// supervisord. What ours adds: no connection is lost while a program is down, whatever is killed.
//
// Not tested in this file: wrong usage of holdsocket and takesocket, which is in testdata/script.

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// accepting is a program that tells each client its name and pid. The client that sends "end" has it
// end first.
const accepting = `
import os, socket
s = socket.socket(fileno=0)
while True:
    c, _ = s.accept()
    if c.recv(100) == b"end":
        os._exit(0)
    c.sendall(("%s %d" % (os.environ["SUPERVISOR_PROCESS_NAME"], os.getpid())).encode())
    c.close()
`

// A socketHouse is a house whose programs are a group app with one socket.
type socketHouse struct {
	*house
	address string
}

// newSocketHouse makes one. In the keys SOCKET stands for the address.
func newSocketHouse(t testing.TB, program, address, keys string) *socketHouse {
	t.Helper()
	need(t, "/usr/bin/python3")
	h := newHouse(t, program, "")
	must(os.WriteFile(h.file("app.py"), []byte(accepting), 0o644))
	if address == "" {
		address = "unix://" + h.file("sock")
	}
	h.configure("[unix_http_server]\nfile=%(here)s/s\n[rpcinterface:supervisor]\n" +
		"supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n" +
		"[fcgi-program:app]\ncommand=/usr/bin/python3 %(here)s/app.py\nsocket=" + address + "\n" + keys)
	return &socketHouse{h, address}
}

// dial connects to the socket.
func (h *socketHouse) dial() (net.Conn, error) {
	network, address, _ := strings.Cut(h.address, "://")
	return net.Dial(network, address)
}

// ask returns what a program answers, or why nobody does.
func (h *socketHouse) ask() string {
	c, err := h.dial()
	if err != nil {
		return "refused"
	}
	defer c.Close()
	return answerOn(c)
}

// answerOn asks on a connection, which may have to wait for a program.
func answerOn(c net.Conn) string {
	if _, err := c.Write([]byte("who")); err != nil {
		return "refused"
	}
	text, err := io.ReadAll(c)
	if err != nil || len(text) == 0 {
		return "lost"
	}
	return string(text)
}

// endProgram has the program that takes the connection end.
func (h *socketHouse) endProgram(t testing.TB) {
	t.Helper()
	c, err := h.dial()
	must(err)
	c.Write([]byte("end"))
	io.ReadAll(c) // until the program has gone
	c.Close()
}

// command stops or starts processes of the group, without the server in between for ours.
func (h *socketHouse) command(t testing.TB, what string, processes ...string) {
	t.Helper()
	need(t, "supervisorctl")
	for _, process := range processes {
		cmd := exec.Command("supervisorctl", "-s", "unix://"+h.file("s"), what, "app:"+process)
		if h.program == ourSupervisord() {
			cmd = exec.Command(fused.dir+"/svc", map[string]string{"stop": "-Wd", "start": "-Wu"}[what], h.file("run/svc/app:"+process))
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
}

func TestTheProgramsOfAGroupShareASocketAsUnderDebians(t *testing.T) {
	t.Parallel()
	need(t, "supervisorctl")
	theirs := debiansSupervisord(t)
	for _, family := range []string{"unix", "tcp"} {
		for _, program := range []string{theirs, ourSupervisord()} {
			address, keys := "", "socket_mode=0640\nsocket_backlog=5\nnumprocs=2\nprocess_name=%(process_num)d\n"
			if family == "tcp" {
				address = fmt.Sprint("tcp://localhost:", freePort(t))
				keys = strings.Replace(keys, "socket_mode=0640\n", "", 1)
			} else if os.Geteuid() == 0 {
				keys += "socket_owner=daemon:mail\n"
			}
			h := newSocketHouse(t, program, address, keys)
			h.begin(t)
			for _, name := range []string{"0", "1"} {
				eventually(t, name+" answers", func() bool { return strings.HasPrefix(h.ask(), name+" ") })
			}
			if family == "unix" {
				var s unix.Stat_t
				must(unix.Stat(h.file("sock"), &s))
				if s.Mode&0o7777 != 0o640 || os.Geteuid() == 0 && (s.Uid != 1 || s.Gid != 8) {
					t.Errorf("%s: the socket has mode %o and belongs to %d:%d", program, s.Mode, s.Uid, s.Gid)
				}
			}
			h.command(t, "stop", "0")
			if got := h.ask(); !strings.HasPrefix(got, "1 ") {
				t.Errorf("%s, %s: with one process of two: %s", program, family, got)
			}
			h.command(t, "stop", "1")
			eventually(t, program+" has closed the socket", func() bool { return h.ask() == "refused" })
			h.command(t, "start", "1")
			eventually(t, program+": it answers again", func() bool { return strings.HasPrefix(h.ask(), "1 ") })
			h.command(t, "stop", "1")
			for _, what := range []string{"remove", "add"} { // by the server
				cmd := exec.Command("supervisorctl", "-s", "unix://"+h.file("s"), what, "app")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", cmd, err, out)
				}
				if what == "remove" && exists(h.file("run/svc/:socket.app")) {
					t.Error("the service that holds the socket has stayed")
				}
			}
			eventually(t, program+": it answers after all", func() bool { return strings.HasPrefix(h.ask(), "1 ") })
		}
	}
}

// holder is the process of a service that holds the socket, and its guard. They are 0 if they are
// not there.
func (h *socketHouse) holder() (holder, guard int) {
	holder = h.of(":socket.app")
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", holder)) // whichever thread has started it
	for _, list := range lists {
		if pid, err := strconv.Atoi(strings.TrimSpace(textOf(list))); err == nil {
			guard = pid
		}
	}
	return holder, guard
}

func TestNoConnectionIsLostWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for _, family := range []string{"unix", "tcp"} {
		address := ""
		if family == "tcp" {
			address = fmt.Sprint("tcp://127.0.0.1:", freePort(t))
		}
		h := newSocketHouse(t, ourSupervisord(), address, "startsecs=0\nautorestart=true\n")
		h.begin(t)
		eventually(t, "it answers", func() bool { return strings.HasPrefix(h.ask(), "app ") })
		for _, victim := range []string{"nobody", "holder", "guard", "holder", "guard", "svscan", "holder", "both"} {
			if victim == "both" && os.Geteuid() != 0 {
				continue // the socket is copied from the program
			}
			last := h.ask()
			eventually(t, "there are a holder and its guard", func() bool { one, two := h.holder(); return one != 0 && two != 0 })
			holder, guard := h.holder()
			switch victim {
			case "holder":
				must(unix.Kill(holder, unix.SIGKILL))
			case "guard":
				must(unix.Kill(guard, unix.SIGKILL))
			case "both":
				must(unix.Kill(guard, unix.SIGSTOP)) // so that it takes nothing over meanwhile
				must(unix.Kill(holder, unix.SIGKILL))
				must(unix.Kill(guard, unix.SIGKILL))
				eventually(t, "there are others", func() bool { one, two := h.holder(); return one != holder && two != 0 && two != guard })
			case "svscan":
				must(h.cmd.Process.Kill())
				h.cmd.Wait()
			}
			h.endProgram(t)
			c, err := h.dial()
			if err != nil {
				t.Fatalf("%s: while the program is down, after %s was killed: %v", family, victim, err)
			}
			if victim == "svscan" {
				h.begin(t)
			}
			if got := answerOn(c); !strings.HasPrefix(got, "app ") || got == last {
				t.Errorf("%s: after %s was killed: %s, and before: %s", family, victim, got, last)
			}
			c.Close()
			eventually(t, "there is another "+victim, func() bool {
				one, two := h.holder()
				return one != 0 && two != 0 && (victim != "holder" || one != holder) && (victim != "guard" || two != guard)
			})
		}
		holder, guard := h.holder()
		h.end()
		eventually(t, "nobody holds the socket", func() bool {
			return !exists(fmt.Sprint("/proc/", holder)) && !exists(fmt.Sprint("/proc/", guard)) && h.ask() == "refused"
		})
	}
}

func TestASocketIsTakenFromNobody(t *testing.T) {
	t.Parallel()
	h := newSocketHouse(t, ourSupervisord(), "", "startretries=0\n")
	sock := h.file("sock")
	says := func(text string) {
		t.Helper()
		h.begin(t)
		eventually(t, text, func() bool {
			logs, _ := exec.Command("sh", "-c", `cat "$0"/app-stderr*`, h.dir).Output()
			return strings.Contains(string(logs), text)
		})
		h.end()
		must(exec.Command("sh", "-c", `rm -f "$0"/app-std*`, h.dir).Run())
	}
	must(os.WriteFile(sock, []byte("kept"), 0o600))
	says("takesocket: fatal: unable to take the socket of ../:socket.app: not a socket")
	if textOf(sock) != "kept" {
		t.Error("the file has gone")
	}
	must(os.Remove(sock))
	other, err := net.Listen("unix", sock)
	must(err)
	says("takesocket: fatal: unable to take the socket of ../:socket.app: address already used")
	other.(*net.UnixListener).SetUnlinkOnClose(false)
	must(other.Close()) // which leaves a file that nobody listens to
	if !exists(sock) {
		t.Fatal("the socket has gone")
	}
	h.begin(t)
	eventually(t, "it answers", func() bool { return strings.HasPrefix(h.ask(), "app ") })
}
