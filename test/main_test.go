// Package test runs the built binaries from outside, along every path that a
// chain can take, and compares them with the daemontools package.
//
// Not tested in this file: anything. It builds what the other files test.
package test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A path is one way in which a chain of catena's tools can run. Each names a
// folder that has every tool under its own name.
type path struct {
	name string
	dir  string
}

// The folders that TestMain fills. All are on one file system and readable by
// everyone, so that chains which drop root can run.
var (
	root     string // of the project
	work     string // of everything that is built here; mode 0755
	fused    path   // the multi-call binary, a name per tool
	separate path   // one file per tool, each with the early entry
	plain    path   // one file per tool, built without the entry flag
	arm64    path   // the multi-call binary for arm64, run by qemu-aarch64-static
	probe    string // prints what it inherits; see probe/main.go
)

// tools lists the folders of cmd of the tools that the multi-call binary holds, and hosted
// those of programs that start in the Go runtime.
func tools() (names []string)  { return commandsOf(true) }
func hosted() (names []string) { return commandsOf(false) }

// commandsOf lists the folders of cmd, other than the multi-call binary's, that have a
// function bare, or those that have none.
func commandsOf(areBare bool) (names []string) {
	sources, err := filepath.Glob(filepath.Join(root, "cmd", "*", "main.go"))
	if err != nil || len(sources) == 0 {
		panic("no commands in " + root)
	}
	for _, file := range sources {
		text, err := os.ReadFile(file)
		must(err)
		name := filepath.Base(filepath.Dir(file))
		if name != "catena" && strings.Contains(string(text), "\nfunc bare(") == areBare {
			names = append(names, name)
		}
	}
	return names
}

// inCmd names the packages of commands, with blanks between.
func inCmd(names []string) string { return "./cmd/" + strings.Join(names, " ./cmd/") }

// build compiles a package of the project into a file, or several into a folder. Entry
// builds start before the runtime, with the flags of the Makefile but for the symbols; env is added to the environment.
func build(out, packages string, entry bool, env ...string) {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", out}
	if entry {
		args = append(args, "-tags=bare", "-gcflags=runtime=-l", "-ldflags=-E=_rt0_catena -T="+textAddress(env))
	}
	cmd := exec.Command("go", append(args, strings.Fields(packages)...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0"}, env...)...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go build %s: %v\n%s", packages, err, msg))
	}
}

// textAddress is where the Makefile has the text begin, for the machine that is built for.
func textAddress(env []string) string {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	must(err)
	arch := runtime.GOARCH
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "GOARCH="); ok {
			arch = value
		}
	}
	return string(regexp.MustCompile(`(?m)^TEXT_` + arch + ` = (.*)`).FindSubmatch(makefile)[1])
}

// multicall fills a folder with the multi-call binary and a link per tool.
func multicall(dir string, env ...string) {
	must(os.MkdirAll(dir, 0o755))
	fill(dir, "./cmd/catena", true, env...)
	for _, t := range tools() {
		must(os.Symlink("catena", filepath.Join(dir, t)))
	}
}

// oneEach fills a folder with a file per tool.
func oneEach(dir string, entry bool) {
	must(os.MkdirAll(dir, 0o755))
	fill(dir, inCmd(tools()), entry)
}

// fill builds packages in bin/test, where the next run finds what has not changed, and
// copies the programs into a folder, which every user can look into.
func fill(dir, packages string, entry bool, env ...string) {
	kept := filepath.Join(root, "bin", "test", filepath.Base(dir))
	if os.MkdirAll(kept, 0o755) != nil || unix.Access(kept, unix.W_OK) != nil {
		build(dir+"/", packages, entry, env...) // somebody else's checkout
		return
	}
	lock, err := os.Open(kept)
	must(err)
	defer lock.Close()
	must(unix.Flock(int(lock.Fd()), unix.LOCK_EX)) // other tests of this checkout
	build(kept+"/", packages, entry, env...)
	for _, folder := range strings.Fields(packages) {
		program := filepath.Base(folder)
		text, err := os.ReadFile(filepath.Join(kept, program))
		must(err)
		must(os.WriteFile(filepath.Join(dir, program), text, 0o755))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// inCI says that nothing may be skipped: a missing peer is a failure.
func inCI() bool { return os.Getenv("CI") != "" }

// need skips a test, or fails it in CI, when a program is missing.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			skip(t, p+" is not installed")
		}
	}
}

// needRoot skips a test, or fails it in CI, when it does not run as root.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		skip(t, "not root")
	}
	if !hasMounts() {
		skip(t, "root without mounts of its own, as in a chroot")
	}
}

// hasMounts tells whether root can have mounts that nobody else sees, and still sees where
// those are who have them.
var hasMounts = sync.OnceValue(func() bool {
	cmd := exec.Command("unshare", "--mount", "sh", "-c", "echo && read end")
	cmd.Dir = work
	stdin, err := cmd.StdinPipe()
	must(err)
	stdout, err := cmd.StdoutPipe()
	must(err)
	if cmd.Start() != nil {
		return false
	}
	defer cmd.Wait()
	defer stdin.Close()
	stdout.Read(make([]byte, 1))
	where, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", cmd.Process.Pid))
	here, failed := filepath.EvalSymlinks(work)
	return err == nil && failed == nil && where == here
})

func skip(t testing.TB, why string) {
	t.Helper()
	if inCI() {
		t.Fatal(why + ", and CI skips nothing")
	}
	skipHere(t, why)
}

// skipHere skips a test that this machine cannot run, in CI as well.
func skipHere(t testing.TB, why string) {
	t.Helper()
	noteSkipped(why)
	t.Skip(why)
}

func TestMain(m *testing.M) {
	// Most tests wait most of the time: more of them than there are processors.
	must(flag.Set("test.parallel", fmt.Sprint(4*runtime.GOMAXPROCS(0))))
	flag.Parse()
	if os.Getenv(workVariable) == "" {
		os.Exit(guarded())
	}
	os.Exit(run(m))
}

// heedSignals gives every ignored signal its default action, for what the tests start:
// make leaves the C library's own two signals ignored (posix_spawn(3) does), nohup HUP.
func heedSignals() {
	const ignored = 1             // SIG_IGN
	var was, byDefault [4]uintptr // struct sigaction of the kernel
	for signal := uintptr(1); signal <= 64; signal++ {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, signal, 0, uintptr(unsafe.Pointer(&was)), 8, 0, 0)
		if was[0] == ignored {
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
		}
	}
}

// limitOpenFiles has the tests find much the same limit on open files everywhere, which
// svscan cannot raise.
func limitOpenFiles() {
	const most = 20000
	var limit syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Max = min(limit.Max, most)
	limit.Cur = limit.Max
	must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

func run(m *testing.M) int {
	heedSignals()
	limitOpenFiles()
	must(unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)) // whoever runs the tests may have more open
	work = os.Getenv(workVariable)
	for _, of := range []string{workVariable, "MAKEFLAGS", "MAKELEVEL"} { // make may run the tests
		must(os.Unsetenv(of))
	}
	if os.Getenv(leavesVariable) != "" {
		leaveAndPanic()
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	must(err)
	root = strings.TrimSpace(string(out))

	fused = path{"fused", filepath.Join(work, "fused")}
	separate = path{"separate", filepath.Join(work, "separate")}
	plain = path{"plain", filepath.Join(work, "plain")}
	arm64 = path{"arm64", filepath.Join(work, "arm64")}
	probe = filepath.Join(work, "probe")

	multicall(fused.dir)
	multicall(arm64.dir, "GOARCH=arm64")
	oneEach(separate.dir, true)
	oneEach(plain.dir, false)
	if len(hosted()) > 0 {
		fill(fused.dir, inCmd(hosted()), false)
	}
	build(probe, "./test/probe", true)
	if _, err := exec.LookPath(qemu); err != nil && !inCI() {
		noteSkipped(qemu + " is not installed")
		filterPaths = []*path{&fused, &separate, &plain}
	}
	return m.Run()
}
