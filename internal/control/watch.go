package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// Waiting for changes in service directories, and time limits on that.

// timedOut is the exit code for a wait that took too long; s6-svwait has the same.
const timedOut = 99

// milliseconds reads a time limit.
func milliseconds(text string) (limit int64, ok bool) {
	n, _ := bare.Number(text)
	return int64(min(n, 1<<40)), bare.AllDigits(text)
}

// deadline is when a time limit ends, since boot in nanoseconds. A negative limit is none.
func deadline(limit int64) int64 {
	if limit < 0 {
		return bare.Never
	}
	return bare.SinceBoot() + limit*1e6
}

// watch waits for changes in service directories. inotify tells of changes. Directories
// that inotify cannot watch are looked at again and again. Even the others are looked at
// every second, because a directory may be made anew, and a file server tells nothing.
type watch struct {
	fd    int
	blind bool // inotify does not watch everything
}

func newWatch() watch {
	fd, err := bare.NewInotify()
	if err != 0 {
		return watch{fd: -1, blind: true}
	}
	return watch{fd: fd}
}

// add watches the service whose directory is the working directory. A new status comes by a
// rename, and whoever has the control FIFO open closes it when it ends.
func (w *watch) add() {
	if w.fd < 0 {
		return
	}
	_, here := bare.WatchFile(w.fd, ".", unix.IN_CREATE|unix.IN_MOVED_TO) // for the folder supervise to appear
	_, folder := bare.WatchFile(w.fd, service.Folder, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_CREATE)
	w.blind = here != 0 || folder != 0 && folder != unix.ENOENT
}

// wait waits for a change, or until it is time to look again, and at most until a time
// since boot in nanoseconds.
func (w *watch) wait(until int64) {
	const sighted, blind = 1e9, 50e6
	again := bare.SinceBoot() + sighted
	if w.blind {
		again = bare.SinceBoot() + blind
	}
	until = min(until, again)
	for bare.SinceBoot() < until && !w.changed() {
		bare.WaitFor(w.fd, int64(bare.Until(until)))
	}
}

// changed reads the events that have come, and reports whether a service may have changed.
// To look at a service opens and closes supervise/ok, which does not count.
func (w *watch) changed() bool {
	if w.fd < 0 {
		return false
	}
	something := false
	changes := bare.ReadChanges(w.fd)
	for name, ok := changes.Next(); ok; name, ok = changes.Next() {
		something = something || name != "ok"
	}
	return something
}

func (w *watch) close() {
	if w.fd >= 0 {
		bare.Close(w.fd)
	}
}
