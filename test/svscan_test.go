package test

// Each svscan here runs in a PID namespace of its own, with which all that it has
// started ends.
//
// Not tested in this file: supervise by itself, its commands and its adoption at
// each system call; how soon anything happens; how much memory it takes; loggers
// that lose what they have read when they are killed.

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	killRounds = flag.Int("svscan.rounds", 12, "rounds of the kill matrix")
	killSeed   = flag.Int64("svscan.seed", 0, "seed of the kill matrix; 0 takes the time")
)

// A yard is a PID and mount namespace with a directory of services.
type yard struct {
	t     testing.TB
	top   string // seen under the same name inside and outside
	scan  string // the directory of services
	path  string // PATH
	first *exec.Cmd
	ns    string
	said  string // what svscan and its supervisors say on standard error
	main  tenant // the svscan that was started last
}

// systemTools is the search path behind the tools under test.
const systemTools = "/usr/bin:/bin"

// newYard makes one whose PID 1 does nothing but reap.
func newYard(t testing.TB) *yard {
	t.Helper()
	y := emptyYard(t)
	y.begin(`sleep infinity; :`)
	return y
}

func emptyYard(t testing.TB) *yard {
	t.Helper()
	needRoot(t)
	need(t, "nsenter", "mount")
	y := &yard{t: t, top: t.TempDir(), path: fused.dir + ":" + systemTools}
	must(os.Chmod(y.top, 0o755))
	y.scan, y.said = filepath.Join(y.top, "service"), filepath.Join(y.top, "said")
	must(os.Mkdir(y.scan, 0o755))
	return y
}

// begin starts PID 1: a script, once /proc is its own.
func (y *yard) begin(script string) {
	y.t.Helper()
	ready := filepath.Join(y.top, "ready")
	y.first = exec.Command("sh", "-c", `mount --make-rprivate / && mount -t proc proc /proc && : >"$READY" && `+script)
	y.first.Env = []string{"PATH=" + y.path, "READY=" + ready, "SCAN=" + y.scan, "TOP=" + y.top}
	y.first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	y.first.Stderr = y.hear()
	must(y.first.Start())
	y.t.Cleanup(func() {
		y.first.Process.Kill()
		y.first.Wait()
	})
	var err error
	y.ns, err = os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", y.first.Process.Pid))
	must(err)
	y.await("PID 1", func() bool { return exists(ready) })
}

// hear is a file for standard error.
func (y *yard) hear() *os.File {
	f, err := os.OpenFile(y.said, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	must(err)
	y.t.Cleanup(func() { f.Close() })
	return f
}

// inside is a command that will run in the namespace.
func (y *yard) inside(words ...string) *exec.Cmd {
	pid := strconv.Itoa(y.first.Process.Pid)
	cmd := exec.Command("nsenter", append([]string{"-t", pid, "-p", "-m", "--"}, words...)...)
	cmd.Env = []string{"PATH=" + y.path, "SCAN=" + y.scan, "TOP=" + y.top}
	return cmd
}

// do runs a command in the namespace and returns what it prints.
func (y *yard) do(words ...string) string {
	y.t.Helper()
	out, err := y.inside(words...).CombinedOutput()
	if err != nil {
		y.t.Fatalf("%q: %v\n%s", words, err, out)
	}
	return string(out)
}

// svscan starts one, which catches signals when this returns. Words come in front of
// it, or the name of another in its place.
func (y *yard) svscan(words ...string) *exec.Cmd {
	y.t.Helper()
	if words == nil {
		words = []string{filepath.Join(fused.dir, "svscan")}
	}
	cmd := y.inside(append(words, y.scan)...)
	cmd.Stderr = y.hear()
	must(cmd.Start())
	y.await("svscan", func() bool {
		for _, p := range y.named("svscan") { // or a child of one, before its exec
			above, _ := y.look(p.parent)
			if p.parent == cmd.Process.Pid || above.name == "strace" {
				y.main = p
				status := textOf(fmt.Sprintf("/proc/%d/status", p.pid))
				return words[0] == debian+"/svscan" || !strings.Contains(status, "SigBlk:\t0000000000000000")
			}
		}
		return false
	})
	return cmd
}

// stop ends svscan by TERM and wants exit code 0.
func (y *yard) stop(svscan *exec.Cmd) {
	y.t.Helper()
	y.kill(y.main, unix.SIGTERM)
	late := time.AfterFunc(patience, func() { svscan.Process.Kill() })
	err := svscan.Wait()
	if !late.Stop() {
		y.t.Fatalf("svscan did not end after TERM:\n%s\n%s", y.heard(), y.list())
	}
	if err != nil {
		y.t.Errorf("svscan after TERM: %v", err)
	}
}

// heard is what was said on standard error so far.
func (y *yard) heard() string {
	text, err := os.ReadFile(y.said)
	must(err)
	return string(text)
}

// saysNothing wants standard error to be empty.
func (y *yard) saysNothing() {
	y.t.Helper()
	if text := y.heard(); text != "" {
		y.t.Errorf("on standard error:\n%s", text)
	}
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// await waits for a condition. The deadline is for tests that fail.
func (y *yard) await(what string, done func() bool) {
	y.t.Helper()
	for end := time.Now().Add(2 * patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			said, _ := os.ReadFile(y.said)
			said = said[:min(len(said), 1000)]
			y.t.Fatalf("%s: not within %v\n%s\n%s", what, patience, said, y.list())
		}
	}
}

// Processes.

type tenant struct {
	pid    int // outside
	parent int // likewise
	state  byte
	name   string
	cwd    string
	start  string // tells two processes of one pid apart
}

// look is a process of the namespace; ok is false if it is none, or has ended.
func (y *yard) look(pid int) (p tenant, ok bool) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	if ns, err := os.Readlink(dir + "ns/pid"); err != nil || ns != y.ns {
		return p, false
	}
	text, err := os.ReadFile(dir + "stat")
	if err != nil {
		return p, false
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	p = tenant{pid: pid, state: fields[0][0], name: string(text[open+1 : end]), start: fields[19]}
	p.parent, err = strconv.Atoi(fields[1])
	must(err)
	p.cwd, err = os.Readlink(dir + "cwd")
	return p, err == nil && p.state != 'Z' && p.state != 'X'
}

// tenants are the processes of the namespace, but not its PID 1 and the sleep that
// this waits for.
func (y *yard) tenants() (list []tenant) {
	entries, err := os.ReadDir("/proc")
	must(err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || y.first != nil && pid == y.first.Process.Pid {
			continue
		}
		if p, ok := y.look(pid); ok && (strings.HasPrefix(p.cwd, y.top) || p.name != "sleep") {
			list = append(list, p)
		}
	}
	return list
}

func (y *yard) named(name string) (list []tenant) {
	for _, p := range y.tenants() {
		if p.name == name {
			list = append(list, p)
		}
	}
	return list
}

func (y *yard) list() string {
	var b strings.Builder
	for i, p := range y.tenants() {
		if i == 100 {
			b.WriteString("...\n")
			break
		}
		fmt.Fprintf(&b, "%d %c %s %q\n", p.pid, p.state, p.name, p.cwd)
	}
	return b.String()
}

// kill sends a signal to a process unless it has ended.
func (y *yard) kill(p tenant, signal syscall.Signal) {
	process, err := os.FindProcess(p.pid) // a pidfd
	if err != nil {
		return
	}
	defer process.Release()
	if now, ok := y.look(p.pid); ok && now.start == p.start {
		process.Signal(signal)
	}
}

// A pair is who is in a directory: its supervisors, and others.
type pair struct{ supervisors, others []int }

func (p pair) once() bool { return len(p.supervisors) == 1 && len(p.others) == 1 }

// pairs is that of each directory. What svscan has forked and is not yet supervise
// counts for no directory of a service.
func (y *yard) pairs() map[string]pair {
	all := map[string]pair{}
	for _, p := range y.tenants() {
		at := all[p.cwd]
		switch p.name {
		case "svscan", "nsenter":
			continue
		case "supervise":
			at.supervisors = append(at.supervisors, p.pid)
		default:
			at.others = append(at.others, p.pid)
		}
		all[p.cwd] = at
	}
	return all
}

// up waits until each of these directories has one supervisor and one service.
func (y *yard) up(dirs ...string) map[string]pair {
	y.t.Helper()
	var all map[string]pair
	y.await(fmt.Sprintf("%.300q up", dirs), func() bool {
		all = y.pairs()
		return !slices.ContainsFunc(dirs, func(d string) bool { return !all[d].once() })
	})
	return all
}

// blocks waits until svscan sleeps with nothing to do before it is woken.
func (y *yard) blocks() {
	y.t.Helper()
	y.await("svscan blocked for ever", func() bool {
		// proc_pid_syscall(5): number, then the arguments
		f := strings.Fields(textOf(fmt.Sprintf("/proc/%d/syscall", y.main.pid)))
		if len(f) < 5 || f[0] != strconv.Itoa(unix.SYS_EPOLL_PWAIT) {
			return false
		}
		limit, err := strconv.ParseUint(f[4], 0, 64)
		return err == nil && int32(limit) < 0
	})
}

// Services.

// What most services and logs run.
const (
	sleeps = "#!/bin/sh\nexec sleep infinity\n"
	reads  = "#!/bin/sh\nexec cat >>/dev/null\n"
)

// write makes a service directory. A second script is its log's.
func write(dir string, run ...string) string {
	for i, script := range run {
		d := dir
		if i == 1 {
			d = filepath.Join(dir, "log")
		}
		must(os.MkdirAll(d, 0o755))
		must(os.WriteFile(filepath.Join(d, "run"), []byte(script), 0o755))
	}
	return dir
}

// add makes a service elsewhere and moves it in.
func (y *yard) add(name string, run ...string) string {
	y.t.Helper()
	made, err := os.MkdirTemp(y.top, "made-")
	must(err)
	dir := filepath.Join(y.scan, name)
	must(os.Rename(write(filepath.Join(made, "new"), run...), dir))
	return dir
}

func TestSvscanSeesServicesThatComeWithoutReadingTheDirectoryAgain(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.svscan()
	y.blocks()
	y.up(y.add("moved", sleeps))
	linked := write(filepath.Join(y.top, "linked"), sleeps, reads)
	must(os.Symlink(linked, filepath.Join(y.scan, "link")))
	y.up(linked, linked+"/log")
	y.blocks()
	y.up(y.add("another", sleeps))
	y.saysNothing()
}

func TestSvscanForgetsServicesThatHaveGone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
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
		return len(all[gone].supervisors)+len(all[gone+"/log"].supervisors) == 0
	})
	y.up(y.add("later", sleeps)) // so svscan has had its turn
	y.blocks()
	if all := y.pairs(); len(all[gone].supervisors)+len(all[gone].others) > 0 {
		t.Errorf("started again after it had gone:\n%s", y.list())
	}
	y.saysNothing()
	// Forgotten: what comes by that name is looked at afresh.
	x = y.add("x", sleeps)
	y.up(x)
	y.saysNothing()
}

// The old supervisor runs on while the new directory is there already, as in an
// upgrade by ln -sfn.
func TestSvscanStartsWhatHasTakenTheNameOfARunningService(t *testing.T) {
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
			y := newYard(t)
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
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprint("taken: ", taken), func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
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
}

func TestSvscanIgnoresWhatIsNoService(t *testing.T) {
	t.Parallel()
	y := newYard(t)
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
	if n := len(y.named("supervise")); n != 2 {
		t.Errorf("%d supervisors for 2 services:\n%s", n, y.list())
	}
	y.saysNothing()
}

func TestSvscanTakesAnyName(t *testing.T) {
	t.Parallel()
	y := newYard(t)
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
}

// Each line that a bad service causes begins with the tool and names the service.
func TestSvscanSaysWhatIsWrongWithAServiceAndRunsTheOthers(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	y := newYard(t)
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
		"supervise: fatal: unable to acquire read-only/supervise/lock: ",
		"svscan: warning: unable to open read-only-logged/supervise/pipe: ",
		"supervise: fatal: unable to start no-run/run: file does not exist",
		"supervise: fatal: unable to start run-is-a-directory/run: access denied",
		"supervise: fatal: unable to start no-such-interpreter/run: file does not exist",
		"supervise: fatal: unable to start not-executable/run: access denied",
		`supervise: fatal: unable to start new\nline/run: file does not exist`,
	}
	absent := func() (list []string) {
		for _, b := range begins {
			if !strings.Contains("\n"+y.heard(), "\n"+b) {
				list = append(list, b)
			}
		}
		return list
	}
	for end := time.Now().Add(patience); absent() != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if a := absent(); a != nil {
		t.Errorf("not said:\n%s\n--\n%s", strings.Join(a, "\n"), y.heard())
	}
	for line := range strings.Lines(y.heard()) {
		if !slices.ContainsFunc(begins, func(b string) bool { return strings.HasPrefix(line, b) }) {
			t.Errorf("also said: %q", line)
		}
	}
	for _, once := range begins[:2] {
		if n := strings.Count(y.heard(), once); n > 1 {
			t.Errorf("said %d times: %s", n, once)
		}
	}
	late := write(filepath.Join(y.top, "late"), sleeps)
	must(os.Chown(late, nobody, nobody))
	must(os.Rename(late, in("late")))
	y.up(good, good+"/log", in("late"))
}

func TestSvscanSaysThatALinkIsBroken(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	must(os.Symlink("nowhere", filepath.Join(y.scan, "broken")))
	good := y.add("good", sleeps)
	y.svscan()
	y.up(good)
	y.blocks()
	if text := y.heard(); text != "svscan: warning: unable to stat broken: file does not exist\n" {
		t.Errorf("on standard error: %q", text)
	}
}

// Each is tried again and again.
func TestSvscanRunsAServiceAmongHundredsOfBrokenOnes(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for i := range 300 {
		must(os.Mkdir(filepath.Join(y.scan, strconv.Itoa(i)), 0o755))
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
		want := fmt.Sprintf("supervise: fatal: unable to start %d/run: file does not exist\n", i)
		y.await(want, func() bool { return strings.Contains(y.heard(), want) })
	}
}

func TestSvscanWaitsForAServiceThatIsMadeInPlace(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.svscan()
	y.blocks()
	x := filepath.Join(y.scan, "x")
	must(os.MkdirAll(x+"/log", 0o755))
	write(x, sleeps, reads)
	y.up(x, x+"/log")
	y.saysNothing()
}

func TestSvscanWithAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	svscan := y.svscan()
	y.blocks()
	y.up(y.add("first", sleeps))
	y.stop(svscan)
	y.saysNothing()

	y = newYard(t)
	svscan = y.svscan()
	y.blocks()
	y.stop(svscan)
}

func TestSvscanPassesLinesToTheLog(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	x := y.add("x", "#!/bin/sh\necho one; echo two; exec sleep infinity\n", "#!/bin/sh\nexec cat >>../lines\n")
	y.svscan()
	y.await("lines", func() bool { return textOf(x+"/lines") == "one\ntwo\n" })
	y.up(x, x+"/log")
	y.saysNothing()
}

func textOf(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}

func TestSvscanReadsTheDirectoryAgainAfterHUP(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	// The kernel tells nothing of this name when its target comes.
	must(os.Symlink(filepath.Join(y.top, "later"), filepath.Join(y.scan, "x")))
	y.svscan()
	y.blocks()
	later := write(filepath.Join(y.top, "later"), sleeps)
	y.blocks()
	if n := len(y.named("supervise")); n != 0 {
		t.Fatalf("%d supervisors before HUP", n)
	}
	y.kill(y.main, unix.SIGHUP)
	y.up(later)
}

// The last words of the service come at once and are more than a pipe holds; its
// log reads them slowly. It marks when it is told to end, and when its input ends.
func TestSvscanStopsServicesAndThenLogsAfterTERM(t *testing.T) {
	const lastWords = 20000
	service := fmt.Sprintf(`#!/bin/sh
trap 'seq %d; echo stopped >>../order; exit' TERM
echo up
while :; do sleep 0.01; done
`, lastWords)
	logger := `#!/bin/sh
trap 'echo log told >>../../order' TERM
head -n 1 >>../lines
sleep 0.3
cat >>../lines
echo log read all >>../../order
`
	for _, c := range []struct {
		name    string
		restart bool
		path    string
		svscan  []string
	}{
		{name: "its own"},
		{name: "of a killed svscan", restart: true},
		{name: "of daemontools", path: debian + ":/bin"},
		{name: "of daemontools and a killed svscan", restart: true, path: debian + ":/bin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			if c.path != "" {
				need(t, debian+"/supervise")
				y.path = c.path
			}
			x := y.add("x", service, logger)
			z := y.add("z", sleeps)
			svscan := y.svscan()
			y.await("up", func() bool { return textOf(x+"/lines") == "up\n" })
			y.up(z)
			if c.restart {
				y.kill(y.main, unix.SIGKILL)
				svscan.Wait()
				svscan = y.svscan()
			}
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
			// A log whose input ends before svscan says so may be started once more.
			order := slices.Compact(strings.Split(textOf(y.scan+"/order"), "\n"))
			if !slices.Equal(order, []string{"stopped", "log read all", ""}) {
				t.Errorf("in the order\n%q", order)
			}
			if n := strings.Count(textOf(x+"/lines"), "\n"); n != 1+lastWords {
				t.Errorf("the log has %d lines of %d", n, 1+lastWords)
			}
			y.saysNothing()
		})
	}
}

// Whatever runs by then, and whether a svscan and supervisors of before were killed.
func TestSvscanLeavesNothingRunningWheneverTERMComes(t *testing.T) {
	t.Parallel()
	seed := *killSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-svscan.seed=%d", seed)
	random := rand.New(rand.NewSource(seed))
	y := newYard(t)
	for i := range 10 {
		y.add(fmt.Sprint(i), sleeps, reads)
	}
	pause := func() { time.Sleep(time.Duration(random.Int63n(int64(30 * time.Millisecond)))) }
	for round := range *killRounds {
		svscan := y.svscan()
		if round%2 == 1 {
			pause()
			for _, p := range y.tenants() {
				if p.name == "supervise" && random.Intn(2) == 0 {
					y.kill(p, unix.SIGKILL)
				}
			}
			y.kill(y.main, unix.SIGKILL)
			svscan.Wait()
			// Nobody can know of a supervisor that is on its way to its lock.
			y.await("those on their way have arrived", y.allHoldTheirLocks)
			svscan = y.svscan()
		}
		pause()
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Fatalf("round %d: left running:\n%s\n%s", round, y.list(), y.heard())
		}
	}
	y.saysNothing()
}

// allHoldTheirLocks tells whether every supervisor there is has its lock, and no child
// of a svscan is still to become one.
func (y *yard) allHoldTheirLocks() bool {
	for _, p := range y.tenants() {
		switch p.name {
		case "svscan":
			return false
		case "supervise":
			lock, err := os.Open(p.cwd + "/supervise/lock")
			if err != nil {
				return false
			}
			err = unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB)
			lock.Close()
			if err == nil {
				return false
			}
		}
	}
	return true
}

// A logger does not end by itself if a process that the service has left behind
// has the pipe open.
func TestSvscanEndsALogWhoseInputDoesNotEnd(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	x := y.add("x", "#!/bin/sh\nsetsid sleep 1234567 &\nexec sleep infinity\n", "#!/bin/sh\nexec cat >>../lines\n")
	svscan := y.svscan()
	y.await("up", func() bool { all := y.pairs(); return len(all[x].others) == 2 && all[x+"/log"].once() })
	y.stop(svscan)
	all := y.pairs()
	if n := len(y.named("supervise")); n > 0 || len(all[x+"/log"].others) > 0 {
		t.Errorf("left running:\n%s", y.list())
	}
}

func TestSvscanTakesRunningSupervisorsOver(t *testing.T) {
	for _, c := range []struct {
		name, before, after string // where supervise is
	}{
		{"its own", "", ""},
		{"of daemontools", debian + ":/bin", ""},
		{"of catena with those of daemontools for the rest", "", debian + ":/bin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			ours := y.path
			set := func(path string) {
				y.path = ours
				if path != "" {
					need(t, debian+"/supervise")
					y.path = path
				}
			}
			a, b := y.add("a", sleeps), y.add("b", sleeps, reads)
			dirs := []string{a, b, b + "/log"}
			set(c.before)
			svscan := y.svscan()
			before := y.up(dirs...)
			for range 3 {
				y.kill(y.main, unix.SIGKILL)
				svscan.Wait()
				set(c.after)
				svscan = y.svscan()
				y.up(y.add(fmt.Sprint("new", time.Now().UnixNano()), sleeps))
				after := y.up(dirs...)
				for _, d := range dirs {
					if !slices.Equal(before[d].supervisors, after[d].supervisors) || !slices.Equal(before[d].others, after[d].others) {
						t.Errorf("%s: %v became %v", d, before[d], after[d])
					}
				}
			}
			y.saysNothing()

			// It learns of their end.
			for _, d := range dirs {
				p, ok := y.look(before[d].supervisors[0])
				if !ok {
					t.Fatalf("the supervisor of %s has gone", d)
				}
				y.kill(p, unix.SIGKILL)
				if c.before != "" || c.after != "" { // daemontools' do not take a service over
					s, _ := y.look(before[d].others[0])
					y.kill(s, unix.SIGKILL)
				}
			}
			y.await("supervisors again", func() bool {
				all := y.pairs()
				for _, d := range dirs {
					if !all[d].once() || all[d].supervisors[0] == before[d].supervisors[0] {
						return false
					}
					if c.before == "" && c.after == "" && all[d].others[0] != before[d].others[0] {
						t.Fatalf("%s was started again and not taken over", d)
					}
				}
				return true
			})
			set("")
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
		})
	}
}

// It cannot take them over, but must not start anything twice.
func TestDaemontoolsSvscanFindsSupervisorsOfAKilledOne(t *testing.T) {
	t.Parallel()
	need(t, debian+"/svscan")
	y := newYard(t)
	x := y.add("x", sleeps, reads)
	svscan := y.svscan()
	before := y.up(x, x+"/log")
	y.kill(y.main, unix.SIGKILL)
	svscan.Wait()
	y.svscan(debian + "/svscan")
	const complaint = "unable to acquire x/supervise/lock: temporary failure"
	y.await("a complaint about the lock", func() bool { return strings.Contains(y.heard(), complaint) })
	after := y.up(x, x+"/log")
	if fmt.Sprint(before[x], before[x+"/log"]) != fmt.Sprint(after[x], after[x+"/log"]) {
		t.Errorf("%v became %v", before, after)
	}
	// A supervisor of its own follows ours.
	y.do("svc", "-dx", x)
	y.await("another supervisor", func() bool {
		all := y.pairs()
		return all[x].once() && all[x].supervisors[0] != before[x].supervisors[0]
	})
}

func TestTwoSvscansStartNothingTwice(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	var dirs []string
	for i := range 20 {
		x := y.add(fmt.Sprint(i), sleeps, reads)
		dirs = append(dirs, x, x+"/log")
	}
	y.svscan()
	one := y.main
	y.svscan()
	y.up(dirs...)
	y.blocks()
	y.main = one
	y.blocks()
}

func TestSvscanAsPID1ReapsAndSurvivesSignals(t *testing.T) {
	t.Parallel()
	y := emptyYard(t)
	// A service that leaves children behind, all of which end.
	orphans := "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9; do (sleep 0.0$i &) ; done\n: >left\nexec sleep infinity\n"
	x := y.add("x", orphans, reads)
	y.begin(`exec svscan "$SCAN"`)
	y.up(x, x+"/log")
	y.await("orphans", func() bool { return exists(x + "/left") })
	y.await("no zombies", func() bool {
		all, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range all {
			text := textOf(file)
			f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
			if len(f) > 1 && f[1] == strconv.Itoa(y.first.Process.Pid) && f[0] == "Z" {
				return false
			}
		}
		return true
	})
	before := y.up(x, x+"/log")
	for signal := 1; signal <= 64; signal++ {
		if s := syscall.Signal(signal); s == unix.SIGTERM || s == unix.SIGINT {
			continue
		}
		y.do("sh", "-c", fmt.Sprintf("/bin/kill -s %d 1", signal)) // as in the namespace, KILL and STOP too
	}
	late := y.add("late", sleeps)
	after := y.up(x, x+"/log", late)
	if fmt.Sprint(before[x], before[x+"/log"]) != fmt.Sprint(after[x], after[x+"/log"]) {
		t.Errorf("%v became %v", before, after)
	}
	y.saysNothing()
	y.first.Process.Signal(unix.SIGTERM)
	if err := y.first.Wait(); err != nil {
		t.Errorf("PID 1 after TERM: %v", err)
	}
	y.saysNothing()
}

func TestSvscanAsPID1EndsAfterINT(t *testing.T) {
	t.Parallel()
	y := emptyYard(t)
	x := y.add("x", sleeps)
	y.begin(`exec svscan "$SCAN"`)
	y.up(x)
	y.first.Process.Signal(unix.SIGINT)
	if err := y.first.Wait(); err != nil {
		t.Errorf("PID 1 after INT: %v", err)
	}
	y.saysNothing()
}

func TestSvscanOnAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	y := newYard(t)
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
}

func TestSvscanStartsAThousandServices(t *testing.T) {
	t.Parallel()
	const n = 1000
	y := newYard(t)
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
	y.up(dirs...)
	y.blocks()
	before := y.up(dirs...)
	// One that is new is the first without a predecessor.
	y.kill(y.main, unix.SIGKILL)
	svscan.Wait()
	svscan = y.svscan()
	y.up(y.add("new", sleeps))
	after := y.up(dirs...)
	for _, d := range dirs {
		if before[d].supervisors[0] != after[d].supervisors[0] || before[d].others[0] != after[d].others[0] {
			t.Errorf("%s: %v became %v", d, before[d], after[d])
		}
	}
	y.stop(svscan)
	if left := y.tenants(); left != nil {
		t.Errorf("%d left running", len(left))
	}
	y.saysNothing()
}

func TestSvscanReadsTheDirectoryEvery5SecondsWithoutInotify(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	y := newYard(t)
	one := y.add("one", sleeps)
	y.svscan("strace", "-q", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE",
		filepath.Join(fused.dir, "svscan"))
	y.up(one)
	two := y.add("two", sleeps)
	y.up(one, two)
	must(os.Rename(one, filepath.Join(y.top, "gone")))
	y.up(y.add("three", sleeps)) // by when one has been missed
	y.do("svc", "-dx", filepath.Join(y.top, "gone"))
	y.await("one has ended", func() bool { return len(y.named("supervise")) == 2 })
	want := "svscan: warning: unable to watch the directory, reading it every 5 seconds: "
	if text := y.heard(); !strings.HasPrefix(text, want) || strings.Count(text, "\n") != 1 {
		t.Errorf("on standard error:\n%s", text)
	}
}

// The kill matrix.

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

// numbers writes lines in one write each. How many it has written stands in a file
// that follows: a line is there that was counted, and perhaps one more. Who starts
// counts on, with lines of its own.
func numbers() {
	held, err := os.OpenFile("running", os.O_RDWR|os.O_CREATE, 0o644)
	must(err)
	if unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		must(os.WriteFile("overlap", nil, 0o644))
	}
	life := 1
	for exists(fmt.Sprint("written.", life)) {
		life++
	}
	count, err := os.OpenFile(fmt.Sprint("written.", life), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	must(err)
	for i := 1; ; i++ {
		if _, err := fmt.Printf("%d %d\n", life, i); err != nil {
			return
		}
		_, err := count.WriteAt(fmt.Appendf(nil, "%012d", i), 0)
		must(err)
		time.Sleep(2 * time.Millisecond)
	}
}

// keeps moves its input to the end of a file, so that a kill loses nothing: the
// kernel takes from the pipe what it has put into the file. It is slow, so that
// there is always something in the pipe.
func keeps() {
	held, err := os.OpenFile("running", os.O_RDWR|os.O_CREATE, 0o644)
	must(err)
	if unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		must(os.WriteFile("overlap", nil, 0o644))
	}
	out, err := os.OpenFile("../lines", os.O_WRONLY|os.O_CREATE, 0o644)
	must(err)
	_, err = out.Seek(0, 2)
	must(err)
	for {
		n, err := unix.Splice(0, nil, int(out.Fd()), nil, 1<<16, 0)
		if n == 0 || err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Neither svscan nor the log is there to read what the service writes.
func TestServiceOutlivesSvscanAndItsLog(t *testing.T) {
	t.Parallel()
	for _, withSupervisor := range []bool{false, true} {
		t.Run(fmt.Sprint("its supervisor is killed: ", withSupervisor), func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			must(err)
			y := newYard(t)
			x := y.add("x", "#!"+self+" svscan-numbers\n", "#!"+self+" svscan-keeps\n")
			svscan := y.svscan()
			before := y.up(x, x+"/log")
			y.await("some lines", func() bool { return len(textOf(x+"/lines")) > 100 })
			for _, p := range y.tenants() {
				if p.pid == y.main.pid || p.cwd == x+"/log" || withSupervisor && p.name == "supervise" {
					y.kill(p, unix.SIGKILL)
				}
			}
			svscan.Wait()
			seen := textOf(x + "/written.1")
			y.await("more lines", func() bool { return textOf(x+"/written.1") > seen || y.pairs()[x].others == nil })
			svscan = y.svscan()
			after := y.up(x, x+"/log")
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
	theLogSupervisor
	theService
	theLogger
	combinations
)

// All at once would lose what is in the pipe, which only processes keep; so with
// svscan at most three of a service are killed.
func TestNothingRunsTwiceOrIsLostWhateverIsKilled(t *testing.T) {
	t.Parallel()
	seed := *killSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-svscan.seed=%d", seed)
	random := rand.New(rand.NewSource(seed))
	self, err := os.Executable()
	must(err)
	y := newYard(t)
	var services, dirs []string
	for i := range combinations {
		x := y.add(fmt.Sprint("x", i), "#!"+self+" svscan-numbers\n", "#!"+self+" svscan-keeps\n")
		services, dirs = append(services, x), append(dirs, x, x+"/log")
	}
	svscan := y.svscan()
	y.up(dirs...)
	killed := map[string]string{} // what, in the order of rounds
	for round := range *killRounds {
		withSvscan := round%2 == 1
		var wait sync.WaitGroup
		// Together, or spread over start-ups that the first kills cause.
		spread := []time.Duration{time.Millisecond, 50 * time.Millisecond, 1500 * time.Millisecond}[random.Intn(3)]
		after := func(p tenant) {
			delay := time.Duration(random.Int63n(int64(spread)))
			wait.Go(func() {
				time.Sleep(delay)
				y.kill(p, unix.SIGKILL)
			})
		}
		byDir := map[string][]tenant{}
		for _, p := range y.tenants() {
			byDir[p.cwd] = append(byDir[p.cwd], p)
			if p.pid == y.main.pid && withSvscan {
				after(p)
			}
		}
		order := random.Perm(combinations)
		for i, x := range services {
			victims := order[i]
			if victims == combinations-1 && withSvscan {
				victims &^= 1 << random.Intn(4)
			}
			killed[x] += fmt.Sprintf(" %v:%04b", withSvscan, victims)
			for _, p := range byDir[x] {
				if p.name == "supervise" && victims&theSupervisor != 0 || p.name != "supervise" && victims&theService != 0 {
					after(p)
				}
			}
			for _, p := range byDir[x+"/log"] {
				if p.name == "supervise" && victims&theLogSupervisor != 0 || p.name != "supervise" && victims&theLogger != 0 {
					after(p)
				}
			}
		}
		if withSvscan {
			svscan.Wait()
			time.Sleep(time.Duration(random.Int63n(int64(300 * time.Millisecond))))
			svscan = y.svscan()
		}
		wait.Wait()
		y.up(dirs...)
		for _, d := range dirs {
			if exists(d + "/overlap") {
				t.Fatalf("round %d: %s ran twice", round, d)
			}
		}
		if t.Failed() {
			break
		}
	}
	y.stop(svscan)
	if left := y.tenants(); left != nil {
		t.Errorf("left running:\n%s", y.list())
	}
	for _, x := range services {
		if err := complete(x); err != nil {
			t.Errorf("%s: %v; killed:%s", filepath.Base(x), err, killed[x])
		}
	}
	if text := y.heard(); text != "" {
		t.Errorf("on standard error:\n%s", text)
	}
}

// complete compares the lines of a log with what its service has written.
func complete(service string) error {
	have := map[int]int{}
	for line := range strings.Lines(textOf(service + "/lines")) {
		var life, i int
		if n, err := fmt.Sscanf(line, "%d %d\n", &life, &i); n != 2 || err != nil {
			return fmt.Errorf("odd line %q", line)
		}
		if i != have[life]+1 {
			return fmt.Errorf("life %d: line %d follows %d", life, i, have[life])
		}
		have[life] = i
	}
	for life := 1; exists(fmt.Sprint(service, "/written.", life)); life++ {
		wrote, _ := strconv.Atoi(textOf(fmt.Sprint(service, "/written.", life)))
		if have[life] != wrote && have[life] != wrote+1 {
			return fmt.Errorf("life %d: %d lines of %d", life, have[life], wrote)
		}
	}
	return nil
}
