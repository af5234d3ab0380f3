package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How svscan learns which names there are: by reading its directory, and from inotify.

// readAll reads the whole directory. It looks at the names there, and has look find out whether
// a name that it no longer meets has gone. If the directory cannot be read, readAll tries again
// later, and no name counts as gone.
func readAll(p *bare.Process) {
	now := bare.SinceBoot()
	if scan.watch < 0 && scan.hasRead {
		watchDirectory(p)
	}
	scan.rescan = bare.Never
	if scan.watch < 0 || scan.far {
		scan.rescan = now + again
	}
	for i := range table.services.Len() {
		table.services.At(i).seen = false
		table.services.At(i).order.forget()
	}
	err := readNames(p, now)
	if err != 0 {
		if err != scan.unread {
			p.WarnErrno(err, "unable to read directory")
		}
		scan.rescan = now + again
	} else {
		scan.hasRead = true
		for i := range table.services.Len() {
			if e := table.services.At(i); e.used && !e.seen && !e.other {
				e.there, e.look = false, now // look finds out whether the name has gone
			}
		}
	}
	scan.unread = err
	holdPipes(p)
}

// readNames reads the names of the directory.
func readNames(p *bare.Process, now int64) bare.Errno {
	fd, err := bare.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return err
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 || name == "" {
			bare.Close(fd)
			return err
		}
		if name[0] != '.' {
			seeName(p, name, files.Link, now)
		}
	}
}

// seeName looks at a name that is there. It looks later at a name that has come while svscan
// ran, because that may be about to be renamed.
func seeName(p *bare.Process, name string, link bool, now int64) {
	place := find(name)
	isNew := place < 0
	if isNew {
		came := int64(0)
		if scan.hasRead {
			came = now
		}
		if place = add(name, came); place < 0 {
			noRoom(p, name)
			return
		}
	}
	e := table.services.At(place)
	e.seen, e.link = true, link
	switch {
	case e.since != 0: // it is being changed: look is due later
	case isNew && scan.hasRead:
		e.changed(now, quiet, second)
	default:
		look(p, place, now)
	}
}

// noRoom says that there is no memory for an entry, and has the directory read again later.
func noRoom(p *bare.Process, name string) {
	p.Warn("unable to start ", name, ": out of memory")
	scan.rescan = bare.SinceBoot() + again
}

// holdPipes opens the pipes of all services before tend starts any, as starting may take long.
// Until svscan has a pipe open, what is in it would be lost if all were killed who have it.
func holdPipes(p *bare.Process) {
	if halt.at != 0 {
		return
	}
	now := bare.SinceBoot()
	for i := range table.services.Len() {
		if e := table.services.At(i); e.used && e.there && now >= e.notBefore {
			prepare(p, i, now)
		}
	}
}

// readChanges reads from inotify which names have come or gone, and what has happened in the
// directories that svscan watches.
func readChanges(p *bare.Process) {
	now := bare.SinceBoot()
	changes := bare.ReadChanges(scan.watch)
	for name, ok := changes.Next(); ok; name, ok = changes.Next() {
		if changes.Mask&unix.IN_Q_OVERFLOW != 0 {
			scan.rescan = 0
			continue
		}
		if changes.Which == scan.here {
			changedName(p, name, changes.Mask, now)
		}
		changedWithin(changes.Which, name, changes.Mask, now)
		changedOrder(changes.Which, changes.Mask, now)
	}
}

// changedName notes that a name has come or gone. svscan starts nothing of that name before it
// has looked at it. It looks at a directory that was moved in at once, because people complete
// a directory before they move it in. It looks at a new directory when it seems to be filled.
// It looks at a link when the name has been quiet for a moment, because ln makes a link under
// another name and renames it.
func changedName(p *bare.Process, name string, mask uint32, now int64) {
	if name == "" || name[0] == '.' {
		return
	}
	gone := mask&(unix.IN_DELETE|unix.IN_MOVED_FROM) != 0
	place := find(name)
	if place < 0 {
		if gone {
			return
		}
		if place = add(name, now); place < 0 {
			noRoom(p, name)
			return
		}
	}
	e := table.services.At(place)
	e.there = false // unless look finds it
	directory := mask&unix.IN_ISDIR != 0
	e.link = !directory
	switch {
	case gone && !e.isRunning():
		e.renew(place) // the next directory may have the same inode
		e.look = now
	case gone || directory && mask&unix.IN_MOVED_TO != 0:
		e.look, e.since = now, 0
	case directory:
		e.changed(now, filling, full)
		watch(place, main)
	default:
		e.changed(now, quiet, second)
	}
}

const (
	quiet   = second / 20 // without a change, before svscan looks at a name
	filling = second      // without a change, before svscan looks at a new directory
	full    = 5 * second  // svscan looks at a directory after that even if changes go on
)

// changed puts off look until no change has come for the time quiet, but for no longer than
// most after the first change.
func (e *entry) changed(now, quiet, most int64) {
	if e.since == 0 {
		e.since = now
	}
	e.look = min(now+quiet, e.since+most)
}
