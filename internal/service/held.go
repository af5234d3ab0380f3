package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Who has the lock of a service directory: what svscan asks before it starts a supervisor.

// Supervisor looks for a running supervisor of the service directory dir, a path that is
// relative to the working directory. held means that there is one. pidfd is its process, or
// -1 if nothing tells which process it is, as with daemontools'. If held is false and pid is
// not 0, the supervisor on record has gone, but somebody still has its lock.
func Supervisor(dir string, now Epoch) (held bool, pid, pidfd int) {
	pidfd = -1
	fd, held, _ := tryLock(dir)
	if fd < 0 {
		return false, 0, -1
	}
	if held {
		if record, found := ReadRecord(fd, OfSupervise, now); found == ThisOne {
			var err bare.Errno
			pid = int(record.PID)
			pidfd, err = record.Process()
			// If the supervisor was killed just now, its child has the lock until it execs.
			held = pidfd != Gone || err != 0
		}
	}
	bare.Close(fd)
	return held, pid, pidfd
}

// Left reports what a killed supervisor has left. runs means that the service runs or starts:
// its record names a living process, or somebody has the lock, as a child has until it has
// written its record. undone means that the process has died, and that nobody has dealt with
// its death. err says why the lock file cannot tell.
func Left(dir string, now Epoch) (runs, undone bool, err bare.Errno) {
	fd, held, err := tryLock(dir)
	if fd < 0 {
		if err == unix.ENOENT || err == unix.ENOTDIR {
			err = 0
		}
		return false, false, err
	}
	record, found := ReadRecord(fd, OfRun, now)
	bare.Close(fd)
	recorded := found == ThisOne && record.PID != 0
	runs = held || recorded && record.Runs()
	return runs, !runs && recorded && !record.Finish, 0
}

// tryLock opens the lock file of a service directory and reports whether somebody holds the
// lock. fd is -1 if there is no lock file, or none that a supervisor may have made.
func tryLock(dir string) (fd int, held bool, err bare.Errno) {
	if fd, err = openLock(dir); err != 0 {
		return -1, false, err // the next supervisor replaces a lock file that is none of a supervisor
	}
	return fd, bare.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK, 0
}

// openLock opens the lock file of a service directory for reading.
func openLock(dir string) (fd int, err bare.Errno) {
	fd, file, err := open(bare.Cwd, bare.Join(dir, Lock), unix.O_RDONLY, 0)
	if err != 0 {
		return -1, err
	}
	if at, failed := bare.OpenDirectory(bare.Cwd, dir); failed == 0 {
		err = judge(at, file)
		bare.Close(at)
		if err != 0 {
			bare.Close(fd)
			return -1, err
		}
	}
	return fd, 0
}
