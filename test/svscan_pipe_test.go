package test

// A service and its log come together again after somebody has removed the FIFO between them.
//
// Not tested in this file: that no line is lost when processes are killed (svscan_kills_test.go).

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What writes a line per start, and waits until it is told to end.
const writesOnce = "#!/bin/sh\necho start >>starts\necho line $(wc -l <starts)\nexec sleep infinity\n"

const keepsLines = "#!/bin/sh\nexec cat >>../lines\n"

// The old recipe: svc -dx, then the folders are removed.
func TestAServiceComesBackWhenItsSuperviseFolderWasRemoved(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", writesOnce, keepsLines)
		svscan := y.svscan()
		y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
		// svscan starts the supervisors again at once: that they have gone may pass unseen.
		y.do("sh", "-c", `cd $SCAN && svc -dx x x/log && for i in 1 2 3 4 5 6 7 8 9 10; do svok x || svok x/log || break; sleep 0.01; done; rm -rf x/supervise x/log/supervise x/supervise; :`)
		y.await("a line of the next start", func() bool { return textOf(x+"/lines") == "line 1\nline 2\n" })
		y.stop(svscan)
		if strings.Contains(y.heard(), "pipe") {
			t.Errorf("it says %q", y.heard())
		}
	})
}

// Only the FIFO is removed, the service is restarted, and the log reads on: first what is left
// in the old FIFO, and then the new one.
func TestALogReadsTheOldPipeToItsEndAndThenTheNewOne(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\ntrap 'echo last; exit' TERM\necho start >>starts\necho line $(wc -l <starts)\nwhile :; do sleep 0.01; done\n", keepsLines)
		svscan := y.svscan()
		y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
		must(os.Remove(x + "/supervise/pipe"))
		y.do("svc", "-dx", x)
		y.await("a line of the next start", func() bool { return textOf(x+"/lines") == "line 1\nlast\nline 2\n" })
		if !exists(x + "/supervise/pipe") {
			t.Error("there is no pipe")
		}
		y.stop(svscan)
		y.saysNothing()
		if got := textOf(x + "/lines"); got != "line 1\nlast\nline 2\nlast\n" {
			t.Errorf("the log has %q", got)
		}
	})
}

// In one process no supervisor ends: run is started again and again.
func TestAServiceInsideGetsANewPipe(t *testing.T) {
	t.Parallel()
	y := newYard(t, oneProcess)
	x := y.add("x", writesOnce, keepsLines)
	svscan := y.svscan()
	y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
	must(os.Rename(x+"/supervise/pipe", x+"/elsewhere"))
	y.do("svc", "-t", x)
	y.await("a line of the next start", func() bool { return textOf(x+"/lines") == "line 1\nline 2\n" })
	must(os.Remove(x + "/supervise/pipe"))
	y.do("svc", "-t", x, x+"/log") // both may die before either is started
	y.await("a line after both", func() bool { return textOf(x+"/lines") == "line 1\nline 2\nline 3\n" })
	y.stop(svscan)
}

// A link to the very FIFO is no FIFO that a child would open.
func TestALinkInThePlaceOfThePipeIsReplaced(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", writesOnce, keepsLines)
		svscan := y.svscan()
		y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
		must(os.Rename(x+"/supervise/pipe", x+"/elsewhere"))
		must(os.Symlink("../elsewhere", x+"/supervise/pipe"))
		y.do("svc", "-dx", x)
		y.await("a line of the next start", func() bool { return textOf(x+"/lines") == "line 1\nline 2\n" })
		y.stop(svscan)
	})
}

// The FIFO is removed while no svscan runs: the next one has a new FIFO, and supervisors that
// have the old one.
func TestTheNextSvscanConnectsALogWithItsServiceAgain(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := y.add("x", writesOnce, keepsLines)
	svscan := y.svscan()
	y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
	y.end(y.main, unix.SIGKILL)
	svscan.Wait()
	must(os.Remove(x + "/supervise/pipe"))
	svscan = y.svscan()
	y.await("a new pipe", func() bool { return exists(x + "/supervise/pipe") })
	idle(t, y.main.pid)
	y.do("svc", "-t", x)
	y.await("a line of the next start", func() bool { return textOf(x+"/lines") == "line 1\nline 2\n" })
	y.stop(svscan)
	y.saysNothing()
}

// What the service has left behind keeps the old FIFO open: the log is terminated, and reads the
// new one.
func TestALogLeavesAnOldPipeThatDoesNotEnd(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\ntest -e starts || setsid sleep 1000 &\n"+strings.TrimPrefix(writesOnce, "#!/bin/sh\n"), keepsLines)
		svscan := y.svscan()
		y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
		must(os.Remove(x + "/supervise/pipe"))
		y.do("svc", "-dx", x)
		y.await("a line of the next start", func() bool { return textOf(x+"/lines") == "line 1\nline 2\n" })
		y.stop(svscan)
		y.saysNothing()
	})
}

// A log that is started again while its service still writes to the old FIFO gets what is in
// there. svscan says what is to be done.
func TestSvscanSaysThatAServiceWritesToARemovedPipe(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", writesOnce, keepsLines)
		svscan := y.svscan()
		y.await("a line", func() bool { return textOf(x+"/lines") == "line 1\n" })
		must(os.Remove(x + "/supervise/pipe"))
		y.do("svc", "-dx", x+"/log")
		y.says("svscan: warning: x writes to a pipe that was removed: its next start connects it with its log\n")
		// The supervisor may have been told already, or be told in a moment.
		y.await("a line of a later start", func() bool {
			y.do("svc", "-t", x)
			return strings.Count(textOf(x+"/lines"), "line ") > 1
		})
		y.stop(svscan)
	})
}

// A FIFO may hold more than a new one does: multilog enlarges one that is full.
func TestALogGetsAllThatIsLeftInALargePipe(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		const lines = 100000 // of seven bytes
		y := newYard(t, m)
		x := y.add("x", fmt.Sprint("#!/bin/sh\nuntil test -e large; do sleep 0.01; done\nseq 100001 ", 100000+lines, "\n>written\nexec sleep infinity\n"),
			"#!/bin/sh\ntest -e ../go || exec sleep infinity\nexec cat >>../lines\n")
		svscan := y.svscan()
		y.await("a pipe", func() bool { return exists(x + "/supervise/pipe") })
		fd, err := unix.Open(x+"/supervise/pipe", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		must(err)
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 1<<20)
		must(err)
		must(os.WriteFile(x+"/large", nil, 0o644))
		y.await("all lines in the pipe", func() bool { return exists(x + "/written") })
		must(unix.Close(fd))
		must(os.Remove(x + "/supervise/pipe"))
		must(os.WriteFile(x+"/go", nil, 0o644))
		y.do("svc", "-dx", x+"/log")
		y.await("all lines in the log", func() bool { return strings.HasSuffix(textOf(x+"/lines"), fmt.Sprint("\n", 100000+lines, "\n")) })
		if got := strings.Count(textOf(x+"/lines"), "\n"); got != lines {
			t.Errorf("%d lines of %d", got, lines)
		}
		y.stop(svscan)
	})
}

// A service has come back with a new FIFO while its log is in the middle of the old one.
func comesBackBeforeItsLog(t *testing.T, m mode, log string) (y *yard, x string, svscan *exec.Cmd) {
	y = newYard(t, m)
	x = y.add("x", "#!/bin/sh\necho start >>starts\nn=$(wc -l <starts)00\nseq $((n+1)) $((n+50))\necho >>written\nexec sleep infinity\n", log)
	svscan = y.svscan()
	y.await("lines in the pipe", func() bool { return textOf(x+"/written") == "\n" })
	must(os.Remove(x + "/supervise/pipe"))
	y.do("svc", "-dx", x)
	y.await("lines in the new pipe", func() bool { return textOf(x+"/written") == "\n\n" })
	return y, x, svscan
}

// allLines are those of the two starts of comesBackBeforeItsLog.
func allLines() (text string) {
	for n := 101; n <= 250; n++ {
		if n%100 > 0 && n%100 <= 50 {
			text += fmt.Sprintln(n)
		}
	}
	return text
}

func TestALogThatIsSlowIsNotTerminatedInTheOldPipe(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y, x, svscan := comesBackBeforeItsLog(t, m, "#!/bin/sh\nwhile read line; do echo $line >>../lines; test -e ../go || sleep 0.2; done\n")
		time.Sleep(6 * time.Second) // it must not be terminated after 5
		must(os.WriteFile(x+"/go", nil, 0o644))
		y.await("all lines in their order", func() bool { return textOf(x+"/lines") == allLines() })
		y.stop(svscan)
		y.saysNothing()
	})
}

func TestALogThatDiesInTheOldPipeGetsTheRest(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y, x, svscan := comesBackBeforeItsLog(t, m, "#!/bin/sh\ntest -e ../go || exec sleep infinity\nexec cat >>../lines\n")
		must(os.WriteFile(x+"/go", nil, 0o644))
		y.do("svc", "-k", x+"/log")
		y.await("all lines", func() bool {
			lines := strings.Fields(textOf(x + "/lines"))
			slices.Sort(lines)
			return slices.Equal(lines, strings.Fields(allLines()))
		})
		y.stop(svscan)
		y.saysNothing()
	})
}

// So it is if svscan is stopped meanwhile.
func TestALogThatDiesInTheOldPipeAtAStopGetsTheRest(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y, x, svscan := comesBackBeforeItsLog(t, m, "#!/bin/sh\ntest -e ../go || exec sleep infinity\nexec cat >>../lines\n")
		must(os.WriteFile(x+"/go", nil, 0o644))
		y.stop(svscan)
		lines := strings.Fields(textOf(x + "/lines"))
		slices.Sort(lines)
		if want := strings.Fields(allLines()); !slices.Equal(lines, want) {
			t.Errorf("the log has %d lines of %d: %q", len(lines), len(want), y.heard())
		}
	})
}

// The service is tried every second, and why it has no pipe is said once.
func TestAPipeThatCannotBeMadeIsSaidOnce(t *testing.T) {
	t.Parallel()
	y := newYard(t, oneProcess)
	x := y.add("x", "#!/bin/sh\necho start\nuntil test -e end; do sleep 0.01; done\n", keepsLines)
	svscan := y.svscan()
	y.await("a line", func() bool { return textOf(x+"/lines") == "start\n" })
	must(os.Rename(x+"/supervise", x+"/elsewhere"))
	must(os.WriteFile(x+"/supervise", nil, 0o644))
	must(os.WriteFile(x+"/end", nil, 0o644))
	y.await("three starts", func() bool { return strings.Count(y.heard(), "unable to open the pipe of x") >= 3 })
	if got := strings.Count(y.heard(), "svscan: warning: unable to open x/supervise/pipe: "); got != 1 {
		t.Errorf("%d times in %q", got, y.heard())
	}
	must(os.Remove(x + "/end"))
	must(os.Remove(x + "/supervise"))
	must(os.Rename(x+"/elsewhere", x+"/supervise"))
	y.await("another line", func() bool { return textOf(x+"/lines") == "start\nstart\n" })
	y.stop(svscan)
}
