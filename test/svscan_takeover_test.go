package test

// A svscan takes over what a killed one, ours or daemontools', has left running.
//
// Not tested in this file: kills at random (svscan_kills_test.go).

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSvscanTakesRunningSupervisorsOver(t *testing.T) {
	for _, c := range []struct {
		name, before, after string // where supervise is
	}{
		{"its own", "", ""},
		{"of daemontools", debian + ":/bin", ""},
		{"of catena with those of daemontools for the rest", "", debian + ":/bin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, perService)
			ours := y.path
			set := func(path string) {
				y.path = ours
				if path != "" {
					need(t, debian+"/supervise")
					y.path = path
				}
			}
			a, b := y.add("a", sleeps), y.add("b", sleeps, reads)
			dirs := []string{a, b, b + "/log"}
			set(c.before)
			svscan := y.svscan()
			before := y.up(dirs...)
			for range 3 {
				y.kill(y.main, unix.SIGKILL)
				svscan.Wait()
				set(c.after)
				svscan = y.svscan()
				y.up(y.add(fmt.Sprint("new", time.Now().UnixNano()), sleeps))
				after := y.up(dirs...)
				for _, d := range dirs {
					if !slices.Equal(before[d].supervisors, after[d].supervisors) || !slices.Equal(before[d].others, after[d].others) {
						t.Errorf("%s: %v became %v", d, before[d], after[d])
					}
				}
			}
			y.saysNothing()

			// It learns of their end.
			for _, d := range dirs {
				p, ok := y.look(before[d].supervisors[0])
				if !ok {
					t.Fatalf("the supervisor of %s has gone", d)
				}
				y.kill(p, unix.SIGKILL)
				if c.before != "" || c.after != "" { // daemontools' do not take a service over
					s, _ := y.look(before[d].others[0])
					y.kill(s, unix.SIGKILL)
				}
			}
			y.await("supervisors again", func() bool {
				all := y.pairs()
				for _, d := range dirs {
					if !y.once(all[d]) || all[d].supervisors[0] == before[d].supervisors[0] {
						return false
					}
					if c.before == "" && c.after == "" && all[d].others[0] != before[d].others[0] {
						t.Fatalf("%s was started again and not taken over", d)
					}
				}
				return true
			})
			set("")
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
		})
	}
}

// A svscan that comes after a killed one has the pipes of all before it starts anything:
// a start may take long, and meanwhile everyone else who has them may die.
func TestPipesAreTakenOverBeforeAnythingIsStarted(t *testing.T) { inModes(t, both, takesPipesFirst) }

func takesPipesFirst(t *testing.T, m mode) {
	need(t, "strace")
	y := newYard(t, m)
	services, dirs := y.numberedTwice(8)
	svscan := y.svscan()
	y.up(dirs...)
	time.Sleep(1100 * time.Millisecond) // then a service that is killed is started at once
	y.end(y.main, unix.SIGKILL)
	svscan.Wait()
	for _, p := range y.tenants() {
		if p.name == "supervise" || slices.Contains(services[:4], p.cwd) {
			y.end(p, unix.SIGKILL) // so that there is something to start, in either mode
		}
	}
	svscan = y.svscan("strace", "-qq", "-o", "/dev/null", "-e", "trace=clone", "-e", "inject=clone:delay_enter=8000000:when=1", filepath.Join(fused.dir, "svscan"))
	y.await("a start", func() bool {
		return strings.HasPrefix(textOf(fmt.Sprintf("/proc/%d/syscall", y.main.pid)), fmt.Sprint(unix.SYS_CLONE, " "))
	})
	for _, p := range y.tenants() {
		if slices.Contains(dirs, p.cwd) {
			y.end(p, unix.SIGKILL)
		}
	}
	y.up(dirs...)
	y.stop(svscan)
	y.lacks(services, nil)
	y.saysNothing()
}

// In one process for all, the child that is to be a service has its pipes at any time,
// although it lets go of the descriptors of all others.
func TestPipeIsHeldByTheNextLifeOfAService(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	y := newYard(t, oneProcess)
	services, dirs := y.numberedTwice(1)
	x := services[0]
	const call = "close_range"
	y.svscan("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+call+":delay_exit=4000000", filepath.Join(fused.dir, "svscan"))
	before := y.up(dirs...)
	y.await("lines", func() bool { return textOf(x+"/lines") != "" && textOf(x+"/errlines") != "" })
	logger, _ := y.look(before[x+"/log"].others[0])
	errlogger, _ := y.look(before[x+"/errlog"].others[0])
	y.kill(logger, unix.SIGSTOP)
	y.kill(errlogger, unix.SIGSTOP)
	written := textOf(x + "/errwritten.1")
	y.await("unread lines", func() bool { return textOf(x+"/errwritten.1") != written })
	service, _ := y.look(before[x].others[0])
	y.end(service, unix.SIGKILL)
	y.await("the next life on its way", func() bool {
		return slices.ContainsFunc(y.named("svscan"), func(p tenant) bool {
			return p.pid != y.main.pid && strings.HasPrefix(textOf(fmt.Sprintf("/proc/%d/syscall", p.pid)), fmt.Sprint(unix.SYS_CLOSE_RANGE, " "))
		})
	})
	time.Sleep(100 * time.Millisecond) // of the call itself
	y.end(y.main, unix.SIGKILL)
	y.end(logger, unix.SIGKILL)
	y.end(errlogger, unix.SIGKILL)
	svscan := y.svscan()
	y.up(dirs...)
	y.stop(svscan)
	y.lacks(services, nil)
	y.saysNothing()
}

// It cannot take them over, but must not start anything twice.
func TestDaemontoolsSvscanFindsSupervisorsOfAKilledOne(t *testing.T) {
	t.Parallel()
	need(t, debian+"/svscan")
	y := newYard(t, perService)
	x := y.add("x", sleeps, reads)
	svscan := y.svscan()
	before := y.up(x, x+"/log")
	y.kill(y.main, unix.SIGKILL)
	svscan.Wait()
	y.svscan(debian + "/svscan")
	const complaint = "unable to acquire x/supervise/lock: temporary failure"
	y.await("a complaint about the lock", func() bool { return strings.Contains(y.heard(), complaint) })
	after := y.up(x, x+"/log")
	if fmt.Sprint(before[x], before[x+"/log"]) != fmt.Sprint(after[x], after[x+"/log"]) {
		t.Errorf("%v became %v", before, after)
	}
	// A supervisor of its own follows ours.
	y.do("svc", "-dx", x)
	y.await("another supervisor", func() bool {
		all := y.pairs()
		return y.once(all[x]) && all[x].supervisors[0] != before[x].supervisors[0]
	})
}

func TestTwoSvscansStartNothingTwice(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		var dirs []string
		for i := range 20 {
			x := y.add(fmt.Sprint(i), sleeps, reads)
			dirs = append(dirs, x, x+"/log")
		}
		y.svscan()
		one := y.main
		y.svscan()
		y.up(dirs...)
		y.blocks()
		y.main = one
		y.blocks()
	})
}
