package bare

import "golang.org/x/sys/unix"

// Locks of flock(2): taking one, with a time limit perhaps, and finding who has one.

// Flock locks an open file as flock(2) does. It tries again if a signal came first.
func Flock(fd, how int) Errno {
	for {
		_, _, err := rawSyscall(unix.SYS_FLOCK, uintptr(fd), uintptr(how), 0)
		if err != unix.EINTR {
			return named(err, noFlock)
		}
	}
}

// FlockWithin is Flock with a time limit, after which the error is ETIMEDOUT.
//
// flock(2) has no time limit, and an alarm would need a handler. But a lock belongs to the
// open file, which a child shares. So a child waits for the lock in the kernel's queue, and
// this process waits for the child. Trying again and again would be simpler, but then those
// who wait in the queue would always come first.
//
// If there can be no child, FlockWithin tries again and again after all.
func FlockWithin(fd, how int, milliseconds uint64) Errno {
	const most, pause = 1 << 40, 10e6 // thirty years in ms, so that nothing overflows; 10 ms in ns
	if Hosted.Flock != nil && milliseconds > 0 {
		return Hosted.Flock(fd, how, milliseconds)
	}
	end := SinceBoot() + int64(min(milliseconds, most))*1e6
	for {
		// If a child got the lock, at the last moment perhaps, the open file has it, and
		// this call succeeds and changes nothing.
		err := Flock(fd, how|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK {
			return err
		}
		left := end - SinceBoot()
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		if !waitForLock(fd, how, left) {
			Sleep(min(left, pause))
		}
	}
}

// waitForLock waits for a lock by a child, for so many nanoseconds. False means that it
// cannot.
func waitForLock(fd, how int, nanoseconds int64) bool {
	parent := Getpid()
	pid, err := fork(0)
	if err != 0 {
		return false
	}
	if pid == 0 {
		// The child must not outlive its parent, or it would hold the lock for nobody.
		rawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
		if now, _, _ := rawSyscall(unix.SYS_GETPPID, 0, 0, 0); int(now) == parent {
			Flock(fd, how)
		}
		Quit(0)
	}
	pidfd, err := OpenProcess(pid)
	if err == 0 {
		WaitFor(pidfd, (nanoseconds+1e6-1)/1e6)
		Close(pidfd)
	}
	Kill(pid, int(unix.SIGKILL))
	Wait(pid)
	return err == 0
}

// HoldOpen has a child hold an open file, and with it a lock, until this process has ended,
// whatever this process executes meanwhile. HoldOpen closes the descriptor.
//
// The child has nothing else of this process: no other descriptor, no signal, no working
// directory. It learns by a pidfd that this process has ended. A signal at the death of the parent
// would not do, because the kernel does not let a process signal another user's.
func HoldOpen(fd int) Errno {
	pidfd, err := OpenProcess(Getpid())
	if err != 0 {
		return err
	}
	was := CatchSignals()
	pid, err := fork(0)
	if err == 0 && pid == 0 {
		for n := range pidfd {
			if n != fd {
				Close(n)
			}
		}
		CloseFrom(pidfd + 1)
		Chdir("/")
		for !WaitFor(pidfd, -1) && Signal(pidfd, 0) != unix.ESRCH {
			Sleep(1e9) // the wait was interrupted, or is refused
		}
		Quit(0)
	}
	was.Restore()
	Close(pidfd)
	Close(fd)
	return err
}

// LockOwner is the process that has locked a file by flock(2), as proc_locks(5) says; 0 if
// nobody can say. That process may have ended, and left the lock to a child.
//
// /proc/locks has the device of the file system. On a subvolume of btrfs statx(2) has
// another device. So if no lock there is on this very file, LockOwner takes the lock on its
// inode, if there is only one.
func LockOwner(fd int) (pid int) {
	is, err := StatOpen(fd)
	if err != 0 {
		return 0
	}
	locks, err := openReader("/proc/locks")
	if err != 0 {
		return 0
	}
	var elsewhere lock
	several := false
	for {
		l, more := locks.readLock()
		switch {
		case l.pid == 0 || l.file.inode != is.File.inode:
		case l.file == is.File:
			pid = l.pid
		default:
			several = several || elsewhere.pid != 0 && elsewhere.file != l.file
			elsewhere = l
		}
		if !more {
			break
		}
	}
	locks.close()
	if pid == 0 && !several {
		pid = elsewhere.pid
	}
	return pid
}

// lock is a lock of flock(2) on a file. A pid of 0 means that there is no lock.
type lock struct {
	pid  int
	file Identity
}

// readLock reads a line such as "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF". A line
// about a process that waits for a lock has an arrow before FLOCK.
func (r *reader) readLock() (l lock, more bool) {
	const kind, process, major, minor, inode = 1, 4, 5, 6, 7
	var numbers [inode + 1]uint64
	field, blank, flock := 0, false, true
	for {
		c, more := r.next()
		switch {
		case c == '\n':
			if field < inode || !flock {
				return lock{}, more
			}
			return lock{int(numbers[process]), Identity{numbers[major]<<32 | numbers[minor], numbers[inode]}}, more
		case c == ' ':
			blank = true
			continue
		case c == ':' && field >= major:
			field++
			continue
		case blank:
			field++
			blank = false
		}
		switch {
		case field == kind:
			flock = flock && Index("FLOCK", c) < len("FLOCK")
		case field == process || field == inode:
			numbers[field] = numbers[field]*10 + uint64(c-'0')
		case field == major || field == minor:
			numbers[field] <<= 4
			if c >= 'a' {
				c -= 'a' - '9' - 1
			}
			numbers[field] += uint64(c - '0')
		}
	}
}
