package bare

import "golang.org/x/sys/unix"

// Descriptors: their numbers, who has copies of them, and whether they wait.

// Dup duplicates a descriptor to the lowest free number.
func Dup(fd int) (int, Errno) {
	r, _, err := rawSyscall(unix.SYS_DUP, uintptr(fd), 0, 0)
	return int(r), named(err, noDup)
}

// DupTo duplicates a descriptor to a number. The new descriptor is closed on exec.
func DupTo(fd, number int) Errno {
	return dupTo(fd, number, unix.O_CLOEXEC)
}

func dupTo(fd, number, flags int) Errno {
	_, _, err := rawSyscall(unix.SYS_DUP3, uintptr(fd), uintptr(number), uintptr(flags))
	if !isRefusal(err) {
		return err
	}
	how := uintptr(unix.F_DUPFD)
	if flags != 0 {
		how = unix.F_DUPFD_CLOEXEC
	}
	Close(number) // then number is the lowest that is free from there on
	_, _, err = rawSyscall(unix.SYS_FCNTL, uintptr(fd), how, uintptr(number))
	return named(err, noDup3)
}

// MoveUp moves a descriptor to the lowest free number above it. The new one is closed on
// exec.
func MoveUp(fd int) (int, Errno) {
	above, err := CopyAbove(fd, fd)
	if err == 0 {
		Close(fd)
	}
	return above, err
}

// DupAbove duplicates a descriptor to the lowest free number from low on. The new one stays
// open on exec.
func DupAbove(fd, low int) (int, Errno) {
	r, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD, uintptr(low))
	return int(r), err
}

// CopyAbove is DupAbove, but the new descriptor is closed on exec.
func CopyAbove(fd, low int) (int, Errno) {
	r, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, uintptr(low))
	return int(r), err
}

// Replace makes number a copy of the descriptor fd that stays open on exec. If fd is
// negative, Replace closes number.
func Replace(number, fd int) (err Errno) {
	switch {
	case fd < 0:
		Close(number)
	case fd == number:
		_, _, err = rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFD, 0)
	default:
		err = dupTo(fd, number, 0)
	}
	return err
}

// CloseFrom closes all descriptors from fd up, in a descriptor table of the process's own.
// Before Linux 5.9 it only makes that table, which has copies of all descriptors.
func CloseFrom(fd int) Errno {
	const last = 1<<32 - 1
	_, _, err := rawSyscall(unix.SYS_CLOSE_RANGE, uintptr(fd), last, unix.CLOSE_RANGE_UNSHARE)
	if err != 0 {
		_, _, err = rawSyscall(unix.SYS_UNSHARE, unix.CLONE_FILES, 0, 0)
	}
	return named(err, noUnshare)
}

// CanUnshare reports whether a child that shares the descriptor table of this process may
// get a table of its own.
func CanUnshare() bool {
	const none = 1<<31 - 1 // no descriptor is so high
	return CloseFrom(none) == 0
}

// LastDescriptor is the highest open descriptor. Ok is false if there is no /proc, which it
// needs.
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

// OccupyStandard opens something for each standard descriptor that is closed, so that no
// other file gets the number: a message must not be written into a file. On exec the
// descriptor is closed again. Without /dev/null a directory does, from which nothing can be
// read or written.
func OccupyStandard() Errno {
	for fd := range 3 {
		if _, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			continue
		}
		_, err := Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != 0 {
			_, err = OpenDirectory(Cwd, "/")
		}
		if err != 0 {
			return err
		}
	}
	return 0
}

// SetBlocking makes reads and writes of an open file wait.
func SetBlocking(fd int) Errno {
	_, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, 0)
	return named(err, noFcntl)
}

// WaitsNot reports whether an open file is non-blocking: reads and writes of it do not
// wait.
func WaitsNot(fd int) bool {
	flags, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0)
	return err == 0 && flags&unix.O_NONBLOCK != 0
}

// SetWaiting says whether reads and writes of an open file wait, and keeps its other flags.
func SetWaiting(fd int, waits bool) Errno {
	flags, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0)
	if err != 0 || flags&unix.O_NONBLOCK == 0 == waits {
		return named(err, noFcntl)
	}
	_, _, err = rawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, flags^unix.O_NONBLOCK)
	return named(err, noFcntl)
}

// WaitAgain makes an open file blocking again, if that is possible.
func WaitAgain(fd int) { SetWaiting(fd, true) }
