package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// Old files: how they get their names, and when they are removed.

// makeOld makes an old file of a file: it gives it a label and a code for a name, and
// removes the old files that are too many. False means that the file has gone, or that the
// log is broken.
func (l *log) makeOld(p *bare.Process, file, code string) (there bool) {
	var was bare.Status
	for {
		var err bare.Errno
		if was, err = bare.Stat(l.dir, file); err == 0 {
			break
		}
		if isGone(err) || !l.pause(p, err, "unable to stat ", file) {
			return false
		}
	}
	if l.isOldAlready(was) {
		l.remove(p, file)
	} else if !l.renameAsOld(p, file, code) {
		return false
	}
	// What is in the file is on disk already. This writes its name to disk.
	if err := bare.Fsync(l.dir); err != 0 && err != unix.EINVAL { // EINVAL: some file systems cannot do this for a directory
		l.warnOnce(p, ofNames, err, "")
	}
	for {
		fits, err := l.makeFit(p)
		if err == 0 && fits {
			return true
		}
		if refused(err) {
			l.warnOnce(p, ofOldFiles, err, "")
			return true
		}
		if err != 0 && !l.pause(p, err, "unable to read ", "") {
			return true
		}
	}
}

// isOldAlready reports whether a file has the name of an old file as well: 0.76 was killed between
// its link and its unlink. A second name elsewhere is that of a backup.
func (l *log) isOldAlready(file bare.Status) (is bool) {
	if file.Links <= 1 {
		return false
	}
	fd, err := bare.OpenAt(l.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false
	}
	for files := bare.ReadDirectory(fd); !is; {
		name, err := files.Next()
		if err != 0 || name == "" {
			break
		}
		if name[0] == '@' {
			is, _ = hasName(l.dir, name, file.File)
		}
	}
	bare.Close(fd)
	return is
}

// renameAsOld renames a file as an old file. False means that the file has gone, or that
// the log is broken. 0.76 uses link and unlink, but some file systems have no links.
func (l *log) renameAsOld(p *bare.Process, file, code string) (ok bool) {
	for {
		var room [tai64.TextSize + 256]byte
		if l.newest, ok = l.nextLabel(p); !ok {
			return false
		}
		l.newest.PutText(room[:])
		n := tai64.TextSize
		n += copy(room[n:], ".")
		n += copy(room[n:], code)
		name := bare.TextOf(room[:n])
		err := bare.RenameNew(l.dir, file, name)
		if err == 0 {
			return true
		}
		if isGone(err) {
			return false
		}
		if err == unix.EEXIST {
			continue // the next attempt has a later label
		}
		if !l.pause(p, err, "unable to rename to ", name) {
			return false
		}
	}
}

// remove removes a file. When it returns, the file is gone, unless the system refuses that
// or the log is broken.
func (l *log) remove(p *bare.Process, file string) {
	for {
		err := bare.Unlink(l.dir, file)
		if err == 0 || isGone(err) {
			return
		}
		if refused(err) { // the next file of that name replaces it
			l.warnOnce(p, ofRemoval, err, file)
			return
		}
		if !l.pause(p, err, "unable to remove ", file) {
			return
		}
	}
}

// nextLabel is the label for a file that is finished now. It is later than the labels of
// all old files, even if the clock has been set back. With an earlier label the new file
// would be removed as the oldest.
func (l *log) nextLabel(p *bare.Process) (label tai64.Label, ok bool) {
	for l.newest.Seconds == 0 {
		var oldest [256]byte
		_, _, _, err := l.survey(oldest[:])
		if err == 0 {
			break
		}
		if refused(err) {
			l.warnOnce(p, ofOldFiles, err, "")
			break
		}
		if !l.pause(p, err, "unable to read ", "") {
			return label, false
		}
	}
	now := tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME))
	if now.Before(l.newest.Next()) {
		return l.newest.Next(), true
	}
	return now, true
}

// survey looks at all old files. It copies the name of the oldest to a buffer and returns
// the length of that name, how many old files there are, and how large they are together.
// It counts the size only if the log limits it. It notes the latest label as well.
func (l *log) survey(oldest []byte) (n int, count, total int64, err bare.Errno) {
	fd, err := bare.OpenAt(l.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if isGone(err) {
		return 0, 0, 0, 0 // the directory has been removed
	}
	if err != 0 {
		return 0, 0, 0, err
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 || name == "" {
			bare.Close(fd)
			if isGone(err) {
				err = 0
			}
			return n, count, total, err
		}
		if name[0] != '@' || len(name) < tai64.TextSize {
			continue
		}
		count++
		if l.total > 0 {
			file, _ := bare.Stat(l.dir, name)
			total += file.Size
		}
		if n == 0 || older(name, bare.TextOf(oldest)) {
			n = copy(oldest, name)
		}
		const last = 1<<63 - 1 // the last second that a label can have
		label, ok := tai64.ReadText(name)
		if ok && label.Seconds < last && label.Nanoseconds < 1e9 && l.newest.Before(label) {
			l.newest = label
		}
	}
}

// makeFit removes the oldest file if it is too old, or if the old files are too many or too
// large. Fits says that no other has to go; otherwise makeFit must be called again.
func (l *log) makeFit(p *bare.Process) (fits bool, err bare.Errno) {
	var oldest [256]byte
	n, count, total, err := l.survey(oldest[:])
	if err != 0 {
		return false, err
	}
	if n == 0 {
		return true, 0
	}
	name := bare.TextOf(oldest[:n])
	if count < l.num && (l.total == 0 || total <= l.total) && !l.tooOld(name) {
		return true, 0
	}
	if err = bare.Unlink(l.dir, name); err != 0 && !isGone(err) {
		l.warnOnce(p, ofOldest, err, name)
		return true, 0 // 0.76 tries again for ever
	}
	l.warned &^= 1 << ofOldest
	return count-1 < l.num && l.total == 0 && l.age == 0, 0
}

// older reports whether the label of a name is before the label of another name.
func older(name, other string) bool {
	for i := range tai64.TextSize {
		if name[i] != other[i] {
			return name[i] < other[i]
		}
	}
	return false
}

// tooOld reports whether a file was finished longer ago, by its label, than files are kept.
func (l *log) tooOld(name string) bool {
	if l.age == 0 {
		return false
	}
	label, ok := tai64.ReadText(name)
	return ok && label.Since(tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME))) > uint64(l.age)
}
