package test

// A supervisor, its child or both are killed at every system call and at random moments: a
// service never runs twice, and the next supervisor has it.
//
// Not tested in this file: a kill of svscan or of a logger.

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var supervisorKills = flag.Int("rounds", 300, "how often to kill a supervisor, its service or both at a random moment")

// A cutting is a run of cut: a supervisor that is stopped at a system call.
type cutting struct {
	*supervisor
	pid  int // of the supervise
	lets io.Closer
}

// cut runs a supervise under cut until it says the word that the caller waits for.
func (h *home) cut(t testing.TB, until string, how ...string) *cutting {
	t.Helper()
	return h.cutProgram(t, []string{filepath.Join(fused.dir, "supervise"), "s"}, until, how...)
}

// cutProgram is cut for any program.
func (h *home) cutProgram(t testing.TB, program []string, until string, how ...string) *cutting {
	t.Helper()
	c := &cutting{}
	words := slices.Concat([]string{cut()}, how, []string{"--"}, program)
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

// settles waits until the supervisor of a cut, which writes to a file, has nothing more to do,
// and returns what cut has said.
func settles(t testing.TB, file string) (lines []string) {
	t.Helper()
	said := func() []string { return strings.Split(textOf(file), "\n") }
	eventually(t, "a supervisor", func() bool { return parentIn(said()) != 0 })
	idle(t, parentIn(said()))
	return said()
}

// parentIn is the process that cut says it has started.
func parentIn(lines []string) (pid int) {
	for _, l := range lines {
		fmt.Sscanf(l, "parent %d", &pid)
	}
	return pid
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
	for _, l := range settles(t, stdout.Name()) {
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
				const waits = "supervise: warning: waiting for the process that has s/supervise/lock\n"
				eventually(t, "a decision", func() bool { return !early.running() || early.said() == waits || early.supervises(t) })
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

// A supervisor is killed and its child comes to its first system call late: it has the
// lock until then.
func TestSupervisorWaitsForAProcessOnItsWay(t *testing.T) {
	needRoot(t)
	t.Parallel()
	_, _, fork := pasts[0].stops(t)
	h := newHome(t, "")
	c := h.cut(t, "ended", fmt.Sprint("parent=", fork+1), "child=1", "then=hold")
	next := h.supervise(t, fused)
	time.Sleep(300 * time.Millisecond) // longer than it waits for a lock that somebody holds
	c.lets.Close()
	h.runsOnce(t) // which that process says itself
	eventually(t, "the next one", func() bool { return !next.running() || next.supervises(t) })
	if said := next.said(); said != "" || !next.running() {
		t.Errorf("the next one said %q", said)
	}
	h.obeys(t, next)
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
			killed := 0 // the last run that was killed
			for round := range (*supervisorKills + homes - 1) / homes {
				if random.IntN(4) == 0 {
					h.runsOnce(t)
				}
				time.Sleep(time.Duration(random.ExpFloat64() * 3e6))
				what := random.IntN(5)
				if pid := h.runs(); what < 2 && pid != 0 {
					killed = pid
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
			eventually(t, "a decision", func() bool { return !s.running() || s.supervises(t) })
			if !s.running() {
				s = h.adopted(t, fused)
			}
			// A run that dies takes no signal, and the next one does not get what it has missed.
			eventually(t, "the end of what was killed", func() bool { return h.runs() != killed })
			h.runsOnce(t)
			h.obeys(t, s)
		})
	}
}
