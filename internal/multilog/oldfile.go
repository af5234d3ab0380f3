package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// finish gives a file the name under which it is kept, a label and a code, and removes
// the old ones that are too many.
func (l *rotated) finish(p *bare.Process, file, code string) {
	var was bare.Status
	for {
		var err bare.Errno
		if was, err = bare.Stat(l.dir, file); err == 0 {
			break
		}
		if err == unix.ENOENT {
			return
		}
		l.warn(p, err, "unable to stat ", file)
	}
	for was.Links == 1 {
		var room [tai64.TextSize + 256]byte
		l.newest = l.nextLabel(p)
		l.newest.PutText(room[:])
		n := tai64.TextSize
		n += copy(room[n:], ".")
		n += copy(room[n:], code)
		err := bare.Link(l.dir, file, bare.TextOf(room[:n]))
		if err == 0 {
			break
		}
		l.warn(p, err, "unable to link to ", bare.TextOf(room[:n]))
	}
	for {
		err := bare.Unlink(l.dir, file)
		if err == 0 {
			break
		}
		l.warn(p, err, "unable to remove ", file)
	}
	// Now the name is safe as well, and not only what is in the file.
	if err := bare.Fsync(l.dir); err != 0 && err != unix.EINVAL { // it cannot be had everywhere
		p.WarnErrno(err, "unable to write directory ", l.name.String(), " to disk")
	}
	for {
		fits, err := l.makeFit()
		if err == 0 && fits {
			return
		}
		if err != 0 {
			l.pause(p, err, "unable to read ", ", pausing")
		}
	}
}

// nextLabel is the label for a file that is finished now: later than that of every other,
// even if the clock has been set back. Otherwise that file would be removed as the oldest.
func (l *rotated) nextLabel(p *bare.Process) tai64.Label {
	for l.newest.Seconds == 0 {
		var oldest [256]byte
		_, _, _, err := l.survey(oldest[:])
		if err == 0 {
			break
		}
		l.pause(p, err, "unable to read ", ", pausing")
	}
	now := tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME))
	if now.Before(l.newest.Next()) {
		return l.newest.Next()
	}
	return now
}

// survey puts the name of the oldest file into a buffer and returns how long that is; how
// many old files there are; and how large they are together, if somebody wants to know.
func (l *rotated) survey(oldest []byte) (n int, count, total int64, err bare.Errno) {
	fd, err := bare.OpenAt(l.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return 0, 0, 0, err
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 || name == "" {
			bare.Close(fd)
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
		const last = 1<<63 - 1 // second that a label may have
		label, ok := tai64.ReadText(name)
		if ok && label.Seconds < last && label.Nanoseconds < 1e9 && l.newest.Before(label) {
			l.newest = label
		}
	}
}

// makeFit removes the oldest file, if there are too many, too much, or it is too old;
// fits tells that no other has to go.
func (l *rotated) makeFit() (fits bool, err bare.Errno) {
	var oldest [256]byte
	n, count, total, err := l.survey(oldest[:])
	if err != 0 {
		return false, err
	}
	if n == 0 {
		return true, 0
	}
	first := bare.TextOf(oldest[:n])
	if count < l.num && (l.total == 0 || total <= l.total) && !l.tooOld(first) {
		return true, 0
	}
	if bare.Unlink(l.dir, first) != 0 {
		return true, 0 // 0.76 does not look either, and would try for ever
	}
	return count-1 < l.num && l.total == 0 && l.age == 0, 0
}

// older tells whether the label of a name is before that of another.
func older(name, other string) bool {
	for i := range tai64.TextSize {
		if name[i] != other[i] {
			return name[i] < other[i]
		}
	}
	return false
}

// tooOld tells whether the label of a file is from longer ago than files are kept.
func (l *rotated) tooOld(name string) bool {
	if l.age == 0 {
		return false
	}
	label, ok := tai64.ReadText(name)
	return ok && label.Since(tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME))) > uint64(l.age)
}
