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
	if err == unix.EINVAL && signal == 0 { // qemu-user knows no signal but SIGCHLD
		r, _, err = unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	}
	return int(r), err
}

// CloseFrom gives the process descriptors of its own: those below fd, and no others
// but, before Linux 5.9, copies of all.
func CloseFrom(fd int) Errno {
	const last = 1<<32 - 1
	_, _, err := unix.RawSyscall(unix.SYS_CLOSE_RANGE, uintptr(fd), last, unix.CLOSE_RANGE_UNSHARE)
	if err != 0 {
		_, _, err = unix.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_FILES, 0, 0)
	}
	return err
}

// LastDescriptor is the highest open descriptor; ok is false where there is no /proc
// to tell.
func LastDescriptor() (last int, ok bool) {
	fd, err := Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return 0, false
	}
	files := ReadDirectory(fd)
	for {
		name, err := files.Next()
		if err != 0 || name == "" {
			Close(fd)
			return last, err == 0
		}
		if n, digits := Number(name); digits > 0 && int(n) != fd {
			last = max(last, int(n))
		}
	}
}

// Exit codes of Spawn's child where the program has none. They are its own, so that
// they are not taken for the program's.
const (
	notThere = 199 // none of the files exists
	notRun   = 198 // it could not be executed, or died of a signal
)

// Spawn starts the first of some files that can be executed, with stdout as its
// standard output and nowhere to complain: what is wrong is for the caller to say,
// in one line. The child is one in between, which waits for the program and ends as
// it did: the program itself would send SIGCHLD, because exec makes every process do
// so.
func Spawn(paths []string, argv Words, env *Environment, stdout int) (pid int, err Errno) {
	if HostSpawn != nil {
		return HostSpawn(paths, argv, env, stdout)
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
				code = notRun // there it is, and if not, its interpreter
			}
		}
		Quit(code)
	}
	Close(stdout) // or the pipe never ends
	status, _ := Wait(program)
	if status.Signaled() {
		Quit(notRun)
	}
	Quit(Exit(status.ExitStatus()))
	return 0, 0
}

// Replace makes a standard descriptor of another one, or closes it if there is none.
func Replace(standard, fd int) {
	switch {
	case fd < 0:
		Close(standard)
	case fd == standard:
		unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFD, 0)
	default:
		unix.RawSyscall(unix.SYS_DUP3, uintptr(fd), uintptr(standard), 0)
	}
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

// AnyChild stands for a child's pid.
const AnyChild = -1

// Reap takes a child that has ended, a certain one or AnyChild. None has when pid is 0;
// there is none when err is ECHILD.
func Reap(child int) (pid int, status unix.WaitStatus, err Errno) {
	r, _, err := unix.RawSyscall6(unix.SYS_WAIT4, uintptr(child), uintptr(unsafe.Pointer(&status)), unix.WNOHANG, 0, 0, 0)
	return int(r), status, err
}

// Getpid is the process's id.
func Getpid() int {
	r, _, _ := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	return int(r)
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

// SetName sets the name that ps shows for the process, as exec would.
func SetName(name string) {
	at, err := cpath(name)
	if err == 0 {
		unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NAME, at, 0, 0, 0, 0)
	}
}

// IsChild tells whether a process is a child of this one that has not been reaped:
// its pid is nobody else's until then.
func IsChild(pid int) bool {
	const pPID = 1 // P_PID
	_, _, err := unix.RawSyscall6(unix.SYS_WAITID, pPID, uintptr(pid), 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
	return err == 0
}

// OpenProcess returns a pidfd of a process.
func OpenProcess(pid int) (pidfd int, err Errno) {
	r, _, err := unix.RawSyscall(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0)
	return int(r), err
}

// BecomeSubreaper makes the process the parent of every descendant whose own
// parent has died.
func BecomeSubreaper() Errno {
	_, _, err := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0)
	return err
}
