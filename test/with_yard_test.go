package test

// Each svscan of the tests runs in a PID namespace of its own, with which all that it
// has started ends. Here are also the services that such tests give it.
//
// Not tested in this file: anything.

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A mode is how svscan supervises services.
type mode struct {
	name        string
	option      string // of svscan
	supervisors int    // in each directory of a service
}

var (
	perService = mode{"a process for each service", "", 1}
	oneProcess = mode{"one process for all", "-1", 0}
	both       = []mode{perService, oneProcess}
)

// inModes runs a test in some modes of svscan, beside other tests.
func inModes(t *testing.T, modes []mode, test func(t *testing.T, m mode)) {
	t.Parallel()
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

// A yard is a PID and mount namespace with a directory of services.
type yard struct {
	t     testing.TB
	mode  mode
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
func newYard(t testing.TB, m mode) *yard {
	t.Helper()
	y := emptyYard(t, m)
	y.begin(`sleep infinity; :`)
	return y
}

func emptyYard(t testing.TB, m mode) *yard {
	t.Helper()
	return emptyYardIn(t, m, t.TempDir())
}

func emptyYardIn(t testing.TB, m mode, top string) *yard {
	t.Helper()
	needRoot(t)
	need(t, "nsenter", "mount")
	y := &yard{t: t, mode: m, top: top, path: fused.dir + ":" + systemTools}
	must(os.Chmod(y.top, 0o755))
	y.scan, y.said = filepath.Join(y.top, "service"), filepath.Join(y.top, "said")
	must(os.Mkdir(y.scan, 0o755))
	return y
}

// newYardInMemory is newYard with a top that no disk holds up: for thousands of services
// that write their status all the time.
func newYardInMemory(t testing.TB, m mode) *yard {
	t.Helper()
	top := t.TempDir()
	var fs unix.Statfs_t
	if unix.Statfs(memory, &fs) == nil && fs.Type == unix.TMPFS_MAGIC {
		dir, err := os.MkdirTemp(memory, filepath.Base(work)+"-")
		must(err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		top = filepath.Join(dir, "yard")
		must(os.Mkdir(top, 0o755))
	}
	y := emptyYardIn(t, m, top)
	y.begin(`sleep infinity; :`)
	return y
}

// begin starts PID 1: a script, once /proc is its own.
func (y *yard) begin(script string) {
	y.t.Helper()
	ready := filepath.Join(y.top, "ready")
	y.first = exec.Command("sh", "-c", `mount --make-rprivate / && mount -t proc proc /proc && : >"$READY" && `+script)
	y.first.Env = []string{"PATH=" + y.path, "READY=" + ready, "SCAN=" + y.scan, "TOP=" + y.top, "ONE=" + y.mode.option}
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

// inside is a command that will run in the namespace, and under its root: the tests may
// themselves run in a chroot.
func (y *yard) inside(words ...string) *exec.Cmd {
	need(y.t, "nsenter")
	pid := strconv.Itoa(y.first.Process.Pid)
	cmd := exec.Command("nsenter", append([]string{"-t", pid, "-p", "-m", "-r", "--"}, words...)...)
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
	return y.svscanTo(y.hear(), words...)
}

// svscanTo is svscan with another standard error.
func (y *yard) svscanTo(stderr *os.File, words ...string) *exec.Cmd {
	y.t.Helper()
	if words == nil {
		words = []string{filepath.Join(fused.dir, "svscan")}
	}
	if y.mode.option != "" {
		words = append(words, y.mode.option)
	}
	cmd := y.inside(append(words, y.scan)...)
	cmd.Stderr = stderr
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
	y.ends(svscan)
}

// ends waits for svscan after TERM and wants exit code 0.
func (y *yard) ends(svscan *exec.Cmd) {
	y.t.Helper()
	if got := endingInTime(svscan); got != "exit 0" {
		y.t.Errorf("svscan after TERM: %s\n%s", got, y.explain())
	}
}

// heard is what was said on standard error so far.
func (y *yard) heard() string {
	text, err := os.ReadFile(y.said)
	must(err)
	return string(text)
}

// saysNothing wants standard error to be empty, but for whom a stop waits that takes long.
func (y *yard) saysNothing() {
	y.t.Helper()
	if text := patient.ReplaceAllString(y.heard(), ""); text != "" {
		y.t.Errorf("on standard error:\n%s", text)
	}
}

var patient = regexp.MustCompile(`(?m)^svscan: warning: waiting for .*\n`)

// await waits for a condition.
func (y *yard) await(what string, done func() bool) {
	y.t.Helper()
	eventually(y.t, what, done, y.explain)
}

// explain is for tests that fail.
func (y *yard) explain() string {
	said := textOf(y.said)
	return said[:min(len(said), 500)] + "\n...\n" + said[max(0, len(said)-500):] + "\n" + y.list()
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

// end is kill by a signal of which the process ends, and waits until it has, with all of
// its threads.
func (y *yard) end(p tenant, signal syscall.Signal) {
	process, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(process)
	y.kill(p, signal)
	if now, ok := y.look(p.pid); ok && now.start != p.start {
		return
	}
	end := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
	for begun := time.Now(); time.Since(begun) < 2*patience; {
		if n, _ := unix.Poll(end, 1000); n > 0 {
			return
		}
	}
}

// A pair is who is in a directory: its supervisors, and others.
type pair struct{ supervisors, others []int }

// once tells that a service runs once and is supervised once.
func (y *yard) once(p pair) bool {
	return len(p.supervisors) == y.mode.supervisors && len(p.others) == 1
}

func (p pair) empty() bool { return len(p.supervisors)+len(p.others) == 0 }

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
		return !slices.ContainsFunc(dirs, func(d string) bool { return !y.once(all[d]) })
	})
	return all
}

// blocks waits until svscan sleeps with nothing to do before it is woken.
func (y *yard) blocks() {
	y.t.Helper()
	y.await("svscan blocked for ever", func() bool { return waits(y.main.pid) == forever })
}

// Services.

// What most services and logs run.
const (
	sleeps = "#!/bin/sh\nexec sleep infinity\n"
	reads  = "#!/bin/sh\nexec cat >>/dev/null\n"
)

// write makes a service directory. A second script is its log's, and a third one its errlog's;
// an empty one stands for none.
func write(dir string, run ...string) string {
	for i, text := range run {
		if text == "" {
			continue
		}
		d := filepath.Join(dir, []string{"", "log", "errlog"}[i])
		must(os.MkdirAll(d, 0o755))
		script(filepath.Join(d, "run"), text)
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

// alone waits until each of these directories has one process, and tells which; none of
// them is a supervisor.
func (y *yard) alone(dirs ...string) map[string]int {
	y.t.Helper()
	var pids map[string]int
	y.await(fmt.Sprintf("%.300q up", dirs), func() bool {
		pids = map[string]int{}
		all := y.pairs()
		for _, d := range dirs {
			if p := all[d]; len(p.others) == 1 && p.supervisors == nil {
				pids[d] = p.others[0]
			}
		}
		return len(pids) == len(dirs)
	})
	return pids
}

// process is what runs at a pid.
func (y *yard) process(pid int) tenant {
	p, _ := y.look(pid)
	return p
}

// pidInside is the pid of a process in its own namespace.
func (y *yard) pidInside(pid int) int {
	_, pids, _ := strings.Cut(textOf(fmt.Sprintf("/proc/%d/status", pid)), "\nNSpid:\t")
	pids, _, _ = strings.Cut(pids, "\n")
	f := strings.Fields(pids)
	if len(f) == 0 {
		return 0
	}
	n, err := strconv.Atoi(f[len(f)-1])
	must(err)
	return n
}

// statusPid is the process that a status shows.
func (y *yard) statusPid(dir string) int {
	b := textOf(dir + "/supervise/status")
	if len(b) != 18 {
		return 0
	}
	return int(b[12]) | int(b[13])<<8 | int(b[14])<<16 | int(b[15])<<24
}

// says waits until exactly these lines have been said, in any order.
func (y *yard) says(lines ...string) {
	y.t.Helper()
	y.await(fmt.Sprintf("%q", lines), func() bool { return len(y.heard()) >= len(strings.Join(lines, "")) })
	rest := y.heard()
	for _, line := range lines {
		rest = strings.Replace(rest, line, "", 1)
	}
	if rest != "" {
		y.t.Errorf("also said:\n%s", rest)
	}
}

// behind makes a link to a service, in a directory in whose place another one can be put:
// of that the kernel tells nothing.
func (y *yard) behind(name string) (replace func() string) {
	above := filepath.Join(y.top, "above")
	dir := filepath.Join(above, name)
	build := func() {
		write(dir, sleeps)
		must(os.Chown(dir, runner, runner))
	}
	build()
	must(os.Symlink(dir, filepath.Join(y.scan, name)))
	return func() string {
		must(os.Rename(above, above+".old"))
		build()
		return dir
	}
}

// runner is a uid that nobody else has, so that the count of processes is this test's.
const runner = 54323

// runsAlone notes whether another process has called it in this directory that still runs.
func runsAlone() {
	held, err := unix.Open("running", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	must(err)
	if unix.Flock(held, unix.LOCK_EX|unix.LOCK_NB) != nil {
		must(os.WriteFile("overlap", nil, 0o644))
	}
}

// numbers writes lines in one write each, to standard output and, if there is an errlog, to
// standard error. How many it has written stands in a file for each that follows: a line is
// there that was counted, and perhaps one more. Who starts counts on, with lines of its own.
func numbers() {
	runsAlone()
	life := 1
	for exists(fmt.Sprint("written.", life)) {
		life++
	}
	counting := func(name string) *os.File {
		count, err := os.OpenFile(fmt.Sprint(name, ".", life), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		must(err)
		return count
	}
	streams, counts := []*os.File{os.Stdout}, []*os.File{counting("written")}
	if exists("errlog") {
		streams, counts = append(streams, os.Stderr), append(counts, counting("errwritten"))
	}
	for i := 1; ; i++ {
		for k, out := range streams {
			if _, err := fmt.Fprintf(out, "%d %d\n", life, i); err != nil {
				return
			}
			_, err := counts[k].WriteAt(fmt.Appendf(nil, "%012d", i), 0)
			must(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// keeps moves its input to the end of a file, so that a kill loses nothing: the
// kernel takes from the pipe what it has put into the file. It is slow, so that
// there is always something in the pipe.
func keeps() {
	runsAlone()
	dir, err := os.Getwd()
	must(err)
	name := map[string]string{"log": "../lines", "errlog": "../errlines"}[filepath.Base(dir)]
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
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

// numbered adds services of numbered lines, x0 and so on, each with a log that keeps them.
// Dirs are the directories of all of them and of their logs.
func (y *yard) numbered(n int) (services, dirs []string) {
	y.t.Helper()
	self, err := os.Executable()
	must(err)
	for i := range n {
		x := y.add(fmt.Sprint("x", i), "#!"+self+" svscan-numbers\n", "#!"+self+" svscan-keeps\n")
		services, dirs = append(services, x), append(dirs, x, x+"/log")
	}
	return services, dirs
}

// numberedTwice is numbered for services that have an errlog as well.
func (y *yard) numberedTwice(n int) (services, dirs []string) {
	y.t.Helper()
	self, err := os.Executable()
	must(err)
	for i := range n {
		keeps := "#!" + self + " svscan-keeps\n"
		x := y.add(fmt.Sprint("x", i), "#!"+self+" svscan-numbers\n", keeps, keeps)
		services, dirs = append(services, x), append(dirs, x, x+"/log", x+"/errlog")
	}
	return services, dirs
}

// hasPipes waits until svscan has the pipes of all services: then everyone else who has
// one may be killed.
func (y *yard) hasPipes(services []string) {
	y.t.Helper()
	y.await("svscan with all pipes", func() bool {
		missing := map[string]bool{}
		for _, x := range services {
			missing[x+"/supervise/pipe"] = true
			if exists(x + "/errlog") {
				missing[x+"/supervise/errpipe"] = true
			}
		}
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", y.main.pid))
		for _, f := range files {
			name, _ := os.Readlink(f)
			delete(missing, name)
		}
		return len(missing) == 0
	})
}

// complete compares the lines of the logs with what their service has written.
func complete(service string) error {
	if err := completeLog(service, "lines", "written"); err != nil || !exists(service+"/errlog") {
		return err
	}
	return completeLog(service, "errlines", "errwritten")
}

// completeLog is complete for one log.
func completeLog(service, lines, written string) error {
	have := map[int]int{}
	for line := range strings.Lines(textOf(service + "/" + lines)) {
		var life, i int
		if n, err := fmt.Sscanf(line, "%d %d\n", &life, &i); n != 2 || err != nil {
			return fmt.Errorf("%s: odd line %q", lines, line)
		}
		if i != have[life]+1 {
			return fmt.Errorf("%s: life %d: line %d follows %d", lines, life, i, have[life])
		}
		have[life] = i
	}
	for life := 1; exists(fmt.Sprint(service, "/written.", life)); life++ { // a life may end before the second count
		wrote, _ := strconv.Atoi(textOf(fmt.Sprint(service, "/", written, ".", life)))
		if have[life] != wrote && have[life] != wrote+1 {
			return fmt.Errorf("%s: life %d: %d lines of %d", lines, life, have[life], wrote)
		}
	}
	return nil
}

// lacks reports services of which lines have been lost, while nothing runs.
func (y *yard) lacks(services []string, killed map[string]string) {
	y.t.Helper()
	for _, x := range services {
		if err := complete(x); err != nil {
			y.t.Errorf("%s: %v; killed:%s", filepath.Base(x), err, killed[x])
		}
	}
}

var (
	killRounds = flag.Int("svscan.rounds", 12, "rounds of the kill matrix")
	killSeed   = flag.Int64("svscan.seed", 0, "seed of the kill matrix; 0 takes the time")
)

// stubborn ignores TERM and what is sent in its place.
const stubborn = "#!/bin/sh\ntrap '' TERM HUP INT QUIT\n: >up\nwhile :; do sleep 0.1; done\n"
