package test

// What is wrong with one service is said with its name, and the others run.
//
// Not tested in this file: limits (svscan_limits_test.go).

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Each line that a bad service causes begins with the tool and names the service.
func TestSvscanSaysWhatIsWrongWithAServiceAndRunsTheOthers(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		const nobody = 65534
		y := newYard(t, m)
		in := func(name string) string { return filepath.Join(y.scan, name) }
		must(os.Symlink("loop", in("loop")))
		must(os.Symlink(filepath.Join(y.top, "secret", "x"), in("denied")))
		write(filepath.Join(y.top, "secret", "x"), sleeps)
		must(os.Chmod(filepath.Join(y.top, "secret"), 0o700))
		write(in("closed"), sleeps)
		must(os.Chmod(in("closed"), 0o700))
		write(in("read-only"), sleeps)
		write(in("read-only-logged"), sleeps, reads)
		must(os.Mkdir(in("no-run"), 0o755))
		must(os.MkdirAll(in("run-is-a-directory/run"), 0o755))
		write(in("no-such-interpreter"), "#!/nowhere\n")
		write(in("not-executable"), sleeps)
		must(os.Chmod(in("not-executable/run"), 0o644))
		must(os.Mkdir(in("new\nline"), 0o755))
		for _, name := range []string{"no-run", "run-is-a-directory", "no-such-interpreter", "not-executable", "new\nline"} {
			must(os.Chown(in(name), nobody, nobody))
		}
		good := write(in("good"), sleeps, reads)
		must(os.Chown(good, nobody, nobody))
		must(os.Chown(good+"/log", nobody, nobody))
		must(os.Chmod(filepath.Dir(y.top), 0o755)) // of t.TempDir
		y.svscan("setuidgid", "nobody", filepath.Join(fused.dir, "svscan"))
		y.up(good, good+"/log")

		begins := []string{
			"svscan: warning: unable to stat loop: symbolic link loop",
			"svscan: warning: unable to stat denied: access denied",
			"svscan: warning: unable to stat closed/log: access denied",
			"supervise: fatal: unable to create read-only/supervise: ",
			"svscan: warning: unable to open read-only-logged/supervise/pipe: ",
			"svscan: warning: unable to start no-run/run: file does not exist",
			"supervise: fatal: unable to start run-is-a-directory/run: access denied",
			"supervise: fatal: unable to start no-such-interpreter/run: file does not exist",
			"supervise: fatal: unable to start not-executable/run: access denied",
			`svscan: warning: unable to start new\nline/run: file does not exist`,
		}
		absent := func() (list []string) {
			for _, b := range begins {
				if !strings.Contains("\n"+y.heard(), "\n"+b) {
					list = append(list, b)
				}
			}
			return list
		}
		eventually(t, "a line of each", func() bool { return absent() == nil }, func() string {
			return "not said:\n" + strings.Join(absent(), "\n")
		}, y.explain)
		for line := range strings.Lines(y.heard()) {
			if !slices.ContainsFunc(begins, func(b string) bool { return strings.HasPrefix(line, b) }) {
				t.Errorf("also said: %q", line)
			}
		}
		for _, once := range append(begins[:2:2], begins[5]) {
			if n := strings.Count(y.heard(), once); n > 1 {
				t.Errorf("said %d times: %s", n, once)
			}
		}
		late := write(filepath.Join(y.top, "late"), sleeps)
		must(os.Chown(late, nobody, nobody))
		must(os.Rename(late, in("late")))
		y.up(good, good+"/log", in("late"))
	})
}

func TestSvscanSaysThatALinkIsBroken(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		must(os.Symlink("nowhere", filepath.Join(y.scan, "broken")))
		good := y.add("good", sleeps)
		y.svscan()
		y.up(good)
		y.says("svscan: warning: unable to stat broken: file does not exist\n")
	})
}

// Each is tried again and again.
func TestSvscanRunsAServiceAmongHundredsOfBrokenOnes(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		busy(t)
		y := newYard(t, m)
		for i := range 300 {
			must(os.MkdirAll(filepath.Join(y.scan, strconv.Itoa(i), "run"), 0o755))
		}
		good := y.add("good", sleeps, reads)
		y.svscan()
		before := y.up(good, good+"/log")
		later := y.add("later", sleeps, reads)
		after := y.up(good, good+"/log", later, later+"/log")
		if fmt.Sprint(before[good], before[good+"/log"]) != fmt.Sprint(after[good], after[good+"/log"]) {
			t.Errorf("%v became %v", before[good], after[good])
		}
		for i := range 300 {
			want := fmt.Sprintf("supervise: fatal: unable to start %d/run: access denied\n", i)
			y.await(want, func() bool { return strings.Contains(y.heard(), want) })
		}
	})
}

func TestSvscanOnAReadOnlyFileSystem(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		state := filepath.Join(y.top, "state")
		must(os.Mkdir(state, 0o755))
		var dirs []string
		add := func(name, target string, logged bool) {
			dir := write(filepath.Join(y.scan, name), sleeps)
			dirs = append(dirs, dir)
			must(os.Symlink(target, dir+"/supervise"))
			if logged {
				write(dir, sleeps, reads)
				log := dir + "/log"
				dirs = append(dirs, log)
				if !filepath.IsAbs(target) {
					target = "../" + target
				}
				must(os.Symlink(target+".log", log+"/supervise"))
			}
		}
		add("absolute", state+"/absolute", false)
		add("absolute-logged", state+"/absolute-logged", true)
		add("relative", "../../state/relative", false)
		add("relative-logged", "../../state/relative-logged", true)
		y.do("sh", "-c", `mount -t tmpfs tmpfs "$TOP/state" && mount --bind "$SCAN" "$SCAN" && mount -o remount,bind,ro "$SCAN"`)
		svscan := y.svscan()
		y.up(dirs...)
		y.stop(svscan)
		y.saysNothing()
	})
}

var brokenServices = flag.Int("broken", 2000, "how many broken services there are among a few good ones")

// A breakage is a way to break a service, and the reason that is given for it: by svscan
// for the directory, or by supervise for run.
type breakage struct {
	name   string
	how    func(y *yard, dir string)
	reason string
	by     string // "svscan", "log", "no run" or "run"
}

// spoilt is a service of runner's whose run is something else.
func spoilt(run func(y *yard, file string)) func(*yard, string) {
	return func(y *yard, dir string) {
		must(os.Mkdir(dir, 0o755))
		run(y, filepath.Join(dir, "run"))
		must(os.Chown(dir, runner, runner))
	}
}

func leads(to string) func(*yard, string) {
	return func(_ *yard, file string) { must(os.Symlink(to, file)) }
}

var breakages = []breakage{
	{"no run", spoilt(func(*yard, string) {}), "file does not exist", "no run"},
	{"run is a directory", spoilt(func(_ *yard, run string) { must(os.Mkdir(run, 0o755)) }), "access denied", "run"},
	{"run is not executable", spoilt(func(_ *yard, run string) { must(os.WriteFile(run, []byte(sleeps), 0o644)) }), "access denied", "run"},
	{"run has no interpreter", spoilt(func(_ *yard, run string) { script(run, "#!/nowhere\n") }), "file does not exist (its interpreter /nowhere)", "run"},
	{"run has no format", spoilt(func(_ *yard, run string) { script(run, "neither\n") }), "exec format error (its first line does not begin with #!)", "run"},
	{"run is a dangling link", spoilt(leads("nowhere")), "file does not exist", "no run"},
	{"run is a loop of links", spoilt(leads("run")), "symbolic link loop", "run"},
	{"run is out of reach", spoilt(func(y *yard, run string) { must(os.Symlink(filepath.Join(y.top, "secret", "run"), run)) }), "access denied", "run"},
	{"a dangling link", leads("nowhere"), "file does not exist", "svscan"},
	{"a loop of links", func(_ *yard, dir string) { must(os.Symlink(filepath.Base(dir), dir)) }, "symbolic link loop", "svscan"},
	{"out of reach", func(y *yard, dir string) { must(os.Symlink(filepath.Join(y.top, "secret", "x"), dir)) }, "access denied", "svscan"},
	{"no permission", func(_ *yard, dir string) { must(os.Mkdir(dir, 0o700)) }, "access denied", "log"},
}

// brokenName is a name that is hard to handle.
func brokenName(i int) string {
	n := fmt.Sprint(i)
	return []string{n, "a b " + n, "new\nline" + n, "-" + n, "'\"$(" + n, strings.Repeat("n", 255-len(n)) + n}[i/len(breakages)%6]
}

// The good ones come up and stay, and each of the broken ones is named in a line.
func TestSvscanNamesEachOfThousandsOfBrokenServices(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		busy(t)
		y := newYardInMemory(t, m)
		must(os.Chmod(filepath.Dir(y.top), 0o755)) // of a folder for this user only
		write(filepath.Join(y.top, "secret", "x"), sleeps)
		must(os.Chmod(filepath.Join(y.top, "secret"), 0o700))
		wanted := map[string]bool{}
		for i := range *brokenServices {
			b, name := breakages[i%len(breakages)], brokenName(i)
			b.how(y, filepath.Join(y.scan, name))
			name = strings.ReplaceAll(name, "\n", `\n`)
			switch b.by {
			case "svscan":
				wanted["svscan: warning: unable to stat "+name+": "+b.reason+"\n"] = true
			case "log":
				wanted["svscan: warning: unable to stat "+name+"/log: "+b.reason+"\n"] = true
			case "no run":
				wanted["svscan: warning: unable to start "+name+"/run: "+b.reason+"\n"] = true
			case "run":
				wanted["supervise: fatal: unable to start "+name+"/run: "+b.reason+"\n"] = true
			}
		}
		var dirs []string
		good := func(name string) {
			made := write(filepath.Join(y.top, name), sleeps, reads)
			must(os.Chown(made, runner, runner))
			must(os.Chown(made+"/log", runner, runner))
			dir := filepath.Join(y.scan, name)
			must(os.Rename(made, dir))
			dirs = append(dirs, dir, dir+"/log")
		}
		for i := range 5 {
			good(fmt.Sprint("good", i))
		}
		y.svscan("setuidgid", fmt.Sprint(runner, ":", runner), filepath.Join(fused.dir, "svscan"))
		before := y.up(dirs...)
		missing := func() (list []string) {
			heard := map[string]bool{}
			for line := range strings.Lines(y.heard()) {
				if heard[line] = true; !wanted[line] {
					t.Fatalf("also said: %q", line)
				}
			}
			for line := range wanted {
				if !heard[line] {
					list = append(list, line)
				}
			}
			return list
		}
		y.await("a line for each", func() bool { return missing() == nil })
		good("later")
		after := y.up(dirs...)
		for d := range before {
			if p := after[d]; strings.HasPrefix(filepath.Base(strings.TrimSuffix(d, "/log")), "good") && fmt.Sprint(p) != fmt.Sprint(before[d]) {
				t.Errorf("%s: %v became %v", d, before[d], p)
			}
		}
	})
}

// A directory that cannot be read now is read again.
func TestSvscanReadsItsDirectoryAsSoonAsItCan(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		must(os.Chmod(filepath.Dir(y.top), 0o755)) // of t.TempDir
		must(os.Chown(y.scan, runner, runner))
		replace := y.behind("x")
		y.svscan("setuidgid", fmt.Sprint(runner, ":", runner), filepath.Join(fused.dir, "svscan"))
		y.blocks()
		must(os.Chmod(y.scan, 0o300))
		y.kill(y.main, unix.SIGHUP)
		y.await("a warning", func() bool {
			return strings.Contains(y.heard(), "svscan: warning: unable to read directory: access denied\n")
		})
		later := replace()
		must(os.Chmod(y.scan, 0o700))
		y.up(later)
	})
}
