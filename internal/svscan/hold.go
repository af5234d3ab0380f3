package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// Services that need others: svscan holds their supervisors back until what they need is ready.
// It keeps that nowhere, because the next svscan finds out in the same way. A service that a
// killed supervisor has left is never held back, and no log is.

// heldBack reports whether the supervisor of a service is not to be started yet, because the
// service needs one that is not ready. It is asked just before the start, and looks at all of
// them anew. It returns when start has to be called again.
func heldBack(p *bare.Process, place int, now int64) (next int64, is bool) {
	e := table.services.At(place)
	o := &e.order
	if !o.noted && !noteOrder(p, place, now) {
		return e.notBefore, true
	}
	if o.needs.Len() > 0 && !o.held {
		runs, undone, _ := service.Left(e.name(), supervise.Boot())
		if !runs && !undone {
			next, is = waits(p, place, now, true)
		}
		if is {
			o.held, o.since, o.noted = true, now, false
			order.changed = true
			return now, true
		}
	} else if o.held {
		if next, is = waits(p, place, now, true); is {
			return next, true
		}
	}
	o.noted = false // the next start reads them again
	o.release(place)
	return bare.Never, false
}

// isStillHeld is heldBack for a service that was held back before: it looks only at what has
// changed.
func isStillHeld(p *bare.Process, place int, now int64) (next int64, is bool) {
	e := table.services.At(place)
	o := &e.order
	if !o.held {
		return bare.Never, false
	}
	if e.of[main].running() {
		o.release(place)
		return bare.Never, false
	}
	if o.watch[ofNeeds] == 0 && watchNeeds(place) {
		o.noted = false // needs may have changed before the watch
	}
	if !o.noted && !readNeeds(p, place, now) {
		return e.notBefore, true
	}
	return waits(p, place, now, false)
}

// release notes that a service is not held back.
func (o *ordering) release(place int) {
	if o.held {
		o.held, o.circular, o.since, o.said, o.circle = false, false, 0, 0, 0
		unwatchOrder(place, ofNeeds)
		scan.added = true // tend may have passed those that need it
	}
}

// waits reports whether a service needs one that is not ready, and says so in time. With anew it
// trusts nothing that it has seen before. It returns when it has to be called again.
func waits(p *bare.Process, place int, now int64, anew bool) (next int64, is bool) {
	e := table.services.At(place)
	o := &e.order
	next = bare.Never
	said := uint64(bare.HashStart)
	for at := 0; at < o.needs.Len(); {
		var need string
		need, at = service.NeedAt(o.needs.String(), at)
		standing, until := standingOf(find(need), now, anew)
		if standing == service.IsReady {
			continue
		}
		is = true
		next = min(next, until)
		if when := e.sayWhen(standing); now >= when {
			said = bare.Hash(said, need)
			said = bare.Hash(said, standing.Words())
		} else {
			next = min(next, when)
		}
	}
	if said == bare.HashStart {
		o.said = 0
	} else if o.held && o.said != uint32(said) {
		o.said = uint32(said)
		sayWaits(p, e, now)
	}
	return next, is
}

// sayWaits says for whom a service waits.
func sayWaits(p *bare.Process, e *entry, now int64) {
	o := &e.order
	for at := 0; at < o.needs.Len(); {
		var need string
		need, at = service.NeedAt(o.needs.String(), at)
		standing, _ := standingOf(find(need), now, false)
		if standing != service.IsReady && now >= e.sayWhen(standing) {
			p.Warn(e.name(), " waits for ", need, standing.Words())
		}
	}
}

// sayWhen returns when svscan says that a service waits for one of such a standing. What mends
// itself gets a while. What comes from others is said of those.
func (e *entry) sayWhen(standing service.Standing) int64 {
	switch {
	case !e.order.held, standing == service.HeldBack, standing == service.Circular && e.order.circular:
		return bare.Never
	case standing == service.NotReady, standing == service.Unsupervised:
		return e.order.since + patience
	}
	return e.order.since + second/2 // services may have been moved in together, one by one
}

// standingOf returns the standing of the service in a place of the table, or of none, and when it
// is to be asked again although inotify tells of no change. With anew it reads it in any case.
func standingOf(place int, now int64, anew bool) (is service.Standing, until int64) {
	if place < 0 {
		return service.NoService, bare.Never
	}
	e := table.services.At(place)
	o := &e.order
	switch {
	case !e.there && (e.since != 0 || e.look <= now): // it is about to be looked at
		return service.Unsupervised, now + soon
	case !e.there, e.of[main].said:
		return service.NoService, bare.Never
	case !e.known || e.of[main].lacksRun:
		return service.Unsupervised, now + soon
	case o.circular:
		return service.Circular, bare.Never
	case o.held:
		return service.HeldBack, bare.Never
	}
	if anew || !o.fresh || now >= o.until {
		isWatched := watchFolder(place) // before it is read
		o.fresh, o.heard = true, 0
		o.is, o.until = service.StandingOf(e.name(), supervise.Boot())
		if !isWatched {
			o.until = min(o.until, now+second)
		}
	}
	return o.is, o.until
}

// What svscan watches for the order of services, beside what watch.go has: the folder supervise
// of a service that another one waits for, and the directory needs of one that waits.
const (
	ofFolder = iota
	ofNeeds
)

// watchFolder has inotify tell of what the supervisor of a service publishes. svscan makes the
// folder if it is not there.
func watchFolder(place int) bool {
	const changes = unix.IN_MODIFY | unix.IN_MOVED_TO | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	e := table.services.At(place)
	if e.order.watch[ofFolder] > 0 {
		return true
	}
	if bare.Exists(bare.Cwd, bare.Join(e.name(), service.Folder)) == unix.ENOENT {
		if dir, err := bare.OpenDirectory(bare.Cwd, e.name()); err == 0 {
			service.MakeFolder(dir, service.Folder)
			bare.Close(dir)
		}
	}
	return watchOrder(place, ofFolder, service.Folder, changes)
}

// watchNeeds has inotify tell of what comes and goes in needs. Where it cannot, needs is read
// again with everything else that inotify does not tell of.
func watchNeeds(place int) bool {
	const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	e := table.services.At(place)
	isWatched := watchOrder(place, ofNeeds, service.Needs, changes)
	if !isWatched || isFar(e) {
		e.look = min(e.look, bare.SinceBoot()+again)
	}
	return isWatched
}

// watchOrder has inotify tell of changes in a directory below that of a service.
func watchOrder(place, which int, file string, changes uint32) bool {
	e := table.services.At(place)
	if e.order.watch[which] > 0 {
		return true
	}
	if scan.watch < 0 {
		return false
	}
	number, err := bare.WatchFile(scan.watch, bare.Join(e.name(), file), changes)
	if err != 0 {
		return false
	}
	e.order.watch[which] = number
	if !table.ordered.insert(key(place, which)) {
		e.order.watch[which] = 0
		return false
	}
	return true
}

// unwatchOrder ends such a watch. Where another name of the directory has the same one, inotify
// tells that it has ended, and it is begun again.
func unwatchOrder(place, which int) {
	o := &table.services.At(place).order
	if number := o.watch[which]; number > 0 {
		table.ordered.remove(key(place, which))
		bare.UnwatchFile(scan.watch, number)
	}
	o.watch[which] = 0
}

// changedOrder deals with an event of such a watch.
func changedOrder(number int32, mask uint32, now int64) {
	if table.ordered.n == 0 {
		return
	}
	for slot := table.ordered.first(hashWatch(number)); *table.ordered.slots.At(slot) != 0; {
		what := *table.ordered.slots.At(slot) - 1
		place, which := unkey(what)
		o := &table.services.At(place).order
		if o.watch[which] != number {
			slot = table.ordered.next(slot)
			continue
		}
		tooOften := o.heard != 0 && now > o.heard+second // nobody has looked since
		if which == ofNeeds {
			o.noted = false
		} else if o.fresh = false; o.heard == 0 {
			o.heard = now
		}
		if which == ofFolder && tooOften || mask&(unix.IN_IGNORED|unix.IN_MOVE_SELF|unix.IN_DELETE_SELF) != 0 {
			unwatchOrder(place, which) // which may move another number into this slot
		} else {
			slot = table.ordered.next(slot)
		}
	}
}

// forget has a service looked at as if it was never seen: inotify may have told of less than has
// happened, or cannot tell.
func (o *ordering) forget() {
	o.fresh = false
	if o.held {
		o.noted = false
	}
}
