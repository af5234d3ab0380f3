package multilog

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// How multilog finds the journal that the last multilog has left, or makes one.

// open opens the journal that the last multilog has left, or makes one. Any result but
// Continue is a failure, which has been reported. What stands in a journal is untouched
// then.
func (j *journalFile) open(p *bare.Process) bare.Exit {
	j.boot = service.ThisBoot()
	if exit := j.find(p); exit != bare.Continue {
		return exit
	}
	if j.home < 0 {
		j.home = 0
		return bare.Continue // there is no place for a journal
	}
	l := j.log()
	err := j.load(p, l, unix.O_CREAT)
	if err != 0 && j.found {
		return l.cannotOpen(p, err, "unable to read ", l.journal())
	}
	if err == 0 {
		err = j.setUp()
	}
	if err == 0 {
		j.on = true
		return j.readText(p)
	}
	if err == unix.E2BIG {
		p.Warn("too many logs for ", l.shown.String(), "/", l.journal())
	} else {
		l.warn(p, err, "unable to use ", l.journal(), "")
	}
	return j.openOnlyToReplay(p)
}

// find looks for the journal that the last multilog has left: in all logs, since that
// multilog may have had another script. It sets home.
func (j *journalFile) find(p *bare.Process) bare.Exit {
	j.home = -1
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		if l.special {
			continue
		}
		if j.home < 0 {
			j.home = i
		}
		is, err := bare.Stat(l.dir, l.journal())
		if err == unix.ENOENT && !l.isFile() {
			if err = l.renameFormer(); err == 0 {
				is, err = bare.Stat(l.dir, l.journal())
			} else if err != unix.ENOENT {
				return l.cannotOpen(p, err, "unable to read ", formerName)
			}
		}
		if err != 0 && err != unix.ENOENT {
			return l.cannotOpen(p, err, "unable to read ", l.journal())
		}
		switch {
		case is.Kind() != unix.S_IFREG:
		case j.found:
			if exit := j.removeOther(p, l); exit != bare.Continue {
				return exit
			}
		default:
			j.home, j.found = i, true
		}
	}
	return bare.Continue
}

// renameFormer gives the journal of an earlier version the name of today. The error ENOENT
// means that there is no such journal.
func (l *log) renameFormer() bare.Errno {
	fd, err := bare.OpenAt(l.dir, formerName, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch err {
	case 0:
	case unix.ELOOP, unix.EACCES, unix.ENXIO: // not a journal
		return unix.ENOENT
	default:
		return err
	}
	var magic [len(journalMagic)]byte
	n, err := bare.ReadAt(fd, magic[:], 0)
	bare.Close(fd)
	if err == unix.EISDIR || err == unix.ESPIPE || err == 0 && string(magic[:n]) != journalMagic {
		return unix.ENOENT
	}
	if err != 0 {
		return err
	}
	return bare.Rename(l.dir, formerName, journalName)
}

// removeOther removes a second journal, of a multilog that had another script. If something
// stands in it, multilog refuses to start: nobody knows which of the two texts came first.
func (j *journalFile) removeOther(p *bare.Process, l *log) bare.Exit {
	if err := j.load(p, l, 0); err != 0 {
		return l.cannotOpen(p, err, "unable to read ", l.journal())
	}
	if j.head.holds() {
		return p.Fatal("lines are left for another script: ", l.shown.String(), "/", l.journal())
	}
	j.remove(p, l)
	j.turn = 0
	j.head = journalHead{}
	return bare.Continue
}

// load opens the journal in the directory of a log, and takes over its valid head.
func (j *journalFile) load(p *bare.Process, l *log, how int) bare.Errno {
	fd, err := bare.OpenAt(l.dir, l.journal(), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|how, 0o600)
	if err != 0 {
		return err
	}
	j.fd = fd
	is, failed := bare.StatOpen(fd)
	if failed == 0 {
		j.file = is.File
	}
	var heads [2]journalHead
	n, err := bare.ReadAt(fd, (*[unsafe.Sizeof(heads)]byte)(unsafe.Pointer(&heads))[:], 0)
	if err == 0 {
		err = failed
	}
	if err != 0 {
		bare.Close(fd)
		j.fd = 0
		return err
	}
	givenUp := j.chooseHead(p, l, heads[:n/headSize])
	h := &j.head
	if h.fragment > lineMax || h.size() > readMax {
		*h = journalHead{}
	}
	if is.Size < textStart || h.text > 0 && int64(textStart+h.size()) > is.Size {
		const bornBits = 8 * len(journalLog{}.born)
		asMade := is.Size == 0 && uint64(is.Written)&(1<<bornBits-1) == is.Born // by a multilog that was killed then
		if j.found && !asMade {
			l.tell(p, l.journal(), hasBeenCut)
		}
		*h = journalHead{}
	}
	if givenUp {
		if n := h.size(); n > 0 {
			var digits [20]byte
			p.Warn("the machine has been booted, and up to ", decimal(&digits, int64(n)), " bytes are given up that had been read: ", l.shown.String(), "/", l.journal())
		}
		*h = journalHead{}
	}
	return 0
}

// chooseHead takes over the newest head that counts. It takes none if the file is not a
// journal. It reports whether the text is given up: a head is of another boot, and not made
// to outlast its own. A boot that is not known is taken for this one.
func (j *journalFile) chooseHead(p *bare.Process, l *log, heads []journalHead) (givenUp bool) {
	j.former = false
	for i := range heads {
		h := &heads[i]
		isHead := string(h.magic[:]) == journalMagic
		if !isHead && h.magic[0] != 0 { // a 0 stands there before anything is written
			p.Warn("not a journal: ", l.shown.String(), "/", l.journal())
		}
		if bare.Little(h.magic[:]) == 0 {
			continue // cut off, and only the other has been written since
		}
		if !isHead {
			j.head = journalHead{}
			return false
		}
		if !bare.Equal(bare.TextOf(h.boot[:]), bare.TextOf(j.boot[:])) && h.boot[0] != 0 && j.boot[0] != 0 {
			j.former = true
			givenUp = givenUp || h.lasts == 0
		}
		if h.counts() && h.turn >= j.turn {
			j.turn = h.turn // and not in one assignment with the head, which would copy the head twice
			j.head = *h
		}
	}
	return givenUp
}

// setUp gets everything that a journal needs: the mapping, the second pipe, and certainty
// that the calls for it are allowed.
func (j *journalFile) setUp() (err bare.Errno) {
	if script.logs.Len() > mostLogs {
		return unix.E2BIG
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	if err == 0 && limit.Cur < journalSize {
		return unix.EFBIG // SIGXFSZ would kill multilog
	}
	if err = j.mapFile(); err != 0 {
		return err
	}
	if j.copyOut, j.copyIn, err = bare.Pipe(unix.O_NONBLOCK | unix.O_CLOEXEC); err != 0 {
		return err
	}
	// readIntoJournal cannot do without readv, so readv is tried before there is text.
	if _, err = bare.ReadApart(0, 0, 0, 0); !refused(err) {
		// A rotation needs one more descriptor. This makes sure that there is one.
		var spare int
		if spare, err = bare.Dup(0); err == 0 {
			bare.Close(spare)
			return 0
		}
	}
	bare.Close(j.copyIn)
	bare.Close(j.copyOut)
	return err
}

// mapFile gives the file its size and maps it. Before that an empty write shows whether the
// file can be written to at all.
func (j *journalFile) mapFile() (err bare.Errno) {
	if err = bare.WriteAt(j.fd, nil, 0); err != 0 {
		return err
	}
	if err = bare.Truncate(j.fd, journalSize); err != 0 {
		return err
	}
	j.at, err = bare.MapShared(j.fd, journalSize)
	return err
}

// openOnlyToReplay is for a multilog that has to do without the journal. It reads what
// stands in the journal, so that multilog writes that to the logs first.
func (j *journalFile) openOnlyToReplay(p *bare.Process) bare.Exit {
	l := j.log()
	if !j.head.holds() {
		j.remove(p, l)
		return bare.Continue
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	if err == 0 && limit.Cur < textStart {
		return l.cannotOpen(p, unix.EFBIG, "unable to write ", l.journal())
	}
	return j.readText(p)
}

// readText reads what stands in the journal into the input. The first byte of a text is the
// mark of its head. Earlier versions of multilog put that byte into the file as well, and
// some of their heads have no mark.
func (j *journalFile) readText(p *bare.Process) bare.Exit {
	h := &j.head
	text := input.text()[:h.size()]
	if h.text > 0 {
		n, err := bare.ReadAt(j.fd, text, textStart)
		if err == 0 && n < len(text) {
			err = unix.EIO // somebody has just cut it off
		}
		if err != 0 {
			return j.log().cannotOpen(p, err, "unable to read ", j.log().journal())
		}
		if h.mark != h.unmarked {
			text[h.fragment] = h.mark
		}
	}
	copy(text, h.line[:h.fragment])
	return bare.Continue
}
