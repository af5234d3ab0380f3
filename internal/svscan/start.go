package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// How svscan starts supervisors.

// prepare finds out whether a directory is a service and which logs it has, and opens the pipes
// to the logs. It returns false if the directory is no service, or if something has failed. It
// has said what, and is called again later.
func prepare(p *bare.Process, place int, now int64) bool {
	e := table.services.At(place)
	if !e.known && !getToKnow(p, place, now) || e.order.met == now {
		return false
	}
	for which := log; which < all; which++ {
		pipe := e.pipe(which)
		if pipe.logged && pipe.fd < 0 && !e.double && !openPipe(p, e, which) {
			e.notBefore = now + again
			return false
		}
	}
	return true
}

// getToKnow is prepare but for the pipes.
func getToKnow(p *bare.Process, place int, now int64) bool {
	e := table.services.At(place)
	if e.of[main].lacksRun {
		return false
	}
	var logged [all]bool
	for which := log; which < all; which++ {
		var err bare.Errno
		logged[which], err = isLog(place, which)
		if err != 0 && err != unix.ENOENT {
			if e.isNews(ofLog<<(which-log), err) {
				p.WarnErrno(err, "unable to stat ", e.dir(which))
			}
			e.notBefore = now + again
			return false
		}
		e.fine(ofLog << (which - log))
	}
	if !mayStart(p, place, main, now) || !noteOrder(p, place, now) {
		return false
	}
	e.known = true
	for which := log; which < all; which++ {
		e.pipe(which).logged = logged[which]
	}
	if e.waitsForLogs() {
		// Other services are to be started before svscan watches this one. A log that comes
		// meanwhile is in time: the next start of the service is no sooner.
		e.look = min(e.look, now+second)
	}
	if e.came != 0 { // others may have come with it: the next turn knows all their priorities
		e.order.met, scan.added = now, true
		return false
	}
	return true
}

// startAll starts the supervisors of a service and of its logs, if they do not run. It returns
// when the entry is due again.
func startAll(p *bare.Process, place int, now int64) int64 {
	if !prepare(p, place, now) {
		if e := table.services.At(place); now < e.notBefore {
			return e.notBefore
		}
		return table.services.At(place).look
	}
	next, waits := isStillHeld(p, place, now)
	if !waits {
		next = start(p, place, main, now)
	}
	e := table.services.At(place)
	for which := log; which < all; which++ {
		if e.pipe(which).logged {
			next = min(next, start(p, place, which, now))
		}
		if e.pipe(which).join {
			next = min(next, join(p, e, which, now))
		}
		if e.pipe(which).leaving {
			next = min(next, leaveOldPipe(p, e, which, now))
		}
	}
	return min(next, e.look)
}

// join tells the supervisor of a service that the service has got a log: from its next start
// on, the service writes to the log.
func join(p *bare.Process, e *entry, which int, now int64) int64 {
	s, pipe := &e.of[main], e.pipe(which)
	pipe.join = false
	switch {
	case !s.running(): // the next supervisor gets the pipe anyway
	case s.pid == inside:
		supervise.Tell(&scan.speaker, int(s.place), service.Logs[which].Join)
	default:
		err := service.Tell(e.name(), service.Logs[which].Join)
		if (err == unix.ENXIO || err == unix.ENOENT) && now < s.started+again {
			pipe.join = true // the supervisor has only just begun
			return now + soon
		}
		if err != 0 {
			p.WarnErrno(err, "unable to connect ", e.name(), " with its log")
		}
	}
	return bare.Never
}

// start starts a supervisor that does not run, at the earliest a second after its last start.
// If another process supervises the directory, start watches that process instead. It returns
// when it has to be called again.
func start(p *bare.Process, place, which int, now int64) int64 {
	e := table.services.At(place)
	s := &e.of[which]
	switch {
	case s.pid > 0 || s.pid == inside || s.lacksRun && halt.at == 0:
		return bare.Never
	case now < s.started+second && s.started > halt.at:
		return s.started + second
	case s.pid == unknown && now < s.started+again:
		return s.started + again
	}
	dir := e.dir(which)
	held, pid, pidfd := service.Supervisor(dir, supervise.Boot())
	switch {
	case held || pid == 0:
		s.passing = 0
	case s.passing == 0:
		s.passing = now
		return now + soon
	case now < s.passing+patience:
		return now + soon
	default:
		held = true // by an unrecorded service, or by a foreign supervisor, which writes no record
		if s.pid != unknown {
			p.Warn("waiting for the process that has ", dir, "/", service.Lock)
		}
	}
	switch {
	case held:
		s.started, s.checked = now, false
		e.order.noted = e.order.noted && which != main // its next start reads needs and priority again
		return watchOther(place, which, pid, pidfd, now)
	case halt.at != 0:
		if service.SetExit(dir, s.stop.onlyEnds) == unix.EWOULDBLOCK {
			return now + soon
		}
	case !mayStart(p, place, which, now):
		return e.look
	case which == main:
		if next, waits := heldBack(p, place, now); waits {
			return next
		}
	}
	if !renewPipes(p, place, which, now) {
		return now + again
	}
	s.started, s.checked = now, false
	return launch(p, place, which, now)
}

// watchOther watches a supervisor that has been found running, if pidfd tells which process it
// is. The supervisor may be svscan's own: then the directory has another name.
func watchOther(place, which, pid, pidfd int, now int64) int64 {
	e := table.services.At(place)
	s := &e.of[which]
	for l := log; l < all; l++ {
		if which == main && e.pipe(l).logged {
			e.pipe(l).join = true // this supervisor may not know of the log
		}
	}
	if pidfd >= 0 && ours(pid) {
		bare.Close(pidfd)
		s.pid = 0
		if which == main || !e.of[main].running() && hasOtherName(place) {
			e.double = true
			e.closePipes() // or a log would not come to its end when the other name's is closed
		}
		return now + again
	}
	if pidfd < 0 || supervise.Watch(pidfd, bare.Event{Which: int32(key(place, which)), Kind: anEnd}) != 0 {
		if pidfd >= 0 {
			bare.Close(pidfd)
		}
		s.pid = unknown
		return now + again
	}
	s.pid, s.process = int32(pid), int32(pidfd)
	if which != main && readsRemovedPipe(pid) {
		e.pipe(which).leave(bare.Never)
		e.pipe(which).keep(bare.Open(inProc(pid, "/fd/0"), toKeep|unix.O_CLOEXEC, 0))
	}
	return bare.Never
}

// launch makes svscan itself the supervisor, or starts a supervise process. If that has failed,
// it returns when start is to try again.
func launch(p *bare.Process, place, which int, now int64) int64 {
	e := table.services.At(place)
	s := &e.of[which]
	s.pid = 0
	if scan.one && !needsOwnSupervisor(e.dir(which)) {
		place, room := superviseInside(&scan.speaker, e, which)
		switch {
		case place >= 0:
			s.pid, s.place = inside, int32(place)
			return bare.Never
		case room:
			return now + second
		}
	}
	pid, err := supervise.Spawn(p, e.name(), e.ends(which))
	if err != 0 {
		p.WarnErrno(err, "unable to fork for ", e.name())
		return now + second
	}
	s.pid, s.process = int32(pid), -1
	return bare.Never
}

// hasOtherName reports whether another entry is of the same directory.
func hasOtherName(place int) bool {
	id := table.services.At(place).id
	for i := range table.services.Len() {
		if e := table.services.At(i); i != place && e.used && e.id == id {
			return true
		}
	}
	return false
}

// ours reports whether a supervisor is svscan itself or a child of svscan.
func ours(pid int) bool {
	if pid == bare.Getpid() {
		return true
	}
	for i := range table.services.Len() {
		for which := range table.services.At(i).of {
			if s := &table.services.At(i).of[which]; int(s.pid) == pid && s.process < 0 {
				return true
			}
		}
	}
	return false
}

// needsOwnSupervisor reports whether a service needs a supervise process even with -1: one that
// becomes the parent of all that the service leaves behind.
func needsOwnSupervisor(dir string) bool {
	return bare.Exists(bare.Cwd, bare.Join(dir, service.KillDescendants)) == 0
}

// superviseInside makes svscan itself the supervisor of a service or a log, and returns its place
// in the table of package supervise. If place is -1 and room is true, superviseInside has failed
// and has said so. If room is false, svscan cannot open enough files, and a supervise process must
// do.
func superviseInside(p *bare.Speaker, e *entry, which int) (place int, room bool) {
	dir, err := bare.OpenDirectory(bare.Cwd, e.name())
	if err == unix.EMFILE {
		return -1, false
	}
	if err != 0 {
		p.FatalErrno(err, "unable to chdir to ", e.dir(which))
		return -1, true
	}
	if supervise.Full(dir) {
		bare.Close(dir)
		return -1, false
	}
	base := dir
	if which != main {
		if dir, err = bare.OpenDirectory(base, service.Logs[which].Dir); err != 0 {
			bare.Close(base)
			p.FatalErrno(err, "unable to chdir to ", e.dir(which))
			return -1, true
		}
	}
	place, exit := supervise.Add(p, bare.Keep(e.dir(which)), base, dir, e.ends(which))
	if exit != bare.Continue {
		return -1, true
	}
	return place, true
}

// soon is how long svscan waits before it looks again at what changes in a moment.
const soon = second / 20
