package test

// Servers of Supervisor's own, each in a folder, and clients of them.
//
// Not tested in this file: anything.

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A debianServer is a supervisord, of Debian's or ours, that runs in a folder of its own.
type debianServer struct {
	dir string
	cmd *exec.Cmd
}

// A client is a supervisorctl: Debian's, or ours.
type client struct {
	name, program string
}

// clients are the two that are compared, Debian's first.
func clients(t testing.TB) (debians, ours client) {
	t.Helper()
	need(t, "supervisorctl", "supervisord")
	program, err := exec.LookPath("supervisorctl")
	must(err)
	return client{"Debian's", program}, client{"ours", filepath.Join(fused.dir, "supervisorctl")}
}

// serverOf is the part of a configuration that makes a server, which supervisorctl finds.
const serverOf = `[unix_http_server]
file=%(here)s/sock
[supervisord]
logfile=%(here)s/log
pidfile=%(here)s/pid
childlogdir=%(here)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/sock
`

// supervised starts a server of Debian's with programs, and waits until it answers.
func supervised(t testing.TB, programs string) *debianServer {
	t.Helper()
	need(t, "supervisord")
	return supervisedBy(t, "supervisord", serverOf+programs)
}

// oursOnly is what the configuration of ours has besides.
const oursOnly = "[supervisord]\nrundir=%(here)s/run\n"

// supervisedByOurs is supervised with a server of ours.
func supervisedByOurs(t testing.TB, programs string) *debianServer {
	t.Helper()
	return supervisedBy(t, ourSupervisord(), serverOf+oursOnly+programs)
}

// supervisedBy starts a server with a configuration, and waits until it answers.
func supervisedBy(t testing.TB, program, configuration string) *debianServer {
	t.Helper()
	dir, err := os.MkdirTemp(work, "sv-") // a socket's path must not be long
	must(err)
	s := &debianServer{dir: dir}
	must(os.WriteFile(s.config(), []byte(configuration), 0o600))
	s.cmd = exec.Command(program, "-n", "-c", s.config())
	s.cmd.Dir = dir
	must(s.cmd.Start())
	t.Cleanup(func() {
		s.cmd.Process.Signal(unix.SIGTERM) // with which its programs end
		endingInTime(s.cmd)
		killBy(dir)
		os.RemoveAll(dir)
	})
	eventually(t, "supervisord answers", func() bool {
		conn, err := net.Dial("unix", filepath.Join(dir, "sock"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

func (s *debianServer) config() string { return filepath.Join(s.dir, "c") }

// run runs a client with the configuration of a server.
func (s *debianServer) run(c client, stdin string, words ...string) spoken {
	return s.speak(c, stdin, s.command(c, words...))
}

// command is a client with the configuration of a server.
func (s *debianServer) command(c client, words ...string) *exec.Cmd {
	return exec.Command(c.program, append([]string{"-c", s.config()}, words...)...)
}

// runWith runs a client with other options.
func (s *debianServer) runWith(c client, stdin string, words ...string) spoken {
	return s.speak(c, stdin, exec.Command(c.program, words...))
}

func (s *debianServer) speak(c client, stdin string, cmd *exec.Cmd) spoken {
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C.UTF-8")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	must(cmd.Start())
	end := endingInTime(cmd)
	return spoken{s.plain(c, out.String()), s.plain(c, errs.String()), end}
}

// spoken is what a client prints, and how it ends.
type spoken struct{ out, errs, end string }

// What differs from one run to the next, or from one server to the other. Behind an exception
// Debian's has a place in its own source; ours names the server.
var varies = []struct {
	text *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`pid \d+, uptime \d+:\d\d:\d\d`), "pid N, uptime T"},
	{regexp.MustCompile(`(?m)^[1-9]\d{1,6}$`), "N"},
	{regexp.MustCompile(`[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M`), "DATE"},
	{regexp.MustCompile(`(?m)(error: <class '.*)\n?: file: \S* line: .*$`), "$1"},
	{regexp.MustCompile(`(?mi)(error: <class '.*): (?:http|unix|foo)\w*(?::\S*)?$`), "$1"},
}

// plain takes out of a text what may differ.
func (s *debianServer) plain(c client, text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, s.dir, "DIR"), c.program, "supervisorctl")
	for _, v := range varies {
		text = v.text.ReplaceAllString(text, v.by)
	}
	return text
}

// follow starts a client that goes on until it is interrupted, and waits until it has printed a
// text.
func (s *debianServer) follow(t *testing.T, c client, text string, words ...string) *exec.Cmd {
	t.Helper()
	cmd := s.command(c, words...)
	printed, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	must(err)
	defer printed.Close()
	stdin, err := cmd.StdinPipe() // which nobody writes
	must(err)
	cmd.Stdout, cmd.Stderr = printed, printed
	must(cmd.Start())
	t.Cleanup(func() { stdin.Close(); cmd.Process.Kill(); cmd.Wait() })
	eventually(t, c.name+" prints "+text, func() bool {
		return strings.Contains(read(t, printed.Name()), text)
	})
	return cmd
}

// atTerminal is a client whose terminal is the far end of one.
func (s *debianServer) atTerminal(c client, far *os.File, words ...string) *exec.Cmd {
	cmd := s.command(c, words...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "TERM=dumb", "LC_ALL=C.UTF-8")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	return cmd
}

// screen reads the near end of a terminal. What it returns is what was shown so far.
func screen(near *os.File) (shown func() string) {
	var mu sync.Mutex
	var text []byte
	go func() {
		piece := make([]byte, 4096)
		for {
			n, err := near.Read(piece)
			mu.Lock()
			text = append(text, piece[:n]...)
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return string(text)
	}
}
