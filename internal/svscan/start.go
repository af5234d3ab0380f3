package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// tend starts what is to run, stops what is to stop, and forgets what is gone. It
// returns when there will be something to do again, since boot in nanoseconds, and
// how many supervisors run.
func tend(p *bare.Process, now int64) (next int64, left int) {
	next = bare.Never
	// Between so many starts it hears of what else happens; more where they take no time,
	// or those that fail and are tried again would leave too little to new ones.
	const few, short = 64, second / 20
	starts, enough := 0, false
	for i := range services.Len() {
		e := services.At(i)
		if !e.used {
			continue
		}
		e.forgetDone()
		switch {
		case scan.stopped != 0:
			next = min(next, stop(p, i, bare.SinceBoot())) // those before it may have taken long
		case e.there && now < e.begin:
			next = min(next, e.begin)
		case e.there && enough:
			next = now
		case e.there:
			next = min(next, startBoth(p, i, now))
		case !e.of[main].running() && !e.of[log].running():
			remove(e)
			continue
		}
		if e.of[main].started == now {
			starts++
			enough = starts >= few && bare.SinceBoot() > now+short
		}
		for which := range e.of {
			if s := &e.of[which]; s.running() || scan.stopped != 0 && !s.clear {
				left++
			}
		}
	}
	return next, left
}

// forgetDone takes note of supervisors inside that were told to exit, and have.
func (e *entry) forgetDone() {
	for which := range e.of {
		if s := &e.of[which]; s.pid == inside && supervise.Done(int(s.place)) {
			supervise.Forget(int(s.place))
			s.pid = 0
		}
	}
}

// prepare finds out whether a service has a log, and opens the pipe to it; false means
// that it failed, which has been said, and is tried again later.
func prepare(p *bare.Process, e *entry, now int64) bool {
	if !e.known {
		var err bare.Errno
		if e.logged, err = bare.IsDirectory(bare.Cwd, e.dir(log)); err != 0 && err != unix.ENOENT {
			p.WarnErrno(err, "unable to stat ", e.name(), "/log")
			e.begin = now + again
			return false
		}
		e.known = true
	}
	if e.logged && e.pipe < 0 && !openPipe(p, e) {
		e.begin = now + again
		return false
	}
	return true
}

// startBoth starts what does not run of the supervisors of a service and its log.
func startBoth(p *bare.Process, place int, now int64) int64 {
	e := services.At(place)
	if !prepare(p, e, now) {
		return e.begin
	}
	next := start(p, place, main, now)
	if e.logged {
		next = min(next, start(p, place, log, now))
	}
	return next
}

// start starts a supervisor that does not run, at the earliest a second after its
// last start, and returns when to look at it again.
func start(p *bare.Process, place, which int, now int64) int64 {
	e := services.At(place)
	s := &e.of[which]
	switch {
	case s.pid > 0 || s.pid == inside:
		return bare.Never
	case now < s.started+second && s.started > scan.stopped:
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
		held = true // by one that puts no record there
	}
	s.started = now
	if held {
		if pidfd >= 0 && ours(pid) {
			bare.Close(pidfd) // the directory has another name, which counts
			s.pid = 0
			return now + again
		}
		if pidfd < 0 || supervise.Watch(pidfd, bare.Event{Which: int32(place<<1 | which), Kind: anEnd}) != 0 {
			s.pid = unknown
			return now + again
		}
		s.pid, s.process = int32(pid), int32(pidfd)
		return bare.Never
	}
	s.pid = 0
	if scan.one && !setApart(dir) {
		place, room := take(&asSupervise, e, which)
		switch {
		case place >= 0:
			s.pid, s.place = inside, int32(place)
			return bare.Never
		case room:
			return now + second
		}
	}
	pid, err := supervise.Spawn(p, e.name(), e.standard(which))
	if err != 0 {
		p.WarnErrno(err, "unable to fork for ", e.name())
		return now + second
	}
	s.pid, s.process = int32(pid), -1
	return bare.Never
}

// ours tells whether a supervisor is one of svscan's: itself, or a child.
func ours(pid int) bool {
	if pid == bare.Getpid() {
		return true
	}
	for i := range services.Len() {
		for which := range services.At(i).of {
			if s := &services.At(i).of[which]; int(s.pid) == pid && s.process < 0 {
				return true
			}
		}
	}
	return false
}

// setApart tells whether a service needs a supervisor of its own, to which what it
// leaves behind comes.
func setApart(dir string) bool {
	return bare.Exists(bare.Cwd, path(dir, "/"+service.KillDescendants)) == 0
}

// take makes svscan the supervisor of a service or a log, and returns its place. -1 is a
// failure, which has been said; or, if room is false, there is none for its files, and a
// process of its own is to supervise it.
func take(p *bare.Process, e *entry, which int) (place int, room bool) {
	name := e.name()
	dir, err := bare.OpenDirectory(bare.Cwd, name)
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
	exit := bare.Failed
	switch {
	case which == log:
		var base int
		base, dir, err = dir, -1, 0
		if dir, err = bare.OpenDirectory(base, service.Log); err != 0 {
			bare.Close(base)
			p.FatalErrno(err, "unable to chdir to ", e.dir(log))
			return -1, true
		}
		place, exit = supervise.AddLog(p, bare.Keep(e.dir(log)), base, dir)
	case e.logged:
		place, exit = supervise.AddToLog(p, bare.Keep(name), dir)
	default:
		place, exit = supervise.Add(p, bare.Keep(name), dir)
	}
	if exit != bare.Continue {
		return -1, true
	}
	return place, true
}

// openPipe opens the FIFO between a service and its log, for both ends, so that it
// lives as long as svscan does.
func openPipe(p *bare.Process, e *entry) bool {
	dir, err := bare.OpenDirectory(bare.Cwd, e.name())
	fd := -1
	if err == 0 {
		fd, err = service.OpenPipe(dir)
		bare.Close(dir)
	}
	if err != 0 {
		p.WarnErrno(err, "unable to open ", e.name(), "/", service.Pipe)
		return false
	}
	e.pipe = int32(fd)
	return true
}

// soon is when svscan looks again at what changes in a moment.
const soon = second / 20
