package test

// The files by which a directory says whether its service is started again, and when:
// restart, success-exit, min-uptime, max-failed-starts, restart-delay, restart-growth and
// restart-burst.
//
// Not tested in this file: kills of supervisors (adopt_policy_test.go); other files of options
// that hold rubbish (supervise_rubbish_test.go); how long a delay takes.

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var momentDeaths = flag.Int("moments", 300, "how many services die in the moment in which min-uptime ends")

// A decision is what a supervisor has decided at a death, as supervise(8) lays it out.
type decision struct {
	starts, decided, failed int
	delay                   int // in milliseconds
	rests                   bool
	why                     byte
	known                   bool
	due                     int64
}

func (h *home) decision() (d decision) {
	b := h.bytes("supervise/lock")
	if len(b) < 196 || string(b[128:136]) != "state  3" {
		return decision{why: 255}
	}
	b = b[128:]
	number := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	return decision{number(8), number(52), number(56), number(60), b[64] != 0, b[44], b[16] != 0, int64(binary.LittleEndian.Uint64(b[32:]))}
}

// options writes files, each as name=value.
func (h *home) options(files ...string) {
	for _, f := range files {
		name, value, _ := strings.Cut(f, "=")
		h.option(name, value+"\n")
	}
}

// short makes run a shell script that notes its start in the file began.
func (h *home) short(text string) { h.run("#!/bin/sh\necho started >>began\n" + text + "\n") }

// rests waits until the service is down for good, and not wanted up.
func (h *home) rests(t testing.TB, why byte, starts, failed int) {
	t.Helper()
	eventually(t, fmt.Sprintf("rest for reason %d after %d starts", why, starts), func() bool {
		d := h.decision()
		return d.why == why && d.rests && h.pid() == 0 && h.state().want == 'd' && !h.recorded()
	}, func() string { return fmt.Sprintf("%+v, %s", h.decision(), h.explain()) })
	if d := h.decision(); d.starts != starts || d.failed != failed || d.due != 0 {
		t.Errorf("%+v, want %d starts, %d failed", d, starts, failed)
	}
	if n := len(h.began()); n != starts && why != cannotRun {
		t.Errorf("run has begun %d times, want %d", n, starts)
	}
}

const (
	failing = "exit 3"
	dyingOf = "kill -%s $$"
)

// What ends well, or is not to be started again, rests; a failed start is tried again
// whatever restart says.
func TestAServiceRestsAsItsDirectorySays(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	const soon, long = "restart-delay=10", "min-uptime=1000000"
	second := "[ $(wc -l <began) -gt 1 ] || exit 3\n"
	for _, c := range []struct {
		name, run      string
		files          []string
		why            byte
		starts, failed int
	}{
		{"never, a success", "exit 0", []string{"restart=never"}, endedWell, 1, 0},
		{"never, a failure", failing, []string{"restart=never"}, hasEnded, 1, 0},
		{"never, a signal", fmt.Sprintf(dyingOf, "KILL"), []string{"restart=never"}, hasEnded, 1, 0},
		{"never, a success of its own", failing, []string{"restart=never", "success-exit=3"}, endedWell, 1, 0},
		{"on-failure, a success", "exit 0", []string{"restart=on-failure"}, endedWell, 1, 0},
		{"on-failure, a failure and a success", second, []string{"restart=on-failure", soon}, endedWell, 2, 0},
		{"on-failure, one of many successes", failing, []string{"restart=on-failure", "success-exit=0 2\t3  TERM"}, endedWell, 1, 0},
		{"on-failure, a signal that is none", fmt.Sprintf(dyingOf, "USR1"), []string{"restart=on-failure", "success-exit=0 USR1"}, endedWell, 1, 0},
		{"on-failure, a signal with SIG", fmt.Sprintf(dyingOf, "HUP"), []string{"restart=on-failure", "success-exit=SIGHUP"}, endedWell, 1, 0},
		{"on-failure, 0 is a failure", "[ $(wc -l <began) -gt 1 ] && exit 3; exit 0", []string{"restart=on-failure", "success-exit=3", soon}, endedWell, 2, 0},
		{"always, all fail", failing, []string{long, "max-failed-starts=4", soon}, cannotStay, 4, 4},
		{"always, one may fail", "exit 0", []string{long, "max-failed-starts=1"}, cannotStay, 1, 1},
		{"never, all fail", "exit 0", []string{"restart=never", long, "max-failed-starts=3", soon}, cannotStay, 3, 3},
		{"a burst", failing, []string{long, "max-failed-starts=7", "restart-burst=3", soon}, cannotStay, 7, 7},
		{"with finish", failing, []string{long, "max-failed-starts=3", soon, "flag-kill-descendants="}, cannotStay, 3, 3},
	} {
		for _, mode := range []string{"supervise", "svscan -1"} {
			crowd.run(t, c.name+", "+mode, func(t *testing.T) {
				h := newHome(t, "")
				h.options(c.files...)
				h.short(c.run)
				if strings.Contains(c.name, "finish") {
					h.finishes()
				}
				var s *supervisor
				if mode == "supervise" {
					s = h.supervise(t, fused)
				} else {
					s = h.scanApart(t, "-1")
				}
				h.rests(t, c.why, c.starts, c.failed)
				want := ""
				if c.why == cannotStay {
					want = fmt.Sprintf("supervise: warning: s gave up after %d failed starts\n", c.failed)
				}
				eventually(t, "a message", func() bool { return s.said() == want }, s.said)
				if strings.Contains(c.name, "finish") {
					h.finished(t, c.starts, "3 0 s")
				}
			})
		}
	}
}

// A run that cannot be executed is a failed start, and so is one without a process.
func TestAServiceThatCannotBeStartedGivesUp(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	crowd.run(t, "run is not executable", func(t *testing.T) {
		h := newHome(t, "")
		h.options("max-failed-starts=2", "restart-delay=10", "restart=never")
		must(os.Chmod(h.file("run"), 0o644))
		h.supervise(t, fused)
		eventually(t, "rest", func() bool { d := h.decision(); return d.rests && h.pid() == 0 }, h.explain)
		if d, r := h.decision(), h.reason(); d.failed != 2 || d.starts != 2 || r.why != cannotStay || r.errno != unix.EACCES {
			t.Errorf("%+v, %+v", d, r)
		}
	})
	crowd.run(t, "there can be no process", func(t *testing.T) {
		h := newHome(t, "")
		h.options("max-failed-starts=2", "notification-fd=3")
		h.option("down", "")
		s := h.supervise(t, fused)
		h.isDown(t, neverStarted, 0, false)
		idle(t, s.Process.Pid)
		limit(t, s.Process.Pid, "nofile", strconv.Itoa(descriptorsOf(s.Process.Pid)+1)) // room for one end of a pipe
		h.svc(t, fused, "u")
		eventually(t, "rest", func() bool { d := h.decision(); return d.rests && h.state().want == 'd' }, h.explain)
		if d, r := h.decision(), h.reason(); d.failed != 2 || d.starts != 0 || r.why != cannotStay || r.errno != unix.EMFILE {
			t.Errorf("%+v, %+v", d, r)
		}
	})
}

// svc -u counts from 0, and so does a life that was long enough.
func TestFailedStartsAreCountedFromZero(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	crowd.run(t, "svc -u", func(t *testing.T) {
		h := newHome(t, "")
		h.options("min-uptime=1000000", "max-failed-starts=3", "restart-delay=10")
		h.short(failing)
		h.supervise(t, fused)
		for n := 1; n <= 3; n++ {
			h.rests(t, cannotStay, 3*n, 3)
			h.svc(t, fused, "u")
			eventually(t, "more starts", func() bool { return h.decision().starts > 3*n })
		}
	})
	crowd.run(t, "a long life", func(t *testing.T) {
		h := newHome(t, "")
		h.options("min-uptime=200", "max-failed-starts=3", "restart-delay=10")
		h.run("#!/bin/sh\necho started >>began\n[ ! -e fails ] || exit 3\nexec " + tally() + "\n")
		h.option("fails", "")
		h.supervise(t, fused)
		eventually(t, "a failed start", func() bool { return h.decision().failed > 0 })
		must(os.Remove(h.file("fails")))
		eventually(t, "a process, or the end", func() bool { return h.runs() != 0 || h.decision().rests })
		if h.decision().rests { // three times before the file was gone
			return
		}
		started := sinceBoot()
		eventually(t, "min-uptime", func() bool { return sinceBoot() > started+200e6 })
		n := h.decision().starts
		must(unix.Kill(h.runs(), unix.SIGKILL))
		h.up(t, 2)
		if d := h.decision(); d.failed != 0 || d.starts != n+1 {
			t.Errorf("%+v after start %d", d, n)
		}
	})
}

// What svc ends by a signal has not failed, and is started again, whatever restart says.
func TestWhatSvcEndsIsStartedAgain(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, letters := range []string{"t", "k", "du"} {
		crowd.run(t, letters, func(t *testing.T) {
			h := newHome(t, "")
			h.options("min-uptime=1000000", "max-failed-starts=1", "restart=never", "restart-delay=10")
			h.supervise(t, fused)
			for n := 1; n <= 3; n++ {
				h.up(t, n)
				h.svc(t, fused, letters)
			}
			h.up(t, 4)
			if d := h.decision(); d.failed != 0 || d.rests {
				t.Errorf("%+v", d)
			}
		})
	}
}

// svc -d ends a delay, and svc -u does not wait for one.
func TestSvcEndsADelay(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.options("min-uptime=1000000", "restart-delay=1000000")
	h.short(failing)
	h.supervise(t, fused)
	h.isDown(t, hasEnded, 0, true)
	if left := h.decision().due - sinceBoot(); left < 900e9 || left > 1000e9 {
		t.Errorf("due in %d ns", left)
	}
	h.svc(t, fused, "d")
	h.isDown(t, told, 0, false)
	h.svc(t, fused, "u")
	eventually(t, "a second start", func() bool { return len(h.began()) == 2 })
	h.isDown(t, hasEnded, 0, true)
	h.svc(t, fused, "u")
	eventually(t, "a third start", func() bool { return len(h.began()) == 3 })
	if d := h.decision(); d.failed > 1 {
		t.Errorf("%+v", d)
	}
}

// The delay after so many failed starts; with a burst only its last one has a delay.
func TestDelaysGrow(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		files  string
		delays []int
	}{
		{"restart-delay=20", []int{20, 20, 20}},
		{"restart-delay=20 max-restart-delay=70", []int{20, 40, 70, 70}},
		{"restart-delay=20 max-restart-delay=70 restart-growth=double", []int{20, 40, 70, 70}},
		{"restart-delay=20 max-restart-delay=70 restart-growth=add", []int{20, 40, 60, 70}},
		{"restart-delay=20 max-restart-delay=5", []int{20, 20}},
		{"restart-delay=0 max-restart-delay=1000", []int{0, 0}},
		{"restart-delay=20 max-restart-delay=70 restart-burst=2", []int{0, 20, 20, 40}},
		{"", []int{1000}},
		{"max-restart-delay=1500", []int{1500}},
		{"max-restart-delay=9000 restart-growth=add", []int{2000}},
	} {
		for i, delay := range c.delays {
			crowd.run(t, fmt.Sprint(c.files, ", ", i+1), func(t *testing.T) {
				h := newHome(t, "")
				h.options(append(strings.Fields(c.files), "min-uptime=1000000", fmt.Sprint("max-failed-starts=", i+1))...)
				h.short(failing)
				h.supervise(t, fused)
				h.rests(t, cannotStay, i+1, i+1)
				if d := h.decision(); d.delay != delay {
					t.Errorf("%+v, want a delay of %d", d, delay)
				}
			})
		}
	}
}

// A file that makes no sense is said once, and again when it holds something else; what
// holds without it holds.
func TestAFileThatMakesNoSenseIsSaidOnce(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for file, c := range map[string]struct{ values, said string }{
		"restart":           {"Always,sometimes", "no restart policy"},
		"success-exit":      {"0 256,0 FOO," + strings.Repeat("1 ", 200), "no exit codes or signals"},
		"min-uptime":        {"1s,-1", "no number"},
		"max-failed-starts": {"x,1 2", "no number"},
		"restart-delay":     {"soon,0x10", "no number"},
		"restart-growth":    {"fast,slow", "neither add nor double"},
		"restart-burst":     {"many,few", "no number"},
		"max-restart-delay": {"never,", "no number"},
	} {
		crowd.run(t, file, func(t *testing.T) {
			h := newHome(t, "")
			h.options("restart-delay=10", "max-restart-delay=20", "restart-growth=double", "min-uptime=1000000", "max-failed-starts=1000000")
			h.short(failing)
			if file == "success-exit" || file == "restart" { // which do not count for a failed start
				h.options("restart=on-failure", "min-uptime=0")
			}
			s := h.supervise(t, fused)
			want := ""
			more := func(n int) {
				t.Helper()
				before := len(h.began())
				eventually(t, "more starts", func() bool { return len(h.began()) >= before+n })
			}
			more(1)
			for _, value := range strings.Split(c.values, ",") {
				must(os.WriteFile(h.file("new"), []byte(value+"\n"), 0o644))
				must(os.Rename(h.file("new"), h.file(file)))
				want += "supervise: warning: " + c.said + " in s/" + file + ": " + value[:min(len(value), 256)] + "\n"
				more(2)
			}
			if got := s.said(); got != want {
				t.Errorf("it said\n%s, want\n%s", got, want)
			}
			must(os.Remove(h.file(file)))
			h.svc(t, fused, "d")
			if got := s.said(); got != want {
				t.Errorf("it said\n%s, want\n%s", got, want)
			}
		})
	}
}

// A file counts at the next death, whether it is new, is written anew or has gone. The
// supervisor does not open files that were not there the last time, if nothing has changed
// in the directory, nor files that have not been changed.
func TestAPolicyThatChangesCountsAtTheNextDeath(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, how := range []string{"new", "renamed", "written anew", "renamed over", "a link", "where a link leads", "written anew where a link leads", "removed"} {
		crowd.run(t, how, func(t *testing.T) {
			h := newHome(t, "")
			h.options("restart-delay=10")
			switch how {
			case "written anew", "renamed over":
				h.options("restart=always")
			case "written anew where a link leads":
				h.options("elsewhere=always")
				must(os.Symlink("elsewhere", h.file("restart")))
			case "removed":
				h.options("restart=never")
			case "where a link leads":
				must(os.Symlink("elsewhere", h.file("restart")))
			}
			s := h.supervise(t, fused)
			dies := func(n int) {
				h.up(t, n)
				idle(t, s.Process.Pid)
				must(unix.Kill(h.pid(), unix.SIGKILL))
			}
			if how == "removed" {
				must(os.Remove(h.file("restart")))
				dies(1)
				h.up(t, 2)
				return
			}
			for n := 1; n <= 4; n++ { // after some of them the supervisor knows what is not there
				dies(n)
			}
			h.up(t, 5)
			idle(t, s.Process.Pid)
			must(os.WriteFile(h.file("other"), []byte("never\n"), 0o644))
			switch how {
			case "new", "written anew":
				h.options("restart=never")
			case "renamed", "renamed over":
				must(os.Rename(h.file("other"), h.file("restart")))
			case "a link":
				must(os.Symlink("other", h.file("restart")))
			case "where a link leads", "written anew where a link leads":
				must(os.WriteFile(h.file("elsewhere"), []byte("never\n"), 0o644))
			}
			must(unix.Kill(h.pid(), unix.SIGKILL))
			eventually(t, "rest", func() bool { d := h.decision(); return d.rests && d.why == hasEnded && h.pid() == 0 }, h.explain)
			if n := len(h.starts()); n != 5 {
				t.Errorf("%d starts", n)
			}
		})
	}
}

// Services die in the very moment in which min-uptime ends. Each death counts once: as a
// failed start, after which the number of these is one more, or as the end of a life that was
// long enough, after which it is 0.
func TestADeathInTheMomentInWhichMinUptimeEndsCountsOnce(t *testing.T) {
	t.Parallel()
	const services, uptime = 6, 20
	crowd := newCrowd()
	defer crowd.Wait()
	for i := range services {
		crowd.run(t, fmt.Sprint(i), func(t *testing.T) {
			h := newHome(t, "")
			deaths := *momentDeaths / services
			// finish notes what was decided before it.
			h.options(fmt.Sprint("min-uptime=", uptime), "restart-delay=0")
			h.short("exec sleep 0.0$((170 + $$ % 40))") // a shell needs a millisecond or two
			script(h.file("finish"), "#!/bin/sh\nexec dd if=supervise/lock of=decided bs=196 count=1 oflag=append conv=notrunc 2>/dev/null\n")
			s := h.supervise(t, fused)
			for n := 10; n < deaths+10; n += 10 { // each ten of them in time
				eventually(t, fmt.Sprint(n, " deaths"), func() bool { return len(h.bytes("decided")) >= 196*min(n, deaths) }, h.explain)
			}
			h.svc(t, fused, "dx")
			s.exit(t)
			failed, counts := 0, [2]int{}
			all := slices.Collect(slices.Chunk(h.bytes("decided"), 196))
			for n, lock := range all[:deaths] {
				number := func(at int) int { return int(binary.LittleEndian.Uint32(lock[128+at:])) }
				switch now := number(56); {
				case now == failed+1:
					counts[1]++
				case now == 0:
					counts[0]++
				default:
					t.Fatalf("death %d: %d failed starts became %d", n+1, failed, now)
				}
				failed = number(56)
				if starts, decided := number(8), number(52); starts != n+1 || decided != n+1 && failed != 0 {
					t.Errorf("death %d: %d starts, the last decision is on %d", n+1, starts, decided)
				}
			}
			t.Logf("%d deaths: %d were failed starts", deaths, counts[1])
			if got := h.decision().starts; got != len(h.began()) {
				t.Errorf("%d starts are on record, and there were %d", got, len(h.began()))
			}
		})
	}
}

// In the words of svstat and svc.
func TestSvstatAndSvcSayWhatWasDecided(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	says := func(t *testing.T, h *home, long, json string) {
		t.Helper()
		if got := h.tool(t, fused, "svstat", "-l", "s"); !strings.Contains(got, long) {
			t.Errorf("svstat -l: %q, want %q", got, long)
		}
		if got := h.tool(t, fused, "svstat", "-j", "s"); !strings.Contains(got, json) {
			t.Errorf("svstat -j: %q, want %q", got, json)
		}
	}
	crowd.run(t, "it gave up", func(t *testing.T) {
		h := newHome(t, "")
		h.options("min-uptime=1000000", "max-failed-starts=4", "restart-delay=10")
		h.short(failing)
		h.supervise(t, fused)
		h.rests(t, cannotStay, 4, 4)
		says(t, h, " seconds, normally up, gave up after 4 starts, starts 4, last exited 3\n", `"why":"gave-up-starting","starts":4,"failed_starts":4,"last_exit":3}`)
		h.asks(t, "svc: warning: s gave up after 4 starts\nexit 111", "-Wt")
		must(os.Chmod(h.file("run"), 0o644))
		h.svc(t, fused, "u")
		eventually(t, "another reason", func() bool { return h.decision().rests && h.reason().errno != 0 })
		h.isDown(t, cannotStay, unix.EACCES, false)
		says(t, h, ", gave up after 4 starts: access denied, starts 8, ", `"why":"gave-up-starting","reason":"access denied","starts":8,"failed_starts":4,`)
	})
	crowd.run(t, "it waits", func(t *testing.T) {
		h := newHome(t, "")
		h.options("min-uptime=1000000", "restart-delay=100000000", "restart-burst=2")
		h.short(failing)
		h.supervise(t, fused)
		eventually(t, "a burst", func() bool { d := h.decision(); return d.failed == 2 && h.pid() == 0 && !h.recorded() })
		says(t, h, ", want up, ended, failed starts 2, next start in ", `"next_start_ms":`)
	})
	crowd.run(t, "it ended well", func(t *testing.T) {
		h := newHome(t, "")
		h.options("restart=never")
		h.short("exit 0")
		h.supervise(t, fused)
		h.rests(t, endedWell, 1, 0)
		says(t, h, " seconds, normally up, ended well, starts 1, last exited 0\n", `"why":"ended-well","starts":1,"failed_starts":0,`)
		h.asks(t, "exit 0", "-Wu") // it has been up, and has ended as it should
		h.rests(t, endedWell, 2, 0)
	})
}
