package serve

// What a server answers is what Debian's supervisord answers: the same calls, in the same order,
// have the same results and faults.
//
// Not tested in this file: what clients make of the answers (test/supervisorctl_test.go), and what
// is answered to rubbish (rubbish_test.go). Where Supervisor answers with the status 500, because
// a parameter has another type than it thinks, here is a fault.

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"catena/internal/supervisord/config"
)

// needSupervisor skips a test where Supervisor is not installed.
func needSupervisor(t *testing.T) {
	t.Helper()
	for _, program := range []string{"supervisord", "supervisorctl", "python3"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		} else if os.Getenv("CI") != "" {
			t.Fatal(program + " is not installed, and CI skips nothing")
		}
		t.Skip(program + " is not installed")
	}
}

// shortFolder is a folder for sockets, whose paths must not be long.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "serve-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// supervisord runs Debian's, and returns its socket.
func supervisord(t *testing.T) (socket string) {
	t.Helper()
	dir := shortFolder(t)
	must(t, os.WriteFile(filepath.Join(dir, "c"), []byte(programs), 0o600))
	cmd := exec.Command("supervisord", "-n", "-c", filepath.Join(dir, "c"))
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		cmd.Wait()
	})
	waitFor(t, "its programs run", func() bool {
		out, _ := exec.Command("supervisorctl", "-c", "", "-s", "unix://"+filepath.Join(dir, "sock"), "status").Output()
		logs, _ := filepath.Glob(filepath.Join(dir, "says-stdout*"))
		return strings.Count(string(out), "RUNNING") == 5 && len(logs) == 1 && sizeOf(logs[0]) > 0
	})
	return filepath.Join(dir, "sock")
}

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("not within a minute: ", what)
		}
	}
}

// serving serves a fake table, and returns its socket.
func serving(t *testing.T, access config.Socket) (socket string, table *fakeTable) {
	t.Helper()
	dir := shortFolder(t)
	socket = filepath.Join(dir, "sock")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	table = newFake(t, dir, programs)
	go (&Server{Table: table, Version: "4.2.5"}).Serve(listener, access, nil)
	return socket, table
}

// answers has Python make the calls, and returns a line for each.
func answers(t *testing.T, socket string) []string {
	t.Helper()
	cmd := exec.Command("python3", "testdata/calls.py", socket)
	calls, err := os.Open("testdata/calls")
	must(t, err)
	defer calls.Close()
	cmd.Stdin, cmd.Stderr = calls, os.Stderr
	out, err := cmd.Output()
	must(t, err)
	return strings.Split(strings.ReplaceAll(string(out), filepath.Dir(socket), "DIR"), "\n")
}

// structsOfMany are the results of several processes, whose order is open.
var structsOfMany = regexp.MustCompile(`\{'name': [^}]*'status': [^}]*\}`)

func TestCallsAreAnsweredAsSupervisorAnswersThem(t *testing.T) {
	needSupervisor(t)
	theirs := supervisord(t)
	own, _ := serving(t, config.Socket{})
	want, got := answers(t, theirs), answers(t, own)
	if len(got) != len(want) {
		t.Fatalf("%d answers, Supervisor gives %d", len(got), len(want))
	}
	for i := range want {
		a, b := structsOfMany.FindAllString(got[i], -1), structsOfMany.FindAllString(want[i], -1)
		slices.Sort(a)
		slices.Sort(b)
		if len(a) > 1 && slices.Equal(a, b) {
			continue
		}
		if got[i] != want[i] {
			t.Errorf("%s\nSupervisor: %s", got[i], want[i])
		}
	}
}

// What differs from one server to the other.
var varies = regexp.MustCompile(`pid \d+, uptime [\d:]+|(?m:^\d+$)|[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M`)

func TestSupervisorsClientSeesNoDifference(t *testing.T) {
	needSupervisor(t)
	theirs := supervisord(t)
	own, _ := serving(t, config.Socket{})
	run := func(socket, words string) string {
		out, err := exec.Command("supervisorctl", append([]string{"-c", "", "-s", "unix://" + socket}, strings.Fields(words)...)...).CombinedOutput()
		lines := strings.SplitAfter(varies.ReplaceAllString(string(out), "N"), "\n")
		slices.Sort(lines) // of many, which one comes first is open
		return strings.ReplaceAll(strings.Join(lines, ""), socket, "SOCKET") + "exit: " + errorText(err)
	}
	for _, words := range []string{"status", "status web:* nope cat", "pid", "pid web:web_00 bad", "version", "avail", "reread", "update", "tail says", "tail -2 says", "tail silent", "tail nope",
		"maintail -x", "stop web:*", "status web:*", "stop web:*", "start web:* bad passwd", "start cat", "start fails", "status fails", "restart cat", "signal HUP bad", "signal CONT all", "signal X cat",
		"clear says", "tail says", "clear nope", "fg bad", "remove bad", "remove cat", "add bad", "add bad", "add nope", "stop all", "status", "start nope:*", "shutdown"} {
		if got, want := run(own, words), run(theirs, words); got != want {
			t.Errorf("%s: %s\nSupervisor's server: %s", words, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return "0"
	}
	return err.Error()
}
