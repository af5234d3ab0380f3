package test

// A service is started when what it needs is ready, and stopped before that; priority orders
// what is due at the same time. Who waits is said.
//
// Not tested in this file: many services that need each other, and kills (svscan_needs_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needing makes a service need others, before it is moved in.
func (y *yard) needing(name, run string, needs ...string) string {
	y.t.Helper()
	made, err := os.MkdirTemp(y.top, "made-")
	must(err)
	dir := write(filepath.Join(made, "new"), run)
	must(os.Mkdir(dir+"/needs", 0o755))
	for _, n := range needs {
		must(os.WriteFile(filepath.Join(dir, "needs", n), nil, 0o644))
	}
	must(os.Rename(dir, filepath.Join(y.scan, name)))
	return filepath.Join(y.scan, name)
}

// database stands for one: it is ready when there is a file go, and takes its time to end.
const database = `#!/bin/sh
trap 'echo db told >>../../order; rm serving; exit 0' TERM
rm -f serving
until [ -e go ]; do sleep 0.02; done
: >serving
echo >&3
exec 3>&-
while :; do sleep 0.05; done
`

// server notes whether the database serves when the server is started, and is told to end.
const server = `#!/bin/sh
trap 'echo web told >>../../order; sleep 0.3; [ ! -e ../db/serving ] || echo web over >>../../order; exit 0' TERM
[ ! -e ../db/serving ] || echo web up >>../../order
while :; do sleep 0.05; done
`

// addDatabase adds the service db.
func (y *yard) addDatabase() string {
	db := y.add("db", database)
	must(os.WriteFile(db+"/notification-fd", []byte("3\n"), 0o644))
	return db
}

// state waits for the line of svstat -l of a service.
func (y *yard) state(name, line string) {
	y.t.Helper()
	got := ""
	eventually(y.t, line, func() bool {
		got = y.do("svstat", "-l", filepath.Join(y.scan, name))
		return strings.Contains(got, line+",") || strings.HasSuffix(got, line+"\n")
	}, func() string { return got + y.explain() })
}

// lines are those of the file order.
func (y *yard) lines() []string {
	return strings.Fields(strings.ReplaceAll(textOf(y.top+"/order"), " ", "-"))
}

func TestServiceIsStartedWhenWhatItNeedsIsReadyAndStoppedBefore(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := emptyYard(t, m)
		db := filepath.Join(y.scan, "db")
		web := y.needing("web", server, "db")
		must(os.Mkdir(web+"/log", 0o755))
		script(web+"/log/run", reads)
		y.addDatabase()
		y.begin(`sleep infinity; :`)
		svscan := y.svscan()
		y.up(db, web+"/log") // a log does not wait
		y.state("web", ", waits for db, which is not ready")
		if got := y.pairs()[web]; !got.empty() {
			t.Errorf("beside the database there is %v", got)
		}
		must(os.WriteFile(db+"/go", nil, 0o644))
		y.up(db, web, web+"/log")
		y.await("the server", func() bool { return len(y.lines()) == 1 })
		y.stop(svscan)
		if got, want := y.lines(), []string{"web-up", "web-told", "web-over", "db-told"}; !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
		if said := takesLong.ReplaceAllString(patient.ReplaceAllString(y.heard(), ""), ""); said != "" {
			t.Errorf("it says\n%s", said)
		}
	})
}

// What a killed svscan has left is taken over at once, whatever it needs.
func TestServiceThatRunsIsNotHeldBack(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		db := y.addDatabase()
		must(os.WriteFile(db+"/go", nil, 0o644))
		web := y.needing("web", server, "db")
		svscan := y.svscan()
		before := y.up(db, web)
		must(os.Remove(db + "/go"))
		for _, p := range y.tenants() {
			if p.name == "svscan" || p.name == "supervise" {
				y.end(p, unix.SIGKILL)
			}
		}
		svscan.Wait()
		y.end(y.process(before[db].others[0]), unix.SIGKILL)
		svscan = y.svscan()
		y.await("both supervised", func() bool { return y.areSupervised([]string{db, web}) })
		if after := y.up(db, web); !slices.Equal(after[web].others, before[web].others) {
			t.Errorf("the server %v became %v", before[web].others, after[web].others)
		}
		y.stop(svscan)
	})
}

// Whatever may never end is said, by svscan and by svstat, and ends when somebody mends it.
func TestSvscanSaysWhoWaitsForWhat(t *testing.T) {
	inModes(t, both, saysWhoWaits)
}

func saysWhoWaits(t *testing.T, m mode) {
	for _, c := range []struct {
		name  string
		make  func(y *yard)
		says  string
		state string // of web
		mend  func(y *yard)
	}{
		{"one that is not there", func(y *yard) {},
			"svscan: warning: web waits for db, which is no service\n", ", waits for db, which is no service",
			func(y *yard) { y.add("db", sleeps) }},
		{"a directory without run", func(y *yard) { must(os.Mkdir(y.scan+"/db", 0o755)) },
			"svscan: warning: unable to start db/run: file does not exist\nsvscan: warning: web waits for db, which is no service\n",
			", waits for db, which is no service",
			func(y *yard) { script(y.scan+"/db/run", sleeps) }},
		{"one that is down", func(y *yard) { must(os.WriteFile(y.add("db", sleeps)+"/down", nil, 0o644)) },
			"svscan: warning: web waits for db, which is down\n", ", waits for db, which is down",
			func(y *yard) { y.do("svc", "-u", y.scan+"/db") }},
		{"one that gives up", func(y *yard) {
			script(y.add("db", "#!/bin/sh\n[ -e go ] || exit 1\nexec sleep infinity\n")+"/finish", "#!/bin/sh\n[ -e go ] || exit 125\n")
			must(os.WriteFile(y.scan+"/db/min-uptime", []byte("600000\n"), 0o644))
		}, "supervise: warning: db/finish exited 125: not started again\nsvscan: warning: web waits for db, which has given up\n",
			", waits for db, which has given up",
			func(y *yard) {
				must(os.WriteFile(y.scan+"/db/go", nil, 0o644))
				must(os.Remove(y.scan + "/db/min-uptime"))
				y.do("svc", "-u", y.scan+"/db")
			}},
		{"one that gives up by itself", func(y *yard) {
			y.add("db", "#!/bin/sh\n[ -e go ] || exit 1\nexec sleep infinity\n")
			must(os.WriteFile(y.scan+"/db/min-uptime", []byte("600000\n"), 0o644))
			must(os.WriteFile(y.scan+"/db/max-failed-starts", []byte("1\n"), 0o644))
		}, "supervise: warning: db gave up after 1 failed starts\nsvscan: warning: web waits for db, which has given up\n",
			", waits for db, which has given up",
			func(y *yard) {
				must(os.WriteFile(y.scan+"/db/go", nil, 0o644))
				must(os.Remove(y.scan + "/db/min-uptime"))
				y.do("svc", "-u", y.scan+"/db")
			}},
		{"one that was to run once and has failed", func(y *yard) {
			y.add("db", "#!/bin/sh\n[ -e go ] || exit 1\nexec sleep infinity\n")
			must(os.WriteFile(y.scan+"/db/restart", []byte("never\n"), 0o644))
		}, "svscan: warning: web waits for db, which has failed\n", ", waits for db, which has failed",
			func(y *yard) {
				must(os.WriteFile(y.scan+"/db/go", nil, 0o644))
				must(os.Remove(y.scan + "/db/restart"))
				y.do("svc", "-u", y.scan+"/db")
			}},
		{"one that cannot be executed", func(y *yard) {
			must(os.Chmod(y.add("db", sleeps)+"/run", 0o644))
			must(os.WriteFile(y.scan+"/db/min-uptime", []byte("600000\n"), 0o644))
		}, "svscan: warning: web waits for db, which cannot be started\n", ", waits for db, which cannot be started",
			func(y *yard) {
				must(os.Remove(y.scan + "/db/min-uptime"))
				must(os.Chmod(y.scan+"/db/run", 0o755))
			}},
		{"a circle", func(y *yard) { y.needing("db", sleeps, "web") },
			"svscan: warning: unable to start a circle: ", ", waits for db, which needs itself through others",
			func(y *yard) { must(os.Remove(y.scan + "/db/needs/web")) }},
		{"one that waits itself", func(y *yard) { y.needing("db", sleeps, "other") },
			"svscan: warning: db waits for other, which is no service\n", ", waits for db, which waits for others",
			func(y *yard) { must(os.RemoveAll(y.scan + "/db/needs")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, m)
			c.make(y)
			web := y.needing("web", sleeps, "db")
			svscan := y.svscan()
			y.state("web", c.state)
			y.await(c.says, func() bool {
				for line := range strings.Lines(c.says) {
					if !strings.Contains(y.heard(), strings.TrimSuffix(line, "\n")) {
						return false
					}
				}
				return true
			})
			for line := range strings.Lines(c.says) {
				if n := strings.Count(y.heard(), line); n > 1 {
					t.Errorf("it is said %d times:\n%s", n, y.heard())
				}
			}
			if got := y.pairs()[web]; !got.empty() {
				t.Errorf("there is %v", got)
			}
			c.mend(y)
			y.up(web, y.scan+"/db")
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
		})
	}
}

// takesLong is what is said of a start that takes long.
var takesLong = regexp.MustCompile(`(?m)^svscan: warning: .* waits for .*, which (is not ready|has no supervisor)\n`)

// A circle is named whole, and once; what is beside it is started.
func TestSvscanNamesACircle(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		y.needing("a", sleeps, "b", "base")
		y.needing("b", sleeps, "c")
		y.needing("c", sleeps, "a", "c", ".hidden")
		y.needing("user", sleeps, "b")
		base := y.add("base", sleeps)
		svscan := y.svscan()
		y.up(base)
		y.await("a word for the user", func() bool { return strings.Contains(y.heard(), "user waits") })
		circles := 0
		for _, names := range []string{"a needs b needs c needs a", "b needs c needs a needs b", "c needs a needs b needs c"} {
			circles += strings.Count(y.heard(), "svscan: warning: unable to start a circle: "+names+"\n")
		}
		if n := strings.Count(takesLong.ReplaceAllString(y.heard(), ""), "\n"); circles != 1 || n != 3 ||
			!strings.Contains(y.heard(), "svscan: warning: ignoring c/needs/c: a service does not need itself\n") ||
			!strings.Contains(y.heard(), "svscan: warning: user waits for b, which needs itself through others\n") {
			t.Errorf("it says\n%s", y.heard())
		}
		got := y.do("svstat", "-j", y.scan+"/user")
		if want := `"error":"unable to open supervise/ok: file does not exist","waits_for":[{"service":"b","is":"circular"}]}` + "\n"; !strings.HasSuffix(got, want) &&
			!strings.HasSuffix(got, strings.Replace(want, "unable to open supervise/ok: file does not exist", "supervise not running", 1)) {
			t.Errorf("svstat -j: %s", got)
		}
		must(os.Remove(y.scan + "/b/needs/c"))
		y.up(base, y.scan+"/a", y.scan+"/b", y.scan+"/c", y.scan+"/user")
		// A circle of services that run does not keep svscan from stopping them.
		must(os.WriteFile(y.scan+"/b/needs/c", nil, 0o644))
		y.kill(y.main, unix.SIGKILL)
		svscan.Wait()
		svscan = y.svscan()
		y.up(base, y.scan+"/a", y.scan+"/b", y.scan+"/c", y.scan+"/user")
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}

// What does not say that it is ready is so when it has been up for its min-uptime.
func TestServiceWaitsForMinUptime(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		db := y.add("db", "#!/bin/sh\n[ -e go ] || exit 1\nexec sleep infinity\n")
		must(os.WriteFile(db+"/min-uptime", []byte("600000\n"), 0o644))
		web := y.needing("web", sleeps, "db")
		svscan := y.svscan()
		y.state("web", ", waits for db, which is not ready")
		y.do("svc", "-d", db)
		y.state("web", ", waits for db, which is down")
		must(os.WriteFile(db+"/go", nil, 0o644))
		must(os.WriteFile(db+"/min-uptime", []byte("300\n"), 0o644))
		y.do("svc", "-u", db)
		y.up(db, web)
		if d := time.Duration(y.made(web) - y.made(db)); d < 300*time.Millisecond {
			t.Errorf("the service was started %v after the one that it needs", d)
		}
		y.stop(svscan)
	})
}

// made is when the process of a service was started, since boot.
func (y *yard) made(dir string) int64 {
	r := textOf(dir + "/supervise/lock")
	if len(r) < 20 {
		return 0
	}
	at := int64(0)
	for i := range 8 {
		at |= int64(r[8+i]) << (8 * i)
	}
	return at
}

// A service that runs once is ready when it has ended well, and its finish as well; and still is
// for the next svscan.
func TestServiceWaitsForTheEndOfOneThatRunsOnce(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, restart := range []string{"never", "on-failure"} {
			t.Run(restart, func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				job := y.add("job", "#!/bin/sh\nuntil [ -e go ]; do sleep 0.02; done\necho run >>../../order\n")
				script(job+"/finish", "#!/bin/sh\nsleep 0.3\necho finish >>../../order\n")
				must(os.WriteFile(job+"/restart", []byte(restart+"\n"), 0o644))
				web := y.needing("web", "#!/bin/sh\necho web >>../../order\nexec sleep infinity\n", "job")
				svscan := y.svscan()
				y.await("the job", func() bool { return len(y.pairs()[job].others) > 0 })
				y.state("web", ", waits for job, which is not ready")
				must(os.WriteFile(job+"/go", nil, 0o644))
				y.up(web)
				y.await("the server", func() bool { return len(y.lines()) == 3 })
				for _, p := range y.tenants() {
					if p.name == "svscan" || p.name == "supervise" {
						y.end(p, unix.SIGKILL)
					}
				}
				svscan.Wait()
				y.add("late", sleeps)
				must(os.Mkdir(y.scan+"/late/needs", 0o755))
				must(os.WriteFile(y.scan+"/late/needs/job", nil, 0o644))
				svscan = y.svscan()
				y.up(web, y.scan+"/late")
				y.stop(svscan)
				if got, want := y.lines(), []string{"run", "finish", "web"}; !slices.Equal(got, want) {
					t.Errorf("%q, not %q", got, want)
				}
				if left := y.tenants(); left != nil {
					t.Errorf("left running:\n%s", y.list())
				}
			})
		}
	})
}

// Needs that come and go while a service waits count at once.
func TestNeedsMayChangeWhileAServiceWaits(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		db := y.addDatabase()
		web := y.needing("web", sleeps, "db", "gone")
		y.svscan()
		y.await("a word", func() bool { return strings.Contains(y.heard(), "web waits for gone, which is no service\n") })
		must(os.WriteFile(web+"/needs/later", nil, 0o644))
		must(os.Remove(web + "/needs/gone"))
		y.await("a word", func() bool { return strings.Contains(y.heard(), "web waits for later, which is no service\n") })
		y.do("svc", "-d", db)
		y.state("web", ", waits for later, which is no service")
		y.await("a word", func() bool { return strings.Contains(y.heard(), "web waits for db, which is down\n") })
		later := y.add("later", sleeps)
		y.up(later)
		must(os.WriteFile(db+"/go", nil, 0o644))
		y.do("svc", "-u", db)
		y.up(db, later, web)
		y.blocks() // and nothing is looked at for ever
	})
}

// Where inotify tells nothing, svscan looks.
func TestServicesWaitWithoutInotify(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		need(t, "strace")
		y := newYard(t, m)
		db := y.addDatabase()
		web := y.needing("web", server, "db", "gone")
		y.svscan("strace", "-q", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE",
			filepath.Join(fused.dir, "svscan"))
		y.await("a word", func() bool { return strings.Contains(y.heard(), "web waits for gone, which is no service\n") })
		must(os.Remove(web + "/needs/gone"))
		must(os.WriteFile(db+"/go", nil, 0o644))
		y.up(db, web)
		y.await("the server", func() bool { return slices.Equal(y.lines(), []string{"web-up"}) })
	})
}

// What is wrong with priority or needs is said once, and the service started as without it.
func TestRubbishInPriorityAndNeeds(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		for name, text := range map[string]string{"p1": "first\n", "p2": "99999999999\n", "p3": "", "p4": "1.5"} {
			dir := y.add(name, sleeps)
			must(os.WriteFile(dir+"/priority", []byte(text), 0o644))
		}
		must(os.Mkdir(y.add("p5", sleeps)+"/priority", 0o755))
		must(os.WriteFile(y.add("n1", sleeps)+"/needs", []byte("p1\n"), 0o644))
		y.svscan()
		var dirs []string
		for _, name := range []string{"p1", "p2", "p3", "p4", "p5", "n1"} {
			dirs = append(dirs, filepath.Join(y.scan, name))
		}
		y.up(dirs...)
		y.says("svscan: warning: no number in p1/priority: first\n",
			"svscan: warning: no number in p2/priority: 99999999999\n",
			"svscan: warning: no number in p3/priority: \n",
			"svscan: warning: no number in p4/priority: 1.5\n",
			"svscan: warning: unable to read p5/priority: is a directory\n",
			"svscan: warning: unable to read n1/needs: not a directory\n")
	})
}

// ranks are priorities in their order; no text is no file.
var ranks = []string{"-5", "0", "7", "998", "", "1000"}

// Svscan starts the lowest priority first and stops the highest first: those that were there
// before, and those that come together.
func TestPriorityOrdersStartsAndStops(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		need(t, "strace")
		y := newYard(t, m)
		add := func(prefix string) (names []string) {
			for k := range ranks {
				i := k * 5 % len(ranks)
				made, err := os.MkdirTemp(y.top, "made-")
				must(err)
				dir := write(filepath.Join(made, "new"), sleeps)
				if ranks[i] != "" {
					must(os.WriteFile(dir+"/priority", []byte(ranks[i]+"\n"), 0o644))
				}
				must(os.Rename(dir, fmt.Sprint(y.scan, "/", prefix, i)))
			}
			for i := range ranks {
				names = append(names, fmt.Sprint(prefix, i))
			}
			return names
		}
		first := add("x")
		svscan := y.svscan()
		dirs := func(names []string) (all []string) {
			for _, n := range names {
				all = append(all, filepath.Join(y.scan, n))
			}
			return all
		}
		y.up(dirs(first)...)
		y.kill(y.main, unix.SIGSTOP)
		y.await("svscan stopped", func() bool { return y.process(y.main.pid).state == 'T' })
		second := add("y") // all of them before svscan looks
		y.kill(y.main, unix.SIGCONT)
		svscan.Process.Signal(unix.SIGCONT) // nsenter stops with it
		y.up(append(dirs(first), dirs(second)...)...)
		for _, names := range [][]string{first, second} {
			var started []int // in their order
			for _, dir := range dirs(names) {
				p := y.pairs()[dir]
				started = append(started, y.pidInside(append(p.supervisors, p.others...)[0]))
			}
			if !slices.IsSorted(started) {
				t.Errorf("%q are not started in their order: %d", names, started)
			}
		}
		y.kill(y.main, unix.SIGKILL)
		svscan.Wait()
		calls := y.top + "/calls"
		svscan = y.svscan("strace", "-qq", "-y", "-o", calls, "-e", "trace=openat", filepath.Join(fused.dir, "svscan"))
		y.up(append(dirs(first), dirs(second)...)...)
		y.await("all taken over", func() bool { return y.areSupervised(append(dirs(first), dirs(second)...)) })
		must(os.Truncate(calls, 0))
		y.kill(y.main, unix.SIGTERM)
		y.ends(svscan)
		told := toldIn(textOf(calls))
		for i, prefix := range []string{"x", "y"} {
			names := [][]string{first, second}[i]
			slices.Reverse(names)
			mine := slices.DeleteFunc(slices.Clone(told), func(n string) bool { return !strings.HasPrefix(n, prefix) })
			if !slices.Equal(mine, names) {
				t.Errorf("told in the order %q, not %q", mine, names)
			}
		}
	})
}

// areSupervised reports whether supervisors have taken all of these services, and with -1 svscan itself.
func (y *yard) areSupervised(dirs []string) bool {
	for _, dir := range dirs {
		if !strings.Contains(y.do("svstat", dir), ": up ") {
			return false
		}
	}
	return true
}

// toldIn tells which services svscan has told to stop, by the files that it opens: the control of
// another supervisor, or the status of a service of its own.
func toldIn(calls string) (names []string) {
	told := regexp.MustCompile(`"([xy]\d)/supervise/control", O_WRONLY|/([xy]\d)>, "supervise/status.new"`)
	for _, m := range told.FindAllStringSubmatch(calls, -1) {
		if name := m[1] + m[2]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Half of the time of -t is for what others need, even if those do not end.
func TestTimeLimitIsForWhatOthersNeedToo(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		db := y.addDatabase()
		must(os.WriteFile(db+"/go", nil, 0o644))
		web := y.needing("web", stubborn, "db")
		svscan := y.svscan(filepath.Join(fused.dir, "svscan"), "-t10000")
		y.up(db, web)
		y.await("the server", func() bool { return exists(web + "/up") })
		y.kill(y.main, unix.SIGTERM)
		y.ends(svscan)
		if got := y.lines(); !slices.Equal(got, []string{"db-told"}) {
			t.Errorf("%q", got)
		}
		y.await("the end of all", func() bool { return y.tenants() == nil }) // the server has left a sleep
	})
}
