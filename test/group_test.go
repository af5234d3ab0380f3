package test

// Signals for the process group of a service: svc -+ and svc -=.
//
// Not tested in this file: what svc writes (the scripts svc_group*, svc_log*); KILL after
// timeout-kill for the group (adopt_state_test.go); a group that a service changes while
// a signal is on its way.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A bystander is in the process group of a supervisor. It notes its signals.
func newBystander(t testing.TB, group int) (h *home, process *supervisor) {
	t.Helper()
	h = newHome(t, "deaf")
	process = h.start(t, probe, "start", sys(unix.SYS_SETPGID, 0, uintptr(group)), "chdir=s", "--", "./run", "./run")
	eventually(t, "a bystander", func() bool { return len(h.starts()) == 1 || !process.running() })
	if !process.running() {
		t.Fatalf("no bystander: %s", process.said())
	}
	return h, process
}

// heard waits until a process has noted signals, in whatever order.
func (h *home) heard(t testing.TB, who string, signals ...unix.Signal) {
	t.Helper()
	var want []string
	for _, s := range signals {
		want = append(want, strconv.Itoa(int(s)))
	}
	slices.Sort(want)
	got := func() (list []string) {
		for _, l := range h.lines("log") {
			if n, ok := strings.CutPrefix(l, "signal-"); ok {
				list = append(list, n)
			}
		}
		slices.Sort(list)
		return list
	}
	eventually(t, fmt.Sprintf("%s has heard %v", who, signals), func() bool { return len(got()) >= len(want) })
	if g := got(); !slices.Equal(g, want) {
		t.Errorf("%s has heard %v, want %v", who, g, want)
	}
}

// A gang is a service that begins with pgrphack and has two more processes in its group,
// which note their signals, too.
func gang(t testing.TB, keep func(h *home) *supervisor) (h *home, s *supervisor, members [2]*home) {
	t.Helper()
	h = newHome(t, "")
	begin := "#!/bin/sh\nexec " + fused.dir + `/pgrphack perl -e 'for (@ARGV) { if (!fork) { chdir $_; exec "./run" } } exec "` + tally() + `", "deaf"'`
	for i := range members {
		members[i] = newHome(t, "deaf")
		begin += " " + members[i].service()
	}
	h.run(begin + "\n")
	s = keep(h)
	h.up(t, 1)
	for _, m := range members {
		eventually(t, "a member of the group", func() bool { return len(m.starts()) == 1 })
		if got, err := unix.Getpgid(m.starts()[0]); err != nil || got != h.pid() {
			t.Fatalf("a member is in group %d and not in %d: %v", got, h.pid(), err)
		}
	}
	return h, s, members
}

var everySignal = map[byte]unix.Signal{
	'h': unix.SIGHUP, 'a': unix.SIGALRM, 'i': unix.SIGINT, 't': unix.SIGTERM, 'q': unix.SIGQUIT,
	'1': unix.SIGUSR1, '2': unix.SIGUSR2, 'w': unix.SIGWINCH, 'c': unix.SIGCONT,
}

func TestSignalsAfterPlusGoToTheWholeGroup(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, who := range []string{"supervise", "svscan -1"} {
		crowd.run(t, who, func(t *testing.T) {
			keep := func(h *home) *supervisor { return h.superviseApart(t, separate) }
			if who == "svscan -1" {
				keep = func(h *home) *supervisor { return h.scanApart(t, "-1") }
			}
			h, s, members := gang(t, keep)
			var all, alone []unix.Signal
			for _, letter := range "haitq12wc" {
				signal := everySignal[byte(letter)]
				h.svc(t, fused, "+"+string(letter))
				all = append(all, signal)
				for _, m := range members {
					m.heard(t, "a member", all...)
				}
				h.heard(t, "the service", append(all, alone...)...)
				// By itself it is for the process, also on the other side of a =.
				h.svc(t, fused, string(letter))
				alone = append(alone, signal)
				h.heard(t, "the service", append(all, alone...)...)
			}
			h.svc(t, fused, "+h=t+i=")
			all, alone = append(all, unix.SIGHUP, unix.SIGINT), append(alone, unix.SIGTERM)
			h.heard(t, "the service", append(all, alone...)...)
			h.svc(t, fused, "=++d")
			all = append(all, unix.SIGTERM, unix.SIGCONT)
			for _, m := range members {
				m.heard(t, "a member", all...)
			}
			h.heard(t, "the service", append(all, alone...)...)

			processes := []int{h.pid(), members[0].runs(), members[1].runs()}
			stopped := func(yes bool) func() bool {
				return func() bool {
					for _, pid := range processes {
						if stateOf(pid) == "T" != yes {
							return false
						}
					}
					return true
				}
			}
			h.svc(t, fused, "+p")
			eventually(t, "all paused", stopped(true))
			h.svc(t, fused, "+c")
			eventually(t, "all awake", stopped(false))
			h.svc(t, fused, "+k")
			for _, m := range members {
				eventually(t, "the end of a member", func() bool { return m.runs() == 0 })
			}
			h.down(t)
			if !s.running() || s.said() != "" {
				t.Errorf("the supervisor: runs %v, said %q", s.running(), s.said())
			}
		})
	}
}

// Unless svc says otherwise, where the directory says so.
func TestSignalsGoToTheWholeGroupIfTheDirectorySaysSo(t *testing.T) {
	t.Parallel()
	h, s, members := gang(t, func(h *home) *supervisor { return h.superviseApart(t, fused) })
	must(os.WriteFile(h.file("flag-signal-group"), nil, 0o644))
	h.svc(t, fused, "h")
	h.svc(t, fused, "=i")
	h.svc(t, fused, "q")
	h.svc(t, fused, "d")
	for _, m := range members {
		m.heard(t, "a member", unix.SIGHUP, unix.SIGQUIT, unix.SIGTERM, unix.SIGCONT)
	}
	h.heard(t, "the service", unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGCONT)
	h.svc(t, fused, "k")
	for _, m := range members {
		eventually(t, "the end of a member", func() bool { return m.runs() == 0 })
	}
	h.down(t)
	if !s.running() || s.said() != "" {
		t.Errorf("the supervisor: runs %v, said %q", s.running(), s.said())
	}
}

// Those of svc -d do so where the directory says that of them, and others do not.
func TestSignalsOfSvcDownGoToTheWholeGroupIfTheDirectorySaysSo(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	down := []unix.Signal{unix.SIGTERM, unix.SIGCONT}
	for _, c := range []struct {
		name   string
		tell   func(t *testing.T, h *home, s *supervisor)
		member []unix.Signal // what a member of the group gets of that
	}{
		{"svc -d", func(t *testing.T, h *home, _ *supervisor) { h.svc(t, fused, "d") }, down},
		{"TERM to the supervisor", func(_ *testing.T, _ *home, s *supervisor) { must(s.Process.Signal(unix.SIGTERM)) }, down},
		{"svc -=d", func(t *testing.T, h *home, _ *supervisor) { h.svc(t, fused, "=d") }, nil},
	} {
		crowd.run(t, c.name, func(t *testing.T) {
			h, s, members := gang(t, func(h *home) *supervisor { return h.superviseApart(t, fused) })
			h.option("flag-down-killpg", "")
			h.svc(t, fused, "h")
			c.tell(t, h, s)
			h.heard(t, "the service", append(down, unix.SIGHUP)...)
			for _, m := range members {
				m.heard(t, "a member", c.member...)
			}
			h.svc(t, fused, "k") // for the service alone again
			h.down(t)
			for _, m := range members {
				if m.runs() == 0 {
					t.Error("a member has ended")
				}
			}
			if s.said() != "" {
				t.Errorf("it said %q", s.said())
			}
		})
	}
}

// A service that shares the group of its supervisor is signalled by itself.
func TestAServiceWithoutAGroupOfItsOwnIsSignalledByItself(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, who := range []string{"supervise", "svscan -1"} {
		crowd.run(t, who, func(t *testing.T) {
			h := newHome(t, "deaf")
			var s *supervisor
			if who == "supervise" {
				s = h.superviseApart(t, fused)
			} else {
				must(os.WriteFile(h.file("no-setsid"), nil, 0o644))
				s = h.scanApart(t, "-1")
			}
			h.up(t, 1)
			bystander, process := newBystander(t, s.Process.Pid)
			if got, _ := unix.Getpgid(h.pid()); got != s.Process.Pid {
				t.Fatalf("the service is in group %d", got)
			}
			var all []unix.Signal
			for _, letter := range "haitq12wc" {
				h.svc(t, fused, "+"+string(letter))
				all = append(all, everySignal[byte(letter)])
				h.heard(t, "the service", all...)
			}
			h.svc(t, fused, "+d")
			h.heard(t, "the service", append(all, unix.SIGTERM, unix.SIGCONT)...)
			h.svc(t, fused, "+k")
			h.down(t)
			bystander.heard(t, "the bystander")
			if !process.running() || !s.running() {
				t.Errorf("the bystander runs %v, the supervisor %v", process.running(), s.running())
			}
			const warning = "supervise: warning: s has no process group of its own\n"
			if n := strings.Count(s.said(), warning); n < len(all)+2 || len(s.said()) != n*len(warning) {
				t.Errorf("it said\n%s", s.said())
			}
		})
	}
}

// The next supervisor may be in another group. The one that the service is in is no more
// its own for that: others of the last supervisor's are in it.
func TestAServiceThatIsTakenOverHasNoGroupOfItsOwnForThat(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, by := range []string{"svc -+", "flag-timeout-killpg"} {
		crowd.run(t, by, func(t *testing.T) {
			h := newHome(t, "deaf")
			s := h.superviseApart(t, fused)
			h.up(t, 1)
			bystander, process := newBystander(t, s.Process.Pid)
			s.kill()
			s = h.adoptApart(t)
			if by == "svc -+" {
				h.svc(t, fused, "+h")
				h.heard(t, "the service", unix.SIGHUP)
				h.svc(t, fused, "+k")
			} else {
				must(os.WriteFile(h.file("timeout-kill"), []byte("1"), 0o644))
				must(os.WriteFile(h.file("flag-timeout-killpg"), nil, 0o644))
				h.svc(t, fused, "d")
			}
			eventually(t, "its death", func() bool { return h.runs() == 0 })
			bystander.heard(t, "the bystander")
			if !process.running() || !s.running() {
				t.Errorf("the bystander runs %v, the supervisor %v", process.running(), s.running())
			}
		})
	}
}

// A + holds for what one svc has written, also if the supervisor comes to read it only
// together with what the next one has, or with as much before it as it reads at once.
func TestPlusOfOneSvcIsNotThatOfTheNext(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, before := range []int{0, 60, 61, 62, 63, 64} {
		crowd.run(t, fmt.Sprint(before, " bytes before it"), func(t *testing.T) {
			h, s, members := gang(t, func(h *home) *supervisor { return h.superviseApart(t, fused) })
			must(s.Process.Signal(unix.SIGSTOP))
			_, err := h.control(t).WriteString(strings.Repeat("z", before))
			must(err)
			h.svc(t, fused, "+i")
			h.svc(t, fused, "h")
			must(s.Process.Signal(unix.SIGCONT))
			h.heard(t, "the service", unix.SIGINT, unix.SIGHUP)
			for _, m := range members {
				m.heard(t, "a member", unix.SIGINT)
			}
		})
	}
}

// TERM for supervise is svc -dx for the process, whatever was the last for the group;
// and where no process runs, nobody gets anything.
func TestTheGroupIsLeftAloneByTermAndWhenTheServiceIsDown(t *testing.T) {
	t.Parallel()
	h, s, members := gang(t, func(h *home) *supervisor { return h.superviseApart(t, fused) })
	h.svc(t, fused, "+h")
	h.heard(t, "the service", unix.SIGHUP)
	must(s.Process.Signal(unix.SIGTERM))
	h.heard(t, "the service", unix.SIGHUP, unix.SIGTERM, unix.SIGCONT)
	h.svc(t, fused, "k")
	s.exit(t)
	s = h.superviseApart(t, fused)
	h.up(t, 2)
	h.svc(t, fused, "+dk") // of a new group, with no members
	h.down(t)
	h.svc(t, fused, "+hta")
	h.svc(t, fused, "x")
	s.exit(t)
	for _, m := range members {
		m.heard(t, "a member", unix.SIGHUP)
		if m.runs() == 0 {
			t.Error("a member has ended")
		}
	}
	if s.said() != "" {
		t.Errorf("it said %q", s.said())
	}
}

// To daemontools' supervise + and = are nothing.
func TestSvcPlusWithDaemontoolsSupervise(t *testing.T) {
	t.Parallel()
	needOld(t)
	h, s, members := gang(t, func(h *home) *supervisor { return h.superviseApart(t, old) })
	h.svc(t, fused, "+t=h")
	h.heard(t, "the service", unix.SIGTERM, unix.SIGHUP)
	h.svc(t, separate, "+i")
	h.heard(t, "the service", unix.SIGTERM, unix.SIGHUP, unix.SIGINT)
	for _, m := range members {
		m.heard(t, "a member")
	}
	if !s.running() || s.said() != "" {
		t.Errorf("runs %v, said %q", s.running(), s.said())
	}
	h.svc(t, old, "dkx")
	s.exit(t)
}

// The group of a service that was taken over, has died and whose pid another process has
// by now is that process's, when a command is read that was written before.
func TestTheGroupOfAnotherProcessWithThePidOfTheServiceIsLeftAlone(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := write(filepath.Join(y.top, "x"), "#!/bin/sh\nexec pgrphack "+tally()+" deaf\n")
	for _, dir := range []string{x, filepath.Join(y.top, "stranger")} {
		must(os.MkdirAll(dir, 0o755))
		must(unix.Mkfifo(dir+"/alive", 0o644))
		alive, err := os.OpenFile(dir+"/alive", os.O_RDWR, 0)
		must(err)
		defer alive.Close()
	}
	stranger := y.top + "/stranger/log"
	var keeper tenant
	for range 2 {
		cmd := y.inside("setsid", "supervise", x)
		must(cmd.Start())
		defer cmd.Wait()
		defer cmd.Process.Kill() // nsenter stops when its child does
		y.await("a supervisor", func() bool { return y.inside("svok", x).Run() == nil && len(y.named("supervise")) == 1 })
		y.await("the service", func() bool { return len(y.named("tally")) == 1 && strings.HasSuffix(textOf(x+"/log"), "\n") })
		if keeper.pid == 0 {
			keeper = y.named("supervise")[0]
			y.kill(keeper, unix.SIGKILL)
			y.await("its end", func() bool { return len(y.named("supervise")) == 0 })
		}
	}
	keeper = y.named("supervise")[0]
	service := y.named("tally")[0]
	y.kill(keeper, unix.SIGSTOP)
	y.await("its stop", func() bool { return stateOf(keeper.pid) == "T" })
	y.do("svc", "-+h", x)
	y.kill(service, unix.SIGKILL)
	y.await("its end", func() bool { return len(y.named("tally")) == 0 })
	pid := strings.Fields(textOf(x + "/log"))[1]
	cmd := y.inside("sh", "-c", `cd "$TOP/stranger" && while [ "$(cat pid 2>/dev/null)" != "$1" ]; do
	echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
	setsid sh -c 'echo $$ >pid; [ $$ = "$1" ] && exec "$2" deaf' sh "$1" "$2" &
	sleep 0.02
done; wait`, "sh", pid, tally())
	must(cmd.Start())
	y.await("another process of that pid", func() bool { return textOf(stranger) == "start "+pid+"\n" })
	y.kill(keeper, unix.SIGCONT)
	y.await("the next start", func() bool { return strings.Count(textOf(x+"/log"), "start") == 2 })
	if text := textOf(stranger); strings.Contains(text, "signal") {
		t.Errorf("another process has noted %q", text)
	}
}
