package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// lockDirectory makes the directory of a log, if it is not there, opens it and takes
// its lock. Anything but Continue is a failure, which has been said.
func (l *rotated) lockDirectory(p *bare.Process) bare.Exit {
	name := l.name.String()
	made := bare.Mkdir(bare.Cwd, name, 0o700)
	var err bare.Errno
	if l.dir, err = bare.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == 0 {
		var is bare.Status
		is, err = bare.Stat(l.dir, ".") // it is a directory, and may be entered
		l.id = is.File
	}
	if err == unix.ENOENT && made != 0 {
		err = made // for no space, perhaps
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to open directory ", name)
	}
	if l.lock, err = appendTo(l.dir, "lock"); err == 0 {
		// The processor that a killed one was about to start may have it, up to its exec.
		const patience = 1000
		err = bare.FlockWithin(l.lock, unix.LOCK_EX, patience)
	}
	if err == unix.ETIMEDOUT {
		err = unix.EWOULDBLOCK
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to lock directory ", name)
	}
	return bare.Continue
}

// restart opens current, in a directory whose lock is held. One that a multilog has left
// in good order is gone on with, and so is one whose journal tells how long it was when
// all of it was whole lines. Every other may be torn: it is kept as an old file.
func (l *rotated) restart(p *bare.Process) bare.Exit {
	name := l.name.String()
	is, err := bare.Stat(l.dir, current)
	if err != 0 && err != unix.ENOENT {
		return p.FatalErrno(err, "unable to stat ", name, "/"+current)
	}
	closed := is.Mode&0o100 != 0
	whole, known := journal.left(l, is)
	if err != 0 || !closed && !known {
		return l.begin(p, is)
	}
	if l.current, err = appendTo(l.dir, current); err != 0 {
		return p.FatalErrno(err, "unable to append to ", name, "/"+current)
	}
	l.bytes = is.Size
	if !closed && whole < is.Size {
		if err = bare.Truncate(l.current, whole); err != 0 {
			return p.FatalErrno(err, "unable to append to ", name, "/"+current)
		}
		l.bytes = whole
	}
	if err = bare.Fchmod(l.current, 0o644); err != 0 {
		return p.FatalErrno(err, "unable to set mode of ", name, "/"+current)
	}
	l.begun = bare.SinceBoot()
	l.identify(p)
	return bare.Continue
}

// begin puts what an outage has left out of the way, and current as it was, and begins a
// new one.
func (l *rotated) begin(p *bare.Process, was bare.Status) bare.Exit {
	name := l.name.String()
	bare.Unlink(l.dir, state)
	bare.Unlink(l.dir, newState)
	is, err := bare.Stat(l.dir, processed)
	if err != 0 && err != unix.ENOENT {
		return p.FatalErrno(err, "unable to stat ", name, "/"+processed)
	}
	if is.Mode&0o100 != 0 {
		bare.Unlink(l.dir, previous)
		l.finish(p, processed, l.code.String())
	} else {
		bare.Unlink(l.dir, processed)
		l.finish(p, previous, "u")
	}
	if was.Size > 0 || was.Links > 1 { // or nothing has been written to it
		l.finish(p, current, "u")
	}
	fd, err := bare.OpenAt(l.dir, state, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_TRUNC|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != 0 {
		return p.FatalErrno(err, "unable to write to ", name, "/"+state)
	}
	bare.Close(fd)
	if l.current, err = appendTo(l.dir, current); err != 0 {
		return p.FatalErrno(err, "unable to write to ", name, "/"+current)
	}
	if err = bare.Fchmod(l.current, 0o644); err != 0 {
		return p.FatalErrno(err, "unable to set mode of ", name, "/"+current)
	}
	l.bytes = 0
	l.identify(p)
	return bare.Continue
}
