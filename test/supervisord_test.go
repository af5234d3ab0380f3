package test

// supervisord runs the programs of a configuration as Debian's does, and what is killed is taken
// over.
//
// Not tested in this file: how configurations are read, and which files they become (the packages
// below internal/supervisord have tests of their own); restarts (supervisord_restart_test.go).

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A house is a folder with a supervisord.conf and everything that comes of it.
type house struct {
	dir     string
	program string // the supervisord that runs there
	environ []string
	cmd     *exec.Cmd
}

// ourSupervisord and debiansSupervisord are the two that are compared.
func ourSupervisord() string { return filepath.Join(fused.dir, "supervisord") }

func debiansSupervisord(t testing.TB) string {
	t.Helper()
	need(t, "supervisord")
	program, err := exec.LookPath("supervisord")
	must(err)
	return program
}

// newHouse makes a folder with a configuration, in which %(here)s is that folder.
func newHouse(t testing.TB, program, configuration string) *house {
	t.Helper()
	dir, err := os.MkdirTemp(work, "sd-")
	must(err)
	must(os.Chmod(dir, 0o755))
	h := &house{dir: dir, program: program}
	h.configure(configuration)
	t.Cleanup(func() {
		h.end()
		must(os.RemoveAll(dir))
	})
	return h
}

func (h *house) file(name string) string { return filepath.Join(h.dir, name) }

func (h *house) configure(text string) {
	const begin = "[supervisord]\nlogfile=%(here)s/log\npidfile=%(here)s/pid\nchildlogdir=%(here)s\n"
	if h.program == ourSupervisord() {
		text = "rundir=%(here)s/run\n" + text
	}
	must(os.WriteFile(h.file("c"), []byte(begin+text), 0o600))
}

// begin starts supervisord in the foreground.
func (h *house) begin(t testing.TB, options ...string) {
	t.Helper()
	h.cmd = exec.Command(h.program, append([]string{"-nc", h.file("c")}, options...)...)
	h.cmd.Dir = h.dir
	out, err := os.Create(h.file("said"))
	must(err)
	defer out.Close()
	h.cmd.Stdout, h.cmd.Stderr = out, out
	h.cmd.Env = append(os.Environ(), h.environ...)
	must(h.cmd.Start())
	eventually(t, "there is a pidfile", func() bool { return h.pid() == h.cmd.Process.Pid }, func() string { return textOf(h.file("said")) })
}

// say runs supervisord for what it says and how it ends.
func (h *house) say(options ...string) (said, end string) {
	cmd := exec.Command(h.program, options...)
	cmd.Dir = h.dir
	return runInTime(cmd)
}

// pid is the process in the pidfile, or 0.
func (h *house) pid() int {
	pid, _ := strconv.Atoi(strings.TrimSpace(textOf(h.file("pid"))))
	return pid
}

// end ends supervisord with its programs, and what a killed one has left.
func (h *house) end() {
	if pid := h.pid(); pid != 0 && exists(fmt.Sprint("/proc/", pid)) {
		unix.Kill(pid, unix.SIGTERM)
		for wait := 0; exists(h.file("pid")) && wait < 2000; wait++ {
			unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil)
		}
	}
	if h.cmd != nil {
		endingInTime(h.cmd)
		h.cmd = nil
	}
	for _, pid := range h.programs() {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// programs are the processes that the lock files of the services name.
func (h *house) programs() (pids []int) {
	locks, _ := filepath.Glob(h.file("run/svc/*/supervise/lock"))
	for _, lock := range locks {
		if pid := recordedIn(lock); pid != 0 && exists(fmt.Sprint("/proc/", pid)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// recordedIn is the process on record in a lock file.
func recordedIn(lock string) int {
	text := textOf(lock)
	if len(text) < 20 {
		return 0
	}
	return int(uint32(text[16]) | uint32(text[17])<<8 | uint32(text[18])<<16 | uint32(text[19])<<24)
}

// program is the process of a service, or 0.
func (h *house) of(service string) int {
	return recordedIn(h.file("run/svc/" + service + "/supervise/lock"))
}

// The programs that a probe is run as, each with keys of its own.
var probed = map[string]string{
	"plain":   "",
	"words":   "command=PROBE a 'b c' \"d\\\"e\" f\\ g '' %%\n",
	"user":    "user=nobody\n",
	"uid":     "user=65534\ndirectory=/var\n",
	"folder":  "directory=/\numask=027\n",
	"setting": "environment=A=\"1,2\",B='%(ENV_FROM)s',C=x\n",
	"several": "numprocs=2\nprocess_name=%(program_name)s_%(process_num)d\nenvironment=N=%(process_num)d\n",
	"one":     "redirect_stderr=true\n",
	"found":   "command=probe x\nenvironment=PATH=PROBEDIR\n",
	"tool":    "command=nice -n 3 PROBE\n",
}

// What differs: under svscan the standard descriptors are files and a FIFO, and a program has a
// session of its own. Python ignores PIPE and XFSZ, and Supervisor's programs inherit that.
var leftAside = regexp.MustCompile(`(?m)^(descriptor|lock on|session|pid:|group:|ignored:).*\n`)

func TestAProgramFindsItselfAsUnderDebiansSupervisord(t *testing.T) {
	needRoot(t)
	configuration := "environment=FROM=\"the server\"\nminfds=3000\n"
	for name, keys := range probed {
		configuration += "[program:" + name + "]\nstartsecs=0\nautorestart=false\n"
		if !strings.Contains(keys, "command=") {
			keys += "command=PROBE\n"
		}
		output := "PROBE_OUT=%(here)s/out/%(program_name)s%(process_num)d"
		if before, rest, has := strings.Cut(keys, "environment="); has {
			keys = before + "environment=" + output + "," + rest
		} else {
			keys += "environment=" + output + "\n"
		}
		configuration += keys
	}
	configuration = strings.NewReplacer("PROBEDIR", filepath.Dir(probe), "PROBE", probe).Replace(configuration)
	configuration = strings.ReplaceAll(configuration, probe+"_OUT", "PROBE_OUT")
	reports := []string{"several1"}
	for name := range probed {
		reports = append(reports, name+"0")
	}
	found := map[string]map[string]string{}
	for who, program := range map[string]string{"ours": ourSupervisord(), "Debian's": debiansSupervisord(t)} {
		h := newHouse(t, program, configuration)
		must(os.Mkdir(h.file("out"), 0o777))
		must(os.Chmod(h.file("out"), 0o777))
		for _, name := range reports {
			must(os.WriteFile(h.file("out/"+name), nil, 0o600))
			must(os.Chmod(h.file("out/"+name), 0o666))
		}
		h.begin(t)
		found[who] = map[string]string{}
		for _, name := range reports {
			file := h.file("out/" + name)
			eventually(t, who+": "+name+" reports", func() bool { return strings.HasSuffix(textOf(file), "\n") }, func() string { return textOf(h.file("said")) + textOf(h.file("log")) })
		}
		own := strings.NewReplacer(h.dir, "DIR", fmt.Sprint("parent: ", h.pid(), "\n"), "parent: supervisord\n")
		h.end()
		for _, name := range reports {
			lines := strings.Split(own.Replace(leftAside.ReplaceAllString(textOf(h.file("out/"+name)), "")), "\n")
			slices.Sort(lines) // a variable that is set anew is the last one here
			found[who][name] = strings.Join(lines, "\n")
		}
	}
	for _, name := range reports {
		if ours, theirs := found["ours"][name], found["Debian's"][name]; ours != theirs {
			a, b := strings.Split(ours, "\n"), strings.Split(theirs, "\n")
			t.Errorf("%s:\n%s", name, strings.Join(append(missing(a, b, "ours: "), missing(b, a, "Debian's: ")...), "\n"))
		}
	}
}

func TestStreamsGoWhereTheConfigurationSays(t *testing.T) {
	const says = "command=sh -c 'echo out; echo err >&2; exec sleep 1000'\n"
	h := newHouse(t, ourSupervisord(), `[program:files]
`+says+`stdout_logfile=%(here)s/files.out
stderr_logfile=files.err
[program:both]
`+says+`stdout_logfile=%(here)s/%(program_name)s.out
redirect_stderr=true
[program:auto]
`+says+`stderr_logfile=NONE
[program:server]
`+says+`stdout_logfile=/dev/stderr
stderr_logfile=/dev/stdout
[program:input]
command=sh -c 'read line; echo "$line"; exec sleep 1000'
stdout_logfile=%(here)s/input.out
`)
	h.begin(t, "-s")
	is := func(file, want string) {
		t.Helper()
		eventually(t, file+" has "+want, func() bool { return textOf(h.file(file)) == want }, func() string { return textOf(h.file(file)) })
	}
	is("files.out", "out\n")
	is("files.err", "err\n")
	is("both.out", "out\nerr\n")
	is("said", "out\nerr\n")
	eventually(t, "auto writes to a file of its own", func() bool {
		files, _ := filepath.Glob(h.file("auto-stdout---supervisor-*.log"))
		return len(files) == 1 && textOf(files[0]) == "out\n"
	})
	if files, _ := filepath.Glob(h.file("auto-stderr*")); files != nil {
		t.Errorf("%q", files)
	}
	must(os.WriteFile(h.file("run/svc/input/stdin"), []byte("a line\n"), 0))
	is("input.out", "a line\n")
}

// Two programs note each signal and go on; svscan sends what the configuration says, to the
// process or to its group, and KILL when the time is over. TERM and INT of Debian's do the same.
func TestProgramsAreStoppedAsByDebiansSupervisord(t *testing.T) {
	need(t, "supervisord")
	notes := filepath.Join(work, "notes.sh")
	script(notes, `#!/bin/sh
trap 'echo TERM >>$1' TERM
trap 'echo USR1 >>$1; exit' USR1
[ "$2" = child ] && { "$0" "$1.child" & }
echo up >>$1
while :; do sleep 0.01; done
`)
	configuration := ""
	for name, keys := range map[string]string{
		"ends":    "stopsignal=USR1\n",
		"stays":   "stopwaitsecs=1\n",
		"group":   "stopsignal=USR1\nstopasgroup=true\n",
		"alone":   "stopsignal=USR1\n",
		"killall": "stopwaitsecs=1\nkillasgroup=true\n",
	} {
		child := ""
		if name == "group" || name == "alone" || name == "killall" {
			child = " child"
		}
		configuration += "[program:" + name + "]\ncommand=" + notes + " %(here)s/out." + name + child + "\n" + keys
	}
	names := []string{"ends", "stays", "group", "group.child", "alone", "alone.child", "killall", "killall.child"}
	noted := map[string]string{}
	for who, program := range map[string]string{"ours": ourSupervisord(), "Debian's": debiansSupervisord(t)} {
		h := newHouse(t, program, configuration)
		h.begin(t)
		for _, name := range names {
			eventually(t, who+": "+name+" is up", func() bool { return textOf(h.file("out."+name)) == "up\n" })
		}
		h.end()
		for _, name := range names {
			noted[who] += name + ": " + strings.Join(strings.Fields(textOf(h.file("out."+name))), " ") + "\n"
		}
		var out []byte
		for wait := 0; wait < 500; wait++ { // what has been killed takes a while to go
			out, _ = exec.Command("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").Output()
			if !strings.Contains(string(out), h.file("out.killall.child")) {
				break
			}
			unix.Nanosleep(&unix.Timespec{Nsec: 20e6}, nil)
		}
		noted[who] += fmt.Sprintf("killall.child is left: %v\n", strings.Contains(string(out), h.file("out.killall.child")))
		noted[who] += fmt.Sprintf("alone.child is left: %v\n", strings.Contains(string(out), h.file("out.alone.child")))
		killBy(h.dir)
	}
	if noted["ours"] != noted["Debian's"] {
		t.Errorf("ours:\n%sDebian's:\n%s", noted["ours"], noted["Debian's"])
	}
}

// killBy kills the processes that have a folder's name among their arguments.
func killBy(dir string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(line))); strings.Contains(textOf(line), dir) && pid > 1 {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

const three = `[program:stays]
command=sleep 1000
[program:changes]
command=sleep 1000
[program:goes]
command=sleep 1000
`

func TestWhatAKilledSupervisordLeavesIsTakenOverByTheNextOne(t *testing.T) {
	h := newHouse(t, ourSupervisord(), withServer+three)
	h.begin(t)
	up := func(names ...string) (pids []int) {
		t.Helper()
		for _, name := range names {
			eventually(t, name+" is up", func() bool { return h.of(name) != 0 })
			pids = append(pids, h.of(name))
		}
		return pids
	}
	first := up("stays", "changes", "goes")
	h.cmd.Process.Kill()
	endingInTime(h.cmd)
	h.configure(withServer + "[program:stays]\ncommand=sleep 1000\n[program:changes]\ncommand=sleep 2000\n[program:comes]\ncommand=sleep 1000\n")
	h.begin(t)
	second := up("stays", "changes", "comes")
	if first[0] != second[0] {
		t.Errorf("stays was process %d and is %d", first[0], second[0])
	}
	eventually(t, "changes is another one", func() bool {
		return strings.Contains(textOf(fmt.Sprint("/proc/", h.of("changes"), "/cmdline")), "2000")
	})
	eventually(t, "the server knows the new programs", func() bool {
		return statesIn(t, h) == "changes RUNNING\ncomes RUNNING\nstays RUNNING\n"
	}, func() string { return statesIn(t, h) })
	for i, name := range []string{"changes", "goes"} {
		if stateOf(first[i+1]) != "" && stateOf(first[i+1]) != "Z" {
			t.Errorf("%s, process %d, is still there", name, first[i+1])
		}
	}
	if exists(h.file("run/svc/goes")) || exists(h.file("run/scan/goes")) {
		t.Error("the directory of goes is still there")
	}
	h.cmd.Process.Kill() // the same configuration: nothing is written, and all go on
	endingInTime(h.cmd)
	h.begin(t)
	if again := up("stays", "changes", "comes"); again[0] != second[0] || again[2] != second[2] {
		t.Errorf("%v became %v", second, again)
	}
}

func TestOnlyOneSupervisordRunsThere(t *testing.T) {
	h := newHouse(t, ourSupervisord(), three)
	h.begin(t)
	said, end := h.say("-nc", h.file("c"))
	if want := fmt.Sprintf("Error: another supervisord is running with pid %d.", h.pid()); !strings.HasPrefix(said, want) || end != "exit 2" {
		t.Errorf("%s: %s", end, said)
	}
}

func TestInTheBackgroundItIsADaemon(t *testing.T) {
	h := newHouse(t, ourSupervisord(), "directory=/\numask=027\n[program:shows]\ncommand=sh -c 'pwd; umask; exec sleep 1000'\nstdout_logfile=%(here)s/shown\n")
	if said, end := h.say("-c", h.file("c")); said != "" && !strings.Contains(said, "Error") || end != "exit 0" {
		t.Errorf("%s: %s", end, said)
	}
	eventually(t, "the program is up", func() bool { return textOf(h.file("shown")) == "/\n0027\n" }, func() string { return textOf(h.file("shown")) })
	fields := strings.Fields(textOf(fmt.Sprintf("/proc/%d/stat", h.pid())))
	if session, err := unix.Getsid(h.pid()); err != nil || session != h.pid() || len(fields) < 2 || fields[1] != "(svscan)" {
		t.Errorf("%d leads the session %d, %v: %q", h.pid(), session, err, fields)
	}
	started := fmt.Sprintf(" INFO supervisord started with pid %d\n", h.pid())
	eventually(t, "the log says that it has started", func() bool { return strings.Contains(textOf(h.file("log")), started) })
	h.end()
	if exists(h.file("pid")) {
		t.Error("the pidfile is still there")
	}
}

func TestSupervisordRunsAsTheUserOfTheConfiguration(t *testing.T) {
	needRoot(t)
	h := newHouse(t, ourSupervisord(), "user=nobody\n[program:shows]\ncommand=sh -c 'id -un; exec sleep 1000'\nstdout_logfile=%(here)s/shown\n[program:other]\nuser=root\nstartretries=0\ncommand=sleep 1000\n")
	must(os.WriteFile(h.file("shown"), nil, 0o600)) // a folder of root's: the files in it are there, and cannot be replaced
	must(os.WriteFile(h.file("log"), nil, 0o600))
	for _, name := range []string{"shown", "log"} {
		must(os.Chown(h.file(name), 65534, -1))
	}
	must(os.Mkdir(h.file("logs"), 0o700))
	must(os.Chown(h.file("logs"), 65534, -1))
	h.cmd = exec.Command(h.program, "-nc", h.file("c"), "-q", h.file("logs"))
	h.cmd.Dir = h.dir
	must(h.cmd.Start())
	eventually(t, "the program is up", func() bool { return textOf(h.file("shown")) == "nobody\n" }, func() string { return textOf(h.file("log")) })
	if status := textOf(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid)); !strings.Contains(status, "\nUid:\t65534\t65534\t65534\t65534\n") {
		t.Error(status)
	}
	if pid := h.of("other"); pid != 0 && strings.Contains(textOf(fmt.Sprintf("/proc/%d/status", pid)), "Uid:\t0") {
		t.Error("a program is root's")
	}
	if log := textOf(h.file("log")); !strings.Contains(log, " CRIT could not write pidfile "+h.file("pid")) || !strings.Contains(log, " INFO Set uid to user 65534 succeeded\n") {
		t.Error(log)
	}
	h.cmd.Process.Signal(unix.SIGTERM)
}

func TestExplainTouchesNothing(t *testing.T) {
	h := newHouse(t, ourSupervisord(), three)
	said, end := h.say("-xc", h.file("c"))
	for _, want := range []string{"# svscan -1 " + h.file("run/scan") + "\n", "\nscan/goes -> ../svc/goes\nsvc/goes/chain:\n\tenvfile\n\t    env\n", "svc/stays/run -> " + filepath.Join(fused.dir, "catena")} {
		if !strings.Contains(said, want) {
			t.Errorf("%s lacks %q:\n%s", end, want, said)
		}
	}
	if files, _ := filepath.Glob(h.file("*")); len(files) != 1 {
		t.Errorf("%q", files)
	}
}

func TestAWrongConfigurationIsSaidAndNothingIsTouched(t *testing.T) {
	h := newHouse(t, ourSupervisord(), "[program:a]\ncommand=a\nautostart=perhaps\n[program:b]\nstartsecs=x\n[eventlistener:e]\ncommand=e\nevents=NOPE\n")
	said, end := h.say("-nc", "c")
	want := `Error: c:8: not a valid boolean value: 'perhaps' in section 'program:a' (file: 'c')
Error: c:10: invalid literal for int() with base 10: 'x' in section 'program:b' (file: 'c')
Error: c:9: program section program:b does not specify a command in section 'program:b' (file: 'c')
Error: c:13: Unknown event type NOPE in [eventlistener:e] events
For help, use ` + h.program + " -h\n"
	if said != want || end != "exit 2" {
		t.Errorf("%s:\n%s\nwant:\n%s", end, said, want)
	}
	if files, _ := filepath.Glob(h.file("*")); len(files) != 1 {
		t.Errorf("%q", files)
	}
}

// What Debian's supervisord says of a command line, ours says.
func TestMistypedCommandLinesAreRefusedAsByDebians(t *testing.T) {
	theirs := debiansSupervisord(t)
	h := newHouse(t, ourSupervisord(), "")
	for _, words := range []string{"-Z", "--bogus", "--minfds", "--no=1", "-n -n", "word", "-m 9", "-e loud", "-d /nowhere", "-l /nowhere/x", "-y 1x",
		"-c /nowhere/c", "--ver", "-u nobody2 -c c", "--n"} {
		fields := strings.Fields(words)
		got, end := h.say(fields...)
		cmd := exec.Command(theirs, fields...)
		cmd.Dir = h.dir
		want, wantEnd := runInTime(cmd)
		got, want = strings.ReplaceAll(got, h.program, "supervisord"), strings.ReplaceAll(want, theirs, "supervisord")
		if got != want || end != wantEnd {
			t.Errorf("%s:\n%s: %s\nwant %s: %s", words, end, got, wantEnd, want)
		}
	}
}

func TestOptionsCountBeforeTheConfiguration(t *testing.T) {
	h := newHouse(t, ourSupervisord(), "loglevel=critical\nminfds=10\n[program:shows]\ncommand=sh -c 'ulimit -n; exec sleep 1000'\nstdout_logfile=%(here)s/shown\n[program:auto]\ncommand=sleep 1000\n")
	must(os.WriteFile(h.file("old-stdout---mine-x.log"), nil, 0o600))
	must(os.WriteFile(h.file("old-stdout---other-x.log"), nil, 0o600))
	h.cmd = exec.Command("sh", "-c", `ulimit -Sn 100; exec "$0" "$@"`, h.program, "-n", "-c", h.file("c"), "--minf=200", "-e", "info", "-i", "mine", "--silent")
	h.cmd.Dir = h.dir
	must(h.cmd.Start())
	eventually(t, "the program is up", func() bool { return textOf(h.file("shown")) == "200\n" }, func() string { return textOf(h.file("shown")) + textOf(h.file("log")) })
	if log := textOf(h.file("log")); !strings.Contains(log, " INFO Increased RLIMIT_NOFILE limit to 200\n") {
		t.Error(log)
	}
	files, _ := filepath.Glob(h.file("*---*"))
	if len(files) != 4 || exists(h.file("old-stdout---mine-x.log")) || !exists(h.file("old-stdout---other-x.log")) {
		t.Errorf("%q", files)
	}
}
