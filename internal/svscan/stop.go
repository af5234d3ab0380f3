package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// The stop: services first, then their logs, and no line in a pipe is lost.

// patience is how long svscan waits, when it stops, for a supervisor to begin and for a log to
// end by itself.
const patience = 5 * second

// stopping is what svscan knows of a supervisor while svscan stops. Its phases:
//
//	atWork ──told──► toldToEnd ──has exited 0──► isOver
//	   │              │   ▲                       ▲ │
//	 death          death │ another, for what     │ │ a log has more to read:
//	   ▼              ▼   │ is left, is told      │ │ back to atWork
//	   └────────► hasDied ┴────nothing is left────┘ ▼
//
// A supervisor that was started for what is left stays in hasDied until it is told.
type stopping struct {
	phase     phase
	toldAgain bool  // it was told once more, because it wanted the service up
	onlyEnds  bool  // the next one is to deal with what was left, and to start nothing
	forced    bool  // it got TERM, and its log may have read nothing
	killed    bool  // force has killed its process
	hadTime   bool  // its log has had patience to read the rest, before svscan told it to end
	since     int64 // since when it is toldToEnd or hasDied, since boot in ns
}

type phase uint8

const (
	atWork    phase = iota // it was not told, whether it runs or not
	toldToEnd              // and has not ended
	hasDied                // and may have left something to deal with
	isOver                 // it does not run, and has left nothing to deal with
)

func (s *supervisor) isTold() bool { return s.stop.phase == toldToEnd }

func (s *supervisor) noteTold(now int64) { s.stop.phase, s.stop.since = toldToEnd, now }

// stop tells the supervisor of a service to stop the service and exit. When it has, the logs are
// stopped. stop returns when it has to be called again.
func stop(p *bare.Process, place int, now int64) int64 {
	e := table.services.At(place)
	s := &e.of[main]
	if e.other {
		return stopOther(e, now)
	}
	if !e.known {
		for which := log; which < all; which++ {
			e.pipe(which).logged, _ = isLog(place, which)
		}
		e.known = true
	}
	resume(p, place, main, now)
	for which := log; which < all; which++ {
		pipe := e.pipe(which)
		if pipe.logged && pipe.phase == closed && s.running() && !openPipe(p, e, which) { // svscan may be the only holder of the pipe
			pipe.phase = refused
		}
		if pipe.logged {
			resume(p, place, which, now)
		} else if l := &e.of[which]; !l.running() {
			l.stop.phase = isOver
		}
	}
	if s.running() && !e.order.awaited {
		tell(s, e.name(), "dx", now)
	}
	down := !s.running() && s.stop.phase == isOver
	next := int64(bare.Never)
	for which := log; which < all; which++ {
		if down {
			next = min(next, stopLog(p, place, which, now))
		} else {
			readOn(p, place, which, now)
			next = now + soon
		}
	}
	return next
}

// stopLog tells the supervisor of a log to start the log no more, and to exit when it ends: the
// service has ended. The log reads what is left in the pipe and comes to the end of its input.
// stopLog terminates the log only if it does not end by itself. It returns when it has to be
// called again.
func stopLog(p *bare.Process, place, which int, now int64) int64 {
	e := table.services.At(place)
	l := &e.of[which]
	if !l.running() && l.stop.phase == isOver {
		haveLeft(p, e, which)
		finishReading(p, place, which, now)
	}
	if !l.running() {
		if l.stop.phase != isOver {
			return now + soon
		}
		return bare.Never
	}
	dir := e.dir(which)
	if l.isTold() && now >= l.stop.since+patience {
		l.stop.phase, l.stop.hadTime = atWork, true
		tell(l, dir, "dx", now)
	} else {
		tell(l, dir, "ox", now)
	}
	// After the command: if the log came to the end of its input before that, its supervisor
	// would start it once more, for nothing.
	if e.pipe(which).phase == held && l.isTold() {
		endPipe(e, which)
	}
	return now + soon
}

// readOn starts the supervisor of a log once more if both have died while the service still
// runs. The service may wait for room in the pipe.
func readOn(p *bare.Process, place, which int, now int64) {
	e := table.services.At(place)
	l := &e.of[which]
	if e.pipe(which).fd < 0 || l.running() || l.stop.phase != isOver || lastTurn(now) {
		return
	}
	l.stop.phase, l.stop.onlyEnds = atWork, false
	start(p, place, which, now)
}

// finishReading starts the supervisor of a log once more if both have died and something is
// left in the pipe. It does so again for as long as the log reads something.
func finishReading(p *bare.Process, place, which int, now int64) {
	e := table.services.At(place)
	l, pipe := &e.of[which], e.pipe(which)
	if pipe.fd < 0 {
		return
	}
	unread := bare.Unread(int(pipe.fd))
	if unread > 0 && now < l.started+second && l.started > halt.at && !lastTurn(now) {
		l.stop.phase = atWork
		return // start would not start it yet
	}
	if pipe.until == 0 {
		pipe.until = now + patience
	}
	if l.stop.forced || unread != pipe.unread {
		pipe.idle = 0
	}
	// A log may be killed each time before it has read anything, or may need longer each time
	// than a supervisor has to begin. What the service has left behind may write for ever: then
	// the log is started once more, and no oftener.
	const tries = 3
	stuck := l.stop.hadTime && unread == pipe.unread // its disk is full, perhaps
	if unread > 0 && (stuck || pipe.idle >= tries || pipe.vain >= tries || now >= pipe.until || lastTurn(now)) {
		p.Warn(e.dir(which), " has not read everything")
		unread = 0
	}
	if unread == 0 {
		pipe.close()
		return
	}
	endless := pipe.phase == ending && bare.HasWriter(int(pipe.fd)) // asked before start, whose child opens the pipe for writing
	l.stop.phase, l.stop.onlyEnds = atWork, false
	if start(p, place, which, now); l.running() {
		pipe.idle++
		if endless {
			pipe.vain = tries
		} else if l.stop.forced {
			pipe.vain++
		}
		pipe.unread, pipe.until, l.stop.forced, l.stop.hadTime = unread, 0, false, false
	}
}

// resume looks, while svscan stops, what a killed supervisor has left. If that is a process to
// stop, or a death to deal with, resume starts a supervisor for it. If only a death is left and
// no supervisor can be started, resume gives up after a while.
func resume(p *bare.Process, place, which int, now int64) {
	e := table.services.At(place)
	s := &e.of[which]
	if s.running() || s.stop.phase == isOver {
		return
	}
	runs, undone, err := service.Left(e.dir(which), supervise.Boot())
	if err != 0 {
		p.WarnErrno(err, "unable to tell whether ", e.dir(which), " still runs by its lock")
	}
	if s.stop.phase != hasDied {
		s.stop.phase, s.stop.toldAgain, s.stop.since = hasDied, false, now
	}
	if undone && (now >= s.stop.since+patience || lastTurn(now)) {
		if followsDeath(e.dir(which)) {
			p.Warn("unable to deal with the death of ", e.dir(which))
		}
		undone = false
	}
	if !runs && !undone {
		s.stop.phase = isOver
		return
	}
	if lastTurn(now) {
		return
	}
	s.stop.onlyEnds = true
	start(p, place, which, now)
}

// followsDeath reports whether a supervisor has more to do after a death of the service than to
// note the death.
func followsDeath(dir string) bool {
	return bare.Exists(bare.Cwd, bare.Join(dir, service.Finish)) != unix.ENOENT || needsOwnSupervisor(dir)
}

// stopOther stops the service, and then the logs, of a directory whose name another directory
// has by now.
func stopOther(e *entry, now int64) int64 {
	s := &e.of[main]
	if s.running() {
		s.tellThere("dx", now)
	} else {
		e.closePipes() // or a log would not come to the end of its input
	}
	next := int64(bare.Never)
	for which := range e.of {
		l := &e.of[which]
		if !l.running() {
			l.stop.phase = isOver
			continue
		}
		next = now + soon
		switch {
		case which == main || s.running():
		case l.isTold() && now >= l.stop.since+patience:
			l.stop.phase = atWork
			l.tellThere("dx", now)
		default:
			l.tellThere("ox", now)
		}
	}
	return next
}

// tellThere gives commands to a supervisor by way of its working directory, as its directory
// has no name here. If nobody reads them there, the supervisor gets TERM, which supervise takes
// for "dx".
func (s *supervisor) tellThere(commands string, now int64) {
	if s.isTold() {
		return
	}
	s.noteTold(now)
	switch {
	case s.pid == unknown: // nothing tells where it is
		s.pid = 0
	case s.pid == inside:
		supervise.Tell(&scan.speaker, int(s.place), commands)
	case service.Tell(inProc(int(s.pid), "/cwd"), commands) != 0:
		s.signal(unix.SIGTERM)
		s.stop.forced = true
	}
}

// holder returns the pid of the supervisor that has the lock of a directory; 0 if there is
// none, or if nothing tells which process it is.
func holder(dir string) (pid int) {
	_, pid, pidfd := service.Supervisor(dir, supervise.Boot())
	if pidfd < 0 {
		return 0
	}
	bare.Close(pidfd)
	return pid
}

// wantsUp reports whether this supervisor has the lock of the directory and wants the service
// up, and so has not heard that it is to exit. The status comes first, because it mostly answers.
func (s *supervisor) wantsUp(dir string) bool {
	fd, err := bare.OpenDirectory(bare.Cwd, dir)
	if err != 0 {
		return false
	}
	status, ok, _ := service.ReadStatus(fd)
	// On a full disk the status stays as it was. The state in the lock file can still be
	// written.
	wants := ok && status.Want == service.WantUp && !service.IsToExit(fd)
	bare.Close(fd)
	return wants && holder(dir) == int(s.pid)
}

// waits reports whether another supervisor has the lock that this one waits for. If a directory
// has two names, svscan starts two supervisors for it.
func (s *supervisor) waits(dir string) bool {
	other := holder(dir)
	return other != 0 && s.pid > 0 && other != int(s.pid)
}

// tell gives commands to a supervisor, once. It waits for a supervisor that has only just begun.
func tell(s *supervisor, dir, commands string, now int64) {
	// A supervisor may take a while to begin, from when it was started. If svscan terminated it
	// before that, its log would end and have read nothing.
	begins := now < max(halt.at, s.started)+patience
	if s.isTold() && now >= s.stop.since+patience && !s.stop.toldAgain && s.wantsUp(dir) {
		s.stop.phase, s.stop.toldAgain = atWork, true // another supervisor, which had the lock before, took the commands
	}
	switch {
	case s.isTold():
	case s.pid == inside:
		supervise.Tell(&scan.speaker, int(s.place), commands)
		s.noteTold(now)
	case begins && s.waits(dir):
	default:
		switch service.Tell(dir, commands) {
		case 0:
			s.noteTold(now)
		case unix.ENXIO, unix.ENOENT:
			// The supervisor may have only just begun: then stop tries again soon. Or its
			// directory has another name.
			if is, err := bare.IsDirectory(bare.Cwd, dir); is && err == 0 && begins {
				break
			}
			fallthrough
		default:
			if s.pid != unknown {
				s.tellThere(commands, now)
			}
		}
	}
	if s.pid == unknown {
		if held, _, _ := service.Supervisor(dir, supervise.Boot()); !held {
			s.pid = 0
		}
	}
}
