package test

// The next supervisor takes a service over as it was, and never starts a second copy.
//
// Not tested in this file: kills at every moment (adopt_kills_test.go), records that
// are not as a supervisor left them (adopt_records_test.go); a supervisor of
// daemontools, which knows of no records, on the directory in between.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

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

// init makes this program a service whose first thread has ended: it is a zombie in
// /proc, and runs.
func init() {
	if len(os.Args) < 2 || os.Args[1] != "headless" {
		return
	}
	only, err := os.OpenFile("only", os.O_RDWR|os.O_CREATE, 0o644)
	must(err)
	what := "start"
	if unix.Flock(int(only.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		what = "overlap"
	}
	log, err := os.OpenFile("log", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	must(err)
	fmt.Fprintf(log, "%s %d\n", what, os.Getpid())
	go func() {
		alive, err := os.Open("alive")
		must(err)
		unix.Read(int(alive.Fd()), make([]byte, 1))
		only.Close()
		os.Exit(0)
	}()
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // of the thread
}

// Neither is such a process taken for dead, nor one of which a thread is still dying,
// which holds its locks.
func TestServiceWhoseFirstThreadHasEndedIsTakenOver(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	self, err := os.Executable()
	must(err)
	h.run("#!" + self + " headless\n")
	s := h.supervise(t, fused)
	h.up(t, 1)
	stat := fmt.Sprintf("/proc/%d/stat", h.pid())
	eventually(t, "the end of its first thread", func() bool { return strings.Contains(textOf(stat), ") Z ") })
	for range 3 {
		s.kill()
		s = h.adopted(t, fused)
		if state := h.state(); state != (serviceState{up: true, want: 'u', starts: 1}) {
			t.Fatal(state, h.explain())
		}
	}
	h.svc(t, fused, "k")
	h.up(t, 2)
	if n := h.state().overlaps; n != 0 {
		t.Errorf("%d copies were started beside another", n)
	}
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
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
	h.unsupervised(t)
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
