package test

// Not tested in this file: how much memory anything takes; loggers that lose what they
// have read when they are killed.

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	killRounds = flag.Int("svscan.rounds", 12, "rounds of the kill matrix")
	killSeed   = flag.Int64("svscan.seed", 0, "seed of the kill matrix; 0 takes the time")
)

// init makes this program the service and the logger of the kill matrix.
func init() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case "svscan-numbers":
		numbers()
	case "svscan-keeps":
		keeps()
	default:
		return
	}
	os.Exit(0)
}

// runsAlone notes whether another process has called it in this directory that still runs.
func runsAlone() {
	held, err := unix.Open("running", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	must(err)
	if unix.Flock(held, unix.LOCK_EX|unix.LOCK_NB) != nil {
		must(os.WriteFile("overlap", nil, 0o644))
	}
}

// numbers writes lines in one write each. How many it has written stands in a file
// that follows: a line is there that was counted, and perhaps one more. Who starts
// counts on, with lines of its own.
func numbers() {
	runsAlone()
	life := 1
	for exists(fmt.Sprint("written.", life)) {
		life++
	}
	count, err := os.OpenFile(fmt.Sprint("written.", life), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	must(err)
	for i := 1; ; i++ {
		if _, err := fmt.Printf("%d %d\n", life, i); err != nil {
			return
		}
		_, err := count.WriteAt(fmt.Appendf(nil, "%012d", i), 0)
		must(err)
		time.Sleep(2 * time.Millisecond)
	}
}

// keeps moves its input to the end of a file, so that a kill loses nothing: the
// kernel takes from the pipe what it has put into the file. It is slow, so that
// there is always something in the pipe.
func keeps() {
	runsAlone()
	out, err := os.OpenFile("../lines", os.O_WRONLY|os.O_CREATE, 0o644)
	must(err)
	_, err = out.Seek(0, 2)
	must(err)
	for {
		n, err := unix.Splice(0, nil, int(out.Fd()), nil, 1<<16, 0)
		if n == 0 || err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// numbered adds services of numbered lines, x0 and so on, each with a log that keeps them.
// Dirs are the directories of all of them and of their logs.
func (y *yard) numbered(n int) (services, dirs []string) {
	y.t.Helper()
	self, err := os.Executable()
	must(err)
	for i := range n {
		x := y.add(fmt.Sprint("x", i), "#!"+self+" svscan-numbers\n", "#!"+self+" svscan-keeps\n")
		services, dirs = append(services, x), append(dirs, x, x+"/log")
	}
	return services, dirs
}

// Neither svscan nor the log is there to read what the service writes.
func TestServiceOutlivesSvscanAndItsLog(t *testing.T) { inModes(t, both, outlivesItsLog) }

func outlivesItsLog(t *testing.T, m mode) {
	for _, withSupervisor := range []bool{false, true} {
		if withSupervisor && m == oneProcess {
			continue // that is svscan
		}
		t.Run(fmt.Sprint("its supervisor is killed: ", withSupervisor), func(t *testing.T) {
			t.Parallel()
			y := newYard(t, m)
			_, dirs := y.numbered(1)
			x := dirs[0]
			svscan := y.svscan()
			before := y.up(x, x+"/log")
			y.await("some lines", func() bool { return len(textOf(x+"/lines")) > 100 })
			for _, p := range y.tenants() {
				if p.pid == y.main.pid || p.cwd == x+"/log" || withSupervisor && p.name == "supervise" {
					y.kill(p, unix.SIGKILL)
				}
			}
			svscan.Wait()
			seen := textOf(x + "/written.1")
			y.await("more lines", func() bool { return textOf(x+"/written.1") > seen || y.pairs()[x].others == nil })
			svscan = y.svscan()
			after := y.up(x, x+"/log")
			if fmt.Sprint(before[x].others) != fmt.Sprint(after[x].others) {
				t.Errorf("the service %v became %v", before[x].others, after[x].others)
			}
			y.stop(svscan)
			if err := complete(x); err != nil {
				t.Error(err)
			}
			y.saysNothing()
		})
	}
}

// A victim is a bit of the processes to be killed of one service.
const (
	theSupervisor = 1 << iota
	theLogSupervisor
	theService
	theLogger
	combinations
)

func TestNothingRunsTwiceOrIsLostWhateverIsKilled(t *testing.T) {
	inModes(t, both, killMatrix)
}

func killMatrix(t *testing.T, m mode) {
	seed := *killSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-svscan.seed=%d", seed)
	random := rand.New(rand.NewSource(seed))
	y := newYard(t, m)
	services, dirs := y.numbered(combinations)
	svscan := y.svscan()
	killed := map[string]string{} // what, in the order of rounds
	for round := range *killRounds {
		y.up(dirs...)
		y.hasPipes(services)
		whole := [...]syscall.Signal{0, unix.SIGKILL, 0, unix.SIGKILL, unix.SIGTERM}[round%5]
		wait := y.killSome(random, services, whole, killed)
		switch whole {
		case unix.SIGKILL:
			svscan.Wait()
			time.Sleep(time.Duration(random.Int63n(int64(300 * time.Millisecond))))
			svscan = y.svscan()
		case unix.SIGTERM:
			y.ends(svscan)
			wait()
			if left := y.tenants(); left != nil {
				t.Fatalf("round %d: left running:\n%s", round, y.list())
			}
			if y.lacks(services, killed); t.Failed() {
				t.Fatalf("round %d\n%s", round, y.explain())
			}
			svscan = y.svscan()
		}
		wait()
		for _, d := range dirs {
			if exists(d + "/overlap") {
				t.Fatalf("round %d: %s ran twice", round, d)
			}
		}
	}
	y.up(dirs...)
	y.stop(svscan)
	for _, d := range dirs {
		if exists(d + "/overlap") {
			t.Errorf("%s ran twice", d)
		}
	}
	if left := y.tenants(); left != nil {
		t.Errorf("left running:\n%s", y.list())
	}
	y.lacks(services, killed)
	// A supervisor that a killed svscan had just started may be in the way of the next
	// one's; svscan(8) says so.
	for line := range strings.Lines(y.heard()) {
		if !strings.HasSuffix(line, "/supervise/lock: temporary failure\n") {
			t.Errorf("on standard error: %s", line)
		}
	}
}

// hasPipes waits until svscan has the pipes of all services: then everyone else who has
// one may be killed.
func (y *yard) hasPipes(services []string) {
	y.t.Helper()
	y.await("svscan with all pipes", func() bool {
		missing := map[string]bool{}
		for _, x := range services {
			missing[x+"/supervise/pipe"] = true
		}
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", y.main.pid))
		for _, f := range files {
			name, _ := os.Readlink(f)
			delete(missing, name)
		}
		return len(missing) == 0
	})
}

// killSome begins to kill another combination of the processes of each service, and
// svscan by that signal, if it is one; wait returns when they have all ended. They are
// killed together, or spread over start-ups that the first kills cause.
func (y *yard) killSome(random *rand.Rand, services []string, whole syscall.Signal, killed map[string]string) (wait func()) {
	var group sync.WaitGroup
	spread := []time.Duration{time.Millisecond, 50 * time.Millisecond, 1500 * time.Millisecond}[random.Intn(3)]
	kill := func(p tenant, signal syscall.Signal) {
		delay := time.Duration(random.Int63n(int64(spread)))
		group.Go(func() {
			time.Sleep(delay)
			y.end(p, signal)
		})
	}
	// A supervisor that gets TERM ends what it supervises, so that nobody may be left
	// who has the pipe open.
	either := func() syscall.Signal { return []syscall.Signal{unix.SIGKILL, unix.SIGTERM}[random.Intn(2)] }
	supervisors := either
	if whole != 0 {
		supervisors = func() syscall.Signal { return unix.SIGKILL }
	}
	byDir := map[string][]tenant{}
	for _, p := range y.tenants() {
		byDir[p.cwd] = append(byDir[p.cwd], p)
		if p.pid == y.main.pid && whole != 0 {
			kill(p, whole)
		}
	}
	order := random.Perm(combinations)
	for i, x := range services {
		victims := order[i]
		switch whole {
		case unix.SIGKILL:
			victims = y.spare(random, victims)
		case unix.SIGTERM:
			victims &^= theLogger // it is to read what is left
		}
		killed[x] += fmt.Sprintf(" %d:%04b", whole, victims)
		for _, p := range byDir[x] {
			if p.name == "supervise" && victims&theSupervisor != 0 {
				kill(p, supervisors())
			} else if p.name == "run" && victims&theService != 0 {
				kill(p, either())
			}
		}
		for _, p := range byDir[x+"/log"] {
			if p.name == "supervise" && victims&theLogSupervisor != 0 {
				kill(p, supervisors())
			} else if p.name == "run" && victims&theLogger != 0 {
				kill(p, either())
			}
		}
	}
	return group.Wait
}

// spare takes one out if with svscan everything would be killed that has the pipe
// open: only processes keep what is in it.
func (y *yard) spare(random *rand.Rand, victims int) int {
	first := 0
	if y.mode == oneProcess {
		victims |= theSupervisor | theLogSupervisor // which are svscan
		first = 2
	}
	if victims == combinations-1 {
		victims &^= 1 << (first + random.Intn(4-first))
	}
	return victims
}

// lacks reports services of which lines have been lost, while nothing runs.
func (y *yard) lacks(services []string, killed map[string]string) {
	y.t.Helper()
	for _, x := range services {
		if err := complete(x); err != nil {
			y.t.Errorf("%s: %v; killed:%s", filepath.Base(x), err, killed[x])
		}
	}
}

// complete compares the lines of a log with what its service has written.
func complete(service string) error {
	have := map[int]int{}
	for line := range strings.Lines(textOf(service + "/lines")) {
		var life, i int
		if n, err := fmt.Sscanf(line, "%d %d\n", &life, &i); n != 2 || err != nil {
			return fmt.Errorf("odd line %q", line)
		}
		if i != have[life]+1 {
			return fmt.Errorf("life %d: line %d follows %d", life, i, have[life])
		}
		have[life] = i
	}
	for life := 1; exists(fmt.Sprint(service, "/written.", life)); life++ {
		wrote, _ := strconv.Atoi(textOf(fmt.Sprint(service, "/written.", life)))
		if have[life] != wrote && have[life] != wrote+1 {
			return fmt.Errorf("life %d: %d lines of %d", life, have[life], wrote)
		}
	}
	return nil
}
