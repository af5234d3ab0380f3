package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// svscan watches by inotify its own directory, the directories of services that have no run or
// no log yet, and those that a link leads to: nothing happens to the link when its target
// changes.

const (
	deaf    = -1  // in place of a watch: the directory is looked at every 5 seconds
	hearing = 100 // events that do not matter, before a directory becomes deaf
)

// watchDirectory has inotify tell of names that come and go. It comes before the directory is
// read, so that no name comes unseen in between.
func watchDirectory(p *bare.Process) {
	const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_ONLYDIR
	fd, err := bare.NewInotify()
	if err == 0 {
		scan.here, err = bare.WatchFile(fd, ".", changes)
		if err == 0 {
			err = supervise.Watch(fd, bare.Event{Kind: aChange})
		}
		if err != 0 {
			bare.Close(fd)
		}
	}
	if err == 0 {
		scan.watch = fd
		return
	}
	if !scan.hasRead {
		p.WarnErrno(err, "unable to watch the directory, reading it every 5 seconds")
	}
	scan.watch = -1
}

// watch has inotify tell of what happens in the directory of a service or its log.
func watch(place, which int) bare.Errno {
	const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	e := table.services.At(place)
	s := &e.of[which]
	switch {
	case s.watch > 0:
		return 0
	case s.watch == deaf || scan.watch < 0:
		return unix.EAGAIN
	}
	number, err := bare.WatchFile(scan.watch, e.dir(which), changes)
	if err != 0 {
		return err
	}
	s.watch, s.noise = number, 0
	if !table.watched.insert(key(place, which)) {
		s.watch = 0
		return unix.ENOMEM
	}
	return 0
}

// unwatch ends the watch of a directory, unless another name of the directory needs it.
func unwatch(place, which int) {
	s := &table.services.At(place).of[which]
	number := s.watch
	if number > 0 {
		table.watched.remove(key(place, which))
	}
	s.watch = 0
	if number <= 0 || number == scan.here {
		return
	}
	for slot := table.watched.first(hashWatch(number)); *table.watched.slots.At(slot) != 0; slot = table.watched.next(slot) {
		if supervisorOf(*table.watched.slots.At(slot)-1).watch == number {
			return
		}
	}
	bare.UnwatchFile(scan.watch, number)
}

// unwatchAll ends all watches of an entry.
func unwatchAll(place int) {
	for which := range all {
		unwatch(place, which)
	}
}

// changedWithin deals with an event in a directory that is watched, for each name that the
// directory has.
func changedWithin(number int32, name string, mask uint32, now int64) {
	if table.watched.n == 0 {
		return
	}
	for slot := table.watched.first(hashWatch(number)); *table.watched.slots.At(slot) != 0; {
		place, which := unkey(*table.watched.slots.At(slot) - 1)
		if table.services.At(place).of[which].watch != number || heard(place, which, name, mask, now) {
			slot = table.watched.next(slot)
		} // else remove may have moved another number into this slot
	}
}

// heard deals with an event in a directory, for one of its names. It returns false if the
// directory is no longer watched for that.
func heard(place, which int, name string, mask uint32, now int64) bool {
	e := table.services.At(place)
	s := &e.of[which]
	switch {
	case name == "": // the directory was moved or removed
		if which == main {
			e.there = false // unless look finds it
		}
		e.changed(now, quiet, second)
		if mask&unix.IN_IGNORED != 0 {
			table.watched.remove(key(place, which))
			s.watch = 0
			return false
		}
		return true
	case name == "run", e.lacksLog(name):
		e.changed(now, filling, full)
		return true
	case s.lacksRun || which != main:
		e.changed(now, filling, full)
	}
	if s.noise++; s.noise < hearing {
		return true
	}
	unwatch(place, which)
	s.watch = deaf
	e.look = min(e.look, now+again)
	return false
}

// lacksLog reports whether a name is that of a log that the service does not have yet.
func (e *entry) lacksLog(name string) bool {
	for which := log; which < all; which++ {
		if bare.Equal(name, service.Logs[which].Dir) {
			return !e.pipe(which).logged
		}
	}
	return false
}

// isFar reports whether inotify may miss changes in the directory of a service, because other
// machines can change it.
func isFar(e *entry) bool {
	if !e.id.SameFileSystem(scan.filesystem.of) {
		scan.filesystem.of, scan.filesystem.far = e.id, !bare.IsLocal(e.name())
	}
	return scan.filesystem.far
}
