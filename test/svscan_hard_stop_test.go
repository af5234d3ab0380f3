package test

// Ends of svscan that something stands in the way of: a process that cannot be killed or
// that -t must leave alone, a directory that has lost its name, a log that dies with its
// supervisor, and what a service has left behind.
//
// Not tested in this file: kills at random (svscan_kills_test.go, svscan_storm_test.go).

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A lock that somebody has put in the place of root's names a process of root's. Neither -t
// nor anything else of a stop kills that.
func TestSvscanKillsNobodyForAForgedLock(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := y.add("x", stubborn)
	svscan := y.svscan("sh", "-c", "tail -f /dev/null & echo $! >"+y.top+"/victim; exec "+filepath.Join(fused.dir, "svscan")+" -t500 "+y.scan)
	y.await("up", func() bool { return exists(x + "/up") })
	victim, err := strconv.Atoi(strings.TrimSpace(textOf(y.top + "/victim")))
	must(err)
	// The format before places (internal/service/record.go), with no boot.
	lock := make([]byte, 128)
	copy(lock, "catena 1")
	var now unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	binary.LittleEndian.PutUint64(lock[8:], uint64(now.Nano()))
	binary.LittleEndian.PutUint32(lock[16:], uint32(victim))
	binary.BigEndian.PutUint64(lock[20:], 1<<62+10+uint64(time.Now().Unix()))
	must(os.Rename(x+"/supervise/lock", x+"/supervise/was"))
	must(os.WriteFile(x+"/supervise/lock", lock, 0o600))
	must(os.Chown(x+"/supervise/lock", somebody, somebody))
	y.stop(svscan)
	if len(y.named("tail")) == 0 {
		t.Error("another process was killed")
	}
	if got := patient.ReplaceAllString(y.heard(), ""); got != "svscan: warning: unable to tell whether x still runs by its lock: belongs to another account\n" {
		t.Errorf("svscan says %q", got)
	}
}

// Where signals are refused, the time of -t is the end all the same.
func TestSvscanEndsInTimeWhateverIsRefused(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, c := range []struct{ call, option string }{
		{"pidfd_open", ""}, {"pidfd_open", "-1"}, {"pidfd_send_signal", ""}, {"pidfd_send_signal", "-1"}, {"kill", ""}, {"kill", "-1"},
	} {
		t.Run(c.call+" "+c.option, func(t *testing.T) {
			t.Parallel()
			cell := newCell(t, refuse(), strconv.Itoa(refusable[c.call]), strconv.Itoa(int(unix.EPERM)))
			dir := filepath.Join(cell.top, "scan/s")
			must(os.MkdirAll(dir, 0o755))
			script(dir+"/run", stubborn)
			words := []string{filepath.Join(fused.dir, "svscan"), "-t500", "scan"}
			if c.option != "" {
				words = []string{words[0], c.option, words[1], words[2]}
			}
			cell.start(nil, words...)
			if !cell.reaches("start", func() bool { return exists(dir + "/up") }) {
				return
			}
			unix.Kill(cell.main(), unix.SIGTERM)
			eventually(t, "the end", cell.gone, func() string { return textOf(cell.said.Name()) })
			text := textOf(cell.said.Name())
			if !strings.Contains(text, "s has not ended in time: killed\n") && !strings.Contains(text, "unable to send KILL to s") && !strings.Contains(text, "unable to kill s") {
				t.Errorf("it says %q", text)
			}
			if strings.Contains(text, "killed\n") {
				eventually(t, "that nobody is left", func() bool { return cell.inside() == nil })
			}
		})
	}
}

// Without a clock svscan ends at once; it does not read its standard input before.
func TestSvscanThatCannotBeginReadsNothing(t *testing.T) {
	t.Parallel()
	cell := newCell(t, refuse(), strconv.Itoa(refusable["clock_gettime"]), strconv.Itoa(int(unix.EPERM)))
	must(os.Mkdir(filepath.Join(cell.top, "scan"), 0o755))
	stdin, other, err := os.Pipe()
	must(err)
	defer other.Close()
	defer stdin.Close()
	cell.start(stdin, filepath.Join(fused.dir, "svscan"), "scan")
	eventually(t, "the end", cell.gone)
}

// When the time is over, run is killed, and finish has another second.
func TestFinishHasAnotherSecondWhenTheTimeIsOver(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", stubborn)
		script(x+"/finish", "#!/bin/sh\nsleep 0.3\n: >finished\n")
		svscan := y.svscan(filepath.Join(fused.dir, "svscan"), "-t500")
		y.await("up", func() bool { return exists(x + "/up") })
		y.stop(svscan)
		if !exists(x + "/finished") {
			t.Errorf("finish was killed: %s", y.heard())
		}
	})
}

// What a service has left behind may write for ever: its log does not read for ever.
func TestSvscanEndsAlthoughSomebodyStillWritesToALog(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		busy(t)
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\nsetsid yes &\n: >up\nexec sleep infinity\n", "#!/bin/sh\nexec cat >/dev/null\n")
		svscan := y.svscan()
		y.await("up", func() bool { return exists(x+"/up") && y.once(y.pairs()[x+"/log"]) })
		y.stop(svscan)
		said := patient.ReplaceAllString(y.heard(), "")
		if said != "" && said != "svscan: warning: x/log has not read everything\n" { // its pipe may just have been empty
			t.Errorf("it says %q", said)
		}
	})
}

// A log that reads nothing, as one whose disk is full, is started once more at a stop, and no
// oftener.
func TestALogThatReadsNothingIsStartedOnceMore(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\necho line\n: >up\nexec sleep infinity\n", "#!/bin/sh\necho >>../starts\nexec sleep infinity\n")
		svscan := y.svscan()
		y.await("up", func() bool { return exists(x+"/up") && y.once(y.pairs()[x+"/log"]) })
		y.stop(svscan)
		if got := textOf(x + "/starts"); got != "\n\n" {
			t.Errorf("the log was started %d times", len(got))
		}
		if got := patient.ReplaceAllString(y.heard(), ""); got != "svscan: warning: x/log has not read everything\n" {
			t.Errorf("svscan says %q", got)
		}
	})
}

// A log that is killed again and again before it has read anything is started again each
// time, at the earliest a second later.
func TestALogThatIsKilledTwiceWithinASecondIsStartedAThirdTime(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\ntrap 'seq 3; : >../stop; exit' TERM\n: >up\nwhile :; do sleep 0.01; done\n",
			"#!/bin/sh\ntest -e ../../stop || exec sleep infinity\necho >>../tries\ntest $(wc -l <../tries) -ge 3 || kill -KILL $$\nexec cat >>../lines\n")
		svscan := y.svscan()
		y.await("up", func() bool { return exists(x + "/up") })
		y.stop(svscan)
		if got := textOf(x + "/lines"); got != "1\n2\n3\n" {
			t.Errorf("the log has %q, and svscan says %q", got, y.heard())
		}
	})
}

// A service that ends may wait for room in its pipe: a log that dies with its supervisor
// meanwhile is started again.
func TestALogThatDiesWhileItsServiceEndsIsStartedAgain(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\ntrap ': >ends; seq 100000; exit' TERM\n: >up\nwhile :; do sleep 0.01; done\n",
			"#!/bin/sh\ntest -e ../go || exec sleep infinity\nexec cat >>../lines\n")
		svscan := y.svscan()
		y.await("a log that reads nothing", func() bool {
			return exists(x+"/up") && slices.ContainsFunc(y.named("sleep"), func(p tenant) bool { return p.cwd == x+"/log" })
		})
		y.kill(y.main, unix.SIGTERM)
		y.await("the end of the service", func() bool { return exists(x + "/ends") })
		must(os.WriteFile(x+"/go", nil, 0o644)) // for the next one
		for _, p := range y.tenants() {
			if p.cwd == x+"/log" && p.pid != y.main.pid {
				y.kill(p, unix.SIGKILL)
			}
		}
		y.ends(svscan)
		if n := strings.Count(textOf(x+"/lines"), "\n"); n != 100000 {
			t.Errorf("the log has %d lines, and svscan says %q", n, y.heard())
		}
	})
}

// A service whose name another directory has by now is stopped before its log, and is
// waited for.
func TestSvscanStopsWhatHasLostItsName(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, c := range []struct{ name, option, run, lines, says string }{
			{"that takes its time", "-t60000", "#!/bin/sh\ntrap 'sleep 1; echo last; exit' TERM\n: >up\nwhile :; do sleep 0.01; done\n", "last\n", ""},
			{"that stays", "-t500", stubborn, "", "svscan: warning: x has not ended in time: killed\n"},
		} {
			t.Run(c.name, func(t *testing.T) {
				y := newYard(t, m)
				old, other := filepath.Join(y.top, "old"), filepath.Join(y.top, "new")
				write(old, c.run)
				must(os.Mkdir(old+"/log", 0o755))
				script(old+"/log/run", "#!/bin/sh\n: >../reads\nexec cat >>../lines\n")
				write(other, sleeps)
				must(os.Symlink(old, y.scan+"/x"))
				svscan := y.svscan(filepath.Join(fused.dir, "svscan"), c.option)
				y.await("up", func() bool { return exists(old+"/up") && exists(old+"/reads") })
				must(os.Symlink(other, y.scan+"/.x"))
				must(os.Rename(y.scan+"/.x", y.scan+"/x"))
				y.await("the other one", func() bool { return y.once(y.pairs()[other]) })
				y.stop(svscan)
				if left := y.tenants(); left != nil {
					t.Errorf("left running:\n%s", y.list())
				}
				if got := textOf(old + "/lines"); got != c.lines {
					t.Errorf("the log has %q", got)
				}
				if got := patient.ReplaceAllString(y.heard(), ""); got != c.says {
					t.Errorf("svscan says %q", got)
				}
			})
		}
	})
}

// A status that cannot be written still says that the service is wanted up. The service
// gets one TERM all the same.
func TestOneTERMIsEnoughWhereAStatusCannotBeWritten(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := y.add("x", "#!/bin/sh\ntrap 'echo >>terms' TERM\n: >up\nwhile ! test -e enough; do sleep 0.05; done\n")
	svscan := y.svscan()
	y.await("up", func() bool { return exists(x + "/up") })
	must(os.MkdirAll(x+"/supervise/status.new/in the way", 0o755))
	y.kill(y.main, unix.SIGTERM)
	time.Sleep(11 * time.Second) // twice the patience of svscan
	must(os.WriteFile(x+"/enough", nil, 0o644))
	y.ends(svscan)
	if got := textOf(x + "/terms"); got != "\n" {
		t.Errorf("%d TERMs", len(got))
	}
}

// The letter by which svscan connects a service with its log, from whomever, leaves nothing
// open.
func TestConnectingALogAgainLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := y.add("x", sleeps, reads)
	svscan := y.svscan()
	pid := y.up(x, x+"/log")[x].supervisors[0]
	y.blocks()
	idle(t, pid)
	before := descriptorsOf(pid)
	control, err := os.OpenFile(x+"/supervise/control", os.O_RDWR, 0)
	must(err)
	defer control.Close()
	_, err = control.WriteString(strings.Repeat(">", 500))
	must(err)
	y.await("that it is read", func() bool { return unread(control) == 0 })
	idle(t, pid)
	if after := descriptorsOf(pid); after > before {
		t.Errorf("%d descriptors have become %d", before, after)
	}
	y.stop(svscan)
}

// A service has put another file in the place of the FIFO in which it says that it is ready.
// The times of that file are not the supervisor's to set.
func TestTimesOfAnotherFileAreLeftAlone(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	victim := filepath.Join(h.top, "victim")
	must(os.WriteFile(victim, nil, 0o600))
	h.option("notification-fd", "7")
	h.run("#!/bin/sh\nln -f ../victim supervise/ready\nprintf x >&7\n: >written\nexec sleep 100\n")
	before, err := os.Stat(victim)
	must(err)
	s := h.start(t, filepath.Join(fused.dir, "supervise"), "s")
	eventually(t, "a word", func() bool { return h.exists("written") })
	time.Sleep(300 * time.Millisecond)
	after, err := os.Stat(victim)
	must(err)
	if !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("%v has become %v", before.ModTime(), after.ModTime())
	}
	h.svc(t, fused, "dkx")
	s.exit(t)
}
