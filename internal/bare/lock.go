package bare

import "golang.org/x/sys/unix"

// Flock locks an open file as flock(2) does, again if a signal came first.
func Flock(fd, how int) Errno {
	for {
		_, _, err := unix.RawSyscall(unix.SYS_FLOCK, uintptr(fd), uintptr(how), 0)
		if err != unix.EINTR {
			return err
		}
	}
}

// FlockWithin is Flock with a bound, after which the error is ETIMEDOUT.
//
// flock(2) takes no bound, and an alarm would need a handler. But a lock belongs
// to the open file, which a child shares: so a child waits for the lock in the
// kernel's queue, and this process waits for the child. Trying again and again
// would be simpler, and would starve behind those who queue.
//
// Where there is no child to be had, it is tried again and again after all.
func FlockWithin(fd, how int, milliseconds uint64) Errno {
	const most, pause = 1 << 40, 10e6 // some thirty years; so that nothing overflows
	if HostFlock != nil && milliseconds > 0 {
		return HostFlock(fd, how, milliseconds)
	}
	end := SinceBoot() + int64(min(milliseconds, most))*1e6
	for {
		// Whether a child got the lock, at the last moment perhaps, the open
		// file knows: then this changes nothing.
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

// waitForLock waits for a lock, by way of a child, for so many nanoseconds; false
// means that this cannot be done.
func waitForLock(fd, how int, nanoseconds int64) bool {
	parent := Getpid()
	pid, err := fork(0)
	if err != 0 {
		return false
	}
	if pid == 0 {
		// It must not outlive its parent and hold the lock for nobody.
		unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
		if now, _, _ := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); int(now) == parent {
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
