package test

// What becomes of the output and the messages of tools that stay for a moment only, where
// there is no room for them: a neighbour may have made the pipe non-blocking.
//
// Not tested in this file: the filters, in timestamp_test.go, and who supervises, in
// messages_test.go.

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// toFullPipe runs a program with an output, 1 or 2, that is a full pipe and does not block.
// Once the program waits or has ended, it reads what comes.
func toFullPipe(t *testing.T, output int, words ...string) (text, end string) {
	t.Helper()
	r, w, err := os.Pipe()
	must(err)
	full(t, r, w)
	to := int(w.Fd())
	must(unix.SetNonblock(to, true))
	nothing, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(err)
	defer unix.Close(nothing)
	files := []uintptr{uintptr(nothing), uintptr(nothing), uintptr(nothing)}
	files[output] = uintptr(to) // not as an os.File, of which exec.Cmd would make one that blocks
	pid, err := syscall.ForkExec(words[0], words, &syscall.ProcAttr{Dir: t.TempDir(), Files: files, Env: []string{"PATH=" + systemPath},
		Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}})
	must(err)
	w.Close()
	eventually(t, "a program that waits or has ended", func() bool {
		stat := textOf(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		return slices.Contains([]string{"S", "Z"}, strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])[0])
	})
	must(unix.SetNonblock(int(r.Fd()), false))
	all, err := io.ReadAll(r)
	must(err)
	var status syscall.WaitStatus
	_, err = syscall.Wait4(pid, &status, 0, nil)
	must(err)
	return strings.TrimLeft(string(all), "."), "exit " + strconv.Itoa(status.ExitStatus())
}

func TestOutputAndMessagesWaitForRoom(t *testing.T) {
	const names = 3000
	var lines strings.Builder
	words := []string{"svstat"}
	for i := range names {
		words = append(words, "service-"+strconv.Itoa(i))
		lines.WriteString("service-" + strconv.Itoa(i) + ": unable to chdir: file does not exist\n")
	}
	for _, p := range []path{fused, plain} {
		for _, c := range []struct {
			output    int
			words     []string
			says, end string
		}{
			{1, words, lines.String(), "exit 0"},
			{2, []string{"setuidgid", "no such account", "true"}, "setuidgid: fatal: unknown account no such account\n", "exit 111"},
			{2, []string{"envdir"}, "envdir: usage: envdir dir child\n", "exit 111"},
			{1, []string{"tai64n", "--help"}, "usage: tai64n\n", "exit 0"},
		} {
			c.words = slices.Clone(c.words)
			tool := c.words[0]
			c.words[0] = filepath.Join(p.dir, tool)
			if text, end := toFullPipe(t, c.output, c.words...); text != c.says || end != c.end {
				t.Errorf("%s %s: %s, %d bytes of %d, %.300q", p.name, tool, end, len(text), len(c.says), text)
			}
		}
	}
}

// A long line leaves in several writes. An error of the first is one of the line.
func TestOutputThatIsNotAllWrittenIsAFailure(t *testing.T) {
	need(t, "strace")
	long := strings.Repeat("x", 5000)
	for _, which := range []string{"1", "2"} {
		cmd := exec.Command("strace", "-o", os.DevNull, "-e", "trace=write", "-e", "inject=write:error=EIO:when="+which,
			filepath.Join(fused.dir, "svstat"), long)
		var said strings.Builder
		cmd.Stderr = &said
		cmd.Run()
		if got, want := said.String()+ending(cmd.ProcessState), "svstat: fatal: unable to write output: input/output error\nexit 111"; got != want {
			t.Errorf("the error of write %s: %q, want %q", which, got, want)
		}
	}
}

// Whoever may not wait by ppoll waits by pselect6, and says so where that is refused too.
func TestWaitingForInputIsRefused(t *testing.T) {
	need(t, "strace")
	for _, c := range []struct{ refused, says, end string }{
		{"ppoll", "", "exit 0"},
		{"ppoll,pselect6", "tai64n: fatal: unable to read input: ppoll and pselect6 refused by the system\n", "exit 111"},
	} {
		var in, out [2]int
		must(unix.Pipe2(in[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
		must(unix.Pipe2(out[:], unix.O_CLOEXEC))
		trace := filepath.Join(t.TempDir(), "trace")
		strace, err := exec.LookPath("strace")
		must(err)
		words := []string{"strace", "-o", trace, "-e", "trace=ppoll,pselect6", "-e", "inject=" + c.refused + ":error=EPERM", filepath.Join(fused.dir, "tai64n")}
		// Not as an os.File, of which exec.Cmd would make one that blocks.
		pid, err := syscall.ForkExec(strace, words, &syscall.ProcAttr{Files: []uintptr{uintptr(in[0]), uintptr(out[1]), uintptr(out[1])}, Env: os.Environ()})
		must(err)
		unix.Close(in[0])
		unix.Close(out[1])
		eventually(t, "a call that waits", func() bool { return strings.Contains(textOf(trace), "pselect6") })
		unix.Write(in[1], []byte("a line\n"))
		unix.Close(in[1])
		r := os.NewFile(uintptr(out[0]), "r")
		got, err := io.ReadAll(r)
		must(err)
		r.Close()
		var status syscall.WaitStatus
		_, err = syscall.Wait4(pid, &status, 0, nil)
		must(err)
		end := "exit " + strconv.Itoa(status.ExitStatus())
		if c.says != "" && string(got) != c.says || c.says == "" && !strings.HasSuffix(string(got), " a line\n") || end != c.end {
			t.Errorf("%s refused: %q, %s", c.refused, got, end)
		}
	}
}
