package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// The processor: a command that reads what was current, and writes what is kept as an old
// file.

// processPrevious feeds previous through the processor, and makes an old file of what the
// processor has written.
func (l *log) processPrevious(p *bare.Process) {
	for !l.runProcessor(p) || !l.syncFile(p, processed, 0o744) {
		if l.broken || !l.wait(p) {
			return
		}
		if isGone(bare.Exists(l.dir, previous)) {
			l.tell(p, previous, hasBeenFull)
			return
		}
	}
	if !l.syncFile(p, newState, 0) && l.broken {
		return
	}
	l.remove(p, previous)
	for !l.broken {
		err := bare.Rename(l.dir, newState, state)
		if err == 0 || isGone(err) {
			break
		}
		l.pause(p, err, "unable to rename newstate to state in directory ", "")
	}
	if !l.broken && !l.makeOld(p, processed, l.code.String()) && !l.broken {
		l.tell(p, processed, hasBeenFull)
	}
}

// syncFile writes a file to disk and gives it a mode, unless the mode is 0. False means that
// somebody has removed the file, which has been reported, or that the log is broken.
func (l *log) syncFile(p *bare.Process, file string, mode uint32) (ok bool) {
	fd := -1
	for {
		var err bare.Errno
		if fd, err = bare.OpenAt(l.dir, file, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CLOEXEC, 0); err == 0 {
			break
		}
		if isGone(err) {
			l.tell(p, file, hasBeen)
			return false
		}
		if !l.pause(p, err, "unable to open ", file) {
			return false
		}
	}
	for !l.broken && l.tryToSync(p, fd, file) != 0 {
	}
	if mode != 0 && !l.broken {
		if err := bare.Fchmod(fd, mode); err != 0 {
			l.warnOnce(p, ofModes, err, file)
		}
	}
	bare.Close(fd)
	return !l.broken
}

// runProcessor runs the processor once. False means that the processor has failed, which
// has been reported.
func (l *log) runProcessor(p *bare.Process) bool {
	pid, err := bare.Fork()
	if err != 0 {
		l.warn(p, err, "unable to fork for processor in ", "", pausing)
		return false
	}
	if pid == 0 {
		err := l.becomeProcessor(p)
		bare.Quit(p.FatalErrno(err, "unable to run ", l.processor.String()))
	}
	status, err := waitForProcessor(pid)
	what, then := "", pausing
	switch {
	case err == unix.ETIMEDOUT:
		what, then = "processor killed in ", ", it does not end"
	case err != 0:
		l.warn(p, err, "wait failed for processor in ", "", pausing)
		return false
	case status.Signaled():
		what = "processor crashed in "
	case status.ExitStatus() != 0:
		what = "processor failed in "
	default:
		return true
	}
	p.Warn(what, l.shown.String(), then)
	return false
}

// waitForProcessor waits until the processor ends. After TERM it waits until patience is
// over, and then kills the processor. The error is ETIMEDOUT then, and previous stays as it
// is.
func waitForProcessor(pid int) (status unix.WaitStatus, err bare.Errno) {
	for {
		ended, status, err := bare.Reap(pid)
		if err != 0 || ended == pid {
			return status, err
		}
		until := int64(bare.Never)
		if signals.term {
			if until = signals.patienceEnd; bare.SinceBoot() >= until {
				bare.Kill(pid, int(unix.SIGKILL))
				bare.Wait(pid)
				return status, unix.ETIMEDOUT
			}
		}
		waitForSignal(until)
	}
}

// becomeProcessor turns the child into the processor, which reads previous on descriptor 0
// and state on 4, and writes processed to 1 and newstate to 5. It returns if that fails.
func (l *log) becomeProcessor(p *bare.Process) bare.Errno {
	signals.inherited.Restore()
	if err := bare.Fchdir(l.dir); err != 0 {
		return err
	}
	const read = unix.O_RDONLY | unix.O_NONBLOCK
	const write = unix.O_WRONLY | unix.O_NONBLOCK | unix.O_TRUNC | unix.O_CREAT
	for _, file := range [...]struct {
		name string
		how  int
		as   int
	}{{previous, read, 0}, {processed, write, 1}, {state, read | unix.O_CREAT, 4}, {newState, write, 5}} {
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
