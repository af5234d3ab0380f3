package test

// Services come, go and are replaced while svscan runs, and svscan follows.
//
// Not tested in this file: supervise by itself, services that are broken
// (svscan_trouble_test.go), how soon anything happens.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSvscanSeesServicesThatComeWithoutReadingTheDirectoryAgain(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		y.svscan()
		y.blocks()
		y.up(y.add("moved", sleeps))
		linked := write(filepath.Join(y.top, "linked"), sleeps, reads)
		must(os.Symlink(linked, filepath.Join(y.scan, "link")))
		y.up(linked, linked+"/log")
		y.blocks()
		y.up(y.add("another", sleeps))
		y.saysNothing()
	})
}

func TestSvscanForgetsServicesThatHaveGone(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", sleeps, reads)
		y.svscan()
		y.up(x, x+"/log")
		// Now nothing would delay another start.
		time.Sleep(1100 * time.Millisecond)
		gone := filepath.Join(y.top, "gone")
		must(os.Rename(x, gone))
		y.up(gone, gone+"/log") // runs on
		y.do("svc", "-dx", gone, gone+"/log")
		y.await("x stopped", func() bool {
			all := y.pairs()
			return all[gone].empty() && all[gone+"/log"].empty()
		})
		y.up(y.add("later", sleeps)) // so svscan has had its turn
		y.blocks()
		if !y.pairs()[gone].empty() {
			t.Errorf("started again after it had gone:\n%s", y.list())
		}
		y.saysNothing()
		// Forgotten: what comes by that name is looked at afresh.
		x = y.add("x", sleeps)
		y.up(x)
		y.saysNothing()
	})
}

// The old supervisor runs on while the new directory is there already, as in an
// upgrade by ln -sfn.
func TestSvscanStartsWhatHasTakenTheNameOfARunningService(t *testing.T) {
	inModes(t, both, takesTheNameOver)
}

func takesTheNameOver(t *testing.T, m mode) {
	for _, c := range []struct {
		name     string
		old, new []string
	}{
		{"neither logged", []string{sleeps}, []string{sleeps}},
		{"both logged", []string{sleeps, reads}, []string{sleeps, reads}},
		{"a log that is new", []string{sleeps}, []string{sleeps, reads}},
		{"a log that has gone", []string{sleeps, reads}, []string{sleeps}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, m)
			old := write(filepath.Join(y.top, "old"), c.old...)
			link := filepath.Join(y.scan, "x")
			must(os.Symlink(old, link))
			y.svscan()
			dirs := []string{old, old + "/log"}[:len(c.old)]
			y.up(dirs...)

			fresh := write(filepath.Join(y.top, "fresh"), c.new...)
			must(os.Symlink(fresh, filepath.Join(y.top, "swap")))
			must(os.Rename(filepath.Join(y.top, "swap"), link))
			y.up(y.add("later", sleeps))
			y.do(append([]string{"svc", "-dx"}, dirs...)...)
			y.up([]string{fresh, fresh + "/log"}[:len(c.new)]...)
			y.blocks()
			y.saysNothing()
		})
	}
}

func TestSvscanStopsAServiceWhoseNameWasTakenOrHasGone(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, taken := range []bool{false, true} {
			t.Run(fmt.Sprint("taken: ", taken), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				x := y.add("x", sleeps, reads)
				svscan := y.svscan()
				y.up(x, x+"/log")
				must(os.Rename(x, filepath.Join(y.top, "gone")))
				if taken {
					y.add("x", sleeps, reads)
				}
				y.up(y.add("later", sleeps))
				y.stop(svscan)
				if left := y.tenants(); left != nil {
					t.Errorf("left running:\n%s", y.list())
				}
			})
		}
	})
}

func TestSvscanIgnoresWhatIsNoService(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		none := func(suffix string) {
			write(filepath.Join(y.scan, ".hidden"+suffix), sleeps)
			must(os.WriteFile(filepath.Join(y.scan, "file"+suffix), nil, 0o755))
			must(unix.Mkfifo(filepath.Join(y.scan, "fifo"+suffix), 0o600))
			must(os.Symlink("file"+suffix, filepath.Join(y.scan, "link"+suffix)))
		}
		none("1")
		one := y.add("one", sleeps)
		y.svscan()
		y.up(one)
		none("2")
		y.up(y.add("two", sleeps))
		y.blocks()
		if n := len(y.pairs()); n != 2 {
			t.Errorf("processes in %d directories for 2 services:\n%s", n, y.list())
		}
		y.saysNothing()
	})
}

func TestSvscanTakesAnyName(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		var dirs []string
		add := func(suffix string) {
			for _, name := range []string{
				"a b" + suffix, "new\nline" + suffix, "-dx" + suffix, "*" + suffix,
				"\xff\x01" + suffix, strings.Repeat("n", 254) + suffix,
			} {
				dir := y.add(name, sleeps, reads)
				dirs = append(dirs, dir, dir+"/log")
			}
		}
		add("1")
		svscan := y.svscan()
		y.up(dirs...)
		add("2")
		y.up(dirs...)
		y.blocks()
		y.stop(svscan)
		y.saysNothing()
	})
}

func TestSvscanWaitsForAServiceThatIsMadeInPlace(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		y.svscan()
		y.blocks()
		x := filepath.Join(y.scan, "x")
		must(os.MkdirAll(x+"/log", 0o755))
		write(x, sleeps, reads)
		y.up(x, x+"/log")
		y.saysNothing()
	})
}

func TestSvscanWithAnEmptyDirectory(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		svscan := y.svscan()
		y.blocks()
		y.up(y.add("first", sleeps))
		y.stop(svscan)
		y.saysNothing()

		y = newYard(t, m)
		svscan = y.svscan()
		y.blocks()
		y.stop(svscan)
	})
}

func TestSvscanPassesLinesToTheLog(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\necho one; echo two; exec sleep infinity\n", "#!/bin/sh\nexec cat >>../lines\n")
		y.svscan()
		y.await("lines", func() bool { return textOf(x+"/lines") == "one\ntwo\n" })
		y.up(x, x+"/log")
		y.saysNothing()
	})
}

func TestSvscanReadsTheDirectoryAgainAfterHUP(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		replace := y.behind("x")
		y.svscan()
		y.blocks()
		later := replace()
		y.blocks()
		if n := len(y.pairs()); n != 1 {
			t.Fatalf("processes in %d directories before HUP", n)
		}
		y.kill(y.main, unix.SIGHUP)
		y.up(later)
	})
}

func TestSvscanStartsAThousandServices(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		busy(t)
		const n = 1000
		y := newYard(t, m)
		run := filepath.Join(y.top, "run")
		must(os.WriteFile(run, []byte(sleeps), 0o755))
		var dirs []string
		for i := range n {
			dir := filepath.Join(y.scan, strconv.Itoa(i))
			must(os.Mkdir(dir, 0o755))
			must(os.Symlink(run, dir+"/run"))
			dirs = append(dirs, dir)
		}
		svscan := y.svscan()
		for some := range slices.Chunk(dirs, n/4) { // each gets the patience of one wait
			y.up(some...)
		}
		y.blocks()
		before := y.up(dirs...)
		// One that is new is the first without a predecessor.
		y.kill(y.main, unix.SIGKILL)
		svscan.Wait()
		svscan = y.svscan()
		y.up(y.add("new", sleeps))
		after := y.up(dirs...)
		for _, d := range dirs {
			if fmt.Sprint(before[d]) != fmt.Sprint(after[d]) {
				t.Errorf("%s: %v became %v", d, before[d], after[d])
			}
		}
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("%d left running", len(left))
		}
		y.saysNothing()
	})
}

func TestSvscanReadsTheDirectoryEvery5SecondsWithoutInotify(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		need(t, "strace")
		y := newYard(t, m)
		one := y.add("one", sleeps)
		y.svscan("strace", "-q", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE",
			filepath.Join(fused.dir, "svscan"))
		y.up(one)
		two := y.add("two", sleeps)
		y.up(one, two)
		must(os.Rename(one, filepath.Join(y.top, "gone")))
		y.up(y.add("three", sleeps)) // by when one has been missed
		y.do("svc", "-dx", filepath.Join(y.top, "gone"))
		y.await("one has ended", func() bool { return y.pairs()[filepath.Join(y.top, "gone")].empty() })
		want := "svscan: warning: unable to watch the directory, reading it every 5 seconds: "
		if text := y.heard(); !strings.HasPrefix(text, want) || strings.Count(text, "\n") != 1 {
			t.Errorf("on standard error:\n%s", text)
		}
	})
}
