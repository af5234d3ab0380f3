// Not tested here: what each tool says, and where messages go that find no room; the tests of
// the built binaries do that.
package bare

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAMessageWithoutAReasonDoesNotInventOne(t *testing.T) {
	s := SpeakAs("tool")
	if got := printed(t, func() { s.WarnErrno(0, "unable to read x") }); got != "tool: warning: unable to read x\n" {
		t.Errorf("warning: %q", got)
	}
	if got := printed(t, func() { s.FatalErrno(0, "unable to read x") }); got != "tool: fatal: unable to read x\n" {
		t.Errorf("fatal: %q", got)
	}
	if got := printed(t, func() { s.FatalExec(0, Cwd, "x", Words{}, &Environment{}, "unable to run x") }); got != "tool: fatal: unable to run x\n" {
		t.Errorf("exec: %q", got)
	}
}

// A place that a table does not have ends the process, so a child looks one up.
func TestAPlaceThatATableDoesNotHaveIsNotSilent(t *testing.T) {
	if os.Getenv("PLACE") != "" {
		var table Table[int32]
		table.At(0)
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "PLACE=0")
	text, err := child.CombinedOutput()
	if child.ProcessState.ExitCode() != int(Failed) || !strings.Contains(string(text), "a table has no such place") {
		t.Errorf("%v, %q", err, text)
	}
}

// printed returns what a function prints on standard error.
func printed(t *testing.T, print func()) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	old, err := unix.Dup(2)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(old)
	if err := unix.Dup3(int(write.Fd()), 2, 0); err != nil {
		t.Fatal(err)
	}
	print()
	if err := unix.Dup3(old, 2, 0); err != nil {
		t.Fatal(err)
	}
	write.Close()
	text, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
