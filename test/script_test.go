package test

// Every file of testdata/script describes one behaviour. It is run along every
// path, and a script named *_as_daemontools also with Debian's package, which
// proves that it says what 0.76 does. So are those named *_as_coreutils,
// *_as_execline, *_as_gosu and *_as_runit, with these packages.
//
// Not tested in this file: what the final program inherits as a whole, random
// chains, the order of the system calls, the parsers by themselves, speed.
//
// A word in single quotes may have blanks, and a quote in it is doubled: 'it''s'.
//
// The scripts' own commands:
//
//	exits CODE PROGRAM ARG...  run it; CODE is a number or a signal's name, as SIGTERM
//	begin PROGRAM ARG...       start it
//	signal SIGNAL, ends CODE   send to what was begun, wait for it
//	stdout-is, stderr-is LINE...  the whole output, to the byte
//	complains TOOL             one line, "TOOL: fatal: …", and no output
//	await FILE                 until it exists
//	lock [-s] FILE, unlock FILE  hold a lock as another process would
//	await-lock FILE            until somebody waits for that lock
//	var NAME GO-STRING         a variable with bytes that no script can hold
//	capable FILE               give a file capabilities
//	need root | PACKAGE | PROGRAM  skip, or fail in CI, where it is missing
//	sh -c $WHO                 prints all the ids, as in /proc/self/status
//
// and those that change how only the next program starts, which otherwise has
// a PATH alone in its environment, no standard input and nothing from 3 on:
//
//	as UID:GID                 with these ids and no supplementary groups
//	environ NAME=VALUE...      with exactly this environment, doubles included
//	argv0 NAME, argv-none      with another name, or without even that
//	closed DESCRIPTOR...       without them
//	over FILE TARGET           in a mount namespace where FILE lies over TARGET
//	under PROGRAM ARG...       by a program that runs the rest of its arguments

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestScript(t *testing.T) {
	for _, p := range []path{fused, separate, plain, arm64, {"oracle", oracleDir}, {"coreutils", oracleDir}, {"execline", execlineDir}, {"gosu", gosuDir}, {"runit", oracleDir}} {
		t.Run(p.name, func(t *testing.T) {
			pattern := "*.txtar"
			switch p.name {
			case "arm64":
				need(t, "qemu-aarch64-static")
				emulators(emulatorsDir(), p.dir)
			case "oracle":
				need(t, filepath.Join(oracleDir, "envdir"), filepath.Join(oracleDir, "setlock"), filepath.Join(oracleDir, "softlimit"))
				pattern = "*_as_daemontools.txtar"
			case "coreutils":
				need(t, filepath.Join(oracleDir, "nohup"))
				pattern = "*_as_coreutils.txtar"
			case "execline":
				need(t, filepath.Join(execlineDir, "redirfd"))
				pattern = "*_as_execline.txtar"
			case "gosu":
				need(t, filepath.Join(gosuDir, "gosu"))
				pattern = "*_as_gosu.txtar"
			case "runit":
				need(t, filepath.Join(oracleDir, "chpst"))
				pattern = "*_as_runit.txtar"
			}
			files, err := filepath.Glob(filepath.Join("testdata", "script", pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no scripts: %v", err)
			}
			dir := filepath.Join(work, "scripts", p.name)
			must(os.MkdirAll(dir, 0o755))
			testscript.Run(t, testscript.Params{
				Files:       files,
				WorkdirRoot: dir,
				Setup:       p.setup,
				Condition:   p.condition,
				Cmds:        scriptCommands,
			})
		})
	}
}

// emulators fills a folder with scripts that run arm64's tools: by these a link
// finds the next one, which the kernel cannot run.
func emulators(dir, tools string) {
	must(os.MkdirAll(dir, 0o755))
	qemu, err := exec.LookPath("qemu-aarch64-static")
	must(err)
	links, err := os.ReadDir(tools)
	must(err)
	for _, l := range links {
		text := fmt.Sprintf("#!/bin/sh\nexec %s -0 \"$0\" %s \"$@\"\n", qemu, filepath.Join(tools, l.Name()))
		must(os.WriteFile(filepath.Join(dir, l.Name()), []byte(text), 0o755))
	}
}

func emulatorsDir() string { return filepath.Join(work, "emulators") }

// A scene is what the commands of one script share.
type scene struct {
	path
	next
	t     testing.TB
	begun *process
	locks map[string]*os.File
}

// next is how the next program starts, if not as usual.
type next struct {
	cred     *syscall.Credential
	environ  []string
	argv0    string
	argvNone bool
	closed   []int
	over     []string
	under    []string
}

func (p path) setup(env *testscript.Env) error {
	bin := p.dir
	if p.name == "arm64" {
		bin = emulatorsDir()
	}
	env.Setenv("BIN", bin)
	env.Setenv("PATH", bin+":"+systemPath)
	env.Setenv("WHO", `echo $(grep -E '^(Uid|Gid|Groups):' /proc/self/status)`)
	s := &scene{path: p, t: env.T().(testing.TB), locks: map[string]*os.File{}}
	env.Values["scene"] = s
	env.Defer(func() {
		for _, f := range s.locks {
			f.Close()
		}
		if s.begun != nil {
			s.begun.Kill()
			s.begun.Wait()
		}
	})
	return nil
}

// condition calls arm64 qemu, because testscript takes that name for the
// machine's.
func (p path) condition(name string) (bool, error) {
	switch name {
	case "fused", "separate", "plain", "oracle", "coreutils", "execline", "gosu", "runit":
		return name == p.name, nil
	case "qemu":
		return p.name == "arm64", nil
	case "root":
		return os.Getuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// scriptCommands has a wrapper around each command that finds the scene and
// counts the arguments.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"exits":      command(2, exits),
	"begin":      command(1, begin),
	"signal":     command(1, signal),
	"ends":       command(1, ends),
	"stdout-is":  command(0, stdoutIs),
	"stderr-is":  command(0, stderrIs),
	"complains":  command(1, complains),
	"await":      command(1, await),
	"lock":       command(1, lock),
	"unlock":     command(1, unlock),
	"await-lock": command(1, awaitLock),
	"var":        command(2, setVar),
	"capable":    command(1, capable),
	"need":       command(1, needs),
	"as":         command(1, as),
	"environ":    command(0, environ),
	"argv0":      command(1, argv0),
	"argv-none":  command(0, argvNone),
	"closed":     command(1, closed),
	"over":       command(2, over),
	"under":      command(1, under),
}

func command(least int, f func(*testscript.TestScript, *scene, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < least {
			ts.Fatalf("not understood; see script_test.go")
		}
		f(ts, ts.Value("scene").(*scene), args)
	}
}

// Programs.

type process struct {
	*os.Process
	stdout, stderr *os.File
}

func exits(ts *testscript.TestScript, s *scene, args []string) {
	p := s.start(ts, args[1:])
	s.finish(ts, p, args[0])
}

func begin(ts *testscript.TestScript, s *scene, args []string) {
	if s.begun != nil {
		ts.Fatalf("one at a time")
	}
	s.begun = s.start(ts, args)
}

func signal(ts *testscript.TestScript, s *scene, args []string) {
	ts.Check(s.begun.Signal(unix.SignalNum(args[0])))
}

func ends(ts *testscript.TestScript, s *scene, args []string) {
	p := s.begun
	s.begun = nil
	s.finish(ts, p, args[0])
}

// start starts a program as the commands before it have said. Output goes to
// files, so that nobody waits for a descendant that holds a pipe open.
func (s *scene) start(ts *testscript.TestScript, words []string) *process {
	n := s.next
	s.next = next{}

	file, argv := s.program(ts, words, &n)
	p := &process{stdout: output(ts), stderr: output(ts)}
	null, err := os.Open(os.DevNull)
	ts.Check(err)
	defer null.Close()
	files := make([]*os.File, 256) // those that are nil are closed
	files[0], files[1], files[2] = null, p.stdout, p.stderr
	for _, fd := range n.closed {
		files[fd] = nil
	}
	if n.environ == nil {
		n.environ = []string{"PATH=" + ts.Getenv("PATH")}
	}
	p.Process, err = os.StartProcess(file, argv, &os.ProcAttr{
		Dir:   ts.MkAbs("."),
		Env:   n.environ,
		Files: files,
		Sys:   &syscall.SysProcAttr{Credential: n.cred},
	})
	ts.Check(err)
	return p
}

// overlay binds files over others in a mount namespace of its own.
const overlay = `
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 99; shift 2; done
shift; exec "$@"`

// program makes the file to start and its arguments out of a command line.
func (s *scene) program(ts *testscript.TestScript, words []string, n *next) (file string, argv []string) {
	name := filepath.Base(words[0])
	if n.argv0 != "" {
		name = n.argv0
	}
	file = s.lookUp(ts, words[0])
	argv = slices.Concat([]string{words[0]}, words[1:])
	if n.argv0 != "" {
		argv[0] = n.argv0
	}
	if s.name == "arm64" && filepath.Dir(file) == s.dir {
		argv = slices.Concat([]string{"qemu-aarch64-static", "-0", name, file}, words[1:])
		file = s.lookUp(ts, argv[0])
	}
	if n.argvNone {
		argv = nil
	}
	outer := n.under
	if n.over != nil {
		outer = slices.Concat([]string{"unshare", "--mount", "sh", "-c", overlay, "sh"}, n.over, []string{"--"}, outer)
	}
	if outer != nil {
		if n.argv0 != "" || n.argvNone {
			ts.Fatalf("over and under give the program its own name")
		}
		argv[0] = file
		argv = slices.Concat(outer, argv)
		file = s.lookUp(ts, outer[0])
	}
	return file, argv
}

// lookUp finds a program for the script itself, not for the tool under test.
func (s *scene) lookUp(ts *testscript.TestScript, name string) string {
	if strings.Contains(name, "/") {
		return ts.MkAbs(name)
	}
	for _, dir := range append([]string{s.dir}, filepath.SplitList(systemPath)...) {
		if f := filepath.Join(dir, name); unix.Access(f, unix.X_OK) == nil {
			return f
		}
	}
	skip(s.t, name+" is not installed")
	panic("unreachable")
}

func output(ts *testscript.TestScript) *os.File {
	f, err := os.CreateTemp(ts.Getenv("TMPDIR"), "output-")
	ts.Check(err)
	ts.Check(os.Remove(f.Name()))
	return f
}

// finish waits for a program and compares how it ended.
func (s *scene) finish(ts *testscript.TestScript, p *process, want string) {
	late := time.AfterFunc(patience, func() { p.Kill() })
	state, err := p.Wait()
	ts.Check(err)
	if !late.Stop() {
		ts.Fatalf("still running after %v", patience)
	}
	ts.Stdout().Write(content(ts, p.stdout))
	ts.Stderr().Write(content(ts, p.stderr))

	status := state.Sys().(syscall.WaitStatus)
	got := strconv.Itoa(status.ExitStatus())
	if status.Signaled() {
		got = unix.SignalName(status.Signal())
	}
	if got != want {
		ts.Fatalf("exited %s, want %s", got, want)
	}
}

func content(ts *testscript.TestScript, f *os.File) []byte {
	defer f.Close()
	info, err := f.Stat()
	ts.Check(err)
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if n < len(b) {
		ts.Check(err)
	}
	return b
}

// What they said.

func stdoutIs(ts *testscript.TestScript, _ *scene, lines []string) { same(ts, "stdout", lines) }
func stderrIs(ts *testscript.TestScript, _ *scene, lines []string) { same(ts, "stderr", lines) }

func same(ts *testscript.TestScript, stream string, lines []string) {
	want := ""
	for _, l := range lines {
		want += l + "\n"
	}
	if got := ts.ReadFile(stream); got != want {
		ts.Fatalf("%s is\n%q, want\n%q", stream, got, want)
	}
}

func complains(ts *testscript.TestScript, _ *scene, args []string) {
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("something ran: %q", out)
	}
	got := ts.ReadFile("stderr")
	if !strings.HasPrefix(got, args[0]+": fatal: ") || strings.Index(got, "\n") != len(got)-1 {
		ts.Fatalf("stderr is not one line of %s's:\n%q", args[0], got)
	}
}

// What they wait for.

func until(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func await(ts *testscript.TestScript, _ *scene, args []string) {
	until(ts, args[0], func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	})
}

func lock(ts *testscript.TestScript, s *scene, args []string) {
	how, file := unix.LOCK_EX, args[0]
	if file == "-s" {
		how, file = unix.LOCK_SH, args[1]
	}
	f, err := os.OpenFile(ts.MkAbs(file), os.O_RDWR|os.O_CREATE, 0o600)
	ts.Check(err)
	ts.Check(unix.Flock(int(f.Fd()), how|unix.LOCK_NB))
	s.locks[file] = f
}

// unlock does not leave it to close: a process that another test is just starting
// may have the file as well, until it execs.
func unlock(ts *testscript.TestScript, s *scene, args []string) {
	f := s.locks[args[0]]
	ts.Check(unix.Flock(int(f.Fd()), unix.LOCK_UN))
	ts.Check(f.Close())
	delete(s.locks, args[0])
}

// awaitLock reads /proc/locks, where a line with an arrow is one who waits.
func awaitLock(ts *testscript.TestScript, _ *scene, args []string) {
	var st unix.Stat_t
	ts.Check(unix.Stat(ts.MkAbs(args[0]), &st))
	inode := fmt.Sprintf(":%d ", st.Ino)
	until(ts, "a lock on "+args[0], func() bool {
		all, err := os.ReadFile("/proc/locks")
		ts.Check(err)
		for l := range strings.Lines(string(all)) {
			if strings.Contains(l, "-> FLOCK") && strings.Contains(l, inode) {
				return true
			}
		}
		return false
	})
}

// What there is.

func setVar(ts *testscript.TestScript, _ *scene, args []string) {
	v, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Setenv(args[0], v)
}

// capable sets security.capability as linux/capability.h lays it out, revision
// 2: CAP_NET_BIND_SERVICE, permitted and effective.
func capable(ts *testscript.TestScript, _ *scene, args []string) {
	cap := make([]byte, 20)
	cap[0], cap[3] = 1, 2
	cap[5] = 1 << (unix.CAP_NET_BIND_SERVICE % 8)
	ts.Check(unix.Setxattr(ts.MkAbs(args[0]), "security.capability", cap, 0))
}

func needs(_ *testscript.TestScript, s *scene, args []string) {
	switch args[0] {
	case "root":
		needRoot(s.t)
	case "libnss-systemd":
		if found, _ := filepath.Glob("/usr/lib/*/libnss_systemd.so.2"); found == nil {
			skip(s.t, args[0]+" is not installed")
		}
	default:
		need(s.t, args...)
	}
}

// How the next one starts.

func as(ts *testscript.TestScript, s *scene, args []string) {
	uid, gid, _ := strings.Cut(args[0], ":")
	u, err := strconv.ParseUint(uid, 10, 32)
	g, err2 := strconv.ParseUint(gid, 10, 32)
	ts.Check(errors.Join(err, err2))
	s.cred = &syscall.Credential{Uid: uint32(u), Gid: uint32(g)}
}

func environ(_ *testscript.TestScript, s *scene, args []string) {
	s.environ = append([]string{}, args...)
}

func argv0(_ *testscript.TestScript, s *scene, args []string)    { s.argv0 = args[0] }
func argvNone(_ *testscript.TestScript, s *scene, args []string) { s.argvNone = true }

func closed(ts *testscript.TestScript, s *scene, args []string) {
	for _, a := range args {
		fd, err := strconv.Atoi(a)
		ts.Check(err)
		s.closed = append(s.closed, fd)
	}
}

func over(ts *testscript.TestScript, s *scene, args []string) {
	s.over = append(s.over, ts.MkAbs(args[0]), args[1])
}

func under(_ *testscript.TestScript, s *scene, args []string) { s.under = args }
