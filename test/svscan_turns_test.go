package test

// What happens without end keeps nothing else waiting.
//
// Not tested in this file: how long anything takes; commands that come without end.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSvscanHearsOfEverythingWhateverComesWithoutEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		modes []mode
		slow  string // the system call that takes long, so that there is always more to do
		delay time.Duration
		begin func(y *yard) (end func())
	}{
		{"services that end at once", []mode{oneProcess}, "clone", 20 * time.Millisecond, func(y *yard) func() {
			for i := range 70 {
				y.add(fmt.Sprint("brief", i), "#!/bin/true\n")
			}
			return func() {}
		}},
		{"names that come and go", both, "statx", 2 * time.Millisecond, func(y *yard) func() {
			stop, stopped := make(chan bool), make(chan bool)
			file := filepath.Join(y.scan, "file")
			go func() {
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					default:
						must(os.WriteFile(file, nil, 0o644))
						must(os.Remove(file))
						time.Sleep(100 * time.Microsecond)
					}
				}
			}()
			return func() { close(stop); <-stopped }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inModes(t, c.modes, func(t *testing.T, m mode) {
				need(t, "strace")
				y := newYard(t, m)
				x := y.add("x", sleeps)
				svscan := y.svscan("strace", "-qq", "-o", y.top+"/trace", "-e", "trace="+c.slow, "-e",
					fmt.Sprintf("inject=%s:delay_exit=%d", c.slow, c.delay.Microseconds()), filepath.Join(fused.dir, "svscan"))
				y.up(x)
				defer c.begin(y)()
				time.Sleep(2 * time.Second) // in which it may become deaf
				before := y.up(x)[x].others[0]
				y.do("svc", "-t", x)
				y.await("another process", func() bool {
					p := y.pairs()[x]
					return y.once(p) && p.others[0] != before
				})
				y.up(y.add("late", sleeps))
				y.kill(y.main, unix.SIGTERM)
				y.ends(svscan)
			})
		})
	}
}
