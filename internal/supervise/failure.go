package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// A child that fails says nothing itself, because its parent stands still meanwhile: a
// standard error that nobody reads would hold up both. The child notes what has failed, and
// the parent says so.

// A step is what a child was about to do when it failed.
type step uint8

const (
	toExecute step = iota
	toWriteLock
	toSwitch
	toCloseFiles
	toOpenPipe
)

// fail notes at which step the child has failed, and why. It returns false. If the child has a
// copy of its parent's memory, the parent learns nothing, and the child speaks for itself.
func (c *child) fail(at step, why bare.Errno) bool {
	c.step, c.failed = at, why
	if process.copied {
		c.report()
	}
	return false
}

// report says what has failed in the child, if anything has.
func (c *child) report() {
	p, name := c.p, c.name
	if c.kind != ofSupervise {
		name = c.s.name.String()
	}
	if c.noSession != 0 && !process.noSessionSaid {
		process.noSessionSaid = true
		p.WarnErrno(c.noSession, "unable to give ", name, " a session of its own")
	}
	switch {
	case c.failed == 0:
	case c.failed == unix.ENOMEM:
		p.NoMemory()
	case c.step == toWriteLock:
		// Without record and lock the service might be started a second time.
		p.FatalErrno(c.failed, "unable to write ", name, "/", service.Lock)
	case c.step == toSwitch:
		p.FatalErrno(c.failed, "unable to switch to ", name)
	case c.step == toCloseFiles:
		p.FatalErrno(c.failed, "unable to close the files of other services")
	case c.step == toOpenPipe && c.kind == ofSupervise:
		p.FatalErrno(c.failed, "unable to open ", name, "/", service.Logs[c.log].Pipe)
	case c.step == toOpenPipe:
		p.FatalErrno(c.failed, "unable to open the pipe of ", name)
	case c.kind == ofSupervise:
		p.FatalErrno(c.failed, "unable to start supervise ", name)
	case c.kind == ofFinish:
		p.FatalExec(c.failed, c.s.files.dir, service.Finish, bare.Words{}, environment(), "unable to start ", name, "/finish")
	default:
		p.FatalExec(c.failed, c.s.files.dir, service.Run, bare.Words{}, environment(), "unable to start ", name, "/run")
	}
}

// why returns why the service could not be started; NotKnown if the child has not failed.
func (c *child) why() service.Why {
	switch {
	case c.failed == 0:
		return service.NotKnown
	case c.step != toExecute:
		return service.CannotStart
	case c.failed == unix.ENOENT && bare.Exists(c.s.files.dir, service.Run) == 0:
		return service.NoInterpreter
	}
	return service.CannotRun
}
