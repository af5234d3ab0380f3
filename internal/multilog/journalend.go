package multilog

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How multilog mends the journal, makes it anew, goes on without it, or leaves it to the next
// multilog.

// renew makes the journal anew if somebody has removed it, or the log with it. Only heads
// have to go into the new journal.
func (j *journalFile) renew(p *bare.Process) {
	j.lost = false
	if j.fd == 0 || !j.on {
		return
	}
	was, at := j.fd, j.at
	var err bare.Errno
	if j.fd, err = bare.OpenAt(j.log().dir, j.log().journal(), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o600); err == 0 {
		if err = j.mapFile(); err != 0 {
			bare.Close(j.fd)
		}
	}
	if err != 0 {
		j.log().warn(p, err, "unable to use ", j.log().journal(), "")
		j.fd, j.at = was, at
		j.goWithout(p)
		return
	}
	if is, err := bare.StatOpen(j.fd); err == 0 {
		j.file = is.File
	}
	j.used = 0
	j.head.noteAll()
	j.writeHead(p)
	j.writeHead(p)
	bare.Unmap(at, journalSize)
	bare.Close(was)
}

// enlarge is called when a page of the mapping could not be had: somebody has cut the
// journal off, or the disk had no room. enlarge writes zeros to all pages: either they have
// room then, or the error says why not.
func (j *journalFile) enlarge(p *bare.Process) {
	j.mend(p)
	clear(j.sink[:]) // old text is in it
	for at := 0; at < readMax; at += len(j.sink) {
		if err := bare.WriteAt(j.fd, j.sink[:], int64(textStart+at)); err != 0 {
			j.pause(p, err)
			return
		}
	}
	j.used = 0
}

// mend makes the journal long again if somebody has cut it off. It is called while no text
// is in the journal, so the heads are all that may be missing.
func (j *journalFile) mend(p *bare.Process) {
	j.cut = false
	is, err := bare.StatOpen(j.fd)
	if err != 0 || is.Size >= journalSize {
		return
	}
	if !j.short {
		j.log().tell(p, j.log().journal(), hasBeenCut)
	}
	j.short = bare.Truncate(j.fd, journalSize) != 0
	j.writeHead(p)
	j.writeHead(p)
}

// goWithout goes on without a journal.
func (j *journalFile) goWithout(p *bare.Process) {
	bare.Unmap(j.at, journalSize)
	j.on = false
	j.remove(p, j.log())
}

// end writes a last head that knows no log, and removes the journal. If the journal cannot
// be removed, that head makes it count for nothing.
func (j *journalFile) end(p *bare.Process) {
	if j.fd == 0 {
		return
	}
	j.head.logs = [mostLogs]journalLog{}
	j.turn++
	if err := j.tryHead(0); err != 0 {
		j.log().warn(p, err, "unable to write ", j.log().journal(), "")
	}
	j.remove(p, j.log())
}

// remove removes a journal in which nothing stands that the logs lack. If that fails,
// remove clears the first byte of the journal, so that it does not count. The heads do not
// know of lines that are written from now on, and the next multilog would cut the logs back
// to what the heads say.
func (j *journalFile) remove(p *bare.Process, l *log) {
	if j.fd == 0 {
		return
	}
	has, err := hasName(l.dir, l.journal(), j.file)
	if isGone(err) || err == 0 && !has { // the journal is gone, or another file has its name
		err = 0
	} else {
		err = bare.Unlink(l.dir, l.journal())
	}
	if err != 0 {
		l.warn(p, err, "unable to remove ", l.journal(), "")
		var none [1]byte
		if err = bare.WriteAt(j.fd, none[:], 0); err != 0 {
			l.warn(p, err, "unable to write ", l.journal(), "")
		}
	}
	bare.Close(j.fd)
	j.fd = 0
}

// stop is for an error that ends multilog. If something stands in the journal, stop ends as
// abandon does. Otherwise it returns exit.
func (j *journalFile) stop(p *bare.Process, exit bare.Exit) bare.Exit {
	if j.fd != 0 && j.head.holds() {
		return j.abandon(p)
	}
	return exit
}

// abandon ends multilog as if it was killed. It reports how many bytes stand in the journal
// and not in the logs: the next multilog writes these.
func (j *journalFile) abandon(p *bare.Process) bare.Exit {
	j.outlast()
	var kept, more [20]byte
	comma, left, bytes := "", "", ""
	if unread := bare.Unread(0); unread > 0 {
		comma, left, bytes = ", ", decimal(&more, int64(unread)), " bytes in the pipe"
	}
	return p.Fatal("stopped before everything was written: ", decimal(&kept, int64(j.head.size()-j.untaken)), " bytes are in ",
		j.log().shown.String(), "/", j.log().journal(), " for the next multilog", comma, left, bytes)
}

// outlast makes the journal count in another boot as well, since TERM may come because the
// machine goes down. First it writes everything to disk that the heads tell of. If that
// fails, the next boot gives the text up. Before all logs are open there is nothing to do:
// the heads are still those of the last multilog.
func (j *journalFile) outlast() {
	if !script.opened {
		return
	}
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		if l.special {
			continue
		}
		if err := bare.Fsync(l.dir); err != 0 && err != unix.EINVAL || l.fd >= 0 && bare.Fsync(l.fd) != 0 {
			return
		}
	}
	if bare.Fsync(j.fd) != 0 {
		return
	}
	lasts := [1]byte{1}
	for offset := int64(unsafe.Offsetof(j.head.lasts)); offset < 2*headSize; offset += headSize {
		if bare.WriteAt(j.fd, lasts[:], offset) != 0 {
			return
		}
	}
	bare.Fsync(j.fd)
}
