package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// The pipe between a service and a log of it: svscan has the FIFO open, so that what is in the FIFO
// is kept. Supervisors and services open the FIFO by its name.
//
// Somebody may remove the folder supervise, and the FIFO with it. Processes that have the old
// FIFO open go on with that. The next one that is started finds no FIFO, so svscan makes a new
// one first, and sees to it that the log comes to read the new one when the old one has ended.

// A pipe is what svscan knows of a log that a service may have, and of the FIFO between the two.
// Its phases in a stop:
//
//	held ──endPipe: the service has ended──► ending ──the log has ended──► closed
//	  ▲                                        │
//	  └─────────── changePipe ─────────────────┘
//
// A pipe that is not open is opened before a supervisor is started that needs it.
type pipe struct {
	fd     int32 // -1 if it is closed
	phase  pipePhase
	logged bool // there is such a log
	join   bool // the supervisor of the service is to be told of the log

	// If the FIFO that the log reads has lost its name:
	leaving bool  // the log is to change to the new one
	asked   bool  // its supervisor was told so
	leaveBy int64 // when the log is terminated for that, since boot in ns
	old     int32 // that FIFO, open for reading, so that what is in it is kept; or 0
	rest    int32 // bytes that were left in it when leaveBy was set

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

// openPipe opens the FIFO between a service and a log of it for reading and writing. So what is in
// the FIFO is kept as long as svscan lives.
func openPipe(p *bare.Process, e *entry, which int) bool {
	name := service.Logs[which].Pipe
	dir, err := bare.OpenDirectory(bare.Cwd, e.name())
	fd, was := -1, bare.Errno(0)
	if err == 0 {
		fd, was, err = service.OpenPipe(dir, which)
		bare.Close(dir)
	}
	if was != 0 {
		p.WarnErrno(was, "unable to use ", e.name(), "/", name, ", making a new one")
	}
	if err != 0 {
		if e.isNews(ofPipe<<(which-log), err) {
			p.WarnErrno(err, "unable to open ", e.name(), "/", name)
		}
		return false
	}
	e.fine(ofPipe << (which - log))
	pipe := e.pipe(which)
	pipe.fd, pipe.phase = int32(fd), held
	return true
}

// renewPipes sees to it, before a supervisor is started, that the FIFOs which svscan has open are
// those that the supervisor will open by name. It returns false if a FIFO cannot be opened.
func renewPipes(p *bare.Process, place, starts int, now int64) bool {
	e := table.services.At(place)
	for which := log; which < all; which++ {
		hasPipe := e.pipe(which).fd >= 0 && (e.of[starts].started == 0 || e.hasNamedPipe(which))
		if !e.uses(starts, which) || hasPipe && (starts == main || e.pipe(which).old == 0) {
			continue
		}
		// A process that the last supervisor has left goes on with the FIFO that it has.
		runs, _, _ := service.Left(e.dir(starts), supervise.Boot())
		if starts != main && !runs {
			haveLeft(p, e, which)
		}
		if !hasPipe && !changePipe(p, e, which, starts, runs, now) {
			return false
		}
	}
	return true
}

// uses reports whether a supervisor has an end of the pipe to a log.
func (e *entry) uses(supervisor, which int) bool {
	return e.pipe(which).logged && (supervisor == main || supervisor == which)
}

// renewAfterDeath is renewPipes for a service or a log of svscan's own table that has died, and
// which package supervise may start again. It looks once after each start.
func renewAfterDeath(p *bare.Process, place int, now int64) {
	e := table.services.At(place)
	if !e.hasOpenPipe() {
		return
	}
	for died := range e.of {
		s := &e.of[died]
		if s.pid != inside {
			continue
		}
		starts, up := supervise.Starts(int(s.place))
		if up || starts == s.starts {
			continue
		}
		s.starts = starts
		if died != main {
			haveLeft(p, e, died) // the log's next start opens the FIFO by name
		}
		for which := log; which < all; which++ {
			switch {
			case !e.uses(died, which) || e.pipe(which).fd < 0:
			case e.hasNamedPipe(which):
				e.fine(ofPipe << (which - log))
			default:
				changePipe(p, e, which, died, false, now)
			}
		}
	}
}

// hasOpenPipe reports whether svscan has a FIFO of the entry open.
func (e *entry) hasOpenPipe() bool {
	for i := range e.pipes {
		if e.pipes[i].fd >= 0 {
			return true
		}
	}
	return false
}

// closePipes closes all FIFOs of the entry that svscan has open.
func (e *entry) closePipes() {
	for i := range e.pipes {
		e.pipes[i].close()
	}
}

// close closes the FIFO, if svscan has it open.
func (p *pipe) close() {
	if p.fd >= 0 {
		bare.Close(int(p.fd))
		p.fd, p.phase = -1, closed
	}
	if p.old > 0 {
		bare.Close(int(p.old))
		p.old = 0
	}
}

// hasNamedPipe reports whether the FIFO that svscan has open is the one that a child opens by
// name. Where too many files are open, nobody knows, and the child will say so.
func (e *entry) hasNamedPipe(which int) bool {
	named, err := e.openNamedPipe(which)
	if err != 0 {
		return err == unix.EMFILE || err == unix.ENFILE
	}
	file, err := bare.StatOpen(named)
	bare.Close(named)
	own, failed := bare.StatOpen(int(e.pipe(which).fd))
	return err == 0 && failed == 0 && file.File == own.File
}

// openNamedPipe opens for reading the FIFO that a child opens by name.
func (e *entry) openNamedPipe(which int) (fd int, err bare.Errno) {
	return service.OpenFIFO(bare.Cwd, bare.Join(e.name(), service.Logs[which].Pipe), unix.O_RDONLY)
}

// changePipe opens the FIFO of the name, or a new one, in place of the one that svscan has open,
// because one of the two supervisors that have an end of it, starts, is about to be started. runs
// tells that the last supervisor has left a process there, which has the old FIFO and runs on.
func changePipe(p *bare.Process, e *entry, which, starts int, runs bool, now int64) bool {
	pipe := e.pipe(which)
	old := int(pipe.fd)
	if !openPipe(p, e, which) {
		return false
	}
	e.double = false
	if old < 0 {
		return true
	}
	switch {
	case starts == main && e.of[which].isUp():
		by := now + patience
		if runs {
			by = bare.Never // the service still writes to the old FIFO
		}
		pipe.leave(by)
		if pipe.old > 0 { // a second FIFO was removed while the log reads the first
			carryOver(p, e, which, old)
			return true
		}
		pipe.keep(bare.Reopen(old, toKeep))
	case starts != main && runs: // likewise, the log reads the old one
	default:
		carryOver(p, e, which, old)
		if starts != main && e.of[main].isUp() {
			pipe.join = true
			p.Warn(e.name(), " writes to a pipe that was removed: its next start connects it with its log")
		}
		return true
	}
	bare.Close(old)
	return true
}

// carryOver copies what is left in an old FIFO into the one that svscan has open, and closes the
// old one. multilog makes a FIFO larger that is full, so the new one is made as large first.
func carryOver(p *bare.Process, e *entry, which, old int) {
	unread, pipe := int(bare.Unread(old)), e.pipe(which)
	if unread > 0 && pipe.fd >= 0 {
		to, err := bare.Reopen(int(pipe.fd), unix.O_RDWR|unix.O_NONBLOCK) // in a stop it may be open for reading only
		if err != 0 {
			to, _ = bare.Dup(int(pipe.fd))
		}
		size, has := bare.PipeSize(old), bare.PipeSize(to)
		if bare.Unread(to) == 0 {
			has = 0
		}
		if bare.SetPipeSize(to, size+has) != 0 {
			bare.SetPipeSize(to, size)
		}
		n, err := bare.Tee(old, to, unread)
		bare.Close(to)
		if n < unread {
			if err == 0 {
				err = unix.ENOSPC
			}
			p.WarnErrno(err, "unable to save what was left in a removed pipe of ", e.name())
		}
	}
	bare.Close(old)
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

// keep keeps a FIFO that the log is to leave, which was opened once more with the flags toKeep: if
// the log dies before it has come to the end, the rest is carried over.
func (p *pipe) keep(old int, err bare.Errno) {
	switch {
	case err != 0: // there is no /proc
	case p.old > 0:
		bare.Close(old)
	default:
		p.old, p.rest = int32(old), bare.Unread(old)
	}
}

// toKeep has no end for writing: the log is to come to the end of its input.
const toKeep = unix.O_RDONLY | unix.O_NONBLOCK

// haveLeft is called when the log that was to change to the new FIFO has ended. Mostly it has read
// all of the old one.
func haveLeft(p *bare.Process, e *entry, which int) {
	pipe := e.pipe(which)
	pipe.leaving = false
	if pipe.old > 0 {
		carryOver(p, e, which, int(pipe.old))
		pipe.old = 0
	}
}

// isReadToItsEnd reports whether the log still reads in the FIFO that it is to leave, and will come
// to its end, because nobody writes there any more.
func (p *pipe) isReadToItsEnd() bool {
	was := p.rest
	if p.old > 0 {
		p.rest = bare.Unread(int(p.old))
	}
	return p.rest < was && !bare.HasWriter(int(p.old))
}

// leaveOldPipe has a log change to the new FIFO. Its supervisor is to exit when the log comes to
// the end of the old FIFO. If something that the service has left behind keeps that open, the
// log is terminated after a while.
func leaveOldPipe(p *bare.Process, e *entry, which int, now int64) int64 {
	l, pipe := &e.of[which], e.pipe(which)
	switch {
	case !l.running():
		haveLeft(p, e, which)
	case now >= pipe.leaveBy && pipe.isReadToItsEnd():
		pipe.leaveBy = now + patience
		return pipe.leaveBy
	case now >= pipe.leaveBy:
		pipe.leaving = false
		switch {
		case l.pid == inside:
			supervise.Tell(&scan.speaker, int(l.place), "t")
		case service.Tell(e.dir(which), "dx") != 0 && l.pid > 0:
			l.signal(unix.SIGTERM) // which supervise takes for "dx"
		}
	case !pipe.asked && l.pid != inside:
		pipe.asked = service.Tell(e.dir(which), "ox") == 0 // if not: it has gone, or hears the next "dx"
		fallthrough
	default:
		return pipe.leaveBy
	}
	return bare.Never
}

// endPipe opens the pipe to a log again, for reading only, and closes it for writing. What is
// in the pipe is kept, and the log comes to the end of its input. If the pipe cannot be opened, it
// stays held, and stop calls endPipe again.
func endPipe(e *entry, which int) {
	pipe := e.pipe(which)
	fd, err := bare.Reopen(int(pipe.fd), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != 0 { // without /proc
		fd, err = e.openNamedPipe(which)
	}
	if err != 0 {
		return
	}
	bare.Close(int(pipe.fd))
	pipe.fd, pipe.phase = int32(fd), ending
}
