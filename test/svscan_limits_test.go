package test

// Limits of svscan are set while it runs. What it starts meanwhile has them as well.
//
// Not tested in this file: limits of supervise (supervise_limits_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// How many services come while there is nothing to start them with.
const coming = 300

// What is missing is said, what runs runs on and is under control, and what has come
// meanwhile is started as soon as it can be.
func TestSvscanThatRunsOutOfSomething(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, c := range []struct {
			name, resources string
			says            string // something of what it says
		}{
			{"memory", "as data stack memlock", ": out of memory\n"},
			{"descriptors", "nofile", "supervise: fatal: unable to "},
			{"processes", "nproc", ": warning: unable to fork for "},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				must(os.Chmod(filepath.Dir(y.top), 0o755)) // of t.TempDir
				mine := func(dirs ...string) []string {
					for _, d := range dirs {
						must(os.Chown(d, runner, runner))
					}
					return dirs
				}
				good := mine(write(filepath.Join(y.top, "good"), sleeps, reads))[0]
				mine(good + "/log")
				must(os.Rename(good, filepath.Join(y.scan, "good")))
				good = filepath.Join(y.scan, "good")
				svscan := y.svscan("setuidgid", fmt.Sprint(runner, ":", runner), filepath.Join(fused.dir, "svscan"))
				before := y.up(good, good+"/log")

				were := map[string]string{}
				for _, r := range strings.Fields(c.resources) {
					were[r] = softLimit(y.main.pid, r)
					limit(t, y.main.pid, r, "0")
				}
				var dirs []string
				coming := coming
				if c.name == "descriptors" {
					coming /= 2 // or svscan -1 has no room for all of them below 1024
				}
				for i := range coming {
					made := mine(write(filepath.Join(y.top, fmt.Sprint("made", i)), sleeps))[0]
					dirs = append(dirs, filepath.Join(y.scan, fmt.Sprint(i)))
					must(os.Rename(made, dirs[i]))
				}
				y.await("a message", func() bool { return strings.Contains(y.heard(), c.says) })
				for _, c := range []struct {
					letter  string
					stopped bool
				}{{"p", true}, {"c", false}} {
					y.do("svc", "-"+c.letter, good)
					y.await("svc -"+c.letter, func() bool {
						p, _ := y.look(before[good].others[0])
						return (p.state == 'T') == c.stopped
					})
				}
				y.kill(y.main, unix.SIGHUP)
				if n := len(y.pairs()[dirs[0]].others); n != 0 {
					t.Errorf("%d processes without %s", n, c.name)
				}

				for r, was := range were {
					limit(t, y.main.pid, r, was)
				}
				after := y.up(append(dirs, good, good+"/log")...)
				if fmt.Sprint(before[good], before[good+"/log"]) != fmt.Sprint(after[good], after[good+"/log"]) {
					t.Errorf("%v became %v", before, after)
				}
				for line := range strings.Lines(y.heard()) {
					if !strings.HasPrefix(line, "svscan: ") && !strings.HasPrefix(line, "supervise: ") {
						t.Errorf("also said: %q", line)
					}
				}
				y.stop(svscan)
			})
		}
	})
}
