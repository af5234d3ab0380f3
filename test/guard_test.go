package test

// The tests run in a child of the process that go test has started. The parent waits for
// it, says what was skipped, and removes what is left, whichever way the child has ended:
// a panic, a time limit and ^C leave nothing either.
//
// Not tested in this file: that a test that passes cleans up after itself.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// workVariable names the folder of everything that is built here, for the child.
const workVariable = "CATENA_TEST_WORK"

// memory is a folder for files that no disk is to hold up, if there is one.
const memory = "/dev/shm"

// guarded runs the tests in a child and returns its exit code.
func guarded() int {
	work, err := os.MkdirTemp("", "catena-test-")
	must(err)
	groups := controlGroups()
	defer func() {
		endChildren()
		unmountBelow(work)
		removeAll(work)
		left, _ := filepath.Glob(filepath.Join(memory, filepath.Base(work)+"*"))
		for _, dir := range left {
			removeAll(dir)
		}
		for dir := range controlGroups() {
			if !groups[dir] {
				os.Remove(dir) // which fails for one that others use
			}
		}
	}()
	must(os.Chmod(work, 0o755))
	temporary := filepath.Join(work, "tmp")
	must(os.Mkdir(temporary, 0o755))
	must(os.Chmod(temporary, 0o777|fs.ModeSticky))
	must(os.Setenv(workVariable, work))
	must(os.Setenv("TMPDIR", temporary))

	must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	status := obeyed()
	reportSkipped(filepath.Join(work, "skipped"))
	if status.Signaled() {
		fmt.Println("the tests were ended by", status.Signal())
		return 1
	}
	return status.ExitStatus()
}

// obeyed starts the child, hands signals on, and waits for its end. Every other child is
// an orphan of a test.
func obeyed() (status unix.WaitStatus) {
	signals := make(chan os.Signal, 8)
	ossignal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM)
	if !ossignal.Ignored(unix.SIGHUP) {
		ossignal.Notify(signals, unix.SIGHUP)
	}
	self, err := os.Executable()
	must(err)
	runtime.LockOSThread() // the child is to die with the thread that has started it
	child, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	must(err)
	go func() {
		for s := range signals {
			child.Signal(s)
		}
	}()
	for {
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if pid == child.Pid {
			return status
		}
		if err != unix.EINTR {
			must(err)
		}
	}
}

// endChildren kills what the tests have left running, down to the last descendant: the
// children of each that dies become this process's.
func endChildren() {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range stats {
			stat, _ := os.ReadFile(file)
			fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // state, parent
			if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
				unix.Kill(pid, unix.SIGKILL)
			}
		}
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if err == unix.ECHILD {
				return
			}
			if pid == 0 {
				break
			}
		}
	}
}

// unmountBelow takes file systems off, the last one first.
func unmountBelow(dir string) {
	lines := strings.Split(textOf("/proc/self/mountinfo"), "\n")
	for _, line := range slices.Backward(lines) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			unix.Unmount(f[4], unix.MNT_DETACH)
		}
	}
}

// removeAll removes a folder; a folder in it that nobody may write in does not stop it.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	if err := os.RemoveAll(dir); err != nil {
		fmt.Println(err)
	}
}

// controlGroups are those by our names below the group of this process, and at the top.
func controlGroups() map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(textOf("/proc/self/mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		if f := strings.Fields(before); strings.HasPrefix(after, "cgroup") && len(f) > 4 {
			kind := strings.Fields(after)[0]
			for _, parent := range []string{f[4], filepath.Join(f[4], ownGroup(kind))} {
				groups, _ := filepath.Glob(filepath.Join(parent, "catena[.-]*"))
				for _, g := range groups {
					found[g] = true
				}
			}
		}
	}
	return found
}

// noteSkipped puts down why a test is skipped, for reportSkipped.
func noteSkipped(why string) {
	f, err := os.OpenFile(filepath.Join(work, "skipped"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	must(err)
	defer f.Close()
	_, err = f.WriteString(why + "\n")
	must(err)
}

// reportSkipped says how many tests were skipped, and why.
func reportSkipped(file string) {
	reasons := map[string]int{}
	total := 0
	for line := range strings.Lines(textOf(file)) {
		reasons[strings.TrimSuffix(line, "\n")]++
		total++
	}
	if total == 0 {
		fmt.Println("no test was skipped")
		return
	}
	fmt.Printf("%d tests were skipped, parts of others included; .ci/run runs them all:\n", total)
	for _, why := range slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(reasons[b]-reasons[a], strings.Compare(a, b))
	}) {
		fmt.Printf("%5d  %s\n", reasons[why], why)
	}
}

// leavesVariable makes the child leave things behind and panic, before it builds anything.
const leavesVariable = "CATENA_TEST_LEAVES"

func leaveAndPanic() {
	dir, err := os.MkdirTemp("", "left-")
	must(err)
	must(os.Mkdir(filepath.Join(dir, "full"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "full", "file"), nil, 0o644))
	must(os.Chmod(filepath.Join(dir, "full"), 0))
	cmd := exec.Command("sh", "-c", `sleep 1000 & echo $! >"$LEAVES.new"; mv "$LEAVES.new" "$LEAVES"`)
	cmd.Env = append(os.Environ(), "LEAVES="+os.Getenv(leavesVariable))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	must(cmd.Run())
	noteSkipped("nobody is here")
	panic("as a test that fails")
}

// The tests are started once more, as make test does, to panic at once.
func TestAPanicLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pid := filepath.Join(t.TempDir(), "pid")
	self, err := os.Executable()
	must(err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), workVariable+"=", leavesVariable+"="+pid, "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !strings.Contains(string(out), "panic: as a test that fails") {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.HasSuffix(string(out), "1 tests were skipped, parts of others included; .ci/run runs them all:\n    1  nobody is here\n") {
		t.Errorf("the last lines do not say what was skipped:\n%s", out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	left, err := strconv.Atoi(strings.TrimSpace(textOf(pid)))
	if err != nil || unix.Kill(left, 0) != unix.ESRCH {
		t.Errorf("the process %v runs on: %v", left, err)
	}
}
