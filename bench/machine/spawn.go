//go:build linux && (amd64 || arm64)

package machine

// Measured here: the time from the vfork of a program to its exit, as wait4
// reports it, and the page faults that the kernel counted for it.
//
// Not measured: what a shell or a supervisor adds around it, and the cost of
// copying a large parent's page tables, which vfork does not do.

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// vforkExec runs a program in a vfork child and returns the child's process id,
// or a negated errno. All pointers end in a null as execve wants them. The
// child exits with 127 when the program cannot be executed.
//
//go:noescape
func vforkExec(path *byte, argv, envp **byte) (pid int)

// A Command is what execve takes, prepared so that nothing is left to do while
// the clock runs.
type Command struct {
	name string
	argv []*byte
	envp []*byte
}

// NewCommand prepares a command: its words, and its environment.
func NewCommand(argv, env []string) (Command, error) {
	a, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return Command{}, err
	}
	e, err := syscall.SlicePtrFromStrings(env)
	return Command{argv[0], a, e}, err
}

// A Sample is one run of a command.
type Sample struct {
	Time   time.Duration // from the spawn to the exit
	Faults int64         // minor page faults, those of waited-for children included
}

// Start spawns the command and returns its process id.
func (c *Command) Start() (int, error) {
	pid := vforkExec(c.argv[0], &c.argv[0], &c.envp[0])
	if pid < 0 {
		return 0, fmt.Errorf("unable to spawn %s: %w", c.name, syscall.Errno(-pid))
	}
	return pid, nil
}

// Run spawns the command and waits for it. The calls are raw: the Go scheduler
// must not move this thread, nor wake another one, while the clock runs.
func (c *Command) Run() (Sample, error) {
	var status int32
	var usage syscall.Rusage
	start := time.Now()
	pid, err := c.Start()
	if err != nil {
		return Sample{}, err
	}
	errno := syscall.EINTR
	for errno == syscall.EINTR {
		_, _, errno = syscall.RawSyscall6(syscall.SYS_WAIT4, uintptr(pid),
			uintptr(unsafe.Pointer(&status)), 0, uintptr(unsafe.Pointer(&usage)), 0, 0)
	}
	took := time.Since(start)
	if errno != 0 {
		return Sample{}, fmt.Errorf("unable to wait for %s: %w", c.name, errno)
	}
	if status != 0 {
		return Sample{}, fmt.Errorf("%s: wait status %#x instead of 0", c.name, status)
	}
	return Sample{took, usage.Minflt}, nil
}

// Pin ties this thread and all that it spawns to one CPU, the last of those
// that it may use, and returns the CPU's number and what undoes it. The caller
// has locked its goroutine to the thread.
func Pin() (cpu int, unpin func(), err error) {
	var all, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return 0, nil, fmt.Errorf("unable to read CPU affinity: %w", err)
	}
	last := -1
	for i := 0; i < len(all)*64; i++ {
		if all.IsSet(i) {
			last = i
		}
	}
	set.Set(last)
	return last, func() { unix.SchedSetaffinity(0, &all) }, unix.SchedSetaffinity(0, &set)
}

// FixLimits undoes what the Go runtime does to a soft limit: package os raises
// the number of open files as far as it goes, and vforkExec, unlike os/exec,
// does not lower it again for the child.
func FixLimits() error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Cur = min(1024, files.Max)
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &files)
}
