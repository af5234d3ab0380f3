package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How current becomes an old file, and a new current comes.

// rotate makes an old file of current, and begins a new current. It returns when that is
// done, or the log is broken, or somebody else has replaced current.
func (l *log) rotate(p *bare.Process) {
	if l.isFile() {
		l.rotateFile(p)
		return
	}
	if l.broken || !l.sync(p) {
		return
	}
	input.journal.note(p, l)
	l.closeCurrent()
	gone := false
	for {
		err := bare.Rename(l.dir, current, previous)
		if gone = isGone(err); gone {
			l.tell(p, current, hasBeenFull+begunAnew)
		}
		if err == 0 || gone {
			break
		}
		if !l.pause(p, err, "unable to rename current to previous in directory ", "") {
			return
		}
	}
	if !l.create(p) {
		return
	}
	if !gone {
		l.makeOldOfPrevious(p)
	}
	if !l.broken {
		input.journal.note(p, l)
		l.checkLockAndJournal(p)
	}
}

// makeOldOfPrevious makes an old file of previous, through the processor if there is one.
func (l *log) makeOldOfPrevious(p *bare.Process) {
	if err := bare.Chmod(l.dir, previous, 0o744); err != 0 && !isGone(err) {
		l.warnOnce(p, ofModes, err, previous)
	}
	if l.processor.Len() > 0 {
		l.processPrevious(p)
	} else if !l.makeOld(p, previous, l.code.String()) && !l.broken {
		l.tell(p, previous, hasBeenFull)
	}
}

// create makes a new current, or opens the one that somebody has put there. False means
// that the log is broken.
func (l *log) create(p *bare.Process) (ok bool) {
	for {
		fd, err := appendTo(l.dir, current)
		if err == 0 {
			l.fd = fd
			l.setMode(p)
			return l.identify(p)
		}
		if isGone(err) && l.followName(p) {
			return true
		}
		if !l.pause(p, err, "unable to create ", current) {
			return false
		}
	}
}

// closeCurrent closes current, and forgets the descriptor: the next file that is opened
// gets the same number.
func (l *log) closeCurrent() {
	if l.fd >= 0 {
		bare.Close(l.fd)
		l.fd = -1
	}
}

// setMode marks current as being written to: mode 0644.
func (l *log) setMode(p *bare.Process) {
	if err := bare.Fchmod(l.fd, 0o644); err != 0 {
		l.warnOnce(p, ofModes, err, current)
	}
}

// identify notes which file current is, and how long it is. False means that the log is
// broken.
func (l *log) identify(p *bare.Process) (ok bool) {
	for {
		is, err := bare.StatOpen(l.fd)
		if err == 0 {
			l.file, l.born, l.bytes, l.toDisk = is.File, is.Born, is.Size, is.Size
			return true
		}
		if !l.pause(p, err, "unable to stat ", l.current()) {
			return false
		}
	}
}

// sync writes current to disk. False means that the log is broken, or that current is
// another file now.
func (l *log) sync(p *bare.Process) (ok bool) {
	if l.special {
		return true
	}
	for !l.broken {
		err := l.tryToSync(p, l.fd, l.current())
		if err == 0 {
			return true
		}
		if !l.broken && !l.checkAfterError(p, err) {
			return false
		}
	}
	return false
}

// tryToSync writes an open file of the log to disk. If that fails, it reports the error, and
// waits. If the system refuses that, multilog goes on without it.
func (l *log) tryToSync(p *bare.Process, fd int, file string) bare.Errno {
	err := bare.Fsync(fd)
	switch {
	case err == 0:
	case refused(err) || err == unix.EINVAL:
		l.warnOnce(p, ofDisk, err, file)
		return 0
	default:
		l.warn(p, err, "unable to write ", file, " to disk"+pausing)
		l.wait(p)
	}
	return err
}

// markComplete marks current as complete, all of it being on disk: mode 0744.
func (l *log) markComplete(p *bare.Process) {
	if l.isFile() {
		return
	}
	if err := bare.Fchmod(l.fd, 0o744); err != 0 {
		l.warnOnce(p, ofModes, err, current)
	}
}
