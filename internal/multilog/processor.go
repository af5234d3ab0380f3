package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// process feeds previous through the processor and finishes what that has written.
func (l *rotated) process(p *bare.Process) {
	for !l.runProcessor(p) {
		bare.Sleep(5e9)
	}
	l.keep(p, processed, 0o744)
	l.keep(p, newState, 0)
	for {
		err := bare.Unlink(l.dir, previous)
		if err == 0 {
			break
		}
		l.warn(p, err, "unable to remove ", previous)
	}
	for {
		err := bare.Rename(l.dir, newState, state)
		if err == 0 {
			break
		}
		l.pause(p, err, "unable to rename newstate to state in directory ", ", pausing")
	}
	l.finish(p, processed, l.code.String())
}

// keep writes a file to disk and gives it a mode, unless that is 0.
func (l *rotated) keep(p *bare.Process, file string, mode uint32) {
	fd := -1
	for {
		var err bare.Errno
		if fd, err = appendTo(l.dir, file); err == 0 {
			break
		}
		l.warn(p, err, "unable to create ", file)
	}
	for {
		err := bare.Fsync(fd)
		if err == 0 {
			break
		}
		p.WarnErrno(err, "unable to write ", l.name.String(), "/", file, " to disk, pausing")
		bare.Sleep(5e9)
	}
	for mode != 0 {
		err := bare.Fchmod(fd, mode)
		if err == 0 {
			break
		}
		l.warn(p, err, "unable to set mode of ", file)
	}
	bare.Close(fd)
}

// runProcessor runs the processor once; false means that it has failed, which has been
// said.
func (l *rotated) runProcessor(p *bare.Process) bool {
	pid, err := bare.Fork()
	if err != 0 {
		p.WarnErrno(err, "unable to fork for processor in ", l.name.String(), ", pausing")
		return false
	}
	if pid == 0 {
		err := l.becomeProcessor(p)
		bare.Quit(p.FatalErrno(err, "unable to run ", l.processor.String()))
	}
	status, err := bare.Wait(pid)
	switch {
	case err != 0:
		p.WarnErrno(err, "wait failed for processor in ", l.name.String(), ", pausing")
	case status.Signaled():
		p.Warn("processor crashed in ", l.name.String(), ", pausing")
	case status.ExitStatus() != 0:
		p.Warn("processor failed in ", l.name.String(), ", pausing")
	default:
		return true
	}
	return false
}

// becomeProcessor is the child's part: previous and state to read, processed and
// newstate to write. It returns if that fails.
func (l *rotated) becomeProcessor(p *bare.Process) bare.Errno {
	signals.Restore()
	if err := bare.Fchdir(l.dir); err != 0 {
		return err
	}
	const read = unix.O_RDONLY | unix.O_NONBLOCK
	const write = unix.O_WRONLY | unix.O_NONBLOCK | unix.O_TRUNC | unix.O_CREAT
	for _, file := range [...]struct {
		name string
		how  int
		as   int
	}{{previous, read, 0}, {processed, write, 1}, {state, read, 4}, {newState, write, 5}} {
		fd, err := bare.Open(file.name, file.how, 0o644)
		if err != 0 {
			return err
		}
		bare.Replace(file.as, fd)
		if fd != file.as {
			bare.Close(fd)
		}
	}
	argv, ok := bare.NewWords("sh", "-c", l.processor.String())
	if !ok {
		return unix.ENOMEM
	}
	return bare.Execve("/bin/sh", argv, &p.Env)
}
