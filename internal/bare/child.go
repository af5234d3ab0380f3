package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fork splits the process; 0 is returned in the child. The one thread there is
// makes that a plain copy. Under the runtime there are more, and Fork is refused:
// see Spawn.
func Fork() (pid int, err Errno) { return fork(uintptr(unix.SIGCHLD)) }

// fork makes a child that sends its parent a signal when it ends, or 0. Children
// for the program's own use send none: a blocked SIGCHLD must not stay pending
// for the next program, and an ignored one must not take the exit code away.
func fork(signal uintptr) (pid int, err Errno) {
	if HostSpawn != nil {
		return -1, unix.ENOSYS
	}
	r, _, err := unix.RawSyscall6(unix.SYS_CLONE, signal, 0, 0, 0, 0, 0)
	return int(r), err
}

// Spawn starts a program with stdout as its standard output. Before the runtime,
// a program that cannot be run exits 127.
func Spawn(path string, argv Words, env *Environment, stdout int) (pid int, err Errno) {
	if HostSpawn != nil {
		return HostSpawn(path, argv, env, stdout)
	}
	pid, err = fork(0)
	if pid != 0 || err != 0 {
		return pid, err
	}
	if stdout == 1 {
		unix.RawSyscall(unix.SYS_FCNTL, 1, unix.F_SETFD, 0)
	} else {
		unix.RawSyscall(unix.SYS_DUP3, uintptr(stdout), 1, 0)
	}
	Execve(path, argv, env)
	Quit(127)
	return 0, 0
}

// Quit ends the process.
func Quit(code Exit) {
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(code), 0, 0)
	}
}

// Wait waits for a child to end, whatever it signals.
func Wait(pid int) (status unix.WaitStatus, err Errno) {
	for {
		_, _, err := unix.RawSyscall6(unix.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(&status)), unix.WALL, 0, 0, 0)
		if err != unix.EINTR {
			return status, err
		}
	}
}

// Reap takes one child that has ended, any child. No child has when pid is 0;
// there are none left when err is ECHILD.
func Reap() (pid int, status unix.WaitStatus, err Errno) {
	r, _, err := unix.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&status)), unix.WNOHANG, 0, 0, 0)
	return int(r), status, err
}

// Kill sends a signal.
func Kill(pid, signal int) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_KILL, uintptr(pid), uintptr(signal), 0)
	return err
}

// Getpgid is the process group of a process; 0 stands for this one.
func Getpgid(pid int) int {
	r, _, _ := unix.RawSyscall(unix.SYS_GETPGID, uintptr(pid), 0, 0)
	return int(r)
}

// OpenChildren begins to read the list of this process's children, which are
// those of its first thread. It needs /proc.
func OpenChildren() Errno { return openDatabase("/proc/thread-self/children") }

// NextChild is the next child of the list, or 0 at its end.
func NextChild() (pid int) {
	for {
		c, more := nextByte()
		switch {
		case !more:
			Close(database.fd)
			return 0
		case c == ' ':
			return pid
		}
		pid = pid*10 + int(c-'0')
	}
}

// BecomeSubreaper makes the process the parent of every descendant whose own
// parent has died.
func BecomeSubreaper() Errno {
	_, _, err := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0)
	return err
}
