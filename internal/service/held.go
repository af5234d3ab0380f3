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
	var room [unix.PathMax]byte
	n := copy(room[:], dir)
	n += copy(room[n:], "/"+Lock)
	fd, err := bare.Open(bare.TextOf(room[:n]), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false, 0, -1
	}
	held, pidfd = bare.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK, -1
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
	var room [unix.PathMax]byte
	n := copy(room[:], dir)
	n += copy(room[n:], "/"+Lock)
	fd, err := bare.Open(bare.TextOf(room[:n]), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false
	}
	held := bare.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
	record, found := ReadRecord(fd, OfRun, boot)
	bare.Close(fd)
	if held {
		return true
	}
	if found != ThisOne || record.PID == 0 {
		return false
	}
	pidfd, err := record.Process()
	if pidfd >= 0 {
		bare.Close(pidfd)
	}
	return pidfd >= 0 || err != 0
}
