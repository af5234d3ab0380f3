package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// readAll reads the whole directory: new services are added, and those that are no
// more are marked. A directory that cannot be read changes nothing.
func readAll(p *bare.Process) {
	fd, err := bare.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		p.WarnErrno(err, "unable to read directory")
		scan.rescan = bare.SinceBoot() + again
		return
	}
	for i := range services.Len() {
		services.At(i).seen = false
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 {
			p.WarnErrno(err, "unable to read directory")
			bare.Close(fd)
			return
		}
		if name == "" {
			break
		}
		look(p, name)
	}
	bare.Close(fd)
	for i := range services.Len() {
		if e := services.At(i); !e.seen {
			e.there = false
		}
	}
	holdPipes(p)
}

// holdPipes opens the pipes of all services before any is started, which may take long:
// until svscan has a pipe, what is in it is lost if all die who have it.
func holdPipes(p *bare.Process) {
	if scan.stopped != 0 {
		return
	}
	now := bare.SinceBoot()
	for i := range services.Len() {
		if e := services.At(i); e.used && e.there && now >= e.begin {
			prepare(p, e, now)
		}
	}
}

// readChanges looks at the names that have come or gone.
func readChanges(p *bare.Process) {
	changes := bare.ReadChanges(scan.watch)
	for name, ok := changes.Next(); ok; name, ok = changes.Next() {
		if name == "" {
			scan.rescan = 0
			continue
		}
		if e := find(name); e != nil {
			e.there = false // unless look finds it
		}
		look(p, name)
		if e := find(name); e != nil && !e.known && changes.Made() {
			e.begin = bare.SinceBoot() + second // it is being filled
		}
	}
}

// look adds the service of a name, if there is one.
func look(p *bare.Process, name string) {
	if name[0] == '.' {
		return
	}
	id, mode, err := bare.Identify(name)
	if err != 0 && (err != unix.ENOENT || isLink(name)) {
		p.WarnErrno(err, "unable to stat ", name)
	}
	if err != 0 || mode&unix.S_IFMT != unix.S_IFDIR {
		return
	}
	e := find(name)
	if e != nil && e.id != id {
		e.there, e.other = false, true
		e = nil
	}
	if e == nil {
		if e = add(name, id); e == nil {
			p.Warn("unable to start ", name, ": out of memory")
			scan.rescan = bare.SinceBoot() + again
			return
		}
	}
	e.there, e.seen = true, true
}

// isLink tells a symbolic link that leads nowhere from a name that has gone.
func isLink(name string) bool {
	var target [1]byte
	_, err := bare.Readlink(bare.Cwd, name, target[:])
	return err == 0
}

// path is a name with more behind it, good until the next call.
func path(name, more string) string {
	n := copy(pathRoom[:], name)
	n += copy(pathRoom[n:], more)
	return bare.TextOf(pathRoom[:n])
}

var pathRoom [256 + 64]byte // NAME_MAX is 255
