package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// A log, and the messages that it gives.

// log is a directory with the file current and with old files, or a file with old files beside it:
// file.go has what is different then. The fields that are used most come first, because code that
// reaches them is shorter.
type log struct {
	shown bare.Text // path in messages: absolute, if possible

	fd        int   // descriptor of current; -1 while it is not open
	size      int64 // most bytes of current
	bytes     int64 // bytes in current, without those in out
	written   int64 // bytes written since the text in the journal was read
	skip      int64 // bytes to come that the last multilog has written already
	toDisk    int64 // so many bytes of current are on their way to disk
	firstLine int64 // when current got its first line, or multilog found lines in it, since boot in ns

	// settled <= n <= outSize. Between two reads both are 0.
	out      uintptr   // address of outSize bytes for output
	n        int       // bytes of output in there
	settled  int       // how many of these 0.76 would have written by now
	prefix   bare.Text // text before each line, behind its label and before a blank; empty if there is none
	selected bool      // the line goes to this log

	warned uint8 // what warnOnce has warned of, as a set
	broken bool  // TERM has come while something failed: nothing more is written to this log
	retry  int64 // when to try again to use the directory of the log's name, since boot in ns; 0 if that is in use

	directory
	file bare.Identity // which file current is
	born uint64        // when current was made, in ns; the lower 7 bytes

	base    bare.Text // of a log that is a file, the last part of its name; empty for a directory
	hidden  bare.Text // of a log that is a file, the name of its journal
	limit   int64     // such a file is full when a line ends there or beyond; 0 is never
	keep    int64     // it has so many old files; with 0 it is emptied
	full    bool      // it was left full, at the end of a line
	special bool      // it is no regular file, or a link: it is never full

	index     int       // among the logs of the script
	name      bare.Text // word of the script
	path      bare.Text // of current: name/current
	num       int64     // the oldest file is removed when there are so many old files
	total     int64     // most bytes of all old files together; 0 is no limit
	every     int64     // seconds after which current is rotated; 0 is never
	age       int64     // seconds after which an old file is removed; 0 is never
	processor bare.Text // command for sh; empty if there is none
	code      bare.Text // what the names of old files end with
	selection uint64    // hash of the actions that say which lines it gets, and with what before them

	lost  int64 // bytes that are not written because the log is broken
	lines int64 // newlines among these bytes
}

// directory is the directory of a log. dir and lock stay open as long as multilog uses the
// directory.
type directory struct {
	dir, lock int           // descriptors
	id        bare.Identity // of the directory
	locked    bare.Identity // which file the open lock is
	newest    tai64.Label   // latest label of an old file; zero until survey has looked for it
	modeless  bool          // modes say nothing on this file system
}

// The files in the directory of a log, but for the journal and the old files.
const (
	lockName  = "lock"
	current   = "current"
	previous  = "previous"
	processed = "processed"
	state     = "state"
	newState  = "newstate"
)

// isFile reports whether the log is a file, and no directory of files.
func (l *log) isFile() bool { return l.base.Len() > 0 }

// current is the name of the file that lines are appended to, in the directory of the log.
//
//go:noinline
func (l *log) current() string {
	if l.isFile() {
		return l.base.String()
	}
	return current
}

// journal is the name of the journal, if that is in the directory of this log.
//
//go:noinline
func (l *log) journal() string {
	if l.isFile() {
		return l.hidden.String()
	}
	return journalName
}

// warn reports an error with a file of the log, or with its directory if file is empty.
// After is what follows the name.
func (l *log) warn(p *bare.Process, err bare.Errno, what, file, after string) {
	p.WarnErrno(err, what, l.shown.String(), slash(file), file, after)
}

// slash is what stands between the name of a log and that of a file in messages.
func slash(file string) string {
	if file == "" {
		return ""
	}
	return "/"
}

// tell reports what has happened to a file of the log.
//
//go:noinline
func (l *log) tell(p *bare.Process, file, what string) {
	p.Warn(l.shown.String(), "/", file, what)
}

const (
	pausing     = ", pausing"
	hasBeen     = " has been removed"
	hasBeenFull = hasBeen + ", and its lines with it"
	hasBeenCut  = " has been cut off by somebody else"
	begunAnew   = ": begun anew"
)

// pause reports an error, and waits five seconds. False means that TERM has come: the log is
// broken, and nothing more is written to it.
func (l *log) pause(p *bare.Process, err bare.Errno, what, file string) (again bool) {
	l.warn(p, err, what, file, pausing)
	return l.wait(p)
}

// wait is pause for something that has been reported.
func (l *log) wait(p *bare.Process) (again bool) {
	if pause(p) {
		return true
	}
	l.broken, l.bytes = true, 0
	return false
}

// cannotOpen reports that a log cannot be used. At the start this is fatal. Once multilog
// runs, it tries again, and reports the first failure only.
func (l *log) cannotOpen(p *bare.Process, err bare.Errno, what, file string) bare.Exit {
	switch {
	case !script.opened:
		return p.FatalErrno(err, what, l.shown.String(), slash(file), file)
	case l.retry == 0:
		l.warn(p, err, what, file, pausing)
	}
	return bare.Failed
}

// What a log warns of once.
const (
	ofModes = iota
	ofDisk
	ofNames
	ofOldFiles
	ofRemoval
	ofLock
	ofOldest
)

// onceWarnings are the texts before and after the name.
var onceWarnings = [...]struct{ before, after string }{
	ofModes:    {"unable to set mode of ", ""},
	ofDisk:     {"unable to write ", " to disk"},
	ofNames:    {"unable to write directory ", " to disk"},
	ofOldFiles: {"unable to read ", ""},
	ofRemoval:  {"unable to remove ", ""},
	ofLock:     {"unable to lock directory ", ""},
	ofOldest:   {"unable to remove ", ""},
}

// warnOnce reports that something is refused. multilog goes on without it.
func (l *log) warnOnce(p *bare.Process, of int, err bare.Errno, file string) {
	if l.warned&(1<<of) == 0 {
		l.warned |= 1 << of
		l.warn(p, err, onceWarnings[of].before, file, onceWarnings[of].after)
	}
}

// refused reports whether the system, or a filter of system calls, does not allow a call at
// all. Then it is no use to try again.
//
//go:noinline
func refused(err bare.Errno) bool {
	return bare.IsRefused(err) || err == unix.EPERM || err == unix.ENOSYS || err == unix.EOPNOTSUPP
}

// isGone reports whether an error says that a file or its directory is not there any more.
func isGone(err bare.Errno) bool { return err == unix.ENOENT || err == unix.ESTALE }

// appendTo opens a file at whose end multilog writes, and makes it if there is none.
//
//go:noinline
func appendTo(dir int, name string) (fd int, err bare.Errno) {
	return bare.OpenAt(dir, name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
}

// lose counts bytes that are not written.
//
//go:noinline
func (l *log) lose(b []byte) {
	l.lost += int64(len(b))
	for _, c := range b {
		if c == '\n' {
			l.lines++
		}
	}
}

// sayLost reports how much has not been written.
func (l *log) sayLost(p *bare.Process) bare.Exit {
	var bytes, lines [20]byte
	return p.Fatal("stopped before everything was written to ", l.shown.String(), "/", l.current(), ": ",
		decimal(&bytes, l.lost), " bytes of ", decimal(&lines, l.lines), " lines are lost")
}

// decimal is a number in decimal, which stands in room.
//
//go:noinline
func decimal(room *[20]byte, n int64) string {
	return bare.TextOf(room[:bare.PutNumber(room[:], uint64(n))])
}
