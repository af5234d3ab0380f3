package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// A log that is a file: FILE, which becomes FILE.1 when it is full, that FILE.2, and so on, as by
// Supervisor. It has no modes that tell anything and is not written to disk when it is full. The
// open file itself is locked.

// setBase makes the log the file of a name in its directory.
func (l *log) setBase(base string) bool {
	var hidden bare.Buffer
	if !hidden.Append(".") || !hidden.Append(base) || !hidden.Append(journalName) || !hidden.Finish() {
		return false
	}
	l.base, l.hidden = bare.Keep(base), bare.Keep(hidden.String())
	const never = 1 << 62
	if l.size = l.limit + slack; l.limit == 0 || l.limit > never {
		l.size = never
	}
	return true
}

// openFile opens the file, and makes it if it is not there.
func (l *log) openFile() (fd int, is bare.Status, err bare.Errno) {
	fd, err = bare.OpenAt(l.dir, l.base.String(), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err == 0 {
		is, err = bare.StatOpen(fd)
	}
	var target [1]byte
	_, notLink := bare.Readlink(l.dir, l.base.String(), target[:])
	l.special = err == 0 && is.Kind() != unix.S_IFREG || notLink == 0 // /dev/stdout may be a file, and must stay where it is
	return fd, is, err
}

// lockFile opens the file and takes its lock. Any result but Continue is a failure, which has been
// reported.
func (l *log) lockFile(p *bare.Process) bare.Exit {
	dir, err := bare.Open(l.name.String(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open directory ", l.shown.String())
	}
	l.dir, l.lock = dir, -1
	is, err := bare.Stat(dir, ".")
	l.id = is.File
	if err == 0 {
		l.fd, is, err = l.openFile()
	}
	if err == 0 && !l.special {
		const patience = 1000 // as for a directory
		err = bare.FlockWithin(l.fd, unix.LOCK_EX, patience)
		if err == unix.ETIMEDOUT || err == unix.EWOULDBLOCK {
			return p.FatalErrno(unix.EWOULDBLOCK, "unable to lock ", l.shown.String(), "/", l.current())
		}
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to append to ", l.shown.String(), "/", l.current())
	}
	return bare.Continue
}

// resumeFile goes on with the file where the journal says that it counts.
func (l *log) resumeFile(p *bare.Process) bare.Exit {
	is, err := bare.StatOpen(l.fd)
	if err != 0 {
		return l.cannotOpen(p, err, "unable to stat ", l.current())
	}
	from := input.journal.head.resume(l, is)
	l.skip, l.selected = from.skip, from.selected
	l.firstLine = bare.SinceBoot()
	if from.known && from.whole < is.Size && !l.special {
		if err = bare.Truncate(l.fd, from.whole); err != 0 {
			return l.cannotOpen(p, err, "unable to append to ", l.current())
		}
	}
	if !l.identify(p) {
		return bare.Failed
	}
	l.full = l.limit > 0 && !l.special && l.bytes >= l.limit && l.endsWhole(l.bytes)
	return bare.Continue
}

// rotateFile makes an old file of the file, and begins a new one.
func (l *log) rotateFile(p *bare.Process) {
	if l.broken || l.special {
		return
	}
	l.full = false
	input.journal.note(p, l)
	for {
		err := bare.Errno(0)
		if l.keep == 0 {
			err = bare.Truncate(l.fd, 0)
		} else {
			err = bare.Rotate(l.dir, l.base.String(), l.keep)
		}
		if err == 0 {
			break
		}
		if !l.pause(p, err, "unable to rotate ", l.current()) {
			return
		}
	}
	if l.keep > 0 {
		l.reopenFile(p)
	} else {
		l.bytes, l.toDisk = 0, 0
	}
	if !l.broken {
		input.journal.note(p, l)
		l.checkJournal()
	}
}

// reopenFile opens the file of the name, because it is another one by now or was renamed. A file
// that was removed takes its lines with it, which is said.
func (l *log) reopenFile(p *bare.Process) {
	if isRemoved(l.fd) {
		l.tell(p, l.current(), hasBeenFull+begunAnew)
	}
	l.closeCurrent()
	for {
		dir, err := bare.Open(l.name.String(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err == 0 {
			bare.Close(l.dir)
			l.dir = dir
			is, _ := bare.Stat(dir, ".")
			l.id = is.File
			if l.fd, _, err = l.openFile(); err == 0 {
				break
			}
			l.fd = -1
		}
		if !l.pause(p, err, "unable to create ", l.current()) {
			return
		}
	}
	if err := bare.Flock(l.fd, unix.LOCK_EX|unix.LOCK_NB); err != 0 && !l.special {
		l.warnOnce(p, ofLock, err, l.current())
	}
	l.identify(p)
	l.full = false
}
