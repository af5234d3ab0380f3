package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Supervisor looks for a running supervisor of the service directory dir, a name
// that is relative to the working directory. Held tells that there is one; pidfd is
// its process, or -1 if it cannot be told which one that is, as with daemontools'. If there
// is none, pid is that of one that has gone, while somebody still has its lock.
func Supervisor(dir string, boot Boot) (held bool, pid, pidfd int) {
	pidfd = -1
	fd, held := tryLock(dir)
	if fd < 0 {
		return false, 0, -1
	}
	if held {
		if record, found := ReadRecord(fd, OfSupervise, boot); found == ThisOne {
			var err bare.Errno
			pid = int(record.PID)
			pidfd, err = record.Process()
			// Killed just now: its child still has the lock, until it execs.
			held = pidfd >= 0 || err != 0
		}
	}
	bare.Close(fd)
	return held, pid, pidfd
}

// Left tells whether the process of a service runs that a killed supervisor has left, or
// is about to: it has the lock until it has recorded itself.
func Left(dir string, boot Boot) bool {
	fd, held := tryLock(dir)
	if fd < 0 {
		return false
	}
	record, found := ReadRecord(fd, OfRun, boot)
	bare.Close(fd)
	return held || found == ThisOne && record.PID != 0 && record.Runs()
}

// tryLock opens the lock of a service directory and tells whether somebody holds it; fd is
// -1 if there is none.
func tryLock(dir string) (fd int, held bool) {
	var room [unix.PathMax]byte
	n := copy(room[:], dir)
	n += copy(room[n:], "/"+Lock)
	fd, err := bare.Open(bare.TextOf(room[:n]), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return -1, false
	}
	return fd, bare.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}
