package test

// Not tested in this file: what becomes of a service when its supervisor is killed
// (adopt_test.go), what the tools print when they are called wrongly (the scripts
// supervise_*, svc_*, svok_*, svstat_*), svscan, a clock that is set back (the one
// there is belongs to the whole machine; labels from the future are tested), and
// how fast anything is.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
func (h *home) exists(name string) bool  { _, err := os.Lstat(h.file(name)); return err == nil }
func (h *home) run(text string)          { script(h.file("run"), text) }
func (h *home) bytes(name string) []byte { b, _ := os.ReadFile(h.file(name)); return b }
func (h *home) lines(name string) []string {
	return strings.Fields(strings.ReplaceAll(string(h.bytes(name)), " ", "-"))
}

// script writes a script in one step: nobody may execute one that is being
// written.
func script(file, text string) {
	must(os.WriteFile(file+".new", []byte(text), 0o755))
	must(os.Rename(file+".new", file))
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

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

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
	s := &supervisor{exec.Command(words[0], words[1:]...), h, "", make(chan struct{})}
	stderr, err := os.CreateTemp(filepath.Dir(h.top), "stderr-")
	must(err)
	defer stderr.Close()
	s.stderr = stderr.Name()
	s.Dir, s.Stderr = h.top, stderr
	s.Env = []string{"PATH=" + systemPath}
	s.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(s.Start())
	go func() { s.Wait(); close(s.ended) }()
	t.Cleanup(func() { s.kill() })
	return s
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
	for end := time.Now().Add(patience); h.state() != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("want %s\n got %s", want, h.state())
		}
	}
}

// up waits until the service runs for the nth time.
func (h *home) up(t testing.TB, n int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if starts := h.starts(); len(starts) >= n && h.pid() == starts[len(starts)-1] {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("start %d: not within %v; status % x, log\n%s", n, patience, h.status(), h.bytes("log"))
		}
	}
}

func (h *home) down(t testing.TB) {
	t.Helper()
	eventually(t, "the service being down", func() bool { return len(h.status()) == 18 && h.pid() == 0 })
}

// Interoperability.

// A model is what 0.76 does when it is given the time to do it. Both supervisors
// are compared with it, and by it with each other.
type model struct {
	serviceState
	pending map[int]bool // signals of a process that is paused
	exit    bool
	gone    bool
	deaf    bool
}

func newModel(deaf, down bool) *model {
	m := &model{deaf: deaf, pending: map[int]bool{}}
	m.want = 'u'
	if down {
		m.want = 'd'
		return m
	}
	m.start()
	return m
}

func (m *model) start() { m.up, m.paused, m.starts = true, false, m.starts+1 }

func (m *model) die() {
	m.up, m.paused = false, false
	clear(m.pending)
	switch {
	case m.exit:
		m.gone = true
	case m.want == 'u':
		m.start()
	}
}

func (m *model) signal(signal unix.Signal) {
	if !m.up {
		return
	}
	if signal == unix.SIGKILL {
		m.die()
		return
	}
	m.pending[int(signal)] = true
	if m.paused && signal != unix.SIGCONT {
		return
	}
	var order []int
	for s := range m.pending {
		order = append(order, s)
	}
	slices.Sort(order)
	for _, s := range order {
		m.signals += fmt.Sprint(" ", s)
		if s == int(unix.SIGTERM) && !m.deaf {
			m.die()
			return
		}
	}
	clear(m.pending)
}

var plainSignals = map[byte]unix.Signal{'a': unix.SIGALRM, 'h': unix.SIGHUP, 'i': unix.SIGINT, 't': unix.SIGTERM, 'k': unix.SIGKILL}

func (m *model) command(c byte) {
	if m.gone {
		return
	}
	switch c {
	case 'u':
		if m.want = 'u'; !m.up {
			m.start()
		}
	case 'o':
		if m.want = 'o'; !m.up {
			m.start()
		}
	case 'd':
		m.want = 'd'
		before := m.starts
		m.signal(unix.SIGTERM)
		if m.up && m.starts == before {
			m.signal(unix.SIGCONT)
			m.paused = false
		}
	case 'x':
		if m.exit = true; !m.up {
			m.gone = true
		}
	case 'p':
		m.paused = m.up
	case 'c':
		m.signal(unix.SIGCONT)
		m.paused = false
	default:
		m.signal(plainSignals[c])
	}
}

func TestCommandsOneByOneDoWhatTheyDoIn076(t *testing.T) {
	needOld(t)
	c := newCrowd()
	defer c.Wait()
	for _, pair := range [][2]path{{fused, fused}, {fused, plain}, {fused, old}, {separate, old}, {old, fused}, {old, plain}, {old, old}} {
		for seed := range uint64(3) {
			keeper, driver := pair[0], pair[1]
			c.run(t, fmt.Sprintf("%s driven by %s, seed %d", keeper.name, driver.name, seed), func(t *testing.T) {
				oneByOne(t, seed, keeper, driver)
			})
		}
	}
}

// oneByOne waits after each command until all has come of it that should, because
// 0.76 is deaf for a second after each start.
func oneByOne(t *testing.T, seed uint64, keeper, driver path) {
	random := rand.New(rand.NewPCG(seed, 76))
	deaf, down := random.IntN(3) == 0, random.IntN(3) == 0
	words := "obedient"
	if deaf {
		words = "deaf"
	}
	h := newHome(t, words)
	if down {
		must(os.WriteFile(h.file("down"), nil, 0o644))
	}
	m := newModel(deaf, down)
	s := h.supervise(t, keeper)
	h.reaches(t, m.serviceState)
	eventually(t, "svok", func() bool { return h.tool(t, driver, "svok", "s") == "exit 0" })
	for range 14 {
		c := "udopcdpcahitk"[random.IntN(13)]
		if m.starts > 4 && strings.ContainsRune("uotk", rune(c)) {
			c = 'h' // each start takes a second
		}
		h.svc(t, driver, string(c))
		m.command(c)
		h.reaches(t, m.serviceState)
		h.sameStatus(t)
	}
	for _, c := range "xdk" {
		h.svc(t, driver, string(c))
		if m.command(byte(c)); m.gone {
			break
		}
		h.reaches(t, m.serviceState)
	}
	if got := s.exit(t); got != "exit 0" {
		t.Errorf("supervise: %s", got)
	}
	h.reaches(t, m.serviceState)
	if got := h.tool(t, driver, "svok", "s"); got != "exit 100" {
		t.Errorf("svok without supervise: %s", got)
	}
	if s.said() != "" {
		t.Errorf("supervise said %q", s.said())
	}
}

// sameStatus compares what the svstat of each path prints. A second may end
// between two of them.
func (h *home) sameStatus(t testing.TB, dirs ...string) {
	t.Helper()
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

// What svc writes at once is taken one after the other. Not among these is what
// 0.76 does this way or that way: commands after one that kills the service; nor
// signals that come with a start and that the service must be there to see: 0.76
// holds them back for a second, ours does not.
func TestCommandsTogetherDoWhatTheyDoIn076(t *testing.T) {
	needOld(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		down    bool
		letters string
	}{
		{false, "dx"}, {false, "du"}, {false, "uh"}, {false, "pc"}, {false, "ph"}, {false, "od"}, {false, "hia"},
		{false, "pd"}, {false, "xd"}, {false, "pk"}, {false, "oudx"}, {false, "z"},
		{true, "u"}, {true, "ou"},
		{true, "pu"}, {true, "x"}, {true, "xu"}, {true, "ox"}, {true, "dx"}, {true, "ux"},
	} {
		for _, keeper := range []path{fused, old} {
			crowd.run(t, fmt.Sprintf("%s down=%v %s", keeper.name, c.down, c.letters), func(t *testing.T) {
				together(t, keeper, c.down, c.letters)
			})
		}
	}
}

// together writes to the FIFO itself, where any byte can be written.
func together(t *testing.T, keeper path, down bool, letters string) {
	h := newHome(t, "")
	if down {
		must(os.WriteFile(h.file("down"), nil, 0o644))
	}
	m := newModel(false, down)
	s := h.supervise(t, keeper)
	h.reaches(t, m.serviceState)
	control, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
	must(err)
	defer control.Close()
	write := func(letters string) {
		_, err := control.WriteString(letters)
		must(err)
		for _, c := range letters {
			if c != 'z' {
				m.command(byte(c))
			}
		}
	}
	write(letters)
	h.reaches(t, m.serviceState)
	if !m.gone {
		// That it is not on the way to another state.
		time.Sleep(1200 * time.Millisecond)
		for _, c := range "dkx" {
			if !m.gone {
				write(string(c))
				h.reaches(t, m.serviceState)
			}
		}
	}
	if got := s.exit(t); got != "exit 0" {
		t.Errorf("supervise: %s", got)
	}
	h.reaches(t, m.serviceState)
}

func TestFilesAreThoseOf076(t *testing.T) {
	t.Parallel()
	needOld(t)
	// The lock of ours has records in it.
	list := func(h *home) (list string) {
		files, err := os.ReadDir(h.file("supervise"))
		must(err)
		for _, f := range files {
			info, err := f.Info()
			must(err)
			size := info.Size()
			if f.Name() == "lock" {
				size = 0
			}
			list += fmt.Sprintln(f.Name(), info.Mode(), size)
		}
		info, err := os.Stat(h.file("supervise"))
		must(err)
		return list + info.Mode().String()
	}
	pair := [2]*home{}
	for i, p := range []path{old, fused} {
		h := newHome(t, "")
		pair[i] = h
		h.supervise(t, p)
		h.up(t, 1)
		eventually(t, "svok", func() bool { return h.tool(t, old, "svok", "s") == "exit 0" })
	}
	same := func(when string) {
		if want, got := list(pair[0]), list(pair[1]); got != want {
			t.Errorf("%s: files\n%s\nwant\n%s", when, got, want)
		}
		want, got := pair[0].status(), pair[1].status()
		if !bytes.Equal(want[16:], got[16:]) || !bytes.Equal(want[:4], got[:4]) {
			t.Errorf("%s: status % x, want % x", when, got, want)
		}
	}
	same("up")
	for _, step := range []struct{ letters, end string }{{"p", "\x01u"}, {"c", "\x00u"}, {"o", "\x00\x00"}, {"d", "\x00d"}} {
		for _, h := range pair {
			h.svc(t, old, step.letters)
		}
		for _, h := range pair {
			eventually(t, "the status", func() bool {
				return string(h.status()[16:]) == step.end && (step.letters != "d" || h.pid() == 0)
			})
		}
		same(step.letters)
	}
}

// The label of the status is of the last start or the last death.
func TestOnlyStartsAndDeathsMoveTheLabel(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.supervise(t, fused)
	h.up(t, 1)
	label := func() string { return fmt.Sprintf("%x", h.status()[:12]) }
	first := label()
	for i, c := range "pcahio" {
		h.svc(t, fused, string(c))
		if c == 'o' {
			eventually(t, "o", func() bool { return h.status()[17] == 0 })
		}
		if label() != first {
			t.Errorf("command %d moved the label", i)
		}
	}
	h.svc(t, fused, "d")
	h.down(t)
	if label() <= first {
		t.Errorf("the death at %s is no later than the start at %s", label(), first)
	}
}

// Debian's svscan finds supervise along PATH.
func TestDebiansSvscanRunsOurs(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needOld(t)
	h := newHome(t, "")
	must(os.WriteFile(h.file("down"), nil, 0o644))
	// Its supervisors die with the namespace.
	scan := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", filepath.Join(debian, "svscan"), ".")
	scan.Dir, scan.Env = h.top, []string{"PATH=" + fused.dir + ":" + systemPath}
	scan.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(scan.Start())
	defer scan.Wait()
	defer scan.Process.Kill()
	eventually(t, "supervise", func() bool { return h.tool(t, old, "svok", "s") == "exit 0" })
	if h.exists("log") {
		t.Error("it did not look at down")
	}
	if b := h.bytes("supervise/lock"); !bytes.Contains(b, []byte("catena")) {
		t.Errorf("Debian's svscan does not run our supervise: lock % q", b)
	}
	h.svc(t, old, "u")
	eventually(t, "the service", func() bool { return len(h.starts()) == 1 && h.pid() != 0 })
	h.sameStatus(t)
	h.svc(t, fused, "t")
	eventually(t, "the second start", func() bool { return len(h.starts()) == 2 && h.pid() != 0 })
	h.svc(t, old, "dx")
	h.down(t)
}

// svstat shows any bytes that stand in a status as Debian's does.
func TestSvstatReadsAnyStatusAsDebians(t *testing.T) {
	t.Parallel()
	needOld(t)
	h := newHome(t, "")
	random := rand.New(rand.NewPCG(1, 18))
	var dirs []string
	for i := range 300 {
		dir := strconv.Itoa(i)
		must(os.MkdirAll(filepath.Join(h.top, dir, "supervise"), 0o755))
		ok := filepath.Join(h.top, dir, "supervise", "ok")
		must(unix.Mkfifo(ok, 0o600))
		f, err := os.OpenFile(ok, os.O_RDWR, 0)
		must(err)
		defer f.Close()
		if random.IntN(2) == 0 {
			must(os.WriteFile(filepath.Join(h.top, dir, "down"), nil, 0o644))
		}
		must(os.WriteFile(filepath.Join(h.top, dir, "supervise", "status"), anyStatus(random), 0o644))
		dirs = append(dirs, dir)
	}
	h.sameStatus(t, dirs...)
}

// anyStatus is a status that a supervisor might write, or some other bytes.
func anyStatus(random *rand.Rand) []byte {
	size := 18
	if random.IntN(8) == 0 {
		size = random.IntN(40)
	}
	b := make([]byte, max(size, 18))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	// Where 0.76 would print a number of seconds that needs more than 53 bits, it
	// prints another one.
	copy(b, "\x40\x00")
	if random.IntN(4) != 0 { // near now
		seconds := uint64(1)<<62 + 10 + uint64(time.Now().Unix()) + uint64(random.IntN(2000)) - 1000
		for i := range 8 {
			b[i] = byte(seconds >> (56 - 8*i))
		}
	}
	if random.IntN(3) == 0 {
		copy(b[12:16], "\x00\x00\x00\x00")
	}
	b[16] = byte(random.IntN(3))
	b[17] = []byte{'u', 'd', 0, 'x', b[17]}[random.IntN(5)]
	return b[:size]
}

// TERM stops the service and then the supervisor. 0.76 dies and leaves it alone.
func TestTermStopsTheServiceAndExits(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []string{"up", "paused", "down", "deaf"} {
		crowd.run(t, c, func(t *testing.T) {
			words := ""
			if c == "deaf" {
				words = c
			}
			h := newHome(t, words)
			if c == "down" {
				must(os.WriteFile(h.file("down"), nil, 0o644))
			}
			s := h.supervise(t, fused)
			switch c {
			case "down":
				h.down(t)
			case "paused":
				h.up(t, 1)
				h.svc(t, fused, "p")
				eventually(t, "pause", func() bool { return h.status()[16] == 1 })
			default:
				h.up(t, 1)
			}
			must(s.Process.Signal(unix.SIGTERM))
			if c == "deaf" {
				eventually(t, "TERM and CONT", func() bool { return h.state().signals == " 15 18" })
				h.svc(t, fused, "h")
				eventually(t, "HUP", func() bool { return h.state().signals == " 15 18 1" })
				h.svc(t, fused, "k")
			}
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
			if got := h.state(); got.up || got.want != 'd' || got.starts > 1 {
				t.Error(got)
			}
			if s.said() != "" {
				t.Error(s.said())
			}
		})
	}
}

// Robustness.

// A run that cannot be executed is said as 0.76 says it, and the service starts
// when it can be.
func TestRunThatCannotBeExecuted(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needOld(t)
	for name, spoil := range map[string]func(run string){
		"missing":         func(run string) {},
		"no permission":   func(run string) { must(os.WriteFile(run, []byte("#!/bin/sh\n"), 0o644)) },
		"a directory":     func(run string) { must(os.Mkdir(run, 0o755)) },
		"no interpreter":  func(run string) { script(run, "#!/nonexistent/interpreter\n") },
		"no format":       func(run string) { script(run, "neither\n") },
		"empty":           func(run string) { script(run, "") },
		"loop of links":   func(run string) { must(os.Symlink("run", run)) },
		"a dangling link": func(run string) { must(os.Symlink("nowhere", run)) },
	} {
		crowd.run(t, name, func(t *testing.T) {
			var first [2]string
			for i, p := range []path{old, fused} {
				h := newHome(t, "")
				must(os.Remove(h.file("run")))
				spoil(h.file("run"))
				s := h.supervise(t, p)
				eventually(t, "a message", func() bool { return strings.Count(s.said(), "\n") >= 2 })
				first[i], _, _ = strings.Cut(s.said(), "\n")
				if i == 0 {
					continue
				}
				h.sameStatus(t)
				must(os.RemoveAll(h.file("run")))
				h.run("#!" + tally() + "\n")
				h.up(t, 1)
				h.svc(t, p, "dx")
				if got := s.exit(t); got != "exit 0" {
					t.Error(got)
				}
			}
			if first[0] != first[1] {
				t.Errorf("%q, want %q", first[1], first[0])
			}
		})
	}
}

// While its run is broken, a supervisor does what it is told.
func TestBrokenRunLeavesCommandsAlone(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.run("#!/nonexistent/interpreter\n")
	s := h.supervise(t, fused)
	eventually(t, "a message", func() bool { return s.said() != "" })
	h.svc(t, fused, "d")
	eventually(t, "want down", func() bool { return h.state().want == 'd' && h.pid() == 0 })
	said := s.said()
	time.Sleep(1500 * time.Millisecond)
	if s.said() != said {
		t.Error("it was started though it is wanted down")
	}
	h.svc(t, fused, "x")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
}

func TestDirectoryThatIsRemovedLeavesTheServiceAlone(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	pid := h.pid()
	control, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
	must(err)
	defer control.Close()
	log, err := os.Open(h.file("log"))
	must(err)
	defer log.Close()
	must(os.RemoveAll(h.service()))
	control.WriteString("h")
	eventually(t, "the signal", func() bool {
		b := make([]byte, 100)
		n, _ := log.ReadAt(b, 0)
		return strings.Contains(string(b[:n]), "signal 1\n")
	})
	if !s.running() || unix.Kill(pid, 0) != nil {
		t.Error("the service or the supervisor has ended")
	}
	eventually(t, "a warning", func() bool { return strings.HasPrefix(s.said(), "supervise: warning: unable to write s/") })
	must(s.Process.Signal(unix.SIGTERM))
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
	if n := strings.Count(s.said(), "\n"); n != 1 {
		t.Errorf("%d messages:\n%s", n, s.said())
	}
}

// A million bytes on the control FIFO, rubbish or commands, end in the state that
// the last ones ask for.
func TestFloodOfCommands(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []string{"rubbish", "commands"} {
		crowd.run(t, c, func(t *testing.T) {
			h := newHome(t, "mute")
			s := h.supervise(t, fused)
			h.up(t, 1)
			random := rand.New(rand.NewPCG(2, 3))
			flood := make([]byte, 1e6)
			for i := range flood {
				flood[i] = byte(random.Uint32())
				if c == "commands" {
					flood[i] = "pcahiduo"[flood[i]%8]
				} else if strings.IndexByte("udopcahitkxq12w", flood[i]) >= 0 {
					flood[i] = 0
				}
			}
			control, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
			must(err)
			defer control.Close()
			_, err = control.Write(append(flood, "cu"...))
			must(err)
			eventually(t, "the end of the flood", func() bool {
				unread, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCINQ)
				return err == nil && unread == 0
			})
			eventually(t, "want up", func() bool { return string(h.status()[16:]) == "\x00u" })
			if got := h.state(); got.starts != 1 || got.overlaps != 0 || !s.running() {
				t.Errorf("%s starts, %s", got, s.said())
			}
			h.svc(t, fused, "dkx")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
		})
	}
}

// Whoever reads the status has all of an old one or all of a new one.
func TestStatusIsNeverTorn(t *testing.T) {
	t.Parallel()
	h := newHome(t, "deaf")
	h.supervise(t, fused)
	h.up(t, 1)
	label, pid := string(h.status()[:12]), h.pid()
	control, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
	must(err)
	defer control.Close()
	stop := make(chan struct{})
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				control.WriteString("poucd"[i%5 : i%5+1])
				runtime.Gosched()
			}
		}
	})
	const reads = 200_000
	seen := map[string]bool{}
	name := h.file("supervise/status")
	for reader := range 2 {
		readers.Go(func() {
			var b [64]byte
			for range reads / 2 {
				fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err != nil {
					t.Errorf("no status: %v", err)
					return
				}
				n, err := unix.Read(fd, b[:])
				unix.Close(fd)
				got := int(b[12]) | int(b[13])<<8 | int(b[14])<<16 | int(b[15])<<24
				if n != 18 || err != nil || string(b[:12]) != label || got != pid || b[16] > 1 || strings.IndexByte("ud\x00", b[17]) < 0 {
					t.Errorf("torn: % x", b[:max(n, 0)])
					return
				}
				if reader == 0 {
					seen[string(b[16:18])] = true
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
	if len(seen) < 3 {
		t.Errorf("nothing changed meanwhile: %v", seen)
	}
}

// What a supervisor cannot get it says once, keeps on listening, and carries on as
// soon as it can.
func TestNoMoreProcesses(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	const nobody = 54321 // nobody else's, so the count is this test's
	must(os.Chown(h.service(), nobody, nobody))
	must(os.WriteFile(h.file("down"), nil, 0o644))
	s := h.start(t, probe, "start", sys(unix.SYS_SETGROUPS, 0, 0), sys(unix.SYS_SETGID, nobody), sys(unix.SYS_SETUID, nobody),
		sys(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)),
		"--", filepath.Join(fused.dir, "supervise"), "supervise", "s")
	h.down(t)
	limit(t, s.Process.Pid, "nproc", "0")
	h.svc(t, fused, "u")
	eventually(t, "a warning", func() bool { return strings.Contains(s.said(), "unable to fork for s") })
	h.svc(t, fused, "d")
	eventually(t, "want down", func() bool { return h.state().want == 'd' })
	h.svc(t, fused, "u")
	eventually(t, "want up", func() bool { return h.state().want == 'u' })
	limit(t, s.Process.Pid, "nproc", "1000")
	h.up(t, 1)
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
}

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

func TestNoMoreMemory(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	for _, resource := range []string{"as", "data", "stack", "memlock"} {
		limit(t, s.Process.Pid, resource, "0")
	}
	h.svc(t, fused, "p")
	eventually(t, "pause", func() bool { return h.state().paused })
	h.svc(t, fused, "c")
	h.svc(t, fused, "k")
	// It starts it, and the program dies.
	eventually(t, "the death", func() bool { return h.pid() != h.starts()[0] })
	h.svc(t, fused, "d")
	h.down(t)
	h.svc(t, fused, "o")
	eventually(t, "want once", func() bool { return h.state().want == 'o' })
	h.svc(t, fused, "u")
	eventually(t, "want up", func() bool { return h.state().want == 'u' })
	if !s.running() {
		t.Fatal("supervise has ended: " + s.said())
	}
	for _, resource := range []string{"as", "data", "stack", "memlock"} {
		limit(t, s.Process.Pid, resource, "8000000")
	}
	h.up(t, 2)
}

func TestNoMoreDescriptors(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	limit(t, s.Process.Pid, "nofile", "0")
	h.svc(t, fused, "k")
	eventually(t, "a warning", func() bool { return strings.Contains(s.said(), "unable to fork for s") })
	if n := strings.Count(s.said(), "unable to write"); n != 1 {
		t.Errorf("said %d times that the status cannot be written:\n%s", n, s.said())
	}
	limit(t, s.Process.Pid, "nofile", "1000")
	h.up(t, 2)
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
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

func TestDiskThatIsFull(t *testing.T) {
	t.Parallel()
	h, s := inTmpfs(t, "size=128k")
	h.up(t, 1)
	h.svc(t, fused, "h") // the log has its page
	eventually(t, "HUP", func() bool { return h.state().signals == " 1" })
	filler, err := os.Create(filepath.Join(h.top, "filler"))
	must(err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	h.svc(t, fused, "p")
	eventually(t, "a warning", func() bool {
		return s.said() == "supervise: warning: unable to write s/supervise/status.new: out of disk space\n"
	})
	h.svc(t, fused, "c")
	h.svc(t, fused, "i")
	eventually(t, "INT", func() bool { return h.state().signals == " 1 18 2" || h.state().signals == " 1 2 18" })
	h.svc(t, fused, "t")
	eventually(t, "the second start", func() bool { return h.state().starts == 2 })
	if got := s.said(); strings.Count(got, "\n") != 1 {
		t.Errorf("it said\n%s", got)
	}
	must(filler.Truncate(0))
	h.up(t, 2)
	if got := h.state(); !got.up || got.paused || got.want != 'u' {
		t.Error(got)
	}
}

// Nobody can make a file system read-only under a lock that is open for writing,
// so it is from the beginning.
func TestDiskThatIsReadOnly(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needOld(t)
	var said [2]string
	for i, p := range []path{old, fused} {
		h := newHome(t, "")
		s := h.start(t, "unshare", "--mount", "sh", "-c", `mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$1" s`,
			"sh", filepath.Join(p.dir, "supervise"))
		if got := s.exit(t); got != "exit 111" || h.exists("log") {
			t.Errorf("%s, log %q", got, h.bytes("log"))
		}
		said[i] = s.said()
	}
	if said[0] != said[1] {
		t.Errorf("it said %q, want %q", said[1], said[0])
	}
}

// The folder supervise is taken away and comes back.
func TestFolderThatIsAwayForATime(t *testing.T) {
	t.Parallel()
	h := newHome(t, "deaf")
	s := h.supervise(t, fused)
	h.up(t, 1)
	control, err := os.OpenFile(h.file("supervise/control"), os.O_WRONLY, 0)
	must(err)
	defer control.Close()
	must(os.Rename(h.file("supervise"), h.file("away")))
	control.WriteString("o")
	eventually(t, "a warning", func() bool {
		return s.said() == "supervise: warning: unable to write s/supervise/status.new: file does not exist\n"
	})
	control.WriteString("h")
	must(os.Rename(h.file("away"), h.file("supervise")))
	h.reaches(t, serviceState{up: true, want: 'o', starts: 1, signals: " 1"})
	if n := strings.Count(s.said(), "\n"); n != 1 {
		t.Errorf("it said\n%s", s.said())
	}
}

// What a service is given.

// The probe reports what it inherits from a supervisor in each state.
func TestServiceInheritsWhatItDoesIn076(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needRoot(t)
	needOld(t)
	signal := func(s unix.Signal) string { return strconv.Itoa(int(s)) }
	mask := func(signals ...unix.Signal) string {
		n := uint64(0)
		for _, s := range signals {
			n |= 1 << (s - 1)
		}
		return strconv.FormatUint(n, 10)
	}
	for _, s := range []state{
		{name: "as usual"},
		{name: "an odd environment", env: []string{"PROBE_OUT=@/report", "A=1", "A=2", "B", "=c", "PATH="}},
		{name: "open files", extra: []string{"s/file", "s/file", "."}},
		{name: "closed 0", words: []string{sys(unix.SYS_CLOSE, 0)}},
		{name: "closed 1", words: []string{sys(unix.SYS_CLOSE, 1)}},
		{name: "closed 0 to 2", words: []string{sys(unix.SYS_CLOSE, 0), sys(unix.SYS_CLOSE, 1), sys(unix.SYS_CLOSE, 2)}},
		{name: "TERM HUP INT PIPE ignored", words: []string{"ignore=" + signal(unix.SIGTERM), "ignore=" + signal(unix.SIGHUP), "ignore=" + signal(unix.SIGINT), "ignore=" + signal(unix.SIGPIPE)}},
		{name: "CHLD ignored", words: []string{"ignore=" + signal(unix.SIGCHLD)}},
		{name: "CHLD blocked", words: []string{"block=" + mask(unix.SIGCHLD)}},
		{name: "TERM USR1 blocked", words: []string{"block=" + mask(unix.SIGTERM, unix.SIGUSR1)}},
		{name: "everything blocked", words: []string{"block=18446744073709551615"}},
		{name: "USR1 pending", words: []string{"block=" + mask(unix.SIGUSR1), "raise=" + signal(unix.SIGUSR1)}},
		{name: "umask 077", words: []string{sys(unix.SYS_UMASK, 0o077)}},
		{name: "limits", words: []string{"limit=7:100:200", "limit=4:0:0", "limit=1:100000:200000"}},
		{name: "a session", words: []string{"fork", sys(unix.SYS_SETSID)}},
		{name: "nobody", words: dropped()},
		{name: "nice", words: []string{sys(unix.SYS_SETPRIORITY, 0, 0, 5)}},
		{name: "no new privileges, subreaper", words: []string{sys(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1), sys(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1)}},
	} {
		crowd.run(t, s.name, func(t *testing.T) {
			var reports [2]string
			for i, p := range []path{old, fused} {
				reports[i] = inherits(t, p, s)
			}
			if d := difference(outcome{stdout: reports[0]}, outcome{stdout: reports[1]}); d != "" {
				t.Errorf("daemontools (-) and catena (+) differ:\n%s", d)
			}
		})
	}
}

// inherits starts a supervisor in a state and returns the probe's report, which is
// its service.
func inherits(t *testing.T, p path, s state) string {
	t.Helper()
	a := newArena(fused)
	t.Cleanup(a.remove)
	dir := filepath.Join(a.here, "s")
	must(os.Mkdir(dir, 0o755))
	must(os.Chmod(dir, 0o777))
	must(os.WriteFile(filepath.Join(dir, "file"), []byte("some text"), 0o644))
	// The report is in its place when it is whole; then it sleeps.
	report := filepath.Join(a.top, "report")
	must(os.WriteFile(report, nil, 0o666))
	must(os.Chmod(report, 0o666))
	must(os.Chmod(a.top, 0o777))
	must(os.Symlink(probe, filepath.Join(dir, "run")))
	env := a.locals(s.env)
	if s.env == nil {
		env = []string{"PATH=" + systemPath, "PROBE_OUT=" + report}
	}
	cmd := exec.Command(probe, slices.Concat([]string{"start"}, s.words, []string{"--", filepath.Join(p.dir, "supervise"), "supervise", "s"})...)
	cmd.Dir, cmd.Env = a.here, env
	cmd.ExtraFiles = a.extra(s)
	defer closeAll(cmd.ExtraFiles)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(cmd.Start())
	defer cmd.Wait()
	var text []byte
	read := func() bool {
		var err error
		text, err = os.ReadFile(report)
		must(err)
		return bytes.Contains(text, []byte("\nexecuted ")) && bytes.Contains(text, []byte("\nvariable "))
	}
	supervisor := cmd.Process.Pid
	defer func() {
		killWithChildren(supervisor)
	}()
	eventually(t, "a report", read)
	return a.comparable(firstReport(string(text)), supervisor)
}

// firstReport cuts off what the service reported when it was started again.
func firstReport(text string) string {
	head, _, _ := strings.Cut(text, "\n")
	if i := strings.Index(text[1:], "\n"+head+"\n"); i > 0 {
		text = text[:i+2]
	}
	return text
}

// A supervisor that has nothing to do does nothing, in one thread.
func TestIdleSupervisorDoesNotWakeUp(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "h")
	eventually(t, "HUP", func() bool { return h.state().signals == " 1" })
	// What is due a second after the start would still be to come.
	time.Sleep(1500 * time.Millisecond)
	before := switches(t, s.Process.Pid)
	time.Sleep(3 * time.Second)
	if after := switches(t, s.Process.Pid); after != before {
		t.Errorf("it woke up:\n%s\n%s", before, after)
	}
	if !strings.Contains(before, "Threads:\t1 ") {
		t.Error(before)
	}
}

func switches(t testing.TB, pid int) (list string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if strings.HasPrefix(l, "Threads:") || strings.HasPrefix(l, "voluntary_ctxt_switches:") {
			list += strings.TrimSuffix(l, "\n") + " "
		}
	}
	return list
}

// A child that a supervisor had before it was one is reaped when it ends.
func TestChildrenFromBeforeAreReaped(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needOld(t)
	for _, p := range []path{old, fused} {
		crowd.run(t, p.name, func(t *testing.T) {
			h := newHome(t, "")
			s := h.start(t, "sh", "-c", `sleep 0.1 & exec "$1" s`, "sh", filepath.Join(p.dir, "supervise"))
			h.up(t, 1)
			eventually(t, "one child", func() bool {
				list, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", s.Process.Pid))
				must(err)
				return strings.TrimSpace(string(list)) == strconv.Itoa(h.pid())
			})
		})
	}
}
