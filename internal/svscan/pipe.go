package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// The pipe between a service and its log: svscan has the FIFO open, so that what is in the FIFO
// is kept. Supervisors and services open the FIFO by its name.
//
// Somebody may remove the folder supervise, and the FIFO with it. Processes that have the old
// FIFO open go on with that. The next one that is started finds no FIFO, so svscan makes a new
// one first, and sees to it that the log comes to read the new one when the old one has ended.

// A pipe is what svscan has of the FIFO of a service with a log. Its phases in a stop:
//
//	held ──endPipe: the service has ended──► ending ──the log has ended──► closed
//	  ▲                                        │
//	  └─────────── changePipe ─────────────────┘
//
// A pipe that is not open is opened before a supervisor is started that needs it.
type pipe struct {
	fd    int32 // -1 if it is closed
	phase pipePhase

	// If the FIFO that the log reads has lost its name:
	leaving bool  // the log is to change to the new one
	asked   bool  // its supervisor was told so
	leaveBy int64 // when the log is terminated for that, since boot in ns

	// In a stop, when service and log have ended with something left to read:
	idle   uint8 // starts of the log with unread bytes in the pipe
	vain   uint8 // starts of a log that was terminated before, or may never come to its end
	unread int32 // bytes in the pipe when the log was last started for the rest
	until  int64 // when to give up starting the log, since boot in ns; 0 if it need not be started
}

type pipePhase uint8

const (
	closed  pipePhase = iota
	held              // svscan has it open for reading and writing, and keeps what is in it
	ending            // svscan has it open for reading only: the log comes to the end of its input
	refused           // it could not be opened in the stop, and is not tried again
)

// openPipe opens the FIFO between a service and its log for reading and writing. So what is in
// the FIFO is kept as long as svscan lives.
func openPipe(p *bare.Process, e *entry) bool {
	dir, err := bare.OpenDirectory(bare.Cwd, e.name())
	fd, was := -1, bare.Errno(0)
	if err == 0 {
		fd, was, err = service.OpenPipe(dir)
		bare.Close(dir)
	}
	if was != 0 {
		p.WarnErrno(was, "unable to use ", e.name(), "/", service.Pipe, ", making a new one")
	}
	if err != 0 {
		if e.isNews(ofPipe, err) {
			p.WarnErrno(err, "unable to open ", e.name(), "/", service.Pipe)
		}
		return false
	}
	e.pipe.fd, e.pipe.phase = int32(fd), held
	return true
}

// renewPipe sees to it, before a supervisor is started, that the FIFO which svscan has open is
// the one that the supervisor will open by name. It returns false if that FIFO cannot be opened.
func renewPipe(p *bare.Process, place, which int, now int64) bool {
	e := table.services.At(place)
	if !e.logged || e.pipe.fd >= 0 && (e.of[which].started == 0 || e.hasNamedPipe()) {
		return true
	}
	// A process that the last supervisor has left goes on with the FIFO that it has.
	runs, _, _ := service.Left(e.dir(which), supervise.Boot())
	return changePipe(p, e, which, runs, now)
}

// renewAfterDeath is renewPipe for a service or a log of svscan's own table that has died, and
// which package supervise may start again. It looks once after each start.
func renewAfterDeath(p *bare.Process, place int, now int64) {
	e := table.services.At(place)
	if !e.logged || e.pipe.fd < 0 {
		return
	}
	for which := range e.of {
		s := &e.of[which]
		if s.pid != inside {
			continue
		}
		starts, up := supervise.Starts(int(s.place))
		if up || starts == s.starts {
			continue
		}
		s.starts = starts
		if which == log {
			e.pipe.leaving = false // the log's next start opens the FIFO by name
		}
		if !e.hasNamedPipe() {
			changePipe(p, e, which, false, now)
		}
	}
}

// closePipe closes the FIFO, if svscan has it open.
func (e *entry) closePipe() {
	if e.pipe.fd >= 0 {
		bare.Close(int(e.pipe.fd))
		e.pipe.fd, e.pipe.phase = -1, closed
	}
}

// hasNamedPipe reports whether the FIFO that svscan has open is the one that a child opens by
// name. Where too many files are open, nobody knows, and the child will say so.
func (e *entry) hasNamedPipe() bool {
	named, err := e.openNamedPipe()
	if err != 0 {
		return err == unix.EMFILE || err == unix.ENFILE
	}
	file, err := bare.StatOpen(named)
	bare.Close(named)
	own, failed := bare.StatOpen(int(e.pipe.fd))
	return err == 0 && failed == 0 && file.File == own.File
}

// openNamedPipe opens for reading the FIFO that a child opens by name.
func (e *entry) openNamedPipe() (fd int, err bare.Errno) {
	return service.OpenFIFO(bare.Cwd, bare.Join(e.name(), service.Pipe), unix.O_RDONLY)
}

// changePipe opens the FIFO of the name, or a new one, in place of the one that svscan has open,
// because the supervisor of which is about to be started. runs tells that the last supervisor has
// left a process there, which has the old FIFO and runs on.
func changePipe(p *bare.Process, e *entry, which int, runs bool, now int64) bool {
	old := int(e.pipe.fd)
	if !openPipe(p, e) {
		return false
	}
	e.double = false
	if old < 0 {
		return true
	}
	switch {
	case which == main && e.of[log].isUp():
		by := now + patience
		if runs {
			by = bare.Never // the service still writes to the old FIFO
		}
		e.pipe.leave(by)
	case which == log && runs: // likewise, the log reads the old one
	default:
		const all = 1 << 20 // the most that a FIFO holds, unless root has allowed more
		bare.Tee(old, int(e.pipe.fd), all)
		if which == log && e.of[main].isUp() {
			e.join = true
			p.Warn(e.name(), " writes to a pipe that was removed: its next start connects it with its log")
		}
	}
	bare.Close(old)
	return true
}

// isUp reports whether a supervisor runs that may have the pipe open, or whose service may.
func (s *supervisor) isUp() bool {
	if s.pid == inside {
		_, up := supervise.Starts(int(s.place))
		return up
	}
	return s.running()
}

// readsRemovedPipe reports whether the standard input of a supervisor is a FIFO that has no name.
func readsRemovedPipe(pid int) bool {
	input, err := bare.Stat(bare.Cwd, inProc(pid, "/fd/0"))
	return err == 0 && input.Kind() == unix.S_IFIFO && input.Links == 0
}

// leave notes that the log is to change to the new FIFO, and by when.
func (p *pipe) leave(by int64) { p.leaving, p.asked, p.leaveBy = true, false, by }

// leaveOldPipe has a log change to the new FIFO. Its supervisor is to exit when the log comes to
// the end of the old FIFO. If something that the service has left behind keeps that open, the
// log is terminated after a while.
func leaveOldPipe(e *entry, now int64) int64 {
	l := &e.of[log]
	switch {
	case !l.running():
		e.pipe.leaving = false
	case now >= e.pipe.leaveBy:
		e.pipe.leaving = false
		switch {
		case l.pid == inside:
			supervise.Tell(&scan.speaker, int(l.place), "t")
		case service.Tell(e.dir(log), "dx") != 0 && l.pid > 0:
			l.signal(unix.SIGTERM) // which supervise takes for "dx"
		}
	case !e.pipe.asked && l.pid != inside:
		e.pipe.asked = service.Tell(e.dir(log), "ox") == 0 // if not: it has gone, or hears the next "dx"
		fallthrough
	default:
		return e.pipe.leaveBy
	}
	return bare.Never
}

// endPipe opens the pipe to a log again, for reading only, and closes it for writing. What is
// in the pipe is kept, and the log comes to the end of its input. If the pipe cannot be opened, it
// stays held, and stop calls endPipe again.
func endPipe(e *entry) {
	fd, err := bare.Reopen(int(e.pipe.fd), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != 0 { // without /proc
		fd, err = e.openNamedPipe()
	}
	if err != 0 {
		return
	}
	bare.Close(int(e.pipe.fd))
	e.pipe.fd, e.pipe.phase = int32(fd), ending
}
