package test

// How svscan ends: for whom it waits, when it kills, what it sees to before, and what it
// becomes.
//
// Not tested in this file: the order of services and logs (svscan_stop_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSvscanSaysForWhomItWaits(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", stubborn, reads)
		y.add("z", sleeps, "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
		svscan := y.svscan()
		y.await("up", func() bool { return exists(x + "/up") })
		y.up(y.scan + "/z")
		y.kill(y.main, unix.SIGTERM)
		y.await("a word", func() bool {
			return strings.Contains(y.heard(), "svscan: warning: waiting for ")
		})
		line := strings.Split(y.heard(), "\n")[0]
		if line != "svscan: warning: waiting for x, z/log" && line != "svscan: warning: waiting for z/log, x" {
			t.Errorf("it says %q", line)
		}
		for _, d := range []string{x, y.scan + "/z/log"} {
			y.do("svc", "-k", d)
		}
		y.ends(svscan)
	})
}

// Where nobody reads commands, svscan names the lock: its holder, which may be a service that
// could not be recorded, has to be found and ended by hand.
func TestSvscanNamesTheLockThatNoSupervisorHas(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", sleeps)
		must(os.Mkdir(x+"/supervise", 0o700))
		lock, err := os.Create(x + "/supervise/lock")
		must(err)
		defer lock.Close()
		must(unix.Flock(int(lock.Fd()), unix.LOCK_EX))
		svscan := y.svscan()
		time.Sleep(time.Second / 2) // it finds no supervisor to watch
		y.kill(y.main, unix.SIGTERM)
		const says = "svscan: warning: waiting for the process that has x/supervise/lock\n"
		y.await("a word", func() bool { return strings.Contains(y.heard(), "\n") })
		if got := y.heard(); got != says {
			t.Errorf("it says %q", got)
		}
		must(unix.Flock(int(lock.Fd()), unix.LOCK_UN))
		y.ends(svscan)
	})
}

// A service without finish leaves nothing to deal with when it was killed.
func TestSvscanSaysNothingOfADeathThatIsNobodysBusiness(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", stubborn, stubborn)
		svscan := y.svscan(filepath.Join(fused.dir, "svscan"), "-t300")
		y.await("up", func() bool { return exists(x+"/up") && exists(x+"/log/up") })
		y.stop(svscan)
		if strings.Contains(y.heard(), "unable to deal") {
			t.Errorf("it says %q", y.heard())
		}
	})
}

// What is left when the time is over is killed: services, their finish, logs, and
// supervisors.
func TestSvscanKillsWhatHasNotEndedInTime(t *testing.T) {
	slowFinish := "#!/bin/sh\ntrap '' TERM\nexec sleep 1234567\n"
	for _, c := range []struct {
		name  string
		path  string // where supervise is
		words []string
		spoil func(y *yard)
		says  []string
	}{
		{name: "a service", words: []string{stubborn}, says: []string{"x"}},
		{name: "a service and its log", words: []string{stubborn, stubborn}, says: []string{"x", "x/log"}},
		{name: "a log", words: []string{"#!/bin/sh\n: >up\nexec sleep infinity\n", stubborn}, says: []string{"x/log"}},
		{name: "a service of daemontools", path: debian, words: []string{stubborn, stubborn}, says: []string{"x", "x/log"}},
		{name: "a service that has another name", words: []string{stubborn}, says: []string{"x"},
			spoil: func(y *yard) { must(os.Rename(y.scan+"/x", y.scan+"/.x")) }},
		{name: "a stopped supervisor", words: []string{"#!/bin/sh\n: >up\nexec sleep infinity\n"}, says: []string{"x"},
			spoil: func(y *yard) {
				for _, p := range y.named("supervise") {
					y.kill(p, unix.SIGSTOP)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			modes := both
			if c.path != "" || c.name == "a stopped supervisor" {
				modes = modes[:1] // the other has no supervise
			}
			inModes(t, modes, func(t *testing.T, m mode) {
				if c.path != "" {
					need(t, c.path+"/supervise")
				}
				y := newYard(t, m)
				if c.path != "" {
					y.path = c.path + ":" + systemTools
				}
				x := y.add("x", c.words...)
				script(x+"/finish", slowFinish)
				must(os.WriteFile(x+"/timeout-finish", []byte("0\n"), 0o644))
				svscan := y.svscan(filepath.Join(fused.dir, "svscan"), "-t1500")
				y.await("up", func() bool {
					return exists(x+"/up") && (len(c.words) == 1 || exists(x+"/log/up") || c.words[1] != stubborn)
				})
				if c.spoil != nil {
					c.spoil(y)
				}
				y.stop(svscan)
				y.await("the end of all", func() bool { return y.tenants() == nil })
				for _, name := range c.says {
					if want := "svscan: warning: " + name + " has not ended in time: killed\n"; !strings.Contains(y.heard(), want) {
						t.Errorf("it does not say %q, but %q", want, y.heard())
					}
				}
			})
		})
	}
}

// A supervisor whose directory has no name is killed, and so is the finish that it has started,
// however soon the supervisor is dead.
func TestSvscanKillsFinishInADirectoryWithoutAName(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	y := newYard(t, perService)
	x := y.add("x", stubborn)
	script(x+"/finish", "#!/bin/sh\ntrap '' TERM\n: >finishing\nexec sleep 1234567\n")
	must(os.WriteFile(x+"/timeout-finish", []byte("0\n"), 0o644))
	svscan := y.svscan("strace", "-qq", "-o", "/dev/null", "-e", "trace=kill,pidfd_send_signal",
		"-e", "inject=kill,pidfd_send_signal:delay_exit=500000", filepath.Join(fused.dir, "svscan"), "-t500")
	y.await("up", func() bool { return exists(x + "/up") })
	must(os.Rename(x, y.scan+"/.x"))
	y.stop(svscan)
	y.await("the end of all", func() bool { return y.tenants() == nil })
	if !exists(y.scan + "/.x/finishing") {
		t.Error("finish has not run")
	}
}

// A supervisor and its service are killed, and then svscan is told to stop: finish runs
// once, nothing is left behind, and the service is not started again.
func TestSvscanSeesToADeathBeforeItEnds(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, apart := range []bool{false, true} {
			if !apart && m == oneProcess {
				continue // it has no supervisor of its own
			}
			t.Run(fmt.Sprint("leaving nothing behind: ", apart), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				run := "#!/bin/sh\necho run >>order\nsetsid sleep 1234567 &\nexec sleep infinity\n"
				finish := "#!/bin/sh\necho finish >>order\n"
				x := y.add("x", run)
				script(x+"/finish", finish)
				if apart {
					must(os.WriteFile(x+"/flag-kill-descendants", nil, 0o644))
					y.mountGroups() // without groups, the next supervisor does not find an orphan
				}
				svscan := y.svscan()
				y.await("up", func() bool { return len(y.pairs()[x].others) == 2 })
				time.Sleep(1100 * time.Millisecond) // or a start would be too early anyway
				y.kill(y.main, unix.SIGSTOP)
				for _, p := range y.tenants() {
					words := textOf(fmt.Sprintf("/proc/%d/cmdline", p.pid))
					if p.name == "supervise" || p.cwd == x && strings.Contains(words, "infinity") {
						y.end(p, unix.SIGKILL)
					}
				}
				y.kill(y.main, unix.SIGTERM)
				y.kill(y.main, unix.SIGCONT)
				svscan.Process.Signal(unix.SIGCONT) // nsenter stops with it
				y.ends(svscan)
				if got := textOf(x + "/order"); got != "run\nfinish\n" {
					t.Errorf("in the order %q", got)
				}
				if all := y.pairs(); apart && all[x].others != nil || len(y.named("supervise")) > 0 {
					t.Errorf("left running:\n%s", y.list())
				}
			})
		}
	})
}

// A service ends the whole, and its exit code is that of the whole.
func TestSvscanBecomesFinish(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, c := range []struct {
			name, finish string
			mode         os.FileMode
			code         int
			says         string
		}{
			{"with the service's code", "#!/bin/sh\ntest $# = 0 && exit $(cat x/code)\n", 0o755, 42, ""},
			{"none", "", 0, 0, ""},
			{"not executable", "#!/bin/sh\n", 0o644, 111, "svscan: fatal: unable to start .svscan/finish: access denied\n"},
			{"what it inherits", "#!/bin/sh\ngrep -E '^Sig(Blk|Ign)' /proc/self/status >x/signals; ls /proc/self/fd >x/files; pwd >x/cwd; ulimit -n >x/limit\n", 0o755, 0, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				y := emptyYard(t, m)
				x := y.add("x", "#!/bin/sh\nsleep 0.2; exit 42\n")
				script(x+"/finish", "#!/bin/sh\necho $1 >code; kill 1\n")
				if c.finish != "" {
					must(os.Mkdir(y.scan+"/.svscan", 0o755))
					must(os.WriteFile(y.scan+"/.svscan/finish", []byte(c.finish), c.mode))
				}
				y.begin(`ulimit -Sn 900; exec svscan $ONE "$SCAN"`)
				y.first.Wait()
				if code := y.first.ProcessState.ExitCode(); code != c.code {
					t.Errorf("exit code %d", code)
				}
				if got := y.heard(); got != c.says {
					t.Errorf("it says %q", got)
				}
				if c.name == "what it inherits" {
					got := textOf(x+"/signals") + textOf(x+"/files") + textOf(x+"/cwd") + textOf(x+"/limit")
					want := "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n3\n" + y.scan + "\n900\n"
					if got != want {
						t.Errorf("it has\n%s", got)
					}
				}
			})
		}
	})
}
