package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// How a supervisor takes on a service directory.

// open makes and opens the files of a service directory, takes its lock, and adopts the
// process that a killed supervisor has left. If it does not return Continue, it has failed
// and has said so.
func (s *Service) open(p *bare.Speaker) (exit bare.Exit) {
	name := s.name.String()
	switch err := bare.Exists(s.files.dir, service.Down); err {
	case 0:
		s.want = service.WantDown
	case unix.ENOENT:
	default:
		return p.FatalErrno(err, "unable to stat ", name, "/down")
	}

	fresh, unmade := service.MakeFolder(s.files.dir, service.Folder)
	if unmade != 0 && bare.Exists(s.files.dir, service.Folder) == unix.ENOENT {
		return p.FatalErrno(unmade, "unable to create ", name, "/", service.Folder)
	}
	if !fresh && !process.many { // svscan has made the folder if there is a log
		s.findMessages()
	}
	var found service.Finding
	if exit := s.takeLock(p, &found); exit != bare.Continue {
		return exit
	}
	// The record of this supervisor, at once: a svscan that finds the lock taken reads there
	// which process to watch.
	mine := process.self
	s.since = now()
	mine.Since = s.since
	err := service.Claim(s.files.lock, &found, mine, process.boot)
	s.failed.origin = err != 0
	s.complain(p, err)
	if s.files.control, err = s.makeFIFO(p, service.Control); err != 0 {
		return p.FatalErrno(err, "unable to read ", name, "/", service.Control)
	}
	if err := loop.poll.Add(s.files.control, bare.Event{Which: s.place, Kind: commandEvent}); err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	unfinished := false
	// Even in a new folder another supervisor may have had the lock first, and have left a
	// record.
	if !fresh || found.What != service.NoRecord || !s.launchFirst(p) {
		if isSupervised(s.files.dir) {
			return p.Fatal("another supervisor is running in ", name)
		}
		if unfinished, exit = s.adopt(p, &found); exit != bare.Continue {
			return exit
		}
	}
	// ok comes last, because it tells others that the rest is there. The supervisor has it
	// open for reading and never reads it.
	if s.files.ok == 0 { // no child of a first start has opened it
		if s.files.ok, err = s.makeFIFO(p, service.OK); err != 0 {
			return p.FatalErrno(err, "unable to read ", name, "/", service.OK)
		}
		if s.phase == up {
			s.announce(p) // once more: who saw the status before ok was open still waits
		}
	}
	s.watch(p)
	if unfinished {
		s.ended(p, 0, false)
	}
	return bare.Continue
}

// isSupervised reports whether some process has ok open for reading. If it has although the
// lock is free, somebody has removed the lock file under a supervisor. The child of a
// supervisor that was killed just now has ok for a moment, until it execs, so isSupervised
// looks several times.
func isSupervised(dir int) bool {
	const tries, pause = 10, 10e6
	for range tries {
		fd, err := service.OpenFIFO(dir, service.OK, unix.O_WRONLY)
		if err != 0 {
			return false
		}
		bare.Close(fd)
		bare.Sleep(pause)
	}
	return true
}

// makeFIFO makes and opens a FIFO, and says so if something else stood in its place.
func (s *Service) makeFIFO(p *bare.Speaker, name string) (fd int, err bare.Errno) {
	fd, was, err := service.MakeFIFO(s.files.dir, name)
	if was != 0 && err == 0 {
		p.WarnErrno(was, "unable to use ", s.name.String(), "/", name, ", making a new one")
	}
	return fd, err
}
