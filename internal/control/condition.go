package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// What can be known of a service from outside, and how it is read.

// enterService makes the directory of a service the working directory. If a name has no slash
// and is not found here, enterService looks for it in $SVDIR.
func enterService(p *bare.Process, name string) bare.Errno {
	err := bare.Chdir(name)
	dir, _ := p.Env.Get("SVDIR")
	if err != unix.ENOENT || dir == "" || name == "" || has(name, '/') {
		return err
	}
	return bare.Chdir(bare.Join(dir, name))
}

// condition is what can be known of a service from outside.
type condition struct {
	service.Status
	service.State
	hasState   bool // there is a State, because the supervisor is catena's
	normallyUp bool
}

// trouble is what is wrong with a service, in daemontools' words, and an error number that
// says more, or 0. It is zero if nothing is wrong.
type trouble struct {
	what string
	why  bare.Errno
}

// What can be wrong, where it says how the service is.
const (
	noSupervisor = "supervise not running"
	noOK         = "unable to open supervise/ok"
)

// isUnsupervised reports whether there is no supervisor or never was one.
func (t trouble) isUnsupervised() bool {
	return bare.Equal(t.what, noSupervisor) || bare.Equal(t.what, noOK) && t.why == unix.ENOENT
}

// lasts reports whether nobody can tell how the service is, and waiting does not help.
func (t trouble) lasts() bool { return t.why != 0 && t.why != unix.ENOENT }

// look looks at the service whose directory is the working directory.
func look() (c condition, t trouble) {
	switch err := bare.Exists(bare.Cwd, service.Down); err {
	case 0:
	case unix.ENOENT:
		c.normallyUp = true
	default:
		return c, trouble{"unable to stat down", err}
	}
	ok, err := service.OpenFIFO(bare.Cwd, service.OK, unix.O_WRONLY)
	if err == unix.ENXIO {
		return c, trouble{noSupervisor, 0}
	}
	if err != 0 {
		return c, trouble{noOK, err}
	}
	bare.Close(ok)

	// Between a death and the next start nothing is up to date for a moment.
	const tries, pause = 5, 20e6
	for try := 1; ; try++ {
		stale := false
		if stale, t = c.read(); t.what != "" || !stale {
			return c, t
		}
		if try == tries {
			return c, trouble{"supervise/status is out of date", 0}
		}
		bare.Sleep(pause)
	}
}

// lookAtRest looks at what a supervisor that is gone has left in the working directory. Down
// says that the service is down. Stale says that the process which is said to run has gone,
// so that nobody has dealt with its death.
func lookAtRest() (down, stale bool, t trouble) {
	var c condition
	stale, t = c.read()
	if t.what != "" && !t.lasts() {
		return true, false, trouble{} // there is no status
	}
	return t.what == "" && !stale && c.PID == 0, stale, t
}

// read reads what is published in the working directory. Stale says that the process which
// is said to run has gone.
func (c *condition) read() (stale bool, t trouble) {
	fd, err := openToRead(service.StatusNow)
	if err != 0 {
		return false, trouble{"unable to open supervise/status", err}
	}
	var packed [service.StatusSize]byte
	n, err := bare.Read(fd, packed[:])
	bare.Close(fd)
	if err != 0 {
		return false, trouble{"unable to read supervise/status", err}
	}
	if n < service.StatusSize {
		return false, trouble{"unable to read supervise/status: bad format", 0}
	}
	c.Status = service.UnpackStatus(packed)
	if lock, err := openToRead(service.Lock); err == 0 {
		stale = c.Status.Correct(lock, epoch())
		// daemontools' supervisor does not touch what a supervisor of catena has written.
		// But one of catena that has ended in good order has erased its record.
		if _, found := service.ReadRecord(lock, service.OfSupervise, epoch()); found != service.NoRecord {
			c.State, c.hasState = service.ReadState(lock)
		}
		bare.Close(lock)
	}
	return stale, trouble{}
}

func (c condition) seconds() uint64 {
	return c.Since.Since(tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME)))
}

// runs reports whether the service is up: it has a process, and that process has become
// run. If run cannot be executed, there is a process for a moment, too.
func (c condition) runs() bool { return c.PID != 0 && !c.cannotRun() }

func (c condition) cannotRun() bool {
	return c.hasState && (c.Why == service.CannotRun || c.Why == service.NoInterpreter || c.Why == service.CannotStart)
}

// serves reports whether the service, whose directory is the working directory, is up. If
// the service is one that says when it is ready, it must have said so.
func (c condition) serves() bool {
	return c.runs() && (c.Ready || !c.hasState || bare.Exists(bare.Cwd, service.NotificationFD) != 0)
}

// nextStart is how many milliseconds are left to the next start. Ok is false if no start is
// to come.
func (c condition) nextStart() (milliseconds uint64, ok bool) {
	if !c.hasState || c.PID != 0 || c.Due == 0 {
		return 0, false
	}
	return uint64(max(0, c.Due-bare.SinceBoot()+1e6-1) / 1e6), true
}
