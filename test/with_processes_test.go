package test

// What the kernel tells of a process, and what a test may do to one.
//
// Not tested in this file: anything.

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func ending(s *os.ProcessState) string {
	w := s.Sys().(syscall.WaitStatus)
	if w.Signaled() {
		return "killed by " + w.Signal().String()
	}
	return fmt.Sprint("exit ", w.ExitStatus())
}

// killWithChildren ends a process that this test started and, as fghack's child
// holds a pipe open, what it started in turn.
func killWithChildren(pid int) error {
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(list)) {
		if n, err := strconv.Atoi(child); err == nil {
			killWithChildren(n)
		}
	}
	return unix.Kill(pid, unix.SIGKILL)
}

// stateOf is the state of a process, as /proc has it.
func stateOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(text), ") ")
	return state[:min(1, len(state))]
}

// onlyChild is the child of a process, or 0.
func onlyChild(pid int) int {
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	child, _ := strconv.Atoi(strings.TrimSpace(string(list)))
	return child
}

// inState tells whether a process is there, in one of some states of proc_pid_stat(5).
func inState(pid int, states string) bool {
	text := textOf(fmt.Sprintf("/proc/%d/stat", pid))
	at := strings.LastIndexByte(text, ')') + 2
	return pid != 0 && at < len(text) && strings.IndexByte(states, text[at]) >= 0
}

// childOf is the one child of a process.
func childOf(t testing.TB, pid int) (child int) {
	t.Helper()
	if n, err := fmt.Sscan(textOf(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)), &child); n != 1 {
		t.Fatal(err)
	}
	return child
}

// waits is for how many milliseconds a process waits at the moment for anything to
// happen: -1 if it does something, forever if nothing is due.
func waits(pid int) int {
	// proc_pid_syscall(5): number, then the arguments
	f := strings.Fields(textOf(fmt.Sprintf("/proc/%d/syscall", pid)))
	if len(f) < 5 || f[0] != strconv.Itoa(unix.SYS_EPOLL_PWAIT) {
		return -1
	}
	limit, err := strconv.ParseUint(f[4], 0, 64)
	must(err)
	if int32(limit) < 0 {
		return forever
	}
	return int(limit)
}

const forever = 1<<31 - 1

// idle waits until a supervisor has done all that there is to do: it may still note things
// of a process that the status shows already.
func idle(t testing.TB, pid int) {
	t.Helper()
	eventually(t, "waiting for ever", func() bool { return waits(pid) == forever && stateOf(pid) == "S" })
}

// limit sets a soft limit of a running process, as its own user: a root that is
// confined may not do it to others.
func limit(t testing.TB, pid int, resource string, soft string) {
	t.Helper()
	need(t, "prlimit")
	var st unix.Stat_t
	must(unix.Stat(fmt.Sprintf("/proc/%d", pid), &st))
	cmd := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--"+resource+"="+soft+":")
	if int(st.Uid) != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v\n%s", err, out)
	}
}

// sinceBoot is the clock of records, in nanoseconds.
func sinceBoot() int64 {
	var now unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	return now.Nano()
}

// softLimit is what a process has now.
func softLimit(pid int, resource string) string {
	name := map[string]string{"as": "Max address space", "data": "Max data size", "stack": "Max stack size",
		"memlock": "Max locked memory", "nofile": "Max open files", "nproc": "Max processes"}[resource]
	_, rest, _ := strings.Cut(textOf(fmt.Sprintf("/proc/%d/limits", pid)), name)
	return strings.Fields(rest)[0]
}

// descriptors counts those of a process.
func descriptorsOf(pid int) int {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(err)
	return len(list)
}

// terminal makes a pseudo-terminal, of which near is the user's end.
func terminal(t testing.TB) (near, far *os.File) {
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	must(unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	must(err)
	far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}
