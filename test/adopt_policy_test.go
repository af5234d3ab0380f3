package test

// What a supervisor has decided at a death is what the next one does: a supervisor is killed
// at its system calls, and at random moments, while services fail, give up, end well and wait
// for their next start. There is never a start too many or too few, and the counts are exact.
//
// Not tested in this file: what the policies mean (supervise_policy_test.go).

import (
	"flag"
	"fmt"
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

var everyCall = flag.Bool("calls", false, "kill supervisors with a policy at every system call, not only at those that change something")

// A life is a service with a policy, from its first start until it rests or waits for long.
type life struct {
	name   string
	run    string
	files  []string
	starts [2]int // the least and the most; more than one number if nobody may know how run has ended
	failed int
	whys   string // one of these reasons, as bytes
	due    bool
}

var policies = []life{
	{"gives up", failing, []string{"min-uptime=100000000", "max-failed-starts=3", "restart-delay=0"}, [2]int{3, 3}, 3, string(rune(cannotStay)), false},
	{"gives up after bursts", failing, []string{"min-uptime=100000000", "max-failed-starts=4", "restart-burst=2", "restart-delay=50"}, [2]int{4, 4}, 4, string(rune(cannotStay)), false},
	{"runs once", "exit 0", []string{"restart=never"}, [2]int{1, 1}, 0, string([]byte{endedWell, hasEnded}), false},
	{"runs until it ends well", "[ $(wc -l <began) -gt 1 ] || exit 3", []string{"restart=on-failure", "restart-delay=0"}, [2]int{2, 3}, 0, string(rune(endedWell)), false},
	{"waits", failing, []string{"min-uptime=100000000", "restart-delay=100000000"}, [2]int{1, 1}, 1, string(rune(hasEnded)), true},
}

// furnish gives a home the life, with a finish that notes each death.
func (l life) furnish(h *home) {
	h.options(l.files...)
	h.short(l.run)
	h.finishes()
}

// is reports whether the service has come to the end of its life.
func (l life) is(h *home) bool {
	d := h.decision()
	return strings.Contains(l.whys, string(rune(d.why))) && h.pid() == 0 && !h.recorded() && d.rests != l.due && (d.due != 0) == l.due &&
		(h.state().want == 'd') != l.due
}

// ends waits for that, and compares what is on record with what has happened.
func (l life) ends(t testing.TB, h *home) {
	t.Helper()
	eventually(t, "the end of the life", func() bool { return l.is(h) }, func() string { return fmt.Sprintf("%+v, %s", h.decision(), h.explain()) })
	d, began := h.decision(), len(h.began())
	if began < l.starts[0] || began > l.starts[1] || d.starts != began || d.failed != l.failed {
		t.Errorf("%d starts, want %v; on record %+v, want %d failed", began, l.starts, d, l.failed)
	}
	h.finished(t, began, "3 0 s", "0 0 s", "256 0 s")
	if l.due {
		if left := d.due - sinceBoot(); left < 50000e9 || left > 100000e9 {
			t.Errorf("due in %d ns", left)
		}
	}
}

// stops lists the stops of a supervisor, as cut counts them, at which something may change or
// has changed, until done holds.
func (h *home) stops(t testing.TB, done func() bool, words ...string) (list []int) {
	t.Helper()
	said, err := os.Create(h.file("stops"))
	must(err)
	defer said.Close()
	cmd := exec.Command(cut(), append([]string{"--"}, words...)...)
	cmd.Dir, cmd.Stdout = h.top, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	eventually(t, "the last stop", done, h.explain)
	settle := func() []string { return strings.Split(textOf(said.Name()), "\n") }
	eventually(t, "quiet", func() bool { pid := parentIn(settle()); return pid != 0 && (waits(pid) == forever || waits(pid) > 0) })
	n := 0
	for _, line := range settle() {
		f := strings.Fields(line)
		if len(f) != 4 || f[1] != "parent" {
			continue
		}
		n++
		switch call, _ := strconv.Atoi(f[3]); uintptr(call) {
		case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_RENAMEAT2, unix.SYS_CLONE, unix.SYS_WAIT4, unix.SYS_UNLINKAT, unix.SYS_READ:
			list = append(list, n)
		default:
			if *everyCall {
				list = append(list, n)
			}
		}
	}
	return list
}

func TestAPolicyHoldsWheneverASupervisorIsKilled(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, words := range [][]string{{filepath.Join(fused.dir, "supervise"), "s"}, {filepath.Join(fused.dir, "svscan"), "-1", "."}} {
		for _, l := range policies {
			undisturbed := newHome(t, "")
			l.furnish(undisturbed)
			stops := undisturbed.stops(t, func() bool { return l.is(undisturbed) }, words...)
			if len(stops) < 20 {
				t.Fatalf("%s: only %d stops", l.name, len(stops))
			}
			for _, n := range stops {
				crowd.run(t, fmt.Sprintf("%s, %s, %d", filepath.Base(words[0]), l.name, n), func(t *testing.T) {
					h := newHome(t, "")
					l.furnish(h)
					h.cutProgram(t, words, "ended", fmt.Sprint("parent=", n))
					h.adopted(t, fused)
					l.ends(t, h)
				})
			}
		}
	}
}

// Supervisors are killed again and again while services live on.
func TestAPolicyHoldsAcrossRandomKills(t *testing.T) {
	seed := seedOf(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for i := range max(1, *supervisorKills/30) {
		l := policies[i%len(policies)]
		crowd.run(t, fmt.Sprint(i, ", ", l.name), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			h := newHome(t, "")
			if l.starts[0] == l.starts[1] && l.failed > 2 { // a longer one
				l.starts, l.failed = [2]int{30, 30}, 30
				l.files = append(l.files[:len(l.files):len(l.files)], "max-failed-starts=30")
			}
			if l.starts[0] != l.starts[1] {
				l.starts[1] = 1000
			}
			l.furnish(h)
			for !l.is(h) {
				s := h.supervise(t, fused)
				time.Sleep(time.Duration(random.ExpFloat64() * 5e6))
				s.Process.Kill()
				if random.IntN(2) == 0 {
					<-s.ended
				}
			}
			h.adopted(t, fused)
			l.ends(t, h)
		})
	}
}

// A service that is to be started once more by svc -o, and ends at once.
func TestAStartThatWasAskedForIsMadeOnceWheneverASupervisorIsKilled(t *testing.T) {
	needRoot(t)
	prepare := func(t testing.TB) (h *home) {
		t.Helper()
		eventually(t, "a second start that is still to come", func() (ok bool) {
			h, _, ok = askedAgain(t, "oo")
			return ok
		})
		due := h.reason().due
		eventually(t, "its time", func() bool { return sinceBoot() > due }) // cut does not wait for long
		return h
	}
	made := func(h *home) bool {
		return len(h.began()) >= 2 && h.pid() == 0 && !h.recorded() && !h.remembers().asked && h.reason().due == 0
	}
	undisturbed := prepare(t)
	stops := undisturbed.stops(t, func() bool { return made(undisturbed) }, filepath.Join(fused.dir, "supervise"), "s")
	if len(stops) < 20 {
		t.Fatalf("only %d stops", len(stops))
	}
	crowd := newCrowd()
	defer crowd.Wait()
	for _, n := range stops {
		crowd.run(t, fmt.Sprint(n), func(t *testing.T) {
			h := prepare(t)
			h.cut(t, "ended", fmt.Sprint("parent=", n))
			h.adopted(t, fused)
			eventually(t, "the second start", func() bool { return made(h) }, h.explain)
			if n, on := len(h.began()), h.decision().starts; n != 2 || on != 2 {
				t.Errorf("%d starts, %d on record", n, on)
			}
		})
	}
}

// svc -u is wanted up by the time that it has started the service.
func TestWhatSvcStartsIsWantedUpWheneverASupervisorIsKilled(t *testing.T) {
	needRoot(t)
	prepare := func(t testing.TB) *home {
		t.Helper()
		h := newHome(t, "")
		s := h.supervise(t, fused)
		h.up(t, 1)
		h.svc(t, fused, "d")
		h.isDown(t, told, 0, false)
		eventually(t, "down", func() bool { return !h.recorded() })
		s.kill()
		_, started, _ := h.record()
		eventually(t, "a second", func() bool { return sinceBoot() > started+1e9 })
		control, err := os.OpenFile(h.file("supervise/control"), os.O_RDWR, 0) // what is written stays
		must(err)
		t.Cleanup(func() { control.Close() })
		_, err = control.WriteString("u")
		must(err)
		return h
	}
	undisturbed := prepare(t)
	stops := undisturbed.stops(t, func() bool { return len(undisturbed.starts()) == 2 && undisturbed.pid() != 0 }, filepath.Join(fused.dir, "supervise"), "s")
	if len(stops) < 20 {
		t.Fatalf("only %d stops", len(stops))
	}
	crowd := newCrowd()
	defer crowd.Wait()
	for _, n := range stops {
		crowd.run(t, fmt.Sprint(n), func(t *testing.T) {
			h := prepare(t)
			h.cut(t, "ended", fmt.Sprint("parent=", n))
			s := h.adopted(t, fused)
			eventually(t, "the command, or nothing more", func() bool { return s.blocked() && (h.state().want == 'd' || h.pid() != 0) }, h.explain)
			if got := h.state(); got.up != (got.want == 'u') || got.starts > 2 {
				t.Errorf("%s", got)
			}
		})
	}
}

// The state of the version before had nothing of policies. What was in it counts.
func TestAStateWithoutPoliciesIsRead(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	must(unix.Kill(h.pid(), unix.SIGKILL))
	h.up(t, 2)
	h.svc(t, fused, "d")
	h.isDown(t, told, 0, false)
	s.kill()
	lock := h.bytes("supervise/lock")
	copy(lock[128:], "state  2")
	for i := range 24 { // rubbish, which that version never wrote
		lock[128+52+i] = 0xff
	}
	must(os.WriteFile(h.file("supervise/lock"), lock, 0o600))
	h.adopted(t, fused)
	if d := h.decision(); d.starts != 2 || d.failed != 0 || d.delay != 0 || d.rests || d.why != told {
		t.Errorf("%+v", d)
	}
	if got := h.tool(t, fused, "svstat", "-l", "s"); !strings.Contains(got, "told to stop, starts 2, ") {
		t.Errorf("svstat -l: %q", got)
	}
}
