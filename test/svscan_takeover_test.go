package test

// Not tested in this file: kills at random (svscan_kills_test.go).

import (
	"fmt"
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
