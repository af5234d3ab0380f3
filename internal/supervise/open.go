package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// open makes and opens the files of a service directory, takes its lock, and
// adopts the process that a killed supervisor has left. Anything but Continue is a
// failure, which has been said.
func (s *Service) open(p *bare.Process, place int) (exit bare.Exit) {
	s.process, s.ready = -1, -1
	s.want = service.WantUp
	name := s.name.String()
	switch err := bare.Exists(s.dir, service.Down); err {
	case 0:
		s.want = service.WantDown
	case unix.ENOENT:
	default:
		return p.FatalErrno(err, "unable to stat ", name, "/down")
	}

	fresh := service.MakeFolder(s.dir, service.Folder)
	var err bare.Errno
	if s.lock, err = takeLock(s.dir); err != 0 {
		return p.FatalErrno(err, "unable to acquire ", name, "/", service.Lock)
	}
	// At once: who finds the lock taken learns here whom to watch.
	mine := self
	mine.Since = now()
	if err := service.WriteRecord(s.lock, service.OfSupervise, mine, boot); err != 0 {
		return p.FatalErrno(err, "unable to write ", name, "/", service.Lock)
	}
	if s.control, err = openFifo(s.dir, service.Control); err != 0 {
		return p.FatalErrno(err, "unable to read ", name, "/", service.Control)
	}
	if err := poll.Add(s.control, bare.Event{Which: int32(place), Kind: commandEvent}); err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	unfinished := false
	if !fresh || !s.launchFirst(p, place) {
		if isSupervised(s.dir) {
			return p.Fatal("another supervisor is running in ", name)
		}
		if unfinished, exit = s.adopt(p); exit != bare.Continue {
			return exit
		}
	}
	// Last, because it is what tells others that the rest is there. It is held
	// open for reading and never read.
	if s.ok == 0 { // not yet
		if s.ok, err = openFifo(s.dir, service.OK); err != 0 {
			return p.FatalErrno(err, "unable to read ", name, "/", service.OK)
		}
		if s.pid != 0 {
			s.announce(p) // again, for who has heard of it before ok was open, and waits
		}
	}
	s.watch(p, place)
	if unfinished {
		s.ended(p, place, 0, false)
	}
	return bare.Continue
}

// takeLock opens the lock file and locks it. The process of a supervisor that was
// killed just now may hold the lock for a moment, until it has recorded itself, or a
// svscan that looks who has it: longer where there is much else to do. Then no supervisor
// that lives is on record.
func takeLock(dir int) (fd int, err bare.Errno) {
	fd, err = bare.OpenAt(dir, service.Lock, unix.O_RDWR|unix.O_CREAT|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != 0 {
		return -1, err
	}
	const few, most, pause = 10, 200, 10e6
	for try := 1; ; try++ {
		err = bare.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK || try > few && (many || try > most || isOnRecord(fd)) {
			return fd, err
		}
		bare.Sleep(pause)
	}
}

// isOnRecord tells whether the supervisor on record lives.
func isOnRecord(lock int) bool {
	record, found := service.ReadRecord(lock, service.OfSupervise, boot)
	return found == service.ThisOne && record.Runs()
}

// isSupervised tells whether somebody reads the other end of ok, although the lock is
// free: then the lock file has been removed under a supervisor. The process of one
// that was killed just now reads it for a moment, until it execs.
func isSupervised(dir int) bool {
	const tries, pause = 10, 10e6
	for range tries {
		fd, err := bare.OpenAt(dir, service.OK, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != 0 {
			return false
		}
		bare.Close(fd)
		bare.Sleep(pause)
	}
	return true
}

// openFifo makes a FIFO, if it is not there, and opens it for both ends, so that
// there is always a reader, and always a writer: no end of file to wake up for.
func openFifo(dir int, name string) (fd int, err bare.Errno) {
	bare.Mkfifo(dir, name, 0o600)
	return openBoth(dir, name)
}

func openBoth(dir int, name string) (fd int, err bare.Errno) {
	return bare.OpenAt(dir, name, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}
