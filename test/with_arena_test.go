package test

// Chains are started in fresh directories and in the states that the tests ask for, and what
// came of them is compared.
//
// Not tested in this file: anything.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The words of 0.76 that these tests speak.
var sevenTools = []string{"envdir", "envuidgid", "fghack", "pgrphack", "setlock", "setuidgid", "softlimit"}

// Where Debian's daemontools package has them. Not the search path, on which a
// catena that was installed might come first.
const debian = "/usr/bin"

// daemontools is the oracle: a folder like those of catena's paths.
func daemontools(t testing.TB) path {
	t.Helper()
	p := path{"daemontools", filepath.Join(work, "daemontools")}
	must(os.MkdirAll(p.dir, 0o755))
	for _, tool := range sevenTools {
		need(t, filepath.Join(debian, tool))
		linkOnce(filepath.Join(debian, tool), filepath.Join(p.dir, tool))
	}
	return p
}

// runit is its chpst, from Debian's package.
func runit(t testing.TB) path { return alone(t, "runit", filepath.Join(debian, "chpst")) }

// tianon is his gosu, from Debian's package.
func tianon(t testing.TB) path { return alone(t, "tianon", filepath.Join(gosuDir, "gosu")) }

// alone is an oracle of a single program.
func alone(t testing.TB, name, program string) path {
	t.Helper()
	p := path{name, filepath.Join(work, name)}
	must(os.MkdirAll(p.dir, 0o755))
	need(t, program)
	linkOnce(program, filepath.Join(p.dir, filepath.Base(program)))
	return p
}

// linkOnce makes a symbolic link, unless another test has made it.
func linkOnce(target, name string) {
	if err := os.Symlink(target, name); !errors.Is(err, os.ErrExist) {
		must(err)
	}
}

// asInstalled is a folder with the tools of a path, under the names that make installs.
func asInstalled(t *testing.T, p path) path {
	all := path{p.name, filepath.Join(work, "installed", p.name)}
	must(os.MkdirAll(all.dir, 0o755))
	for _, tool := range append(tools(), "catena") {
		file := filepath.Join(p.dir, tool)
		if tool == "catena" {
			file = filepath.Join(fused.dir, tool)
		} else if slices.Contains(unnamed(t), tool) {
			continue
		}
		linkOnce(file, filepath.Join(all.dir, tool))
	}
	return all
}

// An arena is a fresh directory for one run of one chain. Two runs are the same
// but for the arena's name, which every outcome shows as "@".
type arena struct {
	top  string
	here string // where chains start; everyone may write in it
	bin  string // the tools of the path under test
}

var arenas atomic.Int64

func newArena(p path) arena {
	top := filepath.Join(work, "arenas", strconv.FormatInt(arenas.Add(1), 10))
	a := arena{top, filepath.Join(top, "here"), filepath.Join(top, "bin")}
	must(os.MkdirAll(a.here, 0o755))
	must(os.Chmod(a.here, 0o777))
	must(os.Symlink(p.dir, a.bin))
	return a
}

func (a arena) remove() { must(os.RemoveAll(a.top)) }

// A state is what a chain starts in, as words of probe's start and as what
// os/exec can do.
type state struct {
	name  string
	words []string
	env   []string // none: PATH alone
	extra []string // files that are open from descriptor 3 on, at offset 5
	// A report that cannot go to standard output goes to a file.
	closed bool
	// Chains do not run fused after setuid.
	execsAfterSetuid bool
}

// notStarted is what the probe exits with when it cannot make a state.
const notStarted = 97

// sys is a word of probe's start.
func sys(nr uintptr, args ...uintptr) string {
	word := "call=" + strconv.FormatUint(uint64(nr), 10)
	for _, a := range args {
		word += ":" + strconv.FormatUint(uint64(a), 10)
	}
	return word
}

// dropped are the words that make a process nobody's.
func dropped() []string {
	const nobody = 65534
	return []string{sys(unix.SYS_SETGROUPS, 0, 0), sys(unix.SYS_SETGID, nobody), sys(unix.SYS_SETUID, nobody)}
}

// An outcome is all that is seen of a run. It is the same text whenever two runs
// were the same.
type outcome struct {
	stdout, stderr string // a report goes to stdout
	end            string
	left           string // what is in the arena afterwards
}

func (o outcome) String() string {
	return "-- stdout --\n" + o.stdout + "-- stderr --\n" + o.stderr + "-- end --\n" + o.end + "\n-- left --\n" + o.left
}

// reached says whether the chain got as far as the probe.
func (o outcome) reached() bool { return strings.Contains(o.stdout, "\nexecuted ") }

// A commandLine is a file to execute, argv[0] and the arguments.
type commandLine []string

// run starts a command in an arena and a state, and waits for its end.
func (a arena) run(t testing.TB, s state, c commandLine) outcome {
	t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(limit, probe, a.locals(slices.Concat([]string{"start"}, s.words, []string{"--"}, c))...)
	cmd.Cancel = func() error { return killWithChildren(cmd.Process.Pid) }
	cmd.WaitDelay = time.Second
	cmd.Dir = a.here
	cmd.Env = a.environment(s)
	cmd.ExtraFiles = a.extra(s)
	defer closeAll(cmd.ExtraFiles)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case cmd.Process == nil:
		t.Fatal(err)
	case limit.Err() != nil || errors.Is(err, exec.ErrWaitDelay):
		t.Fatalf("%q did not end", c)
	case cmd.ProcessState.ExitCode() == notStarted:
		t.Fatalf("%s: the chain was not started: %s", s.name, stderr.String())
	}
	if s.closed {
		text, err := os.ReadFile(a.report())
		must(err)
		stdout.Write(text)
	}
	started := cmd.Process.Pid
	return outcome{
		stdout: a.comparable(stdout.String(), started),
		stderr: a.comparable(stderr.String(), started),
		end:    ending(cmd.ProcessState),
		left:   a.files(),
	}
}

func (a arena) report() string { return filepath.Join(a.top, "report") }

func (a arena) environment(s state) []string {
	env := []string{"PATH=" + a.bin + ":" + work}
	if s.env != nil {
		env = a.locals(s.env)
	}
	if s.closed {
		must(os.WriteFile(a.report(), nil, 0o666))
		must(os.Chmod(a.report(), 0o666))
		env = append(env, "PROBE_OUT="+a.report())
	}
	return env
}

func (a arena) extra(s state) (files []*os.File) {
	for _, name := range s.extra {
		f, err := os.Open(filepath.Join(a.here, name))
		must(err)
		_, err = f.Seek(5, 0)
		must(err)
		files = append(files, f)
	}
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// files lists the directory that the chain started in, and what it holds.
func (a arena) files() string {
	var list strings.Builder
	err := filepath.WalkDir(a.here, func(name string, _ os.DirEntry, err error) error {
		must(err)
		var st unix.Stat_t
		must(unix.Lstat(name, &st))
		fmt.Fprintf(&list, "%q %o %d:%d", strings.TrimPrefix(name, a.here), st.Mode, st.Uid, st.Gid)
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			content, err := os.ReadFile(name)
			must(err)
			fmt.Fprintf(&list, " %.200q", a.comparable(string(content), 0))
		}
		list.WriteString("\n")
		return nil
	})
	must(err)
	return list.String()
}

// locals puts the arena's name where a test says "@".
func (a arena) locals(words []string) []string {
	local := make([]string, len(words))
	for i, w := range words {
		local[i] = strings.ReplaceAll(w, "@", a.top)
	}
	return local
}

// comparable takes from a text what differs between two runs of the same: the
// arena's name and the numbers of processes.
func (a arena) comparable(text string, started int) string {
	text = strings.ReplaceAll(text, a.top, "@")
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		fact, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if slices.Contains([]string{"pid", "parent", "session", "group"}, fact) {
			lines[i] = fact + ": " + role(value, started) + "\n"
		}
	}
	return strings.Join(lines, "")
}

// role says which process a number is.
func role(pid string, started int) string {
	session, _ := unix.Getsid(0)
	switch pid {
	case strconv.Itoa(started):
		return "the one that was started"
	case strconv.Itoa(os.Getpid()), strconv.Itoa(session), strconv.Itoa(unix.Getpgrp()):
		return "the test's"
	}
	return "another"
}

// sorted is a report with the lines in order that begin with a word. They follow each other.
func sorted(report, word string) string {
	lines := strings.SplitAfter(report, "\n")
	is := func(line string) bool { return strings.HasPrefix(line, word) }
	if first := slices.IndexFunc(lines, is); first >= 0 {
		n := slices.IndexFunc(lines[first:], func(line string) bool { return !is(line) })
		slices.Sort(lines[first : first+n]) // the report has an end
	}
	return strings.Join(lines, "")
}

// difference shows two outcomes by the lines that only one of them has, and is
// empty for equal ones.
func difference(want, got outcome) string {
	if want == got {
		return ""
	}
	w, g := strings.Split(want.String(), "\n"), strings.Split(got.String(), "\n")
	lines := append(missing(w, g, "  - "), missing(g, w, "  + ")...)
	if len(lines) == 0 {
		return fmt.Sprintf("other order or number of lines:\n%s\n%s", want, got)
	}
	return strings.Join(lines, "\n")
}

// missing lists the first lines that are not among others.
func missing(lines, others []string, mark string) (list []string) {
	for _, line := range lines {
		if slices.Contains(others, line) {
			continue
		}
		if len(list) == 12 {
			return append(list, mark+"...")
		}
		list = append(list, mark+line)
	}
	return list
}

// The daemontools package and coreutils, execline, and where the programs that scripts lean on
// are.
const (
	oracleDir   = "/usr/bin"
	execlineDir = "/usr/lib/execline/bin"
	gosuDir     = "/usr/sbin"
	systemPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// What every chain finds in its directory. A path that ends with a slash is a
// directory.
var furniture = []struct {
	path, content string
	mode          os.FileMode
}{
	{"env/", "", 0o755},
	{"env/A", "set by envdir \t\nsecond line\n", 0o644},
	{"env/DUP", "one for all", 0o644},
	{"env/GONE", "", 0o644},
	{"env/EMPTY", "\n", 0o644},
	{"env/NUL", "a\x00b", 0o644},
	{"env/WITH=SIGN", "v", 0o644},
	{"env/.hidden", "not read", 0o644},
	{"file", "0123456789", 0o644},
	{"lock", "", 0o666},
	{"gone/", "", 0o777},
	{"dark/", "", 0o711},
	{"dark/env/", "", 0o755},
	{"dark/env/IN_THE_DARK", "1", 0o644},
	{"dark/lock", "", 0o666},
}

func (a arena) furnish() arena {
	for _, f := range furniture {
		name := filepath.Join(a.here, f.path)
		if strings.HasSuffix(f.path, "/") {
			must(os.Mkdir(name, 0o700))
		} else {
			must(os.WriteFile(name, []byte(f.content), 0o600))
		}
		must(os.Chmod(name, f.mode))
	}
	return a
}

// A chain of daemontools' tools that ends in the probe. "@" is the arena, ” the
// empty word.
type chain struct {
	words string
	tight bool // limits itself so that an ordinary Go program cannot start in it
}

var plainest = state{name: "nothing special"}

// A calling is how the tools of a chain are named on its command line.
type calling struct {
	name   string
	prefix string // of a tool
	probe  string
}

var callings = []calling{
	{"by name", "", "probe"},
	{"by absolute path", "@/bin/", "@/../../probe"},
	{"by relative path", "../bin/", "../../../probe"},
}

var byName = callings[0]

// words of a chain as they are called; the first is argv[0].
func (c chain) called(how calling) (words []string) {
	for _, w := range strings.Fields(c.words) {
		switch {
		case w == "''":
			w = ""
		case w == "probe":
			w = how.probe
		case slices.Contains(sevenTools, w):
			w = how.prefix + w
		}
		words = append(words, w)
	}
	return words
}

// A machine runs a chain of one path, and the oracle so that what the machine
// itself does to a process has been done to both.
type machine func(p path, words []string) commandLine

// native executes a chain as a shell would.
func native(_ path, words []string) commandLine {
	return append(commandLine{"@/bin/" + filepath.Base(words[0])}, words...)
}

const qemu = "qemu-aarch64-static"
