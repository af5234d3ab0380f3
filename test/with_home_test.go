package test

// What the tests of supervision are written with: service directories, supervisors
// that end with the test, and what can be read of both from outside. with_yard_test.go
// adds PID namespaces, for svscan, and with_records_test.go has the lock file.
//
// Not tested in this file: anything.

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	need(t, words[0])
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

func (s *supervisor) blocked() bool { return waits(s.Process.Pid) == forever }

// Commands.

// tool runs a tool of a path in the home and returns what it prints and its exit
// code.
func (h *home) tool(t testing.TB, p path, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, tool), args...)
	cmd.Dir = h.top
	out, end := runInTime(cmd)
	return out + end
}

// svc sends commands, which must work.
func (h *home) svc(t testing.TB, p path, letters string) {
	t.Helper()
	if got := h.tool(t, p, "svc", "-"+letters, "s"); got != "exit 0" {
		t.Fatalf("%s svc -%s: %s", p.name, letters, got)
	}
}

// svwaitAsNobody is what svwait -d says to an account that owns nothing.
func (h *home) svwaitAsNobody(t testing.TB) string {
	t.Helper()
	need(t, "setpriv")
	cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", filepath.Join(fused.dir, "svwait"), "-d", h.service())
	out, _ := cmd.CombinedOutput()
	return string(out) + ending(cmd.ProcessState)
}

// control opens the FIFO of commands, for those that come in odd ways.
func (h *home) control(t testing.TB) *os.File {
	t.Helper()
	f, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
	must(err)
	t.Cleanup(func() { f.Close() })
	return f
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

// inGroup starts a program in a process group; 0 is one of its own.
func (h *home) inGroup(t testing.TB, group int, words ...string) *supervisor {
	t.Helper()
	return h.start(t, append([]string{probe, "start", sys(unix.SYS_SETPGID, 0, uintptr(group)), "--", words[0]}, words...)...)
}

// superviseApart starts a supervise in a process group of its own.
func (h *home) superviseApart(t testing.TB, p path) *supervisor {
	t.Helper()
	return h.inGroup(t, 0, filepath.Join(p.dir, "supervise"), "s")
}

// adoptApart is superviseApart for one that comes after another.
func (h *home) adoptApart(t testing.TB) *supervisor {
	t.Helper()
	return h.stays(t, func() *supervisor { return h.superviseApart(t, fused) })
}

// scanApart starts a svscan in a process group of its own. It is stopped with the test:
// its supervisors would not be.
func (h *home) scanApart(t testing.TB, options ...string) *supervisor {
	t.Helper()
	words := []string{"/usr/bin/env", "PATH=" + fused.dir + ":" + systemPath, "svscan"}
	s := h.inGroup(t, 0, slices.Concat(words, options, []string{"."})...)
	t.Cleanup(func() {
		for ; s.running(); time.Sleep(20 * time.Millisecond) {
			s.Process.Signal(unix.SIGTERM)
			h.tool(t, fused, "svc", "-k", "s")
		}
	})
	return s
}

// finish makes ./finish.
func (h *home) finish(text string) { script(h.file("finish"), "#!/bin/sh\n"+text) }

// gate is a FIFO on which scripts of the service can wait for a line. It is open, so
// that nobody waits for somebody to open it.
func (h *home) gate(t testing.TB) *os.File {
	t.Helper()
	must(unix.Mkfifo(h.file("gate"), 0o666))
	f, err := os.OpenFile(h.file("gate"), os.O_RDWR, 0)
	must(err)
	t.Cleanup(func() {
		f.WriteString("\n")
		f.Close()
	})
	return f
}

func (h *home) option(name, value string) {
	must(os.WriteFile(h.file(name), []byte(value), 0o644))
}

// finishes gives a home a finish that notes what it is told.
func (h *home) finishes() {
	script(h.file("finish"), "#!/bin/sh\necho \"$1 $2 $3\" >>finished\n")
}

// sameStatus compares what the svstat of each path prints. A second may end
// between two of them.
func (h *home) sameStatus(t testing.TB, dirs ...string) {
	t.Helper()
	needOld(t)
	if dirs == nil {
		dirs = []string{"s"}
	}
	var want, got string
	for range 20 {
		for _, p := range []path{fused, plain} {
			want = h.tool(t, old, "svstat", dirs...)
			if got = h.tool(t, p, "svstat", dirs...); got != want {
				break
			}
		}
		if got == want {
			return
		}
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	t.Errorf("svstat prints\n%s\nwant\n%s", strings.Join(missing(g, w, "  "), "\n"), strings.Join(missing(w, g, "  "), "\n"))
}

// processes are those of the service: all in its directory but the supervisor.
func (h *home) processes() (pids []int) {
	dir, err := filepath.EvalSymlinks(h.service())
	must(err)
	all, err := os.ReadDir("/proc")
	must(err)
	for _, p := range all {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if name := textOf(fmt.Sprintf("/proc/%d/comm", pid)); cwd == dir && name != "supervise\n" && name != "" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// asks runs svc for the service of a home, which must end as given.
func (h *home) asks(t testing.TB, want string, words ...string) {
	t.Helper()
	if got := h.tool(t, fused, "svc", append(words, "s")...); got != want {
		t.Fatalf("svc %s: %s, want %s", words, got, want)
	}
}

// shown is the pid that svstat shows; 0 is none.
func (h *home) shown(t testing.TB) (pid int) {
	t.Helper()
	fmt.Sscanf(h.tool(t, fused, "svstat", "s"), "s: up (pid %d)", &pid)
	return pid
}

// inTmpfs supervises a service on a small file system of its own and returns
// that as this process sees it.
func inTmpfs(t testing.TB, options string) (*home, *supervisor) {
	t.Helper()
	needRoot(t)
	outer := newHome(t, "")
	must(os.Mkdir(filepath.Join(outer.top, "disk"), 0o755))
	// It waits at the FIFO until the service directory is there.
	must(unix.Mkfifo(filepath.Join(outer.top, "go"), 0o600))
	s := outer.start(t, "unshare", "--mount", "sh", "-c",
		`mount -t tmpfs -o "$1" none disk && cd disk && read x <../go && exec "$2" s`, "sh", options, filepath.Join(fused.dir, "supervise"))
	inside := &home{top: fmt.Sprintf("/proc/%d/cwd", s.Process.Pid)}
	eventually(t, "the mount", func() bool {
		cwd, err := os.Readlink(inside.top)
		return err == nil && filepath.Base(cwd) == "disk"
	})
	// What /proc shows goes away with the process.
	fd, err := unix.Open(inside.top, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(err)
	t.Cleanup(func() { unix.Close(fd) })
	inside.top = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	inside.furnish(t, "")
	must(os.WriteFile(filepath.Join(outer.top, "go"), []byte("\n"), 0))
	t.Cleanup(s.kill)
	return inside, s
}

var supervise = func() string { return filepath.Join(fused.dir, "supervise") }

// An innocent is a process that is none of the supervisor's business. It notes the
// signals that it gets.
func newInnocent(t testing.TB) (*home, *supervisor) {
	t.Helper()
	h := newHome(t, "deaf")
	cmd := h.start(t, "sh", "-c", "cd s && exec ./run")
	eventually(t, "the innocent", func() bool { return len(h.starts()) == 1 })
	return h, cmd
}

func oneLine(t testing.TB, s *supervisor) {
	t.Helper()
	if got := s.said(); !strings.HasPrefix(got, "supervise: fatal: ") || strings.Index(got, "\n") != len(got)-1 {
		t.Errorf("it said %q", got)
	}
	if got := s.exit(t); got != "exit 111" {
		t.Error(got)
	}
}

// somebody is a uid that nobody else has: what these supervisors might do to strangers,
// they cannot.
const somebody = 54322

func bindSocket(file string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if len(file) > 100 {
		dir, err := unix.Open(filepath.Dir(file), unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(dir)
		file = fmt.Sprintf("/proc/self/fd/%d/%s", dir, filepath.Base(file))
	}
	return unix.Bind(fd, &unix.SockaddrUnix{Name: file})
}
