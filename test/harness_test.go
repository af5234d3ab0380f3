package test

// What the tests of supervision are written with: service directories, supervisors
// that end with the test, and what can be read of both from outside. yard_test.go
// adds PID namespaces, for svscan.
//
// Not tested in this file: anything.

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Helpers of these tests, built when the first one needs them.
var (
	tally = sync.OnceValue(func() string { return helper("tally", true) })
	cut   = sync.OnceValue(func() string { return helper("cut", false) })
)

func helper(name string, entry bool) string {
	file := filepath.Join(work, name)
	build(file, "./test/testdata/service/"+name, entry)
	return file
}

var old = path{"daemontools", debian}

func needOld(t testing.TB) {
	for _, tool := range []string{"supervise", "svc", "svok", "svstat", "svscan"} {
		need(t, filepath.Join(debian, tool))
	}
}

// Waiting.

// eventually waits for a condition. If it does not come, the test fails, and says what
// explain returns. The pauses keep those who wait from taking the processors.
func eventually(t testing.TB, what string, holds func() bool, explain ...func() string) {
	t.Helper()
	const limit = 2 * patience // some tests start thousands of processes
	for begun := time.Now(); ; {
		asked := time.Now()
		if holds() {
			return
		}
		if time.Since(begun) > limit {
			for _, e := range explain {
				what += "\n" + e()
			}
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(max(5*time.Millisecond, time.Since(asked)))
	}
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

func textOf(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}

// A crowd is subtests that run at the same time, more of them than there are
// processors, because they wait most of the time.
type crowd struct {
	sync.WaitGroup
	room chan struct{}
}

func newCrowd() *crowd { return &crowd{room: make(chan struct{}, 24)} }

func (c *crowd) run(t *testing.T, name string, test func(t *testing.T)) {
	c.Go(func() {
		c.room <- struct{}{}
		defer func() { <-c.room }()
		t.Run(name, test)
	})
}

// busy waits for a processor, for tests that keep one busy: together they would keep
// each other from ending in time.
func busy(t testing.TB) {
	processors <- struct{}{}
	t.Cleanup(func() { <-processors })
}

var processors = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// A service directory.

// A home is a directory with the service directory s, whose run is a tally. The
// service dies with the test, whatever becomes of its supervisor.
type home struct {
	top   string
	alive *os.File
}

func newHome(t testing.TB, words string) *home {
	t.Helper()
	h := &home{top: newArena(fused).here}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(h.top)) })
	h.furnish(t, words)
	return h
}

// furnish makes the service directory.
func (h *home) furnish(t testing.TB, words string) {
	t.Helper()
	must(os.Mkdir(h.service(), 0o755))
	must(os.Chmod(h.service(), 0o777))
	must(unix.Mkfifo(h.file("alive"), 0o644))
	alive, err := os.OpenFile(h.file("alive"), os.O_RDWR, 0)
	must(err)
	h.alive = alive
	h.run("#!" + tally() + " " + words + "\n")
	t.Cleanup(func() { h.end(t) })
}

// end lets the service end, when its supervisor is gone, and waits for that.
func (h *home) end(t testing.TB) {
	h.alive.Close()
	if !h.exists("only") {
		return
	}
	eventually(t, "the end of the service", func() bool {
		if pid := h.runs(); pid != 0 {
			unix.Kill(pid, unix.SIGCONT) // it may be paused
		}
		return h.unlocked()
	})
}

// unlocked tells that no service runs. It must not be asked where one may start,
// which would find the lock taken.
func (h *home) unlocked() bool {
	f, err := os.Open(h.file("only"))
	must(err)
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// runs is the process that started last, if it runs.
func (h *home) runs() int {
	starts := h.starts()
	if len(starts) == 0 {
		return 0
	}
	pid := starts[len(starts)-1]
	its, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	ours, err2 := os.Stat(h.service())
	if err != nil || err2 != nil || !os.SameFile(its, ours) {
		return 0
	}
	return pid
}

func (h *home) service() string          { return filepath.Join(h.top, "s") }
func (h *home) file(name string) string  { return filepath.Join(h.service(), name) }
func (h *home) exists(name string) bool  { return exists(h.file(name)) }
func (h *home) run(text string)          { script(h.file("run"), text) }
func (h *home) bytes(name string) []byte { b, _ := os.ReadFile(h.file(name)); return b }
func (h *home) lines(name string) []string {
	return strings.Fields(strings.ReplaceAll(string(h.bytes(name)), " ", "-"))
}

// script writes a script in one step: nobody may execute one that is being written. Nor
// may anybody have it open for that, as a process does that this one is just starting.
func script(file, text string) {
	syscall.ForkLock.RLock()
	must(os.WriteFile(file+".new", []byte(text), 0o755))
	syscall.ForkLock.RUnlock()
	must(os.Rename(file+".new", file))
}

// Its supervisor.

// A supervisor is a process that a test started, with its messages.
type supervisor struct {
	*exec.Cmd
	h      *home
	stderr string
	ended  chan struct{}
}

// supervise starts path's supervise for the service.
func (h *home) supervise(t testing.TB, p path) *supervisor {
	t.Helper()
	return h.start(t, filepath.Join(p.dir, "supervise"), "s")
}

// start starts a program that is killed when the test ends, whichever way.
func (h *home) start(t testing.TB, words ...string) *supervisor {
	t.Helper()
	s := h.prepare(t, words...)
	must(s.Start())
	go func() { s.Wait(); close(s.ended) }()
	t.Cleanup(func() { s.kill() })
	return s
}

// prepare is start without the start.
func (h *home) prepare(t testing.TB, words ...string) *supervisor {
	t.Helper()
	s := &supervisor{exec.Command(words[0], words[1:]...), h, "", make(chan struct{})}
	stderr, err := os.CreateTemp(filepath.Dir(h.top), "stderr-")
	must(err)
	t.Cleanup(func() { stderr.Close() })
	s.stderr = stderr.Name()
	s.Dir, s.Stderr = h.top, stderr
	s.Env = []string{"PATH=" + systemPath}
	s.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return s
}

// unsupervised waits for the end of a supervisor that dies with another process.
func (h *home) unsupervised(t testing.TB) {
	t.Helper()
	eventually(t, "the end of the supervisor", func() bool { return h.tool(t, fused, "svok", "s") != "exit 0" })
}

// adopted starts supervisors, as svscan would, until one stays: one may find the
// lock with the process that the one before it had just forked.
func (h *home) adopted(t testing.TB, p path) *supervisor {
	t.Helper()
	return h.stays(t, func() *supervisor { return h.supervise(t, p) })
}

func (h *home) stays(t testing.TB, start func() *supervisor) *supervisor {
	t.Helper()
	var s *supervisor
	eventually(t, "a supervisor that stays", func() bool {
		for s = start(); s.running(); time.Sleep(time.Millisecond) {
			if s.supervises(t) {
				return true
			}
		}
		if got := s.said(); got != "supervise: fatal: unable to acquire s/supervise/lock: temporary failure\n" {
			t.Fatalf("the next supervise said %q", got)
		}
		return false
	})
	return s
}

// supervises tells that it has the lock and waits for what comes. The process of a
// supervisor that was killed just now may have ok as well.
func (s *supervisor) supervises(t testing.TB) bool {
	lock := s.h.bytes("supervise/lock")
	return len(lock) >= 2*recordEnd && int(binary.LittleEndian.Uint32(lock[recordEnd+recordPID:])) == s.Process.Pid &&
		waits(s.Process.Pid) >= 0 && s.h.tool(t, fused, "svok", "s") == "exit 0"
}

// kill kills it as nobody can prevent, and waits for its end.
func (s *supervisor) kill() {
	s.Process.Kill()
	<-s.ended
}

// exit waits until it has ended by itself.
func (s *supervisor) exit(t testing.TB) string {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Fatalf("%s runs on\n%s", s.Path, s.said())
	}
	return ending(s.ProcessState)
}

func (s *supervisor) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

func (s *supervisor) said() string {
	text, err := os.ReadFile(s.stderr)
	must(err)
	return string(text)
}

// waits is for how many milliseconds a process waits at the moment for anything to
// happen: -1 if it does something, forever if nothing is due.
func waits(pid int) int {
	// proc_pid_syscall(5): number, then the arguments
	f := strings.Fields(textOf(fmt.Sprintf("/proc/%d/syscall", pid)))
	if len(f) < 5 || f[0] != strconv.Itoa(unix.SYS_EPOLL_PWAIT) {
		return -1
	}
	limit, err := strconv.ParseUint(f[4], 0, 64)
	must(err)
	if int32(limit) < 0 {
		return forever
	}
	return int(limit)
}

const forever = 1<<31 - 1

func (s *supervisor) blocked() bool { return waits(s.Process.Pid) == forever }

// limit sets a soft limit of a running process, as its own user: a root that is
// confined may not do it to others.
func limit(t testing.TB, pid int, resource string, soft string) {
	t.Helper()
	var st unix.Stat_t
	must(unix.Stat(fmt.Sprintf("/proc/%d", pid), &st))
	cmd := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--"+resource+"="+soft+":")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v\n%s", err, out)
	}
}

// Commands.

// tool runs a tool of a path in the home and returns what it prints and its exit
// code.
func (h *home) tool(t testing.TB, p path, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, tool), args...)
	cmd.Dir = h.top
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer late.Stop()
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out) + ending(cmd.ProcessState)
}

// svc sends commands, which must work.
func (h *home) svc(t testing.TB, p path, letters string) {
	t.Helper()
	if got := h.tool(t, p, "svc", "-"+letters, "s"); got != "exit 0" {
		t.Fatalf("%s svc -%s: %s", p.name, letters, got)
	}
}

// control opens the FIFO of commands, for those that come in odd ways.
func (h *home) control(t testing.TB) *os.File {
	t.Helper()
	f, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
	must(err)
	t.Cleanup(func() { f.Close() })
	return f
}

// record is what the lock file says of the service's process: fields of a record as
// internal/service/record.go lays them out.
func (h *home) record() (pid int, made int64, finish bool) {
	b := h.bytes("supervise/lock")
	if len(b) < recordEnd {
		return 0, 0, false
	}
	return int(binary.LittleEndian.Uint32(b[recordPID:])), int64(binary.LittleEndian.Uint64(b[recordTime:])), b[recordFinish] != 0
}

// sinceBoot is the clock of records, in nanoseconds.
func sinceBoot() int64 {
	var now unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	return now.Nano()
}

// obeys makes sure that what runs is under control, and ends it.
func (h *home) obeys(t testing.TB, s *supervisor) {
	t.Helper()
	before := h.state()
	hups := func(s serviceState) (n int) { // others may come meanwhile
		for _, signal := range strings.Fields(s.signals) {
			if signal == "1" {
				n++
			}
		}
		return n
	}
	h.svc(t, fused, "h")
	eventually(t, "HUP", func() bool { return hups(h.state()) == hups(before)+1 }, h.explain)
	h.svc(t, fused, "dkx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got, s.said())
	}
	if h.runs() != 0 || h.state().starts != before.starts {
		t.Errorf("after svc -dx:\n%s", h.bytes("log"))
	}
}

// States.

// A state of a service is what its files say, but for times and process ids.
type serviceState struct {
	up, paused bool
	want       byte // 0 is shown as o
	starts     int
	signals    string
	overlaps   int
}

func (s serviceState) String() string {
	return fmt.Sprintf("up %v, paused %v, want %c, %d starts, signals%s", s.up, s.paused, s.want, s.starts, s.signals)
}

// status is the 18 bytes, or fewer.
func (h *home) status() []byte { return h.bytes("supervise/status") }

// pid is the process that the status shows.
func (h *home) pid() int {
	b := h.status()
	if len(b) != 18 {
		return 0
	}
	return int(b[12]) | int(b[13])<<8 | int(b[14])<<16 | int(b[15])<<24
}

func (h *home) state() (s serviceState) {
	b := h.status()
	if len(b) != 18 {
		return s
	}
	s.up, s.paused, s.want = h.pid() != 0, b[16] != 0, b[17]
	if s.want == 0 {
		s.want = 'o'
	}
	for _, l := range h.lines("log") {
		what, n, _ := strings.Cut(l, "-")
		switch what {
		case "start":
			s.starts++
		case "overlap":
			s.overlaps++
		case "signal":
			s.signals += " " + n
		}
	}
	return s
}

// explain is for tests that fail.
func (h *home) explain() string {
	state, log := h.state(), h.bytes("log")
	state.signals = state.signals[max(0, len(state.signals)-100):]
	return fmt.Sprintf("%s; status % x, end of the log\n%s", state, h.status(), log[max(0, len(log)-500):])
}

// starts lists the processes that have started, in order.
func (h *home) starts() (pids []int) {
	for _, l := range h.lines("log") {
		if n, ok := strings.CutPrefix(l, "start-"); ok {
			pid, err := strconv.Atoi(n)
			must(err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// reaches waits for a state.
func (h *home) reaches(t testing.TB, want serviceState) {
	t.Helper()
	eventually(t, "state "+want.String(), func() bool { return h.state() == want }, h.explain)
}

// up waits until the service runs for the nth time.
func (h *home) up(t testing.TB, n int) {
	t.Helper()
	eventually(t, fmt.Sprint("start ", n), func() bool {
		starts := h.starts()
		return len(starts) >= n && h.pid() == starts[len(starts)-1]
	}, h.explain)
}

func (h *home) down(t testing.TB) {
	t.Helper()
	eventually(t, "the service being down", func() bool { return len(h.status()) == 18 && h.pid() == 0 }, h.explain)
}

// runsOnce waits until the service runs, and the status shows the process that
// started last; no second one may have been started beside another.
func (h *home) runsOnce(t testing.TB) {
	t.Helper()
	eventually(t, "the service", func() bool { pid := h.runs(); return pid != 0 && h.pid() == pid }, h.explain)
	if n := h.state().overlaps; n != 0 {
		t.Errorf("%d copies were started beside another:\n%s", n, h.bytes("log"))
	}
}

// Random tests.

var seedFlag = flag.Uint64("seed", 0, "seed of random tests; 0 takes the time")

// seedOf is the seed of a random test, which it says.
func seedOf(t testing.TB) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", seed)
	return seed
}
