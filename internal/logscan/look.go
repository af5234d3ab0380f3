package logscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// Which streams there are, and where each of them goes.

// A stream is what a service writes to a FIFO.
//
//	there ──its name is gone──► leaving ──empty, and nobody writes──► unused
//	  ▲                            │
//	  └───── the name is back ─────┘
type stream struct {
	used    bool
	leaving bool   // it has no name any more, and is open for reading only
	round   uint32 // in which look it was found last
	fd      int32
	fifo    bare.Identity

	name  bare.Buffer // of the FIFO, for messages
	file  bare.Buffer // the path
	size  int64       // the file is full when a line ends there or beyond; 0 is never
	num   int64       // how many old files there are; with 0 a full file is emptied
	large bool        // the FIFO was made larger
	strip bool        // ANSI sequences are taken out
	sends bool        // lines are sent to syslog as well
	as    int         // with this priority, which has the facility
	tag   bare.Buffer
	retry int64      // when it is read again after an error; 0 if it is read now
	said  bare.Errno // what was said of the file last
	stuck bare.Errno // what was said of old files last
}

// at is the stream in a place.
//
//go:noinline
func at(place int) *stream { return scan.streams.At(place) }

// look looks at all services.
func look(p *bare.Process) {
	scan.due, scan.looked = bare.Never, bare.SinceBoot()
	scan.round++
	const changes = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE
	if scan.watch < 0 || !watch(".", changes, &scan.here) {
		scan.due = scan.looked + again
	}
	dir, err := bare.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		unreadable(p, err)
		return
	}
	for names := bare.ReadDirectory(dir); ; {
		name, err := names.Next()
		if err != 0 {
			unreadable(p, err)
			bare.Close(dir)
			return // whoever was not found may be there
		}
		if name == "" {
			break
		}
		if name[0] == '.' {
			continue
		}
		found := false
		for i := range service.Streams {
			found = lookAt(p, name, &service.Streams[i]) || found
		}
		var which int32
		if found && scan.watch >= 0 && !watch(name, changes, &which) {
			scan.due = min(scan.due, scan.looked+again)
		}
	}
	bare.Close(dir)
	for i := range scan.streams.Len() {
		if s := at(i); s.used && !s.leaving && s.round != scan.round {
			s.leave(p)
		}
	}
}

//go:noinline
func unreadable(p *bare.Process, err bare.Errno) {
	p.WarnErrno(err, "unable to read directory")
	scan.due = scan.looked + again
}

// watch has inotify tell of changes in a directory, by a number.
func watch(name string, changes uint32, which *int32) (ok bool) {
	number, err := bare.WatchFile(scan.watch, name, changes|unix.IN_ONLYDIR)
	*which = number
	return err == 0
}

// lookAt takes on a stream of a service, or what has changed of it. It returns false if the
// service has no such stream.
func lookAt(p *bare.Process, name string, of *service.Stream) bool {
	settings, err := bare.Open(bare.Join(name, of.Settings), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return false
	}
	n := 0
	if err == 0 {
		n, err = bare.Read(settings, text())
		bare.Close(settings)
	}
	if err != 0 {
		p.WarnErrno(err, "unable to read ", name, "/", of.Settings)
		keep(name, of.FIFO)
		return true
	}
	fd, err := service.OpenFIFO(bare.Cwd, bare.Join(name, of.FIFO), unix.O_RDWR)
	if err != 0 {
		p.WarnErrno(err, "unable to open ", name, "/", of.FIFO)
		if err == unix.EMFILE || err == unix.ENFILE {
			keep(name, of.FIFO)
		}
		scan.due = min(scan.due, scan.looked+again)
		return true
	}
	is, _ := bare.StatOpen(fd)
	place := find(is.File)
	s := take(place)
	if s == nil {
		p.NoMemory()
		bare.Close(fd)
		return true
	}
	if s.used && !s.leaving {
		bare.Close(fd)
	} else {
		if s.used {
			scan.poll.Remove(int(s.fd))
			bare.Close(int(s.fd))
		}
		s.fd, s.fifo, s.leaving, s.retry = int32(fd), is.File, false, 0
	}
	s.used, s.round = true, scan.round
	s.name.Cut(0)
	if !s.name.Append(name) || !s.name.Append("/") || !s.name.Append(of.FIFO) {
		p.NoMemory()
	}
	s.set(p, bare.TextOf(text()[:n]))
	s.make(p)
	s.retry = 0
	s.listen(p)
	return true
}

// find returns the place of the stream of a FIFO, or a free one.
func find(fifo bare.Identity) (place int) {
	for i := range scan.streams.Len() {
		if s := at(i); s.used && s.fifo == fifo {
			return i
		}
	}
	return bare.FreePlace(&scan.streams, isUsed)
}

func isUsed(s *stream) bool { return s.used }

// take is the stream in a place, or nil if there is no memory for it.
func take(place int) *stream {
	if !scan.streams.Grow(place + 1) {
		return nil
	}
	return at(place)
}

// keep notes that a stream is there although it could not be looked at.
func keep(name, fifo string) {
	for i := range scan.streams.Len() {
		if s := at(i); s.used && bare.Equal(s.name.String(), bare.Join(name, fifo)) {
			s.round = scan.round
		}
	}
}

// set reads the settings of a stream, a word a line: s and a size, n and a number, x, y and where
// in syslog, and the file.
func (s *stream) set(p *bare.Process, settings string) {
	s.size, s.num, s.strip, s.sends = 0, 0, false, false
	s.file.Cut(0)
	s.tag.Cut(0)
	for len(settings) > 0 {
		end := bare.Index(settings, '\n')
		word := settings[:end]
		settings = settings[min(end+1, len(settings)):]
		switch {
		case word == "":
		case word[0] == '/' || word[0] == '.':
			s.file.Cut(0)
			if !s.file.Append(word) {
				p.NoMemory()
			}
		case word == "x":
			s.strip = true
		case word[0] == 'y' && s.setSyslog(word[1:]):
		case (word[0] == 's' || word[0] == 'n') && len(word) > 1 && bare.AllDigits(word[1:]):
			const most = 1 << 62
			n, _ := bare.Number(word[1:])
			if n = min(n, most); word[0] == 's' {
				s.size = int64(n)
			} else {
				s.num = int64(n)
			}
		default:
			p.Warn("no setting of ", s.name.String(), "-log: ", word)
		}
	}
	if s.file.Len() == 0 {
		p.Warn("no file in ", s.name.String(), "-log: nothing is read until there is one")
	}
}

// setSyslog reads facility.priority:tag.
func (s *stream) setSyslog(text string) (ok bool) {
	colon := bare.Index(text, ':')
	s.as, s.sends = bare.SyslogPriority(text[:colon])
	return s.sends && s.tag.Append(text[min(colon+1, len(text)):])
}

// listen has epoll tell of text in the FIFO.
func (s *stream) listen(p *bare.Process) {
	if s.file.Len() == 0 {
		scan.poll.Remove(int(s.fd))
		return
	}
	// A second time this is EEXIST.
	if err := scan.poll.Add(int(s.fd), bare.Event{Which: int32(s.place()), Kind: ofStream}); err != 0 && err != unix.EEXIST {
		p.WarnErrno(err, "unable to wait for ", s.name.String())
		s.wait()
	}
}

// wait has the stream wait before it is read again.
func (s *stream) wait() {
	scan.poll.Remove(int(s.fd))
	s.retry = bare.SinceBoot() + again
	scan.retry = min(scan.retry, s.retry)
}

// leave is called when the stream has no name any more. From then on the FIFO is open for reading
// only, so that its end is seen.
func (s *stream) leave(p *bare.Process) {
	scan.poll.Remove(int(s.fd))
	fd, err := bare.Reopen(int(s.fd), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != 0 || s.file.Len() == 0 { // without /proc, or without a place to go to
		s.empty(p)
		s.forget()
		return
	}
	bare.Close(int(s.fd))
	s.fd, s.retry, s.leaving = int32(fd), 0, true
	s.listen(p)
}

// forget closes the FIFO. Its place is free then; the memory of its names is kept for the next one.
func (s *stream) forget() {
	scan.poll.Remove(int(s.fd))
	bare.Close(int(s.fd))
	name, file, tag := s.name, s.file, s.tag
	*s = stream{name: name, file: file, tag: tag}
	scan.streams.Free(s.place())
}
