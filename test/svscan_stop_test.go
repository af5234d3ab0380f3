package test

// TERM stops services and then their logs, which have read everything, and leaves nothing
// running.
//
// Not tested in this file: what becomes of a service whose svscan is killed
// (svscan_takeover_test.go).

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The last words of the service come at once and are more than a pipe holds; its
// log reads them slowly. It marks when it is told to end, and when its input ends.
func TestSvscanStopsServicesAndThenLogsAfterTERM(t *testing.T) { inModes(t, both, stopsInOrder) }

func stopsInOrder(t *testing.T, m mode) {
	const lastWords = 20000
	service := fmt.Sprintf(`#!/bin/sh
trap 'seq %d; echo stopped >>../order; exit' TERM
echo up
while :; do sleep 0.01; done
`, lastWords)
	logger := `#!/bin/sh
trap 'echo log told >>../../order' TERM
head -n 1 >>../lines
sleep 0.3
cat >>../lines
echo log read all >>../../order
`
	for _, c := range []struct {
		name    string
		restart bool
		path    string // where supervise is
	}{
		{name: "its own"},
		{name: "of a killed svscan", restart: true},
		{name: "of daemontools", path: debian + ":/bin"},
		{name: "of daemontools and a killed svscan", restart: true, path: debian + ":/bin"},
	} {
		if c.path != "" && m == oneProcess {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, m)
			if c.path != "" {
				need(t, debian+"/supervise")
				y.path = c.path
			}
			x := y.add("x", service, logger)
			z := y.add("z", sleeps)
			svscan := y.svscan()
			y.await("up", func() bool { return textOf(x+"/lines") == "up\n" })
			y.up(z)
			if c.restart {
				y.kill(y.main, unix.SIGKILL)
				svscan.Wait()
				svscan = y.svscan()
			}
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
			// A log whose input ends before svscan says so may be started once more.
			order := slices.Compact(strings.Split(textOf(y.scan+"/order"), "\n"))
			if !slices.Equal(order, []string{"stopped", "log read all", ""}) {
				t.Errorf("in the order\n%q", order)
			}
			if n := strings.Count(textOf(x+"/lines"), "\n"); n != 1+lastWords {
				t.Errorf("the log has %d lines of %d", n, 1+lastWords)
			}
			y.saysNothing()
		})
	}
}

// A log that has just died is started for what it has not read.
func TestSvscanStopsWhileALogIsDown(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\necho line\nexec sleep infinity\n", "#!/bin/sh\ntest -e ../go || exit\nexec cat >>../lines\n")
		svscan := y.svscan()
		y.await("a log that has died twice", func() bool {
			lines := y.do("svstat", "-l", x+"/log")
			return strings.Contains(lines, "down") && strings.Contains(lines, "starts 2")
		})
		must(os.WriteFile(x+"/go", nil, 0o644))
		y.stop(svscan)
		if got := textOf(x + "/lines"); got != "line\n" {
			t.Errorf("the log has %q", got)
		}
	})
}

// A log that dies while it is to read the rest is started again, while it gets on.
func TestSvscanStartsALogThatDiesAgainUntilEverythingIsRead(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\ntrap 'seq 3; exit' TERM\n: >up\nwhile :; do sleep 0.01; done\n",
			"#!/bin/sh\ndd bs=2 count=1 of=../lines oflag=append conv=notrunc 2>/dev/null\nkill -KILL $$\n")
		z := y.add("z", "#!/bin/sh\ntrap 'echo lost; exit' TERM\n: >up\nwhile :; do sleep 0.01; done\n", "#!/bin/sh\nexit 1\n")
		svscan := y.svscan()
		y.await("up", func() bool { return exists(x+"/up") && exists(z+"/up") })
		y.stop(svscan)
		if got := textOf(x + "/lines"); got != "1\n2\n3\n" {
			t.Errorf("the log has %q", got)
		}
		said := slices.DeleteFunc(strings.Split(y.heard(), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "svscan: warning: waiting for ") // on a slow machine
		})
		if got := strings.Join(said, "\n"); got != "svscan: warning: z/log has not read everything\n" {
			t.Errorf("it says %q", got)
		}
	})
}

// The process of a supervisor that was killed has the lock until it has recorded itself.
// This program does that in its place.
func TestSvscanStopsAServiceThatHasNotRecordedItself(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := y.add("x", sleeps)
	svscan := y.svscan()
	pair := y.up(x)[x]
	y.kill(y.main, unix.SIGSTOP)
	supervisor, _ := y.look(pair.supervisors[0])
	y.kill(supervisor, unix.SIGKILL)
	lock, err := os.OpenFile(x+"/supervise/lock", os.O_RDWR, 0)
	must(err)
	defer lock.Close()
	y.await("the lock", func() bool { return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil })
	const size = 64 // of a record; that of the service is the first
	record := make([]byte, size)
	_, err = lock.ReadAt(record, 0)
	must(err)
	_, err = lock.WriteAt(make([]byte, size), 0)
	must(err)
	y.kill(y.main, unix.SIGTERM)
	y.kill(y.main, unix.SIGCONT)
	svscan.Process.Signal(unix.SIGCONT) // nsenter stops with it
	time.Sleep(300 * time.Millisecond)  // in which it may make its mistake
	_, err = lock.WriteAt(record, 0)
	must(err)
	lock.Close()
	y.ends(svscan)
	if left := y.tenants(); left != nil {
		t.Errorf("left running:\n%s", y.list())
	}
}

// Whatever runs by then, and whether a svscan and supervisors of before were killed.
func TestSvscanLeavesNothingRunningWheneverTERMComes(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		seed := *killSeed
		if seed == 0 {
			seed = time.Now().UnixNano()
		}
		t.Logf("-svscan.seed=%d", seed)
		random := rand.New(rand.NewSource(seed))
		y := newYard(t, m)
		for i := range 10 {
			y.add(fmt.Sprint(i), sleeps, reads)
		}
		pause := func() { time.Sleep(time.Duration(random.Int63n(int64(30 * time.Millisecond)))) }
		for round := range *killRounds {
			svscan := y.svscan()
			if round%2 == 1 {
				pause()
				for _, p := range y.tenants() {
					if p.name == "supervise" && random.Intn(2) == 0 {
						y.kill(p, unix.SIGKILL)
					}
				}
				y.kill(y.main, unix.SIGKILL)
				svscan.Wait()
				// Nobody can know of a supervisor that is on its way to its lock.
				y.await("those on their way have arrived", y.allHoldTheirLocks)
				svscan = y.svscan()
			}
			pause()
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Fatalf("round %d: left running:\n%s\n%s", round, y.list(), y.heard())
			}
		}
		y.saysNothing()
	})
}

// allHoldTheirLocks tells whether every supervisor there is has its lock, and no child
// of a svscan is still to become one.
func (y *yard) allHoldTheirLocks() bool {
	for _, p := range y.tenants() {
		switch p.name {
		case "svscan":
			return false
		case "supervise":
			words := strings.Split(textOf(fmt.Sprintf("/proc/%d/cmdline", p.pid)), "\x00")
			if len(words) < 2 || words[1] != filepath.Base(p.cwd) {
				return false // it is not in its directory yet
			}
			lock, err := os.Open(p.cwd + "/supervise/lock")
			if err != nil {
				return false
			}
			err = unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB)
			lock.Close()
			if err == nil {
				return false
			}
		}
	}
	return true
}

// A logger does not end by itself if a process that the service has left behind
// has the pipe open.
func TestSvscanEndsALogWhoseInputDoesNotEnd(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\nsetsid sleep 1234567 &\nexec sleep infinity\n", "#!/bin/sh\nexec cat >>../lines\n")
		svscan := y.svscan()
		y.await("up", func() bool { all := y.pairs(); return len(all[x].others) == 2 && y.once(all[x+"/log"]) })
		y.stop(svscan)
		all := y.pairs()
		if n := len(y.named("supervise")); n > 0 || len(all[x+"/log"].others) > 0 {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}

func TestSvscanAsPID1ReapsAndSurvivesSignals(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := emptyYard(t, m)
		// A service that leaves children behind, all of which end.
		orphans := "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9; do (sleep 0.0$i &) ; done\n: >left\nexec sleep infinity\n"
		x := y.add("x", orphans, reads)
		y.begin(`exec svscan $ONE "$SCAN"`)
		y.up(x, x+"/log")
		y.await("orphans", func() bool { return exists(x + "/left") })
		y.await("no zombies", func() bool {
			all, _ := filepath.Glob("/proc/[0-9]*/stat")
			for _, file := range all {
				text := textOf(file)
				f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
				if len(f) > 1 && f[1] == strconv.Itoa(y.first.Process.Pid) && f[0] == "Z" {
					return false
				}
			}
			return true
		})
		before := y.up(x, x+"/log")
		for signal := 1; signal <= 64; signal++ {
			if slices.Contains(stopSignals, syscall.Signal(signal)) {
				continue
			}
			y.do("sh", "-c", fmt.Sprintf("kill -%d 1", signal)) // as in the namespace, KILL and STOP too
		}
		late := y.add("late", sleeps)
		after := y.up(x, x+"/log", late)
		if fmt.Sprint(before[x], before[x+"/log"]) != fmt.Sprint(after[x], after[x+"/log"]) {
			t.Errorf("%v became %v", before, after)
		}
		y.saysNothing()
		y.first.Process.Signal(unix.SIGTERM)
		if err := y.first.Wait(); err != nil {
			t.Errorf("PID 1 after TERM: %v", err)
		}
		y.saysNothing()
	})
}

// stopSignals are what those send who stop process 1 of a container: the last is RTMIN+3.
var stopSignals = []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGPWR, 37}

func TestSvscanAsPID1EndsAfterTheSignalsForThat(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, signal := range stopSignals[1:] {
			t.Run(signal.String(), func(t *testing.T) {
				t.Parallel()
				y := emptyYard(t, m)
				x := y.add("x", sleeps)
				y.begin(`exec svscan $ONE "$SCAN"`)
				y.up(x)
				y.first.Process.Signal(signal)
				if err := y.first.Wait(); err != nil {
					t.Errorf("PID 1 after %v: %v", signal, err)
				}
				y.saysNothing()
			})
		}
	})
}

// Two names of a directory are two entries of svscan, with one FIFO: the log comes to the end of
// its input at once all the same.
func TestALogWithTwoNamesEndsByItself(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		dir := write(filepath.Join(y.top, "dir"), sleeps, "#!/bin/sh\ntrap ': >../terminated; exit' TERM\nwhile read -r line; do :; done\n")
		must(os.Symlink(dir, y.scan+"/a"))
		must(os.Symlink(dir, y.scan+"/b"))
		svscan := y.svscan()
		y.await("up", func() bool { return y.once(y.pairs()[dir]) && y.once(y.pairs()[dir+"/log"]) })
		y.kill(y.main, unix.SIGTERM)
		y.ends(svscan)
		if exists(dir + "/terminated") {
			t.Errorf("the log was terminated: %s", y.heard())
		}
	})
}
