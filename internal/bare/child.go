package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Children: how they are started and waited for.

// Fork makes a child, and returns 0 in the child. The process has one thread, so the child
// is a plain copy. Under the Go runtime there are more threads, and Fork fails: see
// startHelper.
func Fork() (pid int, err Errno) { return fork(uintptr(unix.SIGCHLD)) }

// ForkUnheard is Fork for a child that sends no signal when it ends: the next program of a chain
// has not started it.
func ForkUnheard() (pid int, err Errno) { return fork(0) }

// fork makes a child that sends a signal to its parent when it ends; 0 is no signal. The
// children for the program's own use send none. A SIGCHLD that is blocked must not stay
// pending for the next program, and if SIGCHLD is ignored the exit code must not be lost.
func fork(signal uintptr) (pid int, err Errno) {
	if UnderRuntime() {
		return -1, unix.ENOSYS
	}
	r, _, err := rawSyscall6(unix.SYS_CLONE, signal, 0, 0, 0, 0, 0)
	if err == unix.EINVAL && signal == 0 { // qemu-user knows no signal but SIGCHLD
		r, _, err = rawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	}
	return int(r), named(err, noClone)
}

// How startHelper's child exits if the program has no exit code. Programs do not use these
// numbers, so the parent does not mistake them.
const (
	notThere = 199 // none of the files exists
	notRun   = 198 // the program could not be executed, or died of a signal
)

// startHelper starts the first of some files that can be executed, with stdout as its
// standard output. Its standard error goes nowhere: the caller reports what is wrong, in one
// line.
//
// The child that startHelper returns is not the program but a process in between, which
// waits for the program and ends as it did. The program itself would send SIGCHLD when it
// ends, because exec makes every process do so.
func startHelper(paths []string, argv Words, env *Environment, stdout int) (pid int, err Errno) {
	if Hosted.StartHelper != nil {
		return Hosted.StartHelper(paths, argv, env, stdout)
	}
	pid, err = fork(0)
	if pid != 0 || err != 0 {
		return pid, err
	}
	defaultSignal(int(unix.SIGCHLD))
	program, err := Fork()
	if err != 0 {
		Quit(notRun)
	}
	if program == 0 {
		Replace(1, stdout)
		nowhere, _ := Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		Replace(2, nowhere)
		code := Exit(notThere)
		for _, path := range paths {
			if Execve(path, argv, env) != unix.ENOENT || Exists(Cwd, path) == 0 {
				code = notRun // the file is there; ENOENT is about its interpreter
			}
		}
		Quit(code)
	}
	Close(stdout) // or whoever reads the pipe never sees its end
	status, _ := Wait(program)
	if status.Signaled() {
		Quit(notRun)
	}
	Quit(Exit(status.ExitStatus()))
	return 0, 0
}

// Wait waits for a child to end, even for one that sends no SIGCHLD.
func Wait(pid int) (status unix.WaitStatus, err Errno) {
	for {
		_, _, err := rawSyscall6(unix.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(&status)), unix.WALL, 0, 0, 0)
		if err != unix.EINTR {
			return status, named(err, noWait4)
		}
	}
}

// AnyChild stands for the pid of any child.
const AnyChild = -1

// Reap reaps a child that has ended: the one given, or AnyChild. If pid is 0, none has
// ended yet. If err is ECHILD, there is no such child.
func Reap(child int) (pid int, status unix.WaitStatus, err Errno) {
	r, _, err := rawSyscall6(unix.SYS_WAIT4, uintptr(child), uintptr(unsafe.Pointer(&status)), unix.WNOHANG, 0, 0, 0)
	return int(r), status, named(err, noWait4)
}

// IsChild reports whether a process is a child of this one that has not been reaped. Until
// a child is reaped, no other process gets its pid.
func IsChild(pid int) bool {
	const pPID = 1 // P_PID
	_, _, err := rawSyscall6(unix.SYS_WAITID, pPID, uintptr(pid), 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
	return err == 0
}

// HasChildren reports whether this process has children.
func HasChildren() bool {
	const pALL = 0 // P_ALL
	_, _, err := rawSyscall6(unix.SYS_WAITID, pALL, 0, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
	return err == 0
}

// BecomeSubreaper makes this process the parent of every descendant whose own parent dies.
func BecomeSubreaper() Errno {
	_, _, err := rawSyscall6(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0)
	return err
}

// Children lists the children of this process. The list is that of its first thread. It is
// empty if there is no /proc.
func Children() ProcessList { return openProcessList("/proc/thread-self/children") }
