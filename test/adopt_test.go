package test

// Not tested in this file: a kill of svscan or of a logger; a clock that is set
// back, which would be set for the whole machine (records count from the boot, and
// labels from the future are tested here); a machine that boots (another boot's
// record is forged); a successor in another time namespace, where the kernel
// shifts the start times of processes; a supervisor of daemontools, which knows
// of no records, on the directory in between.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var supervisorKills = flag.Int("rounds", 300, "how often to kill a supervisor, its service or both at a random moment")

// adopted starts supervisors, as svscan would, until one stays: one may find the
// lock with the process that the one before it had just forked.
func (h *home) adopted(t testing.TB, p path) *supervisor {
	t.Helper()
	var s *supervisor
	eventually(t, "a supervisor that stays", func() bool {
		s = h.supervise(t, p)
		for s.running() {
			if h.tool(t, fused, "svok", "s") == "exit 0" {
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

// runsOnce waits until the service runs, and the status shows the process that
// started last; no second one may have been started beside another.
func (h *home) runsOnce(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(patience); h.runs() == 0 || h.pid() != h.runs(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the service does not run within %v; status % x, log\n%s", patience, h.status(), h.bytes("log"))
		}
	}
	if n := h.state().overlaps; n != 0 {
		t.Errorf("%d copies were started beside another:\n%s", n, h.bytes("log"))
	}
}

// obeys makes sure that what runs is under control, and ends it.
func (h *home) obeys(t testing.TB, s *supervisor) {
	t.Helper()
	before := h.state()
	h.svc(t, fused, "h")
	eventually(t, "HUP", func() bool { return h.state().signals == before.signals+" 1" })
	h.svc(t, fused, "dkx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got, s.said())
	}
	if h.runs() != 0 || h.state().starts != before.starts {
		t.Errorf("after svc -dx:\n%s", h.bytes("log"))
	}
}

func TestServiceIsTakenOverAsItWas(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		name, words, commands string
		state                 serviceState
		restarts              bool
	}{
		{"up", "", "", serviceState{up: true, want: 'u'}, true},
		{"paused", "", "p", serviceState{up: true, want: 'u', paused: true}, true},
		{"once", "", "o", serviceState{up: true, want: 'o'}, false},
		{"wanted down", "deaf", "d", serviceState{up: true, want: 'd', signals: " 15 18"}, false},
		{"wanted down, then up", "deaf", "du", serviceState{up: true, want: 'u', signals: " 15 18"}, true},
		{"once and paused", "deaf", "op", serviceState{up: true, want: 'o', paused: true}, false},
	} {
		for _, pair := range [][2]path{{fused, fused}, {separate, fused}, {fused, separate}} {
			crowd.run(t, c.name+", "+pair[0].name+" then "+pair[1].name, func(t *testing.T) {
				h := newHome(t, c.words)
				s := h.supervise(t, pair[0])
				h.up(t, 1)
				for _, letter := range c.commands {
					h.svc(t, fused, string(letter))
				}
				want := c.state
				want.starts = 1
				h.reaches(t, want)
				status := h.status()
				for range 3 {
					s.kill()
					s = h.adopted(t, pair[1])
					if got := h.status(); !bytes.Equal(got, status) {
						t.Fatalf("status % x, was % x", got, status)
					}
				}
				line := fmt.Sprintf("s: up (pid %d) ", h.starts()[0])
				if got := h.tool(t, pair[1], "svstat", "s"); !strings.HasPrefix(got, line) {
					t.Errorf("svstat: %q", got)
				}
				h.svc(t, fused, "c")
				want.paused = false
				want.signals += " 18"
				h.reaches(t, want)

				h.svc(t, fused, "k")
				if c.restarts {
					h.up(t, 2)
					h.runsOnce(t)
					h.obeys(t, s)
					return
				}
				h.down(t)
				h.svc(t, fused, "x")
				if got := s.exit(t); got != "exit 0" || h.state().starts != 1 {
					t.Errorf("%s, log\n%s", got, h.bytes("log"))
				}
			})
		}
	}
}

// A service that is down stays down, and one that ended while there was no
// supervisor is started if it is wanted.
func TestDownServiceIsTakenOver(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "d")
	h.down(t)
	status := h.status()
	for range 3 {
		s.kill()
		s = h.adopted(t, fused)
	}
	if got := h.status(); !bytes.Equal(got, status) {
		t.Errorf("status % x, was % x", got, status)
	}
	h.svc(t, fused, "u")
	h.up(t, 2)
	s.kill()
	unix.Kill(h.pid(), unix.SIGKILL)
	s = h.adopted(t, fused)
	h.up(t, 3)
	h.runsOnce(t)
	h.obeys(t, s)

	// One that has ended in good order leaves nothing to take over.
	s = h.adopted(t, fused)
	h.up(t, 4)
	h.obeys(t, s)
}

// The kill matrix.

// A cutting is a run of cut: a supervisor that is stopped at a system call.
type cutting struct {
	*supervisor
	pid  int // of the supervise
	lets io.Closer
}

// cut runs a supervise under cut until it says the word that the caller waits for.
func (h *home) cut(t testing.TB, until string, how ...string) *cutting {
	t.Helper()
	c := &cutting{}
	words := append(append([]string{cut()}, how...), "--", filepath.Join(fused.dir, "supervise"), "s")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = h.top, []string{"PATH=" + systemPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	stdin, err := cmd.StdinPipe()
	must(err)
	stdout, err := cmd.StdoutPipe()
	must(err)
	stderr, err := os.CreateTemp(filepath.Dir(h.top), "stderr-")
	must(err)
	defer stderr.Close()
	cmd.Stderr = stderr
	must(cmd.Start())
	c.supervisor = &supervisor{cmd, h, stderr.Name(), make(chan struct{})}
	c.lets = stdin
	said := make(chan string)
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			said <- lines.Text()
		}
		close(said)
		cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		for range said {
		}
		<-c.ended
	})
	late := time.After(patience)
	for {
		select {
		case line, more := <-said:
			if n, ok := strings.CutPrefix(line, "parent "); ok {
				c.pid, err = strconv.Atoi(n)
				must(err)
			}
			if line == until {
				go func() {
					for range said {
					}
				}()
				return c
			}
			if !more {
				t.Fatalf("cut %v ended: %s", how, c.said())
			}
		case <-late:
			t.Fatalf("cut %v: no %q", how, until)
		}
	}
}

// stops counts the stops of the supervisor and of its child from the start to
// where all is quiet.
func (p past) stops(t testing.TB) (parent, child, fork int) {
	t.Helper()
	h := newHome(t, "")
	p.before(t, h)
	cmd := exec.Command(cut(), "--", filepath.Join(fused.dir, "supervise"), "s")
	cmd.Dir = h.top
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	stdout, err := os.CreateTemp(filepath.Dir(h.top), "stops-")
	must(err)
	defer stdout.Close()
	cmd.Stdout = stdout
	must(cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	h.runsOnce(t)
	// It has settled when nothing more is said.
	size := int64(-1)
	eventually(t, "quiet", func() bool {
		time.Sleep(200 * time.Millisecond)
		info, err := stdout.Stat()
		must(err)
		was := size
		size = info.Size()
		return size == was
	})
	text, err := os.ReadFile(stdout.Name())
	must(err)
	for l := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(l, "stop parent "):
			parent++
		case strings.HasPrefix(l, "stop child "):
			child++
		case strings.HasPrefix(l, "child ") && fork == 0:
			fork = parent
		}
	}
	return parent, child, fork
}

// A past is what a supervisor finds in the directory when it starts.
type past struct {
	name   string
	before func(t testing.TB, h *home)
}

var pasts = []past{
	{"nothing", func(testing.TB, *home) {}},
	{"one that was told to go down and exit", func(t testing.TB, h *home) {
		s := h.supervise(t, fused)
		h.up(t, 1)
		h.svc(t, fused, "dx")
		s.exit(t)
	}},
	{"daemontools that was told to go down and exit", func(t testing.TB, h *home) {
		s := h.supervise(t, old)
		h.up(t, 1)
		h.svc(t, old, "dx")
		s.exit(t)
	}},
	{"a service whose supervisor was killed", func(t testing.TB, h *home) {
		s := h.supervise(t, fused)
		h.up(t, 1)
		s.kill()
	}},
	{"a supervisor and a service that were killed", func(t testing.TB, h *home) {
		s := h.supervise(t, fused)
		h.up(t, 1)
		s.kill()
		unix.Kill(h.starts()[0], unix.SIGKILL)
	}},
}

// A supervisor is killed at the beginning and at the end of every system call
// that it makes from its start until the service runs; its child goes on, or dies
// as well, or hangs where it is until another supervisor has tried.
func TestSupervisorIsKilledAtEverySystemCall(t *testing.T) {
	needRoot(t)
	needOld(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, past := range pasts {
		parent, _, _ := past.stops(t)
		if parent < 20 {
			t.Fatalf("only %d stops", parent)
		}
		for n := 1; n <= parent; n++ {
			crowd.run(t, fmt.Sprintf("%s, %d", past.name, n), func(t *testing.T) {
				h := newHome(t, "")
				past.before(t, h)
				h.cut(t, "ended", fmt.Sprint("parent=", n))
				s := h.adopted(t, fused)
				h.runsOnce(t)
				if n%4 == 0 {
					h.obeys(t, s)
				}
			})
		}
	}
}

// The child is killed at every system call from the fork to the end of the exec,
// and the supervisor lives.
func TestChildIsKilledAtEverySystemCall(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	_, child, _ := pasts[0].stops(t)
	if child < 6 {
		t.Fatalf("only %d stops", child)
	}
	for n := 1; n <= child; n++ {
		crowd.run(t, fmt.Sprint(n), func(t *testing.T) {
			h := newHome(t, "")
			c := h.cut(t, "cut", fmt.Sprint("child=", n))
			h.runsOnce(t)
			if n%4 == 0 {
				h.obeys(t, c.supervisor)
				return
			}
			unix.Kill(c.pid, unix.SIGKILL)
			c.exit(t)
			h.adopted(t, fused)
			h.runsOnce(t)
		})
	}
}

// The supervisor is killed while its child is at any of its system calls; the child
// dies too, or goes on, or goes on only after another supervisor has been there.
func TestBothAreKilledAtSystemCalls(t *testing.T) {
	needRoot(t)
	parent, child, fork := pasts[0].stops(t)
	var cases [][2]int
	for p := fork; p <= parent; p++ {
		for c := 1; c <= child; c++ {
			cases = append(cases, [2]int{p, c})
		}
	}
	random := rand.New(rand.NewPCG(4, 4))
	random.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	few := min(len(cases), *supervisorKills/4)
	crowd := newCrowd()
	defer crowd.Wait()
	for i, at := range cases[:few] {
		then := []string{"kill", "hold", "run"}[i%3]
		crowd.run(t, fmt.Sprintf("%v of %d and %d, %s", at, parent, child, then), func(t *testing.T) {
			h := newHome(t, "")
			c := h.cut(t, "ended", fmt.Sprint("parent=", at[0]), fmt.Sprint("child=", at[1]), "then="+then)
			if then == "hold" {
				// Whatever it finds, it must not start a second one.
				early := h.supervise(t, fused)
				eventually(t, "a decision", func() bool { return !early.running() || h.tool(t, fused, "svok", "s") == "exit 0" })
				c.lets.Close()
				c.exit(t)
				if early.running() {
					h.runsOnce(t)
				}
				early.kill()
			}
			s := h.adopted(t, fused)
			h.runsOnce(t)
			if i%4 == 0 {
				h.obeys(t, s)
			}
		})
	}
}

// Supervisors, services or both are killed again and again, at random moments.
func TestRandomKills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CATENA_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(err)
	}
	t.Logf("CATENA_SEED=%d", seed)
	crowd := newCrowd()
	defer crowd.Wait()
	const homes = 16
	for i := range uint64(homes) {
		crowd.run(t, fmt.Sprint(i), func(t *testing.T) {
			h := newHome(t, "")
			random := rand.New(rand.NewPCG(seed, i))
			s := h.adopted(t, fused)
			for round := range (*supervisorKills + homes - 1) / homes {
				if random.IntN(4) == 0 {
					h.runsOnce(t)
				}
				time.Sleep(time.Duration(random.ExpFloat64() * 3e6))
				what := random.IntN(5)
				if pid := h.runs(); what < 2 && pid != 0 {
					unix.Kill(pid, unix.SIGKILL)
				}
				if what > 0 {
					s.Process.Kill()
					if random.IntN(2) == 0 {
						<-s.ended // or the next one comes before it is gone
					}
					s = h.supervise(t, fused)
				}
				if !s.running() || round%8 == 7 {
					if !s.running() {
						s = h.adopted(t, fused)
					}
					h.runsOnce(t)
				}
			}
			select {
			case <-s.ended:
				s = h.adopted(t, fused)
			case <-time.After(200 * time.Millisecond): // it has the lock or has given up
				if !s.running() {
					s = h.adopted(t, fused)
				}
			}
			h.runsOnce(t)
			h.obeys(t, s)
		})
	}
}

// Records.

// fields of a record, as internal/service/record.go lays them out. The first one
// in the lock file is the service's.
const (
	recordTime  = 8
	recordPID   = 16
	recordLabel = 20
	recordBoot  = 32
	recordEnd   = 64
)

// leaves has a service's supervisor killed, the service too if it is to be dead,
// and then lets the test forge the record.
func (h *home) leaves(t testing.TB, dead bool, forge func(record []byte)) {
	t.Helper()
	s := h.supervise(t, fused)
	h.up(t, 1)
	s.kill()
	if dead {
		unix.Kill(h.starts()[0], unix.SIGKILL)
		eventually(t, "its end", func() bool { return h.runs() == 0 })
	}
	record := h.bytes("supervise/lock")
	if len(record) < recordEnd || int(binary.LittleEndian.Uint32(record[recordPID:])) != h.starts()[0] {
		t.Fatalf("the record has changed: % x", record)
	}
	forge(record[:recordEnd])
	must(os.WriteFile(h.file("supervise/lock"), record, 0o600))
}

// An innocent is a process that is none of the supervisor's business. It notes the
// signals that it gets.
func newInnocent(t testing.TB) (*home, *supervisor) {
	t.Helper()
	h := newHome(t, "deaf")
	cmd := h.start(t, "sh", "-c", "cd s && exec ./run")
	eventually(t, "the innocent", func() bool { return len(h.starts()) == 1 })
	return h, cmd
}

// A record whose pid belongs to another process by now is of a process that is
// gone.
func TestPidOfAnotherProcessIsNotTakenOver(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		name  string
		older bool // the innocent is older than the record: a pid of another PID namespace
	}{{"younger", false}, {"older", true}} {
		crowd.run(t, c.name, func(t *testing.T) {
			var innocent *home
			var process *supervisor
			if c.older {
				innocent, process = newInnocent(t)
				time.Sleep(50 * time.Millisecond) // start times are in hundredths of a second
			}
			h := newHome(t, "")
			h.leaves(t, true, func(record []byte) {
				if !c.older {
					time.Sleep(50 * time.Millisecond)
					innocent, process = newInnocent(t)
				}
				binary.LittleEndian.PutUint32(record[recordPID:], uint32(process.Process.Pid))
			})
			s := h.adopted(t, fused)
			for _, c := range "htipcak12" {
				h.svc(t, fused, string(c))
			}
			eventually(t, "a start of its own", func() bool { return len(h.starts()) >= 2 })
			if !process.running() || innocent.state().signals != "" {
				t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
			}
			must(s.Process.Signal(unix.SIGTERM))
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
			if !process.running() || innocent.state().signals != "" {
				t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
			}
		})
	}
}

// A container's supervise leaves a record with a pid of its PID namespace.
func TestPidOfAnotherNamespaceIsNotTakenOver(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	ns := h.start(t, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `"$1" s & wait`, "sh", filepath.Join(fused.dir, "supervise"))
	eventually(t, "the service", func() bool { return len(h.starts()) == 1 && h.pid() == h.starts()[0] })
	inside := h.starts()[0]
	ns.kill()
	eventually(t, "its end", func() bool { return h.unlocked() })
	s := h.adopted(t, fused)
	// Some process of this namespace may have that pid.
	eventually(t, "a start of its own", func() bool { return len(h.starts()) == 2 || h.pid() == inside })
	if got := h.tool(t, old, "svstat", "s"); h.pid() == inside {
		s.kill()
		t.Fatalf("it has taken over a process of another namespace: %s", got)
	}
	h.runsOnce(t)
	h.obeys(t, s)
}

// Rubbish in the lock file is not a record.
func TestRubbishIsNoRecord(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	innocent, process := newInnocent(t)
	random := rand.New(rand.NewPCG(5, 5))
	forgeries := map[string]func([]byte) []byte{
		"empty":         func(r []byte) []byte { return nil },
		"truncated":     func(r []byte) []byte { return r[:40] },
		"short by one":  func(r []byte) []byte { return r[:recordEnd-1] },
		"zeros":         func(r []byte) []byte { return make([]byte, len(r)) },
		"ones":          func(r []byte) []byte { return bytes.Repeat([]byte{0xff}, len(r)) },
		"too long":      func(r []byte) []byte { return append(r, make([]byte, 100000)...) },
		"another boot":  func(r []byte) []byte { r[recordBoot] ^= 1; return r },
		"no boot":       func(r []byte) []byte { clear(r[recordBoot:recordEnd]); return r },
		"another magic": func(r []byte) []byte { r[7]++; return r },
		"pid 0":         func(r []byte) []byte { binary.LittleEndian.PutUint32(r[recordPID:], 0); return r },
		"pid -1":        func(r []byte) []byte { binary.LittleEndian.PutUint32(r[recordPID:], 1<<32-1); return r },
		"pid 2^31":      func(r []byte) []byte { binary.LittleEndian.PutUint32(r[recordPID:], 1<<31); return r },
		"long ago":      func(r []byte) []byte { binary.LittleEndian.PutUint64(r[recordTime:], 1); return r },
		"before boot":   func(r []byte) []byte { binary.LittleEndian.PutUint64(r[recordTime:], 1<<63); return r },
	}
	for i := range 20 {
		forgeries[fmt.Sprint("random ", i)] = func(r []byte) []byte {
			for i := range r {
				r[i] = byte(random.Uint32())
			}
			return r
		}
	}
	for name, forge := range forgeries {
		text := []byte{}
		h := newHome(t, "")
		h.leaves(t, true, func(record []byte) {
			binary.LittleEndian.PutUint32(record[recordPID:], uint32(process.Process.Pid))
			binary.LittleEndian.PutUint64(record[recordTime:], 1) // the innocent is younger
			text = forge(append(text, record...))
		})
		must(os.WriteFile(h.file("supervise/lock"), text, 0o600))
		crowd.run(t, name, func(t *testing.T) {
			s := h.adopted(t, fused)
			h.up(t, 2)
			h.runsOnce(t)
			if b := h.bytes("supervise/lock"); !bytes.HasPrefix(b, []byte("catena")) {
				t.Errorf("no record afterwards: % x", b)
			}
			h.obeys(t, s)
		})
	}
	crowd.Wait()
	if !process.running() || innocent.state().signals != "" {
		t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
	}
}

// A record from far in the future, as a clock that is set back leaves it in the
// label, delays nothing.
func TestLabelOfTheFutureIsKept(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	future := uint64(1)<<62 + 10 + uint64(time.Now().Unix()) + 86400
	h.leaves(t, false, func(record []byte) { binary.BigEndian.PutUint64(record[recordLabel:], future) })
	s := h.adopted(t, fused)
	if got := h.tool(t, fused, "svstat", "s"); got != fmt.Sprintf("s: up (pid %d) 0 seconds\nexit 0", h.starts()[0]) {
		t.Errorf("svstat: %s", got)
	}
	if binary.BigEndian.Uint64(h.status()) != future {
		t.Errorf("status % x", h.status())
	}
	h.svc(t, fused, "t")
	h.up(t, 2)
	h.obeys(t, s)
}

// A lock file that is removed or replaced does not make a second copy while there
// is a supervisor, nor after it.
func TestLockFileThatIsGone(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, replaced := range []bool{false, true} {
		for _, killed := range []bool{false, true} {
			crowd.run(t, fmt.Sprintf("replaced=%v killed=%v", replaced, killed), func(t *testing.T) {
				h := newHome(t, "")
				s := h.supervise(t, fused)
				h.up(t, 1)
				must(os.Remove(h.file("supervise/lock")))
				if replaced {
					must(os.WriteFile(h.file("supervise/lock"), nil, 0o600))
				}
				if killed {
					s.kill()
				}
				second := h.supervise(t, fused)
				eventually(t, "a decision", func() bool {
					return !second.running() || h.state().overlaps > 0 ||
						killed && len(h.starts()) == 1 && h.tool(t, fused, "svok", "s") == "exit 0"
				})
				if n := h.state().overlaps; n > 0 {
					t.Errorf("a second copy was started")
				}
			})
		}
	}
}

// Without /proc it cannot be told whether a process is the one of the record. Then
// nothing is started.
func TestWithoutProcNothingRunsTwice(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	without := func(t *testing.T, h *home) *supervisor {
		return h.start(t, "unshare", "--mount", "sh", "-c", `mount -t tmpfs none /proc && exec "$1" s`, "sh", filepath.Join(fused.dir, "supervise"))
	}
	with := func(t *testing.T, h *home) *supervisor { return h.supervise(t, fused) }
	for _, c := range []struct {
		name          string
		first, second func(*testing.T, *home) *supervisor
	}{
		{"with, then without", with, without},
		{"without, then with", without, with},
		{"without, then without", without, without},
	} {
		crowd.run(t, c.name, func(t *testing.T) {
			h := newHome(t, "")
			s := c.first(t, h)
			// One that refuses to start without /proc does no harm.
			eventually(t, "a start or a refusal", func() bool { return len(h.starts()) == 1 && h.pid() != 0 || !s.running() })
			if !s.running() {
				oneLine(t, s)
				return
			}
			s.kill()
			second := c.second(t, h)
			eventually(t, "a decision", func() bool {
				return !second.running() || h.state().overlaps > 0 || h.tool(t, fused, "svok", "s") == "exit 0"
			})
			if second.running() {
				h.svc(t, fused, "h")
				eventually(t, "HUP, or a second copy", func() bool { return h.state().signals == " 1" || h.state().overlaps > 0 })
			} else {
				oneLine(t, second)
			}
			if n := h.state().overlaps; n > 0 {
				t.Errorf("a second copy was started")
			}
			if h.runs() == 0 {
				t.Error("the service is gone")
			}
		})
	}
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

// A supervisor and its successor in time namespaces of the same offset, as in a
// container that was restored elsewhere.
func TestBootTimeThatIsShifted(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	shifted := func() *supervisor {
		return h.start(t, "unshare", "--time", "--boottime", "1000000", "--fork", "--kill-child", filepath.Join(fused.dir, "supervise"), "s")
	}
	s := shifted()
	h.up(t, 1)
	s.kill()
	shifted()
	eventually(t, "svok", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
	h.svc(t, fused, "h")
	h.reaches(t, serviceState{up: true, want: 'u', starts: 1, signals: " 1"})
}

// A warning of a supervisor without standard error goes nowhere: not into the
// record, nor into a FIFO.
func TestWarningsWithoutStandardErrorDoNoHarm(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, closed := range [][]uintptr{{2}, {0, 2}, {1, 2}, {0, 1, 2}} {
		crowd.run(t, fmt.Sprint(closed, " closed"), func(t *testing.T) {
			h := newHome(t, "deaf")
			words := []string{probe, "start"}
			for _, fd := range closed {
				words = append(words, sys(unix.SYS_CLOSE, fd))
			}
			s := h.start(t, append(words, "--", filepath.Join(fused.dir, "supervise"), "supervise", "s")...)
			h.up(t, 1)
			// status.new cannot be written.
			must(os.RemoveAll(h.file("supervise/status.new")))
			must(os.Mkdir(h.file("supervise/status.new"), 0o755))
			h.svc(t, fused, "p")
			h.svc(t, fused, "c")
			eventually(t, "CONT", func() bool { return h.state().signals == " 18" })
			must(os.Remove(h.file("supervise/status.new")))
			h.svc(t, fused, "o")
			h.reaches(t, serviceState{up: true, want: 'o', starts: 1, signals: " 18"})
			s.kill()
			s = h.adopted(t, fused)
			h.svc(t, fused, "h")
			eventually(t, "HUP, or a second copy", func() bool { return h.state().signals == " 18 1" || h.state().overlaps > 0 })
			h.reaches(t, serviceState{up: true, want: 'o', starts: 1, signals: " 18 1"})
		})
	}
}

// The second of two supervisors gives up, says so, and changes nothing.
func TestSecondSupervisorGivesUp(t *testing.T) {
	t.Parallel()
	needOld(t)
	for _, pair := range [][2]path{{fused, fused}, {fused, old}, {old, fused}} {
		h := newHome(t, "")
		s := h.supervise(t, pair[0])
		h.up(t, 1)
		status := h.status()
		second := h.supervise(t, pair[1])
		if got := second.exit(t); got != "exit 111" {
			t.Error(got)
		}
		if got := second.said(); got != "supervise: fatal: unable to acquire s/supervise/lock: temporary failure\n" {
			t.Errorf("%s then %s: %q", pair[0].name, pair[1].name, got)
		}
		if !bytes.Equal(h.status(), status) || !s.running() || h.state().starts != 1 {
			t.Errorf("%s then %s: %s", pair[0].name, pair[1].name, h.state())
		}
	}
}
