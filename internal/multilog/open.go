package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How multilog takes over a log: its directory, its lock, and the file current that the
// last multilog has left.

// lockDirectory opens the directory of a log, makes it if it is missing, and takes its
// lock. Any result but Continue is a failure, which has been reported.
func (l *log) lockDirectory(p *bare.Process) bare.Exit {
	if l.isFile() {
		return l.lockFile(p)
	}
	var err bare.Errno
	if l.dir, l.id, err = l.openDirectory(); err != 0 {
		return l.cannotOpen(p, err, "unable to open directory ", "")
	}
	for i := range l.index {
		if other := script.logs.At(i); other.id == l.id && !other.isFile() {
			return p.FatalErrno(unix.EWOULDBLOCK, "unable to lock directory ", l.shown.String(), ", which another action has locked")
		}
	}
	var is bare.Status
	if l.lock, err = appendTo(l.dir, lockName); err == 0 {
		is, err = bare.StatOpen(l.lock)
	}
	if err == 0 {
		// A multilog that was killed may have just forked a processor. The processor holds
		// the lock until it execs, so lockDirectory waits a moment.
		const patience = 1000
		err = bare.FlockWithin(l.lock, unix.LOCK_EX, patience)
	}
	if err == unix.ETIMEDOUT || err == unix.EWOULDBLOCK {
		var digits [20]byte
		before, owner, after := "", "", ""
		if pid := bare.LockOwner(l.lock); pid > 0 {
			before, owner, after = ", which process ", decimal(&digits, int64(pid)), " has locked"
		}
		return p.FatalErrno(unix.EWOULDBLOCK, "unable to lock directory ", l.shown.String(), before, owner, after)
	}
	if err != 0 {
		return l.cannotOpen(p, err, "unable to lock directory ", "")
	}
	l.locked, l.modeless = is.File, isModeless(is)
	return bare.Continue
}

// isModeless reports whether modes say nothing on the file system of a lock. multilog never
// makes a lock executable. If a lock is, the file system gives one mode to all files, as
// vfat does.
func isModeless(lock bare.Status) bool { return lock.Mode&0o100 != 0 }

// openDirectory opens the directory that has the log's name now, and makes it if there is
// none.
func (l *log) openDirectory() (dir int, id bare.Identity, err bare.Errno) {
	made := bare.Mkdir(bare.Cwd, l.name.String(), 0o700)
	dir, err = bare.Open(l.name.String(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == 0 {
		var is bare.Status
		if is, err = bare.Stat(dir, "."); err == 0 { // only a directory that may be searched has a "."
			return dir, is.File, 0
		}
		bare.Close(dir)
	}
	if err == unix.ENOENT && made != 0 {
		err = made // the reason of mkdir says more: no space, perhaps
	}
	return -1, id, err
}

// openCurrent opens current in a directory whose lock is held. It goes on with current if a
// multilog has left it in good order, which its mode says. It goes on as well if the
// journal says how much of current counts, and cuts off the rest. In any other case the end
// of current may be torn, and current is kept as an old file.
//
// Where modes say nothing, current was left in good order if there is no journal and
// current ends with a whole line.
func (l *log) openCurrent(p *bare.Process) bare.Exit {
	if l.isFile() {
		return l.resumeFile(p)
	}
	is, err := bare.Stat(l.dir, current)
	if err != 0 && err != unix.ENOENT {
		return l.cannotOpen(p, err, "unable to stat ", current)
	}
	if !l.isOldAlready(is) {
		is.Links = 1
	}
	from := input.journal.head.resume(l, is)
	l.skip, l.selected = from.skip, from.selected
	closed := is.Mode&0o100 != 0
	if l.modeless {
		closed = !from.known && !input.journal.found && l.endsWhole(is.Size)
	}
	if err != 0 || !closed && !from.known {
		return l.beginAnew(p, is)
	}
	if l.fd, err = appendTo(l.dir, current); err != 0 {
		return l.cannotOpen(p, err, "unable to append to ", current)
	}
	if !closed && from.whole < is.Size {
		if err = bare.Truncate(l.fd, from.whole); err != 0 {
			return l.cannotOpen(p, err, "unable to append to ", current)
		}
	}
	if err = bare.Fchmod(l.fd, 0o644); err != 0 {
		if is.Mode&0o100 != 0 && !l.modeless { // the next multilog would take current for complete
			return l.cannotOpen(p, err, "unable to set mode of ", current)
		}
		l.warnOnce(p, ofModes, err, current)
	}
	l.firstLine = bare.SinceBoot()
	if !l.identify(p) {
		return bare.Failed
	}
	return bare.Continue
}

// endsWhole reports whether the file that lines are appended to ends with a newline, or is empty.
func (l *log) endsWhole(size int64) bool {
	fd, err := bare.OpenAt(l.dir, l.current(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false
	}
	var last [1]byte
	if size > 0 {
		_, err = bare.ReadAt(fd, last[:], size-1)
	}
	bare.Close(fd)
	return size == 0 || err == 0 && last[0] == '\n'
}

// beginAnew makes old files of what an outage has left, the old current included, and makes
// a new current.
func (l *log) beginAnew(p *bare.Process, was bare.Status) bare.Exit {
	bare.Unlink(l.dir, state)
	bare.Unlink(l.dir, newState)
	is, err := bare.Stat(l.dir, processed)
	if err != 0 && err != unix.ENOENT {
		return l.cannotOpen(p, err, "unable to stat ", processed)
	}
	if err == 0 && l.processorWasDone(is.Mode) {
		bare.Unlink(l.dir, previous)
		l.makeOld(p, processed, l.code.String())
	} else {
		bare.Unlink(l.dir, processed)
		l.makeOld(p, previous, "u")
	}
	if was.Size > 0 || was.Links > 1 { // an empty one can be used
		l.makeOld(p, current, "u")
	}
	fd, err := bare.OpenAt(l.dir, state, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_TRUNC|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != 0 {
		return l.cannotOpen(p, err, "unable to write to ", state)
	}
	bare.Close(fd)
	if l.fd, err = appendTo(l.dir, current); err != 0 {
		return l.cannotOpen(p, err, "unable to write to ", current)
	}
	l.setMode(p)
	if !l.identify(p) {
		return bare.Failed
	}
	return bare.Continue
}

// processorWasDone reports whether a processor had written all of processed. The mode of
// processed says so. Where modes say nothing, processed is complete if previous is gone:
// multilog removes previous after that.
func (l *log) processorWasDone(mode uint16) bool {
	if !l.modeless && (mode&0o100 != 0 || bare.Fchmod(l.lock, 0o600) == 0) {
		return mode&0o100 != 0
	}
	return bare.Exists(l.dir, previous) == unix.ENOENT
}
