package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// patience is how long svscan waits when it stops: for a supervisor to begin, and for a
// log to end by itself.
const patience = 5 * second

// stop tells the supervisor of a service to stop it and exit, and when it has, that
// of its log. The log then has what is left in the pipe to read, and its end, and is
// terminated only if it does not end by itself. Stop returns when to look at the
// service again.
func stop(p *bare.Process, place int, now int64) int64 {
	e := services.At(place)
	s, l := &e.of[main], &e.of[log]
	if e.other {
		return stopOther(e, now)
	}
	if !e.known {
		e.logged, _ = bare.IsDirectory(bare.Cwd, e.dir(log))
		e.known = true
	}
	resume(p, place, main, now)
	if e.logged && e.pipe < 0 && !e.ending && s.running() {
		e.ending = !openPipe(p, e) // nobody else may have it
	}
	if e.logged {
		resume(p, place, log, now)
	} else {
		l.clear = !l.running()
	}
	if s.running() {
		tell(s, e.name(), "dx", now)
		return now + soon
	}
	if !s.clear {
		return now + soon
	}
	if !l.running() && l.clear {
		finishReading(p, place, now)
	}
	if !l.running() {
		if !l.clear {
			return now + soon
		}
		return bare.Never
	}
	dir := e.dir(log)
	if l.told != 0 && now >= l.told+patience {
		l.told = 0
		tell(l, dir, "dx", now)
	} else {
		tell(l, dir, "ox", now)
	}
	// Afterwards: a log that has come to the end before it is told so would be
	// started once more, for nothing.
	if e.pipe >= 0 && l.told != 0 && !e.ending {
		e.ending = endPipe(e)
	}
	return now + soon
}

// finishReading starts a log once more that has died before it had read everything, for
// as long as it reads something.
func finishReading(p *bare.Process, place int, now int64) {
	e := services.At(place)
	l := &e.of[log]
	if e.pipe < 0 {
		return
	}
	unread := bare.Unread(int(e.pipe))
	if e.until == 0 {
		e.until = now + patience
	}
	if unread > 0 && (unread == e.unread || now >= e.until) {
		p.Warn(e.dir(log), " has not read everything")
		unread = 0
	}
	if unread == 0 {
		bare.Close(int(e.pipe))
		e.pipe = -1
		return
	}
	l.told, l.clear = 0, false
	if start(p, place, log, now); l.running() {
		e.unread, e.until = unread, 0
	}
}

// endPipe opens the pipe to a log for reading only, and closes its other end: what is in
// it is kept, and the log reads its end. False means that it could not be opened.
func endPipe(e *entry) bool {
	dir, err := bare.OpenDirectory(bare.Cwd, e.name())
	if err != 0 {
		return false
	}
	fd, err := bare.OpenAt(dir, service.Pipe, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	bare.Close(dir)
	if err != 0 {
		return false
	}
	bare.Close(int(e.pipe))
	e.pipe = int32(fd)
	return true
}

// resume starts a supervisor while everything stops, if one that was killed, by now or
// before svscan was started, has left a process that is to be stopped.
func resume(p *bare.Process, place, which int, now int64) {
	e := services.At(place)
	s := &e.of[which]
	if s.running() || s.clear {
		return
	}
	if s.clear = !service.Left(e.dir(which), supervise.Boot()); s.clear {
		return
	}
	if which == log && e.pipe < 0 && !openPipe(p, e) {
		return
	}
	s.told = 0
	start(p, place, which, now)
}

// stopOther stops what runs of a service whose name another one has by now.
func stopOther(e *entry, now int64) int64 {
	for which := range e.of {
		s := &e.of[which]
		if s.running() && s.told == 0 {
			s.terminate()
			s.told = now
		}
		s.clear = !s.running()
	}
	return bare.Never
}

// terminate tells a supervisor to stop its service and exit where its directory is out
// of reach. Ours takes TERM for that.
func (s *supervisor) terminate() {
	switch {
	case s.pid == inside:
		supervise.Stop(&asSupervise, int(s.place))
	case s.pid > 0:
		bare.Kill(int(s.pid), int(unix.SIGTERM))
	}
}

// holder is the supervisor that has the lock of a directory; 0 if there is none, or if it
// cannot be told which one.
func holder(dir string) (pid int) {
	_, pid, pidfd := service.Supervisor(dir, supervise.Boot())
	if pidfd < 0 {
		return 0
	}
	bare.Close(pidfd)
	return pid
}

// wantsUp tells whether the supervisor, of catena's, says that the service is wanted up.
func (s *supervisor) wantsUp(dir string) bool {
	if holder(dir) != int(s.pid) {
		return false
	}
	fd, err := bare.OpenDirectory(bare.Cwd, dir)
	if err != 0 {
		return false
	}
	status, ok, _ := service.ReadStatus(fd)
	bare.Close(fd)
	return ok && status.Want == service.WantUp
}

// waits tells that somebody else has the lock of the directory, which the supervisor may
// be waiting for: two of them are started for a directory that has two names.
func (s *supervisor) waits(dir string) bool {
	other := holder(dir)
	return other != 0 && s.pid > 0 && other != int(s.pid)
}

// tell gives a supervisor commands, once it takes them.
func tell(s *supervisor, dir, commands string, now int64) {
	if s.told != 0 && now >= s.told+patience && s.wantsUp(dir) {
		s.told = 0 // another one was told, which had the lock before
	}
	switch {
	case s.told != 0:
	case s.pid == inside:
		supervise.Tell(&asSupervise, int(s.place), commands)
		s.told = now
	case now < scan.stopped+patience && s.waits(dir):
	default:
		switch service.Tell(dir, commands) {
		case 0:
			s.told = now
		case unix.ENXIO, unix.ENOENT:
			// It may have only just begun: then again, soon. Or it has another directory.
			if is, err := bare.IsDirectory(bare.Cwd, dir); is && err == 0 && now < scan.stopped+patience {
				break
			}
			fallthrough
		default:
			if s.pid != unknown {
				s.terminate()
				s.told = now
			}
		}
	}
	if s.pid == unknown {
		if held, _, _ := service.Supervisor(dir, supervise.Boot()); !held {
			s.pid = 0
		}
	}
}
