package test

// Lines that come through a FIFO for multilogs, which are killed, traced and held up.
//
// Not tested in this file: anything.

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var multilogKills = flag.Int("multilog.rounds", 0, "how often to kill a multilog, at a random moment as well as at system calls (default 150)")

func multilogRounds() int {
	if *multilogKills > 0 {
		return *multilogKills
	}
	return 150
}

// A flood is a FIFO with numbered lines for multilogs that are killed.
type flood struct {
	*logs
	*rand.Rand
	lines   [][]byte // all that were written, without their newlines
	lengths []int
	source  *os.File  // of the FIFO, both ends
	cmd     *exec.Cmd // the last multilog, or the strace that has started it
	script  []string  // what says which logs have a prefix; nil if none has
}

// prefixOf is what a script puts before the lines of a log.
func prefixOf(script []string, log string) (prefix []byte) {
	for _, word := range script {
		switch {
		case word == "./"+log, word == "f./"+log:
			return prefix
		case word == "p":
			prefix = nil
		case strings.HasPrefix(word, "p"):
			prefix = []byte(word[1:] + " ")
		}
	}
	return nil
}

func newFlood(t testing.TB, seed uint64, lengths ...int) *flood {
	t.Helper()
	f := &flood{logs: newLogs(t), Rand: rand.New(rand.NewPCG(seed, 3)), lengths: lengths}
	must(unix.Mkfifo(f.file("in"), 0o600))
	source, err := os.OpenFile(f.file("in"), os.O_RDWR, 0)
	must(err)
	f.source = source
	t.Cleanup(func() { source.Close() })
	return f
}

// command is a multilog for rests.
func (f *flood) command(p path, words ...string) *exec.Cmd {
	f.cmd = f.logs.command(p, words...)
	return f.cmd
}

// rests tells that multilog has read all there is, and waits for more.
func (f *flood) rests() bool { return unread(f.source) == 0 && f.waits() }

// waits tells that multilog waits for input, or for room.
func (f *flood) waits() bool {
	pid := f.cmd.Process.Pid
	if filepath.Base(f.cmd.Path) == "strace" {
		pid = onlyChild(pid)
	}
	call, _, _ := strings.Cut(textOf(fmt.Sprintf("/proc/%d/syscall", pid)), " ")
	return stateOf(pid) == "S" && (call == fmt.Sprint(unix.SYS_PPOLL) || call == fmt.Sprint(unix.SYS_READ))
}

// add makes n more lines, and returns them as they go into the FIFO.
func (f *flood) add(n int) (text []byte) {
	for range n {
		line := fmt.Appendf(nil, "%08d ", len(f.lines))
		long := f.lengths[f.IntN(len(f.lengths))]
		for long = f.IntN(long + 1); len(line) < long; {
			line = append(line, alphabet[f.IntN(len(alphabet)-1000):][:min(1000, long-len(line))]...)
		}
		f.lines = append(f.lines, line)
		text = append(append(text, line...), '\n')
	}
	return text
}

// fill writes n lines into the FIFO, which must have room for them.
func (f *flood) fill(n int) {
	_, err := unix.FcntlInt(f.source.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	must(err)
	text := f.add(n)
	must(unix.SetNonblock(int(f.source.Fd()), true))
	if got, err := unix.Write(int(f.source.Fd()), text); got != len(text) {
		panic(fmt.Sprint("the FIFO is too small: ", got, " ", len(text), " ", err))
	}
	must(unix.SetNonblock(int(f.source.Fd()), false))
}

// end closes the FIFO for writing. What is in it stays.
func (f *flood) end() *os.File {
	fd, err := unix.Open(f.file("in"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	must(err)
	must(unix.SetNonblock(fd, false))
	f.source.Close()
	f.source = os.NewFile(uintptr(fd), "in")
	return f.source
}

// missing describes the first line that is not in a log once and whole, in its order.
// A log may be for some of the lines only.
func (f *flood) missing(log string, stamped bool, isFor func([]byte) bool) string {
	text := f.whole(log)
	if rest, whole := bytes.CutSuffix(text, []byte("\n")); whole {
		text = rest
	} else if len(text) > 0 {
		return "the last line is torn"
	}
	got := bytes.Split(text, []byte("\n"))
	if len(text) == 0 {
		got = nil
	}
	next, prefix := 0, prefixOf(f.script, log)
	for _, want := range f.lines {
		if !isFor(want) {
			continue
		}
		if next == len(got) {
			return fmt.Sprintf("%s is missing, at the end", want[:9])
		}
		line := got[next]
		if stamped && isLabel(line) && len(line) > 25 {
			line = line[26:]
		}
		line, prefixed := bytes.CutPrefix(line, prefix)
		if !prefixed || !bytes.Equal(line, want) {
			return fmt.Sprintf("instead of %s, %d bytes, there is %q, %d bytes", want[:9], len(want), line[:min(len(line), 40)], len(line))
		}
		next++
	}
	if next < len(got) {
		return fmt.Sprintf("there is %q too much", got[next][:min(len(got[next]), 40)])
	}
	return ""
}

// runUntil runs a multilog and kills it at a beginning or an end of a system call, both
// counted from 1; TERM is sent at the other stop, if that is not 0. It returns how many
// there were, and the last call.
func (f *flood) runUntil(stop, term int, stdin *os.File, words []string) (stops int, call string) {
	cmd := f.command(fused, words...)
	cmd.Stdin = stdin
	return runUntil(cmd, stop, term)
}

// runUntil is flood.runUntil for any program.
func runUntil(cmd *exec.Cmd, stop, term int) (stops int, call string) {
	runtime.LockOSThread() // it is the thread that traces
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	must(cmd.Start())
	pid := cmd.Process.Pid
	defer cmd.Wait()
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, unix.WALL, nil)
	must(err)
	must(unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL))
	for signal := 0; ; {
		must(unix.PtraceSyscall(pid, signal))
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
			panic(err)
		}
		signal = 0
		switch {
		case status.Exited() || status.Signaled():
			return stops, call
		case status.StopSignal() != unix.SIGTRAP|0x80:
			if signal = int(status.StopSignal()); signal == int(unix.SIGTRAP) {
				signal = 0
			}
			continue
		}
		stops++
		if stops == term {
			must(unix.Kill(pid, unix.SIGTERM))
		}
		if stops == stop {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
			call, _, _ = strings.Cut(string(text), " ")
			must(unix.Kill(pid, unix.SIGKILL))
			unix.Wait4(pid, &status, unix.WALL, nil)
			return stops, call
		}
	}
}

// traced runs a multilog under strace with what it injects, and returns how it ends and
// what it says. The file trace has its calls.
func (f *flood) traced(t testing.TB, stdin *os.File, inject []string, words ...string) (got, text string) {
	t.Helper()
	need(t, "strace")
	args := []string{"-qq", "-o", f.file("trace"), "-e", "inject=rt_sigtimedwait:error=EAGAIN"}
	for _, i := range inject {
		args = append(args, "-e", "inject="+i)
	}
	args = slices.Concat(args, []string{filepath.Join(fused.dir, "multilog")}, words)
	cmd := exec.Command("strace", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = f.dir, []string{"PATH=" + systemPath}, stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	said, err := os.CreateTemp(f.dir, ".said-")
	must(err)
	defer said.Close()
	cmd.Stderr = said
	must(cmd.Start())
	got = endingInTime(cmd)
	return got, textOf(said.Name())
}

// struck is a multilog that is killed as it enters a system call for the nth time.
func (f *flood) struck(t testing.TB, stdin *os.File, call string, when int, words ...string) {
	t.Helper()
	if got, text := f.traced(t, stdin, []string{fmt.Sprintf("%s:signal=KILL:when=%d", call, when)}, words...); got != "killed by killed" {
		t.Fatalf("it was not killed at %s %d: %s %s", call, when, got, text)
	}
}

// ends runs multilogs until one ends in good order, as a supervisor would.
func (f *flood) ends(t testing.TB, stdin *os.File, words ...string) {
	t.Helper()
	got := ""
	for range 3 {
		if got = f.run(t, fused, stdin, words...); got == "exit 0" {
			return
		}
	}
	t.Error(got)
}

// reader opens the FIFO for reading; it stays open for writing.
func (f *flood) reader(t testing.TB) *os.File {
	r, err := os.Open(f.file("in"))
	must(err)
	t.Cleanup(func() { r.Close() })
	return r
}

func anyLine([]byte) bool { return true }

// obstructed is a multilog that has its log, and that something may hold up. It returns it and
// what it says.
func (f *flood) obstructed(t testing.TB, words ...string) (cmd *exec.Cmd, said func() string) {
	t.Helper()
	cmd = f.command(fused, words...)
	stderr, err := os.Create(f.file("said"))
	must(err)
	cmd.Stdin, cmd.Stderr = f.reading(t), stderr
	must(cmd.Start())
	stderr.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	eventually(t, "the log", func() bool { return exists(f.file("a/state")) })
	return cmd, func() string { return textOf(stderr.Name()) }
}

// traces starts a multilog for which calls fail as strace has it, and returns how to end it
// by TERM and how to send it another signal.
func (f *flood) traces(t testing.TB, inject []string, words ...string) (stop func() string, send func(unix.Signal), said func() string) {
	t.Helper()
	need(t, "strace")
	args := []string{"-qq", "-o", f.file("trace")}
	for _, i := range inject {
		args = append(args, "-e", "inject="+i)
	}
	cmd := exec.Command("strace", slices.Concat(args, []string{filepath.Join(fused.dir, "multilog")}, words)...)
	f.cmd = cmd
	cmd.Dir, cmd.Env, cmd.Stdin = f.dir, []string{"PATH=" + systemPath}, f.reading(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	stderr, err := os.Create(f.file("said"))
	must(err)
	cmd.Stderr = stderr
	must(cmd.Start())
	stderr.Close()
	children := func() string {
		return strings.TrimSpace(textOf(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)))
	}
	eventually(t, "the log", func() bool { return exists(f.file("a/state")) && children() != "" })
	pid, err := strconv.Atoi(children())
	must(err)
	send = func(signal unix.Signal) { must(unix.Kill(pid, signal)) }
	ended := make(chan bool)
	go func() { cmd.Wait(); close(ended) }()
	kill := func() { unix.Kill(pid, unix.SIGKILL); <-ended }
	t.Cleanup(func() {
		select {
		case <-ended:
		default:
			kill()
		}
	})
	stop = func() string {
		send(unix.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			kill()
		}
		return ending(cmd.ProcessState)
	}
	return stop, send, func() string { return textOf(stderr.Name()) }
}

// stops sends TERM and waits for the end.
func stops(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	must(cmd.Process.Signal(unix.SIGTERM))
	return endingInTime(cmd)
}

// logging is a multilog that has written a hundred lines of a flood. It returns it and what
// it says.
func (f *flood) logging(t testing.TB, words ...string) (cmd *exec.Cmd, said func() string) {
	t.Helper()
	cmd, said = f.obstructed(t, words...)
	f.source.Write(f.add(100))
	f.written(t)
	return cmd, said
}

// written waits until the last line is in the log.
func (f *flood) written(t testing.TB) {
	t.Helper()
	last := append(f.lines[len(f.lines)-1], '\n')
	eventually(t, "the last line", func() bool {
		files, _ := filepath.Glob(f.file("a/[@c]*")) // one may be renamed just now
		return slices.ContainsFunc(files, func(file string) bool {
			return strings.Contains("\n"+textOf(file), "\n"+string(last)) || strings.Contains(textOf(file), " "+string(last))
		})
	})
	eventually(t, "that it rests", f.rests) // then the journal says so
}

// endsWell waits for the end of a multilog that has the end of its input.
func endsWell(t testing.TB, cmd *exec.Cmd, said func() string) {
	t.Helper()
	if got := endingInTime(cmd); got != "exit 0" {
		t.Errorf("%s %s", got, said())
	}
}

// A count is what became of the lines of a flood.
type count struct{ lost, doubled, torn int }

// counted compares what a log has, in whatever order, with or without time stamps, and with
// or without one of the prefixes that the scripts have for the log.
func (f *flood) counted(log string, scripts ...[]string) (c count) {
	seen := map[string]int{}
	for line := range bytes.Lines(f.whole(log)) {
		text, _ := bytes.CutSuffix(line, []byte("\n"))
		if isLabel(text) && len(text) > 25 {
			text = text[26:]
		}
		for _, script := range scripts {
			if rest, prefixed := bytes.CutPrefix(text, prefixOf(script, log)); prefixed && len(rest) < len(text) {
				text = rest
				break
			}
		}
		seen[string(text)]++
	}
	for _, line := range f.lines {
		n := seen[string(line)]
		delete(seen, string(line))
		if n == 0 {
			c.lost++
		} else {
			c.doubled += n - 1
		}
	}
	for _, n := range seen {
		c.torn += n
	}
	return c
}

// keptDisk mounts a small tmpfs that outlives every multilog, and returns its folder.
func (f *flood) keptDisk(t testing.TB, options string) string {
	t.Helper()
	needRoot(t)
	need(t, "unshare")
	must(os.MkdirAll(f.file("full"), 0o755))
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs -o "$1" none full && >full/ready && exec sleep infinity`, "sh", options)
	cmd.Dir = f.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	full := fmt.Sprintf("/proc/%d/root%s/full", cmd.Process.Pid, f.dir)
	eventually(t, "the disk", func() bool { return exists(full + "/ready") })
	return full
}

// reading opens the FIFO for reading alone.
func (f *flood) reading(t testing.TB) *os.File {
	t.Helper()
	stdin, err := os.OpenFile(f.file("in"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	must(err)
	t.Cleanup(func() { stdin.Close() })
	must(unix.SetNonblock(int(stdin.Fd()), false))
	return stdin
}

// pipeOf is a pipe with a text, and its end.
func (f *flood) pipeOf(t testing.TB, text []byte) *os.File {
	r, w, err := os.Pipe()
	must(err)
	t.Cleanup(func() { r.Close() })
	_, err = w.Write(text) // which it has room for
	must(err)
	must(w.Close())
	return r
}
