package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

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
func FlockWithin(fd, how int, milliseconds uint64) Errno {
	err := Flock(fd, how|unix.LOCK_NB)
	if err != unix.EWOULDBLOCK || milliseconds == 0 {
		return timedOut(err)
	}
	if HostFlock != nil {
		return HostFlock(fd, how, milliseconds)
	}
	parent, _, _ := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	pid, err := fork(0)
	if err != 0 {
		return err
	}
	if pid == 0 {
		waitForLock(fd, how, parent)
	}
	err = waitWithin(pid, milliseconds)
	Kill(pid, int(unix.SIGKILL))
	Wait(pid)
	if err != 0 {
		return err
	}
	// Whether the child got the lock, at the last moment perhaps, the open file
	// knows: then this changes nothing.
	return timedOut(Flock(fd, how|unix.LOCK_NB))
}

func timedOut(err Errno) Errno {
	if err == unix.EWOULDBLOCK {
		return unix.ETIMEDOUT
	}
	return err
}

// waitForLock is the child's part. It must not outlive its parent and hold the
// lock for nobody.
func waitForLock(fd, how int, parent uintptr) {
	unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	if now, _, _ := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); now == parent {
		Flock(fd, how)
	}
	Quit(0)
}

// waitWithin waits until a child has ended or the time is over.
func waitWithin(pid int, milliseconds uint64) Errno {
	const most = 1 << 40 // some thirty years, so that the sum below cannot overflow
	milliseconds = min(milliseconds, most)
	fd, _, err := unix.RawSyscall(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0)
	if err != 0 {
		return err
	}
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	limit := unix.Timespec{Sec: int64(milliseconds / 1000), Nsec: int64(milliseconds % 1000 * 1e6)}
	for {
		// The kernel writes into limit what is left of it.
		_, _, err = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
		if err != unix.EINTR {
			break
		}
	}
	Close(int(fd))
	return err
}
