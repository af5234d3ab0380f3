package test

// svscan, supervisors, services and logs are killed in every combination: nothing runs twice,
// and no line is lost, of standard output and of standard error.
//
// Not tested in this file: how much memory anything takes; loggers that lose what they
// have read when they are killed.

import (
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
			_, dirs := y.numberedTwice(1)
			x := dirs[0]
			svscan := y.svscan()
			before := y.up(dirs...)
			y.await("some lines", func() bool { return len(textOf(x+"/lines")) > 100 && len(textOf(x+"/errlines")) > 100 })
			for _, p := range y.tenants() {
				if p.pid == y.main.pid || p.cwd == x+"/log" || p.cwd == x+"/errlog" || withSupervisor && p.name == "supervise" {
					y.kill(p, unix.SIGKILL)
				}
			}
			svscan.Wait()
			seen := textOf(x + "/written.1")
			y.await("more lines", func() bool { return textOf(x+"/written.1") > seen || y.pairs()[x].others == nil })
			svscan = y.svscan()
			after := y.up(dirs...)
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
	theService
	theLogSupervisor
	theLogger
	theErrlogSupervisor
	theErrlogger
	combinations
)

// Who has a pipe open besides svscan.
const (
	holders    = theSupervisor | theService | theLogSupervisor | theLogger
	errHolders = theSupervisor | theService | theErrlogSupervisor | theErrlogger
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
	services, dirs := y.numberedTwice(16)
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
		if !strings.HasSuffix(line, "/supervise/lock: temporary failure\n") && !patient.MatchString(line) {
			t.Errorf("on standard error: %s", line)
		}
	}
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
			victims &^= theLogger | theErrlogger // they are to read what is left
		}
		killed[x] += fmt.Sprintf(" %d:%06b", whole, victims)
		for i, dir := range []string{x, x + "/log", x + "/errlog"} {
			for _, p := range byDir[dir] {
				if p.name == "supervise" && victims&(theSupervisor<<(2*i)) != 0 {
					kill(p, supervisors())
				} else if p.name == "run" && victims&(theService<<(2*i)) != 0 {
					kill(p, either())
				}
			}
		}
	}
	return group.Wait
}

// spare takes one out if with svscan everything would be killed that has a pipe open: only
// processes keep what is in it.
func (y *yard) spare(random *rand.Rand, victims int) int {
	const supervisors = theSupervisor | theLogSupervisor | theErrlogSupervisor
	if y.mode == oneProcess {
		victims |= supervisors // which are svscan
	}
	for _, all := range []int{holders, errHolders} {
		for victims&all == all {
			one := 1 << random.Intn(6) & all
			if y.mode == oneProcess {
				one &^= supervisors
			}
			victims &^= one
		}
	}
	return victims
}
