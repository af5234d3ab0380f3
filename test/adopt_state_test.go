package test

// What a supervisor knows besides the process and what was wanted, when it is killed:
// that it was told to exit, a start that is still to come, when a process gets KILL, a
// death that has been dealt with.
//
// Not tested in this file: the take-over of a process (adopt_test.go); a kill while a
// command is being read, which is one before or after it; how soon anything happens.

import (
	"bytes"
	"fmt"
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

// toBeKilled waits until all of svc -d is published, and returns when KILL comes.
func (h *home) toBeKilled(t testing.TB) (at int64) {
	t.Helper()
	eventually(t, "a time", func() bool { at = h.remembers().kill; return at != 0 && h.state().want == 'd' })
	return at
}

// finished wants finish to have run so often, with one of these words each time.
func (h *home) finished(t testing.TB, n int, words ...string) {
	t.Helper()
	all := strings.Split(string(h.bytes("finished")), "\n")
	if len(all) != n+1 {
		t.Errorf("finish has run %d times and not %d: %q", len(all)-1, n, all)
	}
	for _, got := range all[:len(all)-1] {
		known := false
		for _, w := range words {
			known = known || got == w
		}
		if !known {
			t.Errorf("finish was told %q, not one of %q", got, words)
		}
	}
}

// Nobody knows how it died, or somebody has learnt it after all.
var killedOrUnknown = []string{"256 9 s", "256 0 s"}

func TestExitThatIsStillToComeSurvivesAKill(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, letters := range []string{"x", "ox", "xu"} {
		for _, when := range []string{"dies later", "dies meanwhile", "dies later, after three kills"} {
			crowd.run(t, letters+", "+when, func(t *testing.T) {
				h := newHome(t, "")
				h.finishes()
				s := h.supervise(t, fused)
				h.up(t, 1)
				h.svc(t, fused, letters)
				eventually(t, "a state", func() bool { return h.remembers().exit })
				s.kill()
				switch when {
				case "dies meanwhile":
					unix.Kill(h.pid(), unix.SIGKILL)
					eventually(t, "its death", func() bool { return h.runs() == 0 })
					s = h.supervise(t, separate)
				default:
					for range strings.Count(when, "three") * 2 {
						s = h.adopted(t, fused)
						s.kill()
					}
					s = h.adopted(t, separate)
					if h.runs() == 0 {
						t.Fatal("it has not run on")
					}
					h.svc(t, fused, "k")
				}
				if got := s.exit(t); got != "exit 0" || s.said() != "" {
					t.Errorf("%s, it said %q", got, s.said())
				}
				h.finished(t, 1, killedOrUnknown...)
				if got := h.state(); got.starts != 1 || got.up {
					t.Errorf("afterwards %s", got)
				}
				// That was a good end: the next one begins anew.
				s = h.supervise(t, fused)
				h.up(t, 2)
				if h.remembers().exit {
					t.Error("the next one is to exit as well")
				}
				h.svc(t, fused, "dx")
				s.exit(t)
			})
		}
	}
}

// Finish runs on, and the supervisor that takes it over ends with it.
func TestExitWhileFinishRunsSurvivesAKill(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	must(unix.Mkfifo(h.file("gate"), 0o600))
	script(h.file("finish"), "#!/bin/sh\necho \"$1 $2 $3\" >>finished\nread go <gate\n")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "k")
	eventually(t, "finish", func() bool { return h.exists("finished") })
	h.svc(t, fused, "x")
	eventually(t, "a state", func() bool { return h.remembers().exit })
	s.kill()
	s = h.adopted(t, fused)
	must(os.WriteFile(h.file("gate"), []byte("\n"), 0))
	if got := s.exit(t); got != "exit 0" || h.state().starts != 1 {
		t.Errorf("%s, %s", got, h.state())
	}
	h.finished(t, 1, "256 9 s")
}

// A service that dies at once and is asked for again has to wait for its second; so many
// starts are made, whoever is killed in that time, and none is sooner.
func TestAStartThatIsStillToComeSurvivesAKill(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		letters string // one svc each
		starts  int
		ends    bool
	}{
		{"oo", 2, false}, {"oou", 4, false}, {"ood", 1, false}, {"oodo", 2, false}, {"uu", 4, false}, {"uud", 1, false}, {"oox", 2, true}, {"uo", 2, false},
	} {
		for _, kills := range []int{1, 2} {
			crowd.run(t, fmt.Sprint(c.letters, ", ", kills, " kills"), func(t *testing.T) {
				var h *home
				var s *supervisor
				eventually(t, "all asked for in its second", func() (ok bool) {
					h, s, ok = askedAgain(t, c.letters)
					return ok
				})
				began, last := h.began, c.letters[len(c.letters)-1]
				for range kills {
					s.kill() // the first time it has been already
					if s = h.supervise(t, fused); kills > 1 {
						eventually(t, "svok, or its end", func() bool { return !s.running() || h.tool(t, fused, "svok", "s") == "exit 0" })
					}
				}
				eventually(t, fmt.Sprint(c.starts, " starts"), func() bool { return len(began()) >= c.starts })
				if c.ends {
					if got := s.exit(t); got != "exit 0" {
						t.Error(got)
					}
				}
				time.Sleep(1200 * time.Millisecond) // in which there would be one more
				all := began()
				if last != 'u' && len(all) != c.starts {
					t.Errorf("%d starts, want %d", len(all), c.starts)
				}
				for i := range all[1:] {
					before, err := strconv.Atoi(all[i])
					must(err)
					after, err := strconv.Atoi(all[i+1])
					must(err)
					// The supervisor reads the clock a little before it starts the first.
					if after-before < 50 {
						t.Errorf("started at %s and again at %s, in hundredths of a second", all[i], all[i+1])
					}
				}
				if last == 'u' {
					h.svc(t, fused, "d")
					eventually(t, "want down", func() bool { return h.state().want == 'd' && h.pid() == 0 })
				}
				eventually(t, "finish for each", func() bool { return bytes.Count(h.bytes("finished"), []byte("\n")) >= len(began()) })
				h.finished(t, len(began()), "0 0 s", "256 0 s")
			})
		}
	}
}

// askedAgain gives a service letters, one svc each: the first when it has not been up yet,
// the others when it has died. Then its supervisor is killed; ok means that this was
// within a second of the start.
func askedAgain(t testing.TB, letters string) (h *home, s *supervisor, ok bool) {
	t.Helper()
	h = newHome(t, "")
	h.run("#!/bin/sh\nread stat </proc/$$/stat\nset -- $stat\necho ${22} >>began\n") // proc_pid_stat(5)
	h.finishes()
	must(os.WriteFile(h.file("down"), nil, 0o644))
	s = h.supervise(t, fused)
	h.down(t)
	h.svc(t, fused, letters[:1])
	eventually(t, "the first finish", func() bool { return h.exists("finished") })
	eventually(t, "down", func() bool { return !h.recorded() })
	_, started, _ := h.record()
	first := h.remembers().starts == 1
	for _, letter := range letters[1:] {
		h.svc(t, fused, string(letter))
	}
	last := letters[len(letters)-1]
	eventually(t, "the last command", func() bool {
		switch last {
		case 'x':
			return h.remembers().exit
		case 'o':
			return h.state().want == 'o' && (h.remembers().asked || len(h.began()) > 1)
		}
		return h.state().want == last
	})
	s.kill()
	return h, s, first && sinceBoot() < started+1e9
}

// began is when the service was started, each time.
func (h *home) began() []string { return strings.Fields(string(h.bytes("began"))) }

// KILL comes at the time that was set before the kill of the supervisor: the file may
// say something else by now, or be gone, and the time may have passed.
func TestTimesOfKillSurviveAKill(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, late := range []bool{false, true} {
		for _, other := range []string{"", "1000000"} {
			crowd.run(t, fmt.Sprintf("timeout-kill, late: %v, then %q", late, other), func(t *testing.T) {
				h := newHome(t, "deaf")
				must(os.WriteFile(h.file("timeout-kill"), []byte("1000"), 0o644))
				s := h.supervise(t, fused)
				h.up(t, 1)
				h.svc(t, fused, "d")
				at := h.toBeKilled(t)
				s.kill()
				must(os.Remove(h.file("timeout-kill")))
				if other != "" {
					must(os.WriteFile(h.file("timeout-kill"), []byte(other), 0o644))
				}
				if late {
					eventually(t, "that time", func() bool { return sinceBoot() > at })
				}
				s = h.adopted(t, fused)
				h.down(t)
				if sinceBoot() < at {
					t.Error("it was killed too soon")
				}
				h.svc(t, fused, "x")
				if got := s.exit(t); got != "exit 0" || h.state().starts != 1 {
					t.Errorf("%s, %s", got, h.state())
				}
			})
			crowd.run(t, fmt.Sprintf("timeout-finish, late: %v, then %q", late, other), func(t *testing.T) {
				h := newHome(t, "")
				must(unix.Mkfifo(h.file("gate"), 0o600))
				script(h.file("finish"), "#!/bin/sh\n[ -e finished ] && exit\necho \"$1 $2 $3\" >>finished\nread go <gate\n")
				must(os.WriteFile(h.file("timeout-finish"), []byte("1000"), 0o644))
				s := h.supervise(t, fused)
				h.up(t, 1)
				h.svc(t, fused, "k")
				var at int64
				eventually(t, "finish and a time", func() bool { at = h.remembers().kill; return at != 0 && h.exists("finished") })
				s.kill()
				must(os.WriteFile(h.file("timeout-finish"), []byte("1000000"), 0o644))
				if late {
					eventually(t, "that time", func() bool { return sinceBoot() > at })
				}
				h.adopted(t, fused)
				h.up(t, 2)
				if sinceBoot() < at {
					t.Error("finish was killed too soon")
				}
				h.finished(t, 1, "256 9 s")
			})
		}
	}
}

// The time was that of a process that has died since. Its successor lives.
func TestTimeOfKillIsNotForTheNextProcess(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, unseen := range []bool{false, true} {
		crowd.run(t, fmt.Sprint("nobody has seen it die: ", unseen), func(t *testing.T) {
			h := newHome(t, "deaf")
			must(os.WriteFile(h.file("timeout-kill"), []byte("1500"), 0o644))
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.svc(t, fused, "d")
			at := h.toBeKilled(t)
			if !unseen {
				h.svc(t, fused, "k")
				h.down(t)
			}
			s.kill()
			if unseen {
				unix.Kill(h.starts()[0], unix.SIGKILL)
			}
			h.adopted(t, fused)
			h.down(t)
			h.svc(t, fused, "u")
			h.up(t, 2)
			eventually(t, "that time", func() bool { return sinceBoot() > at+3e8 })
			if got := h.state(); got.starts != 2 || h.runs() != h.starts()[1] {
				t.Errorf("it was killed: %s", got)
			}
		})
	}
}

// flag-timeout-killpg, with a supervisor that saw TERM sent and with the next one.
func TestKillAfterATimeIsForTheProcessOrForItsGroup(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, who := range []string{"supervise", "the next supervise", "svscan -1"} {
		for _, flag := range []bool{false, true} {
			crowd.run(t, fmt.Sprintf("%s, flag: %v", who, flag), func(t *testing.T) {
				h, s, members := gang(t, func(h *home) *supervisor {
					must(os.WriteFile(h.file("timeout-kill"), []byte("1000"), 0o644))
					if flag {
						must(os.WriteFile(h.file("flag-timeout-killpg"), nil, 0o644))
					}
					if who == "svscan -1" {
						return h.scanApart(t, "-1")
					}
					return h.superviseApart(t, fused)
				})
				h.svc(t, fused, "d")
				if who == "the next supervise" {
					h.toBeKilled(t)
					s.kill()
					s = h.adoptApart(t)
				}
				h.down(t)
				for _, m := range members {
					if flag {
						eventually(t, "the end of a member", func() bool { return m.runs() == 0 })
					} else if m.runs() == 0 {
						t.Error("a member was killed")
					}
					m.heard(t, "a member") // TERM was for the process
				}
				if !s.running() || s.said() != "" {
					t.Errorf("runs %v, said %q", s.running(), s.said())
				}
			})
		}
	}
}

// From Linux 6.15 on it is known how a process that was taken over has ended: as soon as
// its parent has reaped it, which may be a moment later.
func TestHowATakenOverServiceEndedIsKnownWhenItsParentIsSlow(t *testing.T) {
	t.Parallel()
	var system unix.Utsname
	must(unix.Uname(&system))
	var major, minor int
	fmt.Sscanf(unix.ByteSliceToString(system.Release[:]), "%d.%d", &major, &minor)
	if major < 6 || major == 6 && minor < 15 {
		skipHere(t, "an older Linux")
	}
	y := newYard(t, perService)
	x := write(filepath.Join(y.top, "x"), sleeps)
	must(os.WriteFile(x+"/finish", []byte("#!/bin/sh\necho $1 $2 >>finished\n"), 0o755))
	supervise := func() tenant {
		cmd := y.inside("supervise", x)
		must(cmd.Start())
		y.await("a supervisor", func() bool { return y.inside("svok", x).Run() == nil && len(y.named("supervise")) == 1 })
		return y.named("supervise")[0]
	}
	p := supervise()
	y.await("the service", func() bool { return len(y.pairs()[x].others) == 1 })
	y.kill(p, unix.SIGKILL)
	y.await("its end", func() bool { return len(y.named("supervise")) == 0 })
	supervise()
	service := y.pairs()[x].others[0]
	must(y.first.Process.Signal(unix.SIGSTOP)) // the parent by now
	y.await("its stop", func() bool { return stateOf(y.first.Process.Pid) == "T" })
	must(unix.Kill(service, unix.SIGTERM))
	y.await("a zombie", func() bool { return stateOf(service) == "Z" })
	time.Sleep(20 * time.Millisecond)
	must(y.first.Process.Signal(unix.SIGCONT))
	y.await("finish", func() bool { return strings.HasSuffix(textOf(x+"/finished"), "\n") })
	if got := textOf(x + "/finished"); got != "256 15\n" {
		t.Errorf("finish was told %q", got)
	}
}

// How often a death is dealt with.

// A deathbed is what is there when a supervisor begins that will be killed.
type deathbed struct {
	past
	deaths   int // when the service runs again
	finishes []string
}

// mortal makes a service whose deaths are counted, and lets it die once.
func (h *home) mortal(t testing.TB) *supervisor {
	t.Helper()
	h.finishes()
	must(os.WriteFile(h.file("max-death-tally"), []byte("100"), 0o644))
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "d")
	h.down(t)
	eventually(t, "down", func() bool { return !h.recorded() })
	return s
}

// isWantedUp makes a service that is down one that the next supervisor starts at once.
func (h *home) isWantedUp(t testing.TB, s *supervisor) {
	s.kill()
	status := h.status()
	status[17] = 'u'
	must(os.WriteFile(h.file("supervise/status"), status, 0o644))
	time.Sleep(time.Second) // since its start
}

var deathbeds = []deathbed{
	{past{"it has died meanwhile", func(t testing.TB, h *home) {
		s := h.mortal(t)
		h.svc(t, fused, "u")
		h.up(t, 2)
		s.kill()
		unix.Kill(h.starts()[1], unix.SIGKILL)
		eventually(t, "its death", func() bool { return h.runs() == 0 })
	}}, 2, []string{"0 0 s", "256 0 s"}},
	{past{"it dies at once", func(t testing.TB, h *home) {
		s := h.mortal(t)
		h.svc(t, fused, "u")
		h.up(t, 2)
		h.svc(t, fused, "d")
		h.down(t)
		eventually(t, "down", func() bool { return !h.recorded() })
		h.run("#!/bin/sh\n[ ! -e dies ] || { rm dies; exit 3; }\nexec " + tally() + "\n")
		must(os.WriteFile(h.file("dies"), nil, 0o644))
		h.isWantedUp(t, s)
	}}, 3, []string{"0 0 s", "3 0 s", "256 0 s"}},
	{past{"it is started for the second time", func(t testing.TB, h *home) {
		h.isWantedUp(t, h.mortal(t))
	}}, 1, []string{"0 0 s"}},
}

// changes lists the stops of a supervisor, as cut counts them, before each call that
// changes anything, from the start to where all is quiet.
func (p past) changes(t testing.TB) (list []int) {
	t.Helper()
	h := newHome(t, "")
	p.before(t, h)
	said, err := os.Create(h.file("stops"))
	must(err)
	defer said.Close()
	cmd := exec.Command(cut(), "--", filepath.Join(fused.dir, "supervise"), "s")
	cmd.Dir, cmd.Stdout = h.top, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	h.runsOnce(t)
	var calls []string
	for _, line := range settles(t, said.Name()) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == "parent" {
			calls = append(calls, f[3])
		}
	}
	first := 0 // the beginning of a call, and so is every second stop
	if calls[0] != calls[1] {
		first = 1
	}
	for i := first; i < len(calls); i += 2 {
		switch call, _ := strconv.Atoi(calls[i]); uintptr(call) {
		case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_RENAMEAT2, unix.SYS_CLONE:
			list = append(list, i+1)
		}
	}
	return list
}

// A supervisor is killed before every change that it makes from its start until the
// service, which has died, runs again. Finish runs once for each death, and each death
// counts once; then it dies once more.
func TestADeathIsDealtWithOnceWheneverASupervisorIsKilled(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, bed := range deathbeds {
		changes := bed.changes(t)
		if len(changes) < 8 {
			t.Fatalf("%s: only %d changes", bed.name, len(changes))
		}
		for _, n := range changes {
			crowd.run(t, fmt.Sprintf("%s, %d", bed.name, n), func(t *testing.T) {
				h := newHome(t, "")
				bed.before(t, h)
				h.cut(t, "ended", fmt.Sprint("parent=", n))
				h.adopted(t, fused)
				h.runsOnce(t)
				h.finished(t, bed.deaths, bed.finishes...)
				if list := deaths(h.service()); len(list) != bed.deaths {
					t.Errorf("%d deaths count as %d: %v", bed.deaths, len(list), list)
				}
				n := len(h.starts())
				h.svc(t, fused, "k")
				h.up(t, n+1)
				h.finished(t, bed.deaths+1, append(killedOrUnknown, bed.finishes...)...)
				if list := deaths(h.service()); len(list) != bed.deaths+1 && !t.Failed() {
					t.Errorf("%d deaths count as %d: %v", bed.deaths+1, len(list), list)
				}
			})
		}
	}
}
