package test

// What a service writes to standard error goes to a log of its own, which is held, taken over and
// stopped as the other one is.
//
// Not tested in this file: that no line is lost when processes are killed (svscan_kills_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What writes a line per start to each stream, and waits until it is told to end.
const writesTwice = "#!/bin/sh\necho start >>starts\necho out $(wc -l <starts)\necho err $(wc -l <starts) >&2\nexec sleep infinity\n"

const keepsErrors = "#!/bin/sh\nexec cat >>../errors\n"

// awaitLines waits until the logs of a service have these lines.
func (y *yard) awaitLines(dir, lines, errors string) {
	y.t.Helper()
	y.await(fmt.Sprintf("%q and %q of %s", lines, errors, dir), func() bool {
		return textOf(dir+"/lines") == lines && textOf(dir+"/errors") == errors
	})
}

func TestStandardErrorHasALogOfItsOwn(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		two := y.add("two", writesTwice, keepsLines, keepsErrors)
		alone := y.add("alone", strings.Replace(writesTwice, "echo out", "true", 1), "", keepsErrors)
		joined := y.add("joined", strings.Replace(writesTwice, "\n", "\nexec 2>&1\n", 1), keepsLines, keepsErrors)
		killer := y.add("killer", writesTwice, keepsLines, keepsErrors)
		must(os.WriteFile(killer+"/flag-kill-descendants", nil, 0o644))
		script(two+"/finish", "#!/bin/sh\necho finish\necho finish >&2\n")
		svscan := y.svscan()
		y.awaitLines(two, "out 1\n", "err 1\n")
		y.awaitLines(alone, "", "err 1\n")
		y.awaitLines(joined, "out 1\nerr 1\n", "")
		y.awaitLines(killer, "out 1\n", "err 1\n")
		y.do("svc", "-t", two, alone)
		y.awaitLines(two, "out 1\nfinish\nout 2\n", "err 1\nfinish\nerr 2\n")
		y.awaitLines(alone, "", "err 1\nerr 2\n")
		y.up(two, two+"/log", two+"/errlog", alone, alone+"/errlog")
		y.stop(svscan)
		y.saysNothing()
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
		y.awaitLines(two, "out 1\nfinish\nout 2\nfinish\n", "err 1\nfinish\nerr 2\nfinish\n")
	})
}

// A supervisor says to svscan's standard error what it has to say about the service: one that has
// the errlog from the beginning, and one to which the errlog comes later.
func TestMessagesOfASupervisorDoNotGoToTheErrlog(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", writesTwice, keepsLines, keepsErrors)
		later := y.add("later", writesTwice, keepsLines)
		svscan := y.svscan()
		y.awaitLines(x, "out 1\n", "err 1\n")
		y.await("up", func() bool { return textOf(later+"/lines") == "out 1\n" })
		write(later, "", "", keepsErrors)
		y.up(later + "/errlog")
		y.await("a line in the errlog", func() bool {
			y.do("svc", "-t", later)
			return textOf(later+"/errors") != ""
		})
		for _, dir := range []string{x, later} {
			must(os.Rename(dir+"/run", dir+"/ran"))
			y.do("svc", "-t", dir)
			want := "supervise: fatal: unable to start " + filepath.Base(dir) + "/run: file does not exist\n"
			y.await(want, func() bool { return strings.Contains(y.heard(), want) })
			must(os.Rename(dir+"/ran", dir+"/run"))
		}
		y.stop(svscan)
		for _, dir := range []string{x, later} {
			if text := textOf(dir + "/errors"); strings.Contains(text, "supervise") {
				t.Errorf("the errlog has %q", text)
			}
		}
	})
}

// The last words of the service are more than a pipe holds, on both streams. Each log reads slowly,
// and to its end.
func TestSvscanStopsTheServiceAndThenBothLogs(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		const lastWords = 20000
		service := fmt.Sprintf(`#!/bin/sh
trap 'seq %d & seq %d >&2; wait; echo stopped >>../order; exit' TERM
echo up
echo up >&2
while :; do sleep 0.01; done
`, lastWords, lastWords)
		logger := "#!/bin/sh\ntrap 'echo told >>../../order' TERM\nhead -n 1 >>../%[1]s\nsleep %[2]s\ncat >>../%[1]s\necho %[1]s read >>../../order\n"
		y := newYard(t, m)
		x := y.add("x", service, fmt.Sprintf(logger, "lines", "0.1"), fmt.Sprintf(logger, "errors", "1"))
		svscan := y.svscan()
		y.awaitLines(x, "up\n", "up\n")
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
		// A log whose input ends before svscan says so may be started once more.
		order := strings.Fields(strings.ReplaceAll(textOf(y.scan+"/order"), " read", ""))
		if len(order) == 0 || order[0] != "stopped" || !slices.Contains(order, "lines") || !slices.Contains(order, "errors") || slices.Contains(order, "told") {
			t.Errorf("in the order %q", order)
		}
		for _, name := range []string{"/lines", "/errors"} {
			if n := strings.Count(textOf(x+name), "\n"); n != 1+lastWords {
				t.Errorf("%s has %d lines of %d", name, n, 1+lastWords)
			}
		}
		y.saysNothing()
	})
}

func TestSvscanKillsAnErrlogThatDoesNotEndInTime(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", sleeps, reads, stubborn)
		svscan := y.svscan(filepath.Join(fused.dir, "svscan"), "-t1500")
		y.await("up", func() bool { return exists(x + "/errlog/up") })
		y.up(x, x+"/log")
		y.stop(svscan)
		y.await("the end of all", func() bool { return y.tenants() == nil })
		if text := patient.ReplaceAllString(y.heard(), ""); text != "svscan: warning: x/errlog has not ended in time: killed\n" {
			t.Errorf("it says %q", text)
		}
	})
}

// From the next start on the service writes to an errlog that has come, or to its supervisor's
// standard error again where another svscan finds that the errlog has gone.
func TestAnErrlogComesAndGoes(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		logged := y.add("logged", writesTwice, keepsLines)
		bare := y.add("bare", strings.Replace(writesTwice, "echo out", "true", 1))
		svscan := y.svscan()
		before := y.up(logged, logged+"/log", bare)
		write(logged, "", "", keepsErrors)
		write(bare, "", "", keepsErrors)
		after := y.up(logged, logged+"/log", logged+"/errlog", bare, bare+"/errlog")
		for _, dir := range []string{logged, logged + "/log", bare} {
			if fmt.Sprint(before[dir]) != fmt.Sprint(after[dir]) {
				t.Errorf("%s: %v became %v", dir, before[dir], after[dir])
			}
		}
		for _, dir := range []string{logged, bare} {
			// The supervisor may have been told already, or be told in a moment.
			y.await("a line in the errlog", func() bool {
				y.do("svc", "-t", dir)
				return textOf(dir+"/errors") != ""
			})
		}
		// While it runs, the errlog is removed: the service goes on, and svscan ends.
		must(os.RemoveAll(logged + "/errlog"))
		was := strings.Count(textOf(logged+"/starts"), "\n")
		y.do("svc", "-t", logged)
		y.await("another start", func() bool {
			return strings.Contains(textOf(logged+"/lines"), fmt.Sprintf("out %d\n", was+1))
		})
		y.stop(svscan)
		y.await("the end of all", func() bool { return y.tenants() == nil })

		must(os.WriteFile(y.said, nil, 0o644))
		svscan = y.svscan()
		y.await("a line on standard error", func() bool { return strings.HasPrefix(y.heard(), "err ") })
		y.up(logged, logged+"/log", bare, bare+"/errlog")
		y.stop(svscan)
	})
}

// A service may have a directory of that name for itself. It becomes an errlog once it has a run.
func TestADirectoryWithoutARunIsNoErrlog(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		made := write(filepath.Join(y.top, "new"), writesTwice, keepsLines)
		must(os.Mkdir(made+"/errlog", 0o755))
		x := filepath.Join(y.scan, "x")
		must(os.Rename(made, x))
		svscan := y.svscan()
		y.awaitLines(x, "out 1\n", "")
		y.says("err 1\n")
		y.blocks()
		if exists(x + "/supervise/errpipe") {
			t.Error("it has a pipe")
		}
		script(x+"/errlog/run", keepsErrors)
		y.up(x + "/errlog")
		y.await("a line in the errlog", func() bool {
			y.do("svc", "-t", x)
			return textOf(x+"/errors") != ""
		})
		y.stop(svscan)
	})
}

// The FIFO is removed: with the next start of the service the errlog reads a new FIFO, after it has
// read the old one to its end.
func TestAnErrlogReadsTheOldPipeToItsEndAndThenTheNewOne(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("pipe", strings.Replace(writesTwice, "exec sleep infinity", "trap 'echo last >&2; exit' TERM\nwhile :; do sleep 0.01; done", 1), keepsLines, keepsErrors)
		svscan := y.svscan()
		y.awaitLines(x, "out 1\n", "err 1\n")
		must(os.Remove(x + "/supervise/errpipe"))
		y.do("svc", "-dx", x)
		y.awaitLines(x, "out 1\nout 2\n", "err 1\nlast\nerr 2\n")
		y.stop(svscan)
		y.saysNothing()
		y.awaitLines(x, "out 1\nout 2\n", "err 1\nlast\nerr 2\nlast\n")
	})
}

// svscan sees all supervisors end, and that the folders have been removed, when it goes on.
func TestBothLogsComeBackWhenTheirSuperviseFoldersWereRemoved(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	x := y.add("x", writesTwice, keepsLines, keepsErrors)
	svscan := y.svscan()
	y.awaitLines(x, "out 1\n", "err 1\n")
	y.kill(y.main, unix.SIGSTOP)
	y.do("svc", "-dx", x, x+"/log", x+"/errlog")
	y.await("the end of the processes", func() bool {
		return !slices.ContainsFunc(y.tenants(), func(p tenant) bool { return strings.HasPrefix(p.cwd, x) && p.state != 'Z' })
	})
	for _, dir := range []string{x, x + "/log", x + "/errlog"} {
		must(os.RemoveAll(dir + "/supervise"))
	}
	y.kill(y.main, unix.SIGCONT)
	svscan.Process.Signal(unix.SIGCONT) // nsenter stops with it
	y.awaitLines(x, "out 1\nout 2\n", "err 1\nerr 2\n")
	y.stop(svscan)
	y.saysNothing()
}

// A killed svscan, or one in the other mode, has left services with both logs.
func TestTheNextSvscanTakesErrlogsOver(t *testing.T) {
	t.Parallel()
	for _, modes := range [][2]mode{{perService, perService}, {oneProcess, oneProcess}, {perService, oneProcess}, {oneProcess, perService}} {
		t.Run(modes[0].name+", then "+modes[1].name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, modes[0])
			x := y.add("x", writesTwice, keepsLines, keepsErrors)
			svscan := y.svscan()
			y.awaitLines(x, "out 1\n", "err 1\n")
			before := y.pairs()
			y.end(y.main, unix.SIGKILL)
			svscan.Wait()
			y.mode = modes[1]
			svscan = y.svscan()
			y.blocks()
			y.do("svc", "-t", x)
			y.awaitLines(x, "out 1\nout 2\n", "err 1\nerr 2\n")
			for _, dir := range []string{x + "/log", x + "/errlog"} {
				if after := y.pairs(); fmt.Sprint(before[dir].others) != fmt.Sprint(after[dir].others) {
					t.Errorf("%s: %v became %v", dir, before[dir], after[dir])
				}
			}
			y.stop(svscan)
			y.saysNothing()
		})
	}
}

// Nobody tells daemontools' supervise of its messages' place: they go to the errlog.
func TestDaemontoolsSuperviseHasAnErrlog(t *testing.T) {
	t.Parallel()
	need(t, debian+"/supervise")
	y := newYard(t, perService)
	y.path = debian + ":/bin"
	x := y.add("x", writesTwice, keepsLines, keepsErrors)
	svscan := y.svscan()
	y.awaitLines(x, "out 1\n", "err 1\n")
	y.do("svc", "-t", x)
	y.awaitLines(x, "out 1\nout 2\n", "err 1\nerr 2\n")
	y.stop(svscan)
	y.saysNothing()
}
