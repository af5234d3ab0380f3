package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// While multilog writes to a log, somebody may remove, rename or replace its files or its
// directory, mostly to get room on a disk. The lines of a file that is removed are gone,
// and multilog says so. All later lines go to the file or directory that has the name.

// checkFiles checks whether the files that multilog writes to are still the files of their
// names. It is called before each read, when all lines that were read are written and no
// file is half done.
func checkFiles(p *bare.Process) {
	input.checks++
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		if l.broken {
			continue
		}
		if !l.checkCurrent(p) {
			input.journal.note(p, l)
		}
		if input.checks%rareCheck == 0 {
			l.checkLockAndJournal(p)
		}
	}
	if input.journal.lost {
		input.journal.renew(p)
	}
	if input.journal.cut {
		input.journal.mend(p)
	}
	if script.plain {
		return
	}
	for i := range script.actions.Len() {
		if a := script.actions.At(i); a.kind == actStatus {
			a.followName(p)
		}
	}
}

// rareCheck says at which calls of checkFiles it looks for the lock and the journal as well:
// at every sixteenth, since at each call this would take a good part of the time.
const rareCheck = 16

// checkCurrent makes sure that current is the file of that name, and that its length is
// known. It reports whether nothing has changed.
func (l *log) checkCurrent(p *bare.Process) (same bool) {
	if l.special {
		return true
	}
	is, err := bare.Stat(bare.Cwd, l.path.String())
	if err == 0 && is.File == l.file {
		l.retry = 0
		if is.Size == l.bytes {
			return true
		}
		what := " has been written to by somebody else"
		if is.Size < l.bytes {
			what = hasBeenCut
		}
		l.tell(p, l.current(), what)
		l.bytes, l.toDisk = is.Size, is.Size
		return false
	}
	if err != 0 && !isGone(err) && err != unix.ENOTDIR {
		return true // nobody can say what has changed
	}
	if l.retry > 0 && bare.SinceBoot() < l.retry {
		return true
	}
	if l.isFile() {
		l.reopenFile(p)
		return false
	}
	dir, err := bare.Stat(bare.Cwd, l.name.String())
	if err == 0 && dir.File != l.id && dir.Kind() == unix.S_IFDIR {
		return !l.followName(p) // the directory was replaced
	}
	if isRemoved(l.dir) {
		return !l.followName(p) // the directory was removed
	}
	// The directory exists, under another name perhaps. While current is in it, it is still
	// the log.
	if has, _ := hasName(l.dir, current, l.file); has {
		return true
	}
	if isGone(err) && !l.canMakeFiles() {
		return !l.followName(p) // the directory was removed from an overlay, whose link counts do not show that
	}
	what := " has been renamed" + begunAnew
	if isRemoved(l.fd) {
		what = hasBeenFull + begunAnew
	}
	l.tell(p, current, what)
	l.closeCurrent()
	l.create(p)
	l.checkLockAndJournal(p)
	return false
}

// hasName reports whether a name in a directory is that of a file.
//
//go:noinline
func hasName(dir int, name string, file bare.Identity) (has bool, err bare.Errno) {
	is, err := bare.Stat(dir, name)
	return err == 0 && is.File == file, err
}

// isRemoved reports whether an open file or directory has no name any more.
//
//go:noinline
func isRemoved(fd int) bool {
	is, err := bare.StatOpen(fd)
	return err == 0 && is.Links == 0 || err == unix.ESTALE
}

// checkAfterError is called after an error and a pause, in which somebody may have removed
// current. It reports whether the open file is still current. A stale descriptor, as on
// NFS, is of no use: then checkAfterError opens current anew.
func (l *log) checkAfterError(p *bare.Process, err bare.Errno) (same bool) {
	same = l.checkCurrent(p)
	if same && err == unix.ESTALE {
		l.closeCurrent()
		same = !l.create(p)
	}
	if !same && !l.broken {
		input.journal.note(p, l)
	}
	return same
}

// canMakeFiles reports whether current can be opened in the directory, or made there. In a
// directory that has been removed it cannot.
func (l *log) canMakeFiles() bool {
	fd, err := appendTo(l.dir, current)
	if err == 0 {
		bare.Close(fd)
	}
	return !isGone(err)
}

// retryAfter is the time between two attempts to use something again that multilog goes on
// without, in nanoseconds. An attempt at each read would give a message for each read.
const retryAfter = 5e9

// followName goes on in the directory that has the log's name now, and makes it if there is
// none. False means that the log stays where it is.
func (l *log) followName(p *bare.Process) (moved bool) {
	was, at := l.directory, l.fd
	for {
		dir, id, err := l.openDirectory()
		if err == 0 && l.enter(p, dir, id) {
			break
		}
		if err != 0 && l.retry == 0 {
			l.warn(p, err, "unable to open directory ", "", pausing)
		}
		l.directory, l.fd = was, at
		if own, _ := bare.StatOpen(was.dir); own.Links > 0 {
			l.retry = bare.SinceBoot() + retryAfter
			return false
		}
		if l.retry = 0; !l.wait(p) {
			return false
		}
	}
	l.retry = 0
	p.Warn(l.shown.String(), " has been removed or replaced"+begunAnew)
	if input.journal.home == l.index && input.journal.fd != 0 {
		if has, _ := hasName(was.dir, journalName, input.journal.file); has {
			bare.Unlink(was.dir, journalName)
		}
		input.journal.lost = true
	}
	bare.Close(was.dir)
	bare.Close(was.lock)
	if at >= 0 {
		bare.Close(at)
	}
	return true
}

// enter locks a directory and opens current in it. False means that this failed, which has
// been reported. Then the caller restores the directory and the descriptor of current.
func (l *log) enter(p *bare.Process, dir int, id bare.Identity) (ok bool) {
	lock, locked, modeless, err := lockAtOnce(dir)
	if err != 0 {
		if l.retry == 0 {
			l.warn(p, err, "unable to lock directory ", "", "")
		}
		bare.Close(dir)
		return false
	}
	l.directory = directory{dir: dir, lock: lock, id: id, locked: locked, modeless: modeless}
	l.fd = -1
	if l.openCurrent(p) != bare.Continue {
		l.closeCurrent()
		bare.Close(dir)
		bare.Close(lock)
		return false
	}
	return true
}

// lockAtOnce locks a directory, unless somebody else has the lock. It returns the open lock,
// which file that is, and whether modes say nothing there.
func lockAtOnce(dir int) (lock int, locked bare.Identity, modeless bool, err bare.Errno) {
	if lock, err = appendTo(dir, lockName); err != 0 {
		return lock, locked, false, err
	}
	var is bare.Status
	if err = bare.Flock(lock, unix.LOCK_EX|unix.LOCK_NB); err == 0 {
		is, err = bare.StatOpen(lock)
	}
	if err != 0 {
		bare.Close(lock)
	}
	return lock, is.File, isModeless(is), err
}

// checkLockAndJournal makes sure that the open lock is the file of its name. If the open
// journal is not the file of its name, checkFiles makes a new journal before more is read. If
// the journal has been cut off, checkFiles mends it.
func (l *log) checkLockAndJournal(p *bare.Process) {
	if l.isFile() {
		l.checkJournal()
		return
	}
	if has, err := hasName(l.dir, lockName, l.locked); !has && (err == 0 || err == unix.ENOENT) {
		lock, locked, _, err := lockAtOnce(l.dir)
		if err != 0 {
			l.warnOnce(p, ofLock, err, "")
		} else {
			bare.Close(l.lock)
			l.lock, l.locked = lock, locked
			l.warned &^= 1 << ofLock
		}
	}
	l.checkJournal()
}

// checkJournal is the part of checkLockAndJournal that is about the journal.
func (l *log) checkJournal() {
	if j := &input.journal; j.on && j.home == l.index {
		is, err := bare.Stat(l.dir, l.journal())
		has := err == 0 && is.File == j.file
		j.lost = j.lost || !has && (err == 0 || err == unix.ENOENT)
		j.cut = j.cut || has && is.Size < journalSize
	}
}
