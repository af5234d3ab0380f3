package test

// The shell of supervisorctl at a terminal: lines that were typed come back, words are completed,
// and the terminal is left as it was.
//
// Not tested in this file: what commands answer (supervisorctl_test.go); how readline looks, which
// Debian's has.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A typist sits at a terminal at which a shell runs.
type typist struct {
	t         *testing.T
	near, far *os.File
	shown     func() string
	seen      int // of what was shown
	cmd       *exec.Cmd
	before    unix.Termios
}

// sitDown starts a shell at a terminal, and waits until it asks for a command.
func (s *debianServer) sitDown(t *testing.T, words ...string) *typist {
	t.Helper()
	_, ours := clients(t)
	near, far := terminal(t)
	y := &typist{t: t, near: near, far: far, cmd: s.atTerminal(ours, far, words...)}
	y.before = y.state()
	must(y.cmd.Start())
	t.Cleanup(func() { y.cmd.Process.Kill(); y.cmd.Wait() })
	y.shown = screen(near)
	return y
}

func (y *typist) state() unix.Termios {
	state, err := unix.IoctlGetTermios(int(y.far.Fd()), unix.TCGETS)
	must(err)
	return *state
}

// sees waits until a text is shown, behind what was seen before.
func (y *typist) sees(text string) {
	y.t.Helper()
	eventually(y.t, "the terminal shows "+text, func() bool {
		return strings.Contains(y.shown()[y.seen:], text)
	}, func() string { return fmt.Sprintf("it shows %q", y.shown()[y.seen:]) })
	y.seen += strings.Index(y.shown()[y.seen:], text) + len(text)
}

func (y *typist) types(keys string) { y.near.WriteString(keys) }

// ends waits for the end of the shell, and looks at what is left of it.
func (y *typist) ends(as string) {
	y.t.Helper()
	if end := endingInTime(y.cmd); end != as {
		y.t.Errorf("it ends with %s, and not %s", end, as)
	}
	if after := y.state(); after != y.before {
		y.t.Errorf("the terminal was left as %+v; it was %+v", after, y.before)
	}
}

const twoGroups = "[program:cat]\ncommand=/bin/cat\nstartsecs=0\n[program:web]\ncommand=/bin/cat\nnumprocs=2\nprocess_name=w%(process_num)d\nstartsecs=0\n"

func TestSupervisorctlShellCompletesWords(t *testing.T) {
	t.Parallel()
	s := supervised(t, twoGroups)
	y := s.sitDown(t)
	y.sees("supervisor> ")
	y.types("stat\t")
	y.sees("status ")
	y.types("c\t")
	y.sees("cat ")
	y.types("\n")
	y.sees("RUNNING")
	y.types("stop w\t")
	y.sees("web:")
	y.types("\t")
	y.types("\t")
	y.sees("web:*   web:w0   web:w1")
	y.types("w1\t\n")
	y.sees("web:w1: stopped")
	y.types("update w\t\n")
	y.sees("update web ")
	y.types("q\t\n")
	y.ends("exit 0")
}

func TestSupervisorctlShellKeepsWhatIsTyped(t *testing.T) {
	t.Parallel()
	s := supervised(t, twoGroups)
	history := filepath.Join(s.dir, "history")
	y := s.sitDown(t, "-r", history)
	y.sees("supervisor> ")
	for _, line := range []string{"status cat", "status cat", "", "version"} {
		y.types(line + "\n")
		y.sees("supervisor> ")
	}
	y.types("\x1b[A\x1b[A\n") // two lines up
	y.sees("RUNNING")
	y.sees("supervisor> ")
	y.types("\x04")
	y.ends("exit 0")
	if got := read(t, history); got != "status cat\nversion\nstatus cat\n" {
		t.Errorf("%q", got)
	}
	info, err := os.Stat(history)
	must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	y = s.sitDown(t, "-r", history)
	y.sees("supervisor> ")
	y.types("\x1b[A")
	y.sees("status cat")
	y.types("\x15version\n")
	y.sees("supervisor> ")
	y.types("\x03")
	y.ends("exit 0")
	if got := read(t, history); got != "status cat\nversion\nstatus cat\nversion\n" {
		t.Errorf("%q", got)
	}
}

func TestSupervisorctlShellAsksWhoItIs(t *testing.T) {
	t.Parallel()
	s := lockedServer(t)
	y := s.sitDown(t)
	y.sees("Server requires authentication\r\nUsername:")
	y.types("user\n")
	y.sees("Password:")
	y.types("wrong\n")
	y.sees("Server requires authentication\r\nUsername:")
	y.types("user\n")
	y.sees("Password:")
	y.types("pä ss\n")
	y.sees("RUNNING")
	y.types("version\n")
	y.sees("4.")
	y.types("quit\n")
	y.ends("exit 0")
	if strings.Contains(y.shown(), "ss\r") || strings.Contains(y.shown(), "wrong") {
		t.Errorf("the password is seen: %q", y.shown())
	}
}

// ^C and signals end a shell that waits, and ^C leaves a log.
func TestSupervisorctlShellEndsBySignals(t *testing.T) {
	t.Parallel()
	s := supervised(t, twoGroups)
	y := s.sitDown(t)
	y.sees("supervisor> ")
	y.types("tail -f cat\n")
	y.sees("==> Press Ctrl-C to exit <==")
	y.types("\x03")
	y.sees("supervisor> ")
	y.types("fg cat\n")
	y.sees("==> Press Ctrl-C to exit <==")
	y.types("hello\n")
	y.sees("hello\r\nhello\r\n")
	y.types("\x03")
	y.sees("Exiting foreground\r\n")
	y.sees("supervisor> ")
	y.types("pid cat\n")
	y.sees("supervisor> ")
	must(y.cmd.Process.Signal(unix.SIGTERM))
	y.ends("killed by terminated")
	y = s.sitDown(t)
	y.sees("supervisor> ")
	must(y.cmd.Process.Signal(unix.SIGINT))
	y.ends("exit 0")
}

func TestSupervisorctlShellAsksBeforeAShutdown(t *testing.T) {
	t.Parallel()
	s := supervised(t, twoGroups)
	y := s.sitDown(t)
	y.sees("supervisor> ")
	y.types("shutdown\n")
	y.sees("Really shut the remote supervisord process down y/N? ")
	y.types("\n")
	y.sees("supervisor> ")
	y.types("status cat\n")
	y.sees("RUNNING")
	y.sees("supervisor> ")
	y.types("shutdown\n")
	y.sees("Really shut the remote supervisord process down y/N? ")
	y.types("Yes\n")
	y.sees("Shut down")
	y.types("\x04")
	y.ends("exit 0")
}
