package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// What svscan finds out about a name: whether it is a directory, which one, whether that is a
// service and whether it has a log.

// look looks at a name: whether it is a directory, which one, and what has come into that. If
// look cannot tell, it sets when it is called again. It may move the entries: pointers to them
// are good no longer.
func look(p *bare.Process, place int, now int64) {
	e := table.services.At(place)
	e.look, e.since = bare.Never, 0
	id, mode, err := bare.Identify(e.name())
	switch {
	case err == unix.ENOENT && !isLink(e.name()), err == 0 && mode&unix.S_IFMT != unix.S_IFDIR:
		e.there, e.said = false, 0
	case err != 0:
		e.there = e.there && err != unix.ENOENT
		if e.isNews(ofName, err) {
			p.WarnErrno(err, "unable to stat ", e.name())
		}
		e.look = now + again
	case e.id == id:
		lookInto(p, place, now)
		return
	default:
		if place = giveName(p, place, id, now); place >= 0 {
			lookInto(p, place, now)
		}
		return
	}
	if !e.there {
		unwatchAll(place)
	}
}

// What a message about an entry is about: a bit above the errno.
const (
	ofName = 1 << 12
	ofLog  = 1 << 13 // 1 << 14 for the second log
	ofPipe = 1 << 16 // likewise
	ofNeed = 1 << 18
)

// isNews notes what is wrong with an entry. It returns false if the last message about the
// entry said the same.
func (e *entry) isNews(what uint32, err bare.Errno) bool {
	was := e.said
	e.said = what | uint32(err)
	return e.said != was
}

// fine notes that nothing is wrong with the name, the log or the pipe any more.
func (e *entry) fine(what uint32) {
	if e.said&what != 0 {
		e.said = 0
	}
}

// isLink reports whether a name is a symbolic link. If stat finds nothing, it tells a link that
// leads nowhere from a name that has gone.
func isLink(name string) bool {
	var target [1]byte
	_, err := bare.Readlink(bare.Cwd, name, target[:])
	return err == 0
}

// giveName gives a name to the directory id, which is not the one that had the name so far. It
// returns the place of the directory's entry, or -1 if there is no memory. Supervisors in the
// old directory run on, under the old entry.
func giveName(p *bare.Process, place int, id bare.Identity, now int64) int {
	e := table.services.At(place)
	name := e.name()
	before := findOther(name, id)
	if before < 0 && !e.isRunning() {
		if none := (bare.Identity{}); e.id != none {
			e.came = now
		}
		e.renew(place)
		e.id = id
		return place
	}
	e.other, e.there = true, false
	unwatchAll(place)
	if before < 0 {
		link, seen := e.link, e.seen
		if before = add(name, now); before < 0 {
			noRoom(p, name)
			return -1
		}
		e = table.services.At(before)
		e.id, e.link, e.seen = id, link, seen
		scan.added = true
	}
	e = table.services.At(before)
	e.other, e.seen = false, true
	return before
}

// lookInto looks for what has come into a directory since svscan saw it first.
func lookInto(p *bare.Process, place int, now int64) {
	e := table.services.At(place)
	e.there = true
	e.fine(ofName)
	e.order.forget()
	for which := range e.of {
		e.of[which].lacksRun = false
	}
	if !e.known {
		return
	}
	for range 2 { // once more: a log may have come before the watch
		for which := log; which < all; which++ {
			if !e.pipe(which).logged && !lookForLog(p, place, which, now) {
				break
			}
		}
		if !keepLooking(p, place, now) {
			return
		}
	}
}

// isLog reports whether a service that svscan gets to know has a log. A directory log is one, as
// with daemontools, even if it has no run yet. An errlog without a run may be something else.
func isLog(place, which int) (is bool, err bare.Errno) {
	is, err = bare.IsDirectory(bare.Cwd, table.services.At(place).dir(which))
	return is && (which == log || hasRun(place, which)), err
}

// lookForLog finds out whether a service has got a log. A directory of that name is a log once
// it has a run. lookForLog returns false if it cannot tell, and has said so.
func lookForLog(p *bare.Process, place, which int, now int64) bool {
	e := table.services.At(place)
	is, err := bare.IsDirectory(bare.Cwd, e.dir(which))
	switch {
	case err == unix.ENOENT, err == 0 && !is:
		return true
	case err != 0:
		if e.isNews(ofLog<<(which-log), err) {
			p.WarnErrno(err, "unable to stat ", e.dir(which))
		}
		e.look = now + again
		return false
	}
	e.fine(ofLog << (which - log))
	if e.of[which].lacksRun = !hasRun(place, which); !e.of[which].lacksRun {
		e.pipe(which).logged, e.pipe(which).join = true, true
	}
	return true
}

// hasRun reports whether a directory has a run, or a process that a supervisor has left. A
// directory without either is no service; hasRun watches it.
func hasRun(place, which int) bool {
	e := table.services.At(place)
	dir := e.dir(which)
	for range 2 {
		if bare.Exists(bare.Cwd, bare.Join(dir, "run")) != unix.ENOENT {
			return true
		}
		if runs, _, _ := service.Left(dir, supervise.Boot()); runs {
			return true
		}
		if e.of[which].watch != 0 || watch(place, which) != 0 {
			break
		} // once more: run may have come before the watch
	}
	return false
}

// mayStart reports whether svscan may start the supervisor of a directory: whether there is a
// run. If there is none, mayStart says so once, and not while somebody may still be filling the
// directory.
func mayStart(p *bare.Process, place, which int, now int64) bool {
	e := table.services.At(place)
	s := &e.of[which]
	if s.checked {
		return true
	}
	if s.checked = hasRun(place, which); s.checked {
		s.said = false
		return true
	}
	s.lacksRun = true
	switch {
	case s.said:
	case e.came == 0 || now >= e.came+again:
		p.WarnErrno(unix.ENOENT, "unable to start ", e.dir(which), "/run")
		s.said = true
	default:
		e.look = min(e.look, e.came+again)
	}
	keepLooking(p, place, now)
	return false
}

// keepLooking has svscan watch the directories of an entry for what it waits for. Where a watch
// cannot be had or does not tell all, look is called every 5 seconds, unless svscan reads the
// whole directory that often anyway.
// keepLooking returns whether there is something called as a log that the service does not have yet.
func keepLooking(p *bare.Process, place int, now int64) (found bool) {
	e := table.services.At(place)
	poll := isFar(e)
	for which := range e.of {
		s := &e.of[which]
		switch {
		case !s.lacksRun && (which != main || !e.waitsForLogs()):
			unwatch(place, which)
		default:
			err := watch(place, which)
			if err == unix.ENOSPC && !scan.blind {
				p.Warn("no inotify watches left, looking every 5 seconds")
				scan.blind = true
			}
			poll = poll || err != 0 || s.lacksRun && isLink(bare.Join(e.dir(which), "run"))
		}
	}
	for which := log; which < all; which++ { // after the watch, which tells of a log that comes later
		if e.pipe(which).logged {
			continue
		}
		var target [1]byte
		_, err := bare.Readlink(bare.Cwd, e.dir(which), target[:])
		found, poll = found || err != unix.ENOENT, poll || err == 0
	}
	if poll && scan.watch >= 0 && !scan.far {
		e.look = min(e.look, now+again)
	}
	return found
}
