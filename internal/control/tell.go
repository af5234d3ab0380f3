package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// How svc tells supervisors what to do, and makes sure that they have heard it.

// client is a svc at work.
type client struct {
	services bare.Words
	origin   int
	waits    bool
	until    int64 // since boot in ns
	sent     int   // how many supervisors have got their commands
	failed   int   // how many have not got them, or have not done them
	late     bool  // the time of -T is over

	targets bare.Table[target] // with -W, whoever was told something
}

func (c *client) run(p *bare.Process, toMain, toLog string) bare.Exit {
	var err bare.Errno
	if c.origin, err = bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0); err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	for i := range c.services.Len() {
		if !c.enter(p, i, false) {
			c.failed++
			continue
		}
		if toMain != "" || toLog == "" {
			c.note(c.tell(p, i, false, toMain))
		}
		if toLog != "" {
			c.note(c.enterLog(p, i) && c.tell(p, i, true, toLog))
		}
		if err := bare.Fchdir(c.origin); err != 0 {
			return p.FatalErrno(err, "unable to set directory")
		}
	}
	c.await(p)
	switch {
	case c.late:
		return timedOut
	case c.failed > 0 && (c.waits || c.sent == 0):
		// 0.76 exits 0, whatever it could not reach, and scripts name services that may
		// be there or not. But a command that has reached nobody is a mistake.
		return bare.Failed
	}
	return 0
}

// note counts a service that was not told, or that has not done what it was told.
func (c *client) note(done bool) {
	if !done {
		c.failed++
	}
}

// enter makes the directory of a service, or of its log, the working directory. If it
// cannot, it has printed why.
func (c *client) enter(p *bare.Process, i int, log bool) bool {
	name := c.services.At(i)
	if err := enterService(p, name); err != 0 {
		p.WarnErrno(err, "unable to chdir to ", name)
		return false
	}
	return !log || c.enterLog(p, i)
}

func (c *client) enterLog(p *bare.Process, i int) bool {
	if err := bare.Chdir(service.Log); err != 0 {
		p.WarnErrno(err, "unable to chdir to ", c.services.At(i), "/log")
		return false
	}
	return true
}

// tell sends commands to the service of the working directory, or to its log, and notes
// what await has to wait for. If it returns false, it has said what has failed.
//
// A supervisor reads more commands only when it has done those that it has read. So tell
// sends one more command, which does nothing. When the supervisor has read that one, it has
// obeyed the others.
func (c *client) tell(p *bare.Process, i int, log bool, commands string) bool {
	if c.late {
		return false
	}
	dir, more := c.services.At(i), logOf(log)
	t := target{service: i, log: log, goal: goalOf(commands), wakes: has(commands, 'u') || has(commands, 'o')}
	signals, refused := sends(commands), refusals{}
	if c.waits || signals {
		t.told, refused = present()
	}
	if c.waits {
		before, _ := look()
		t.pid, t.since, t.starts = before.PID, before.Since, before.Starts
	}
	obeys := c.waits && t.goal != unsupervised // svc sees the supervisor obey, and not only read
	if !c.send(p, dir, more, commands) || obeys && !c.send(p, dir, more, nothing) {
		return false
	}
	if signals && t.told.pid != 0 && !obeys {
		c.untilObeyed()
	}
	if c.late {
		return c.sayLate(p, dir, more)
	}
	if c.waits || signals {
		switch now, also := present(); {
		case signals && also.n != refused.n && now == t.told:
			p.WarnErrno(also.why, "unable to control ", dir, more, ": supervise could not send a signal")
			return false
		case obeys && now != t.told:
			p.Warn("unable to control ", dir, more, ": supervise ended, perhaps before it obeyed")
			return false
		}
	}
	c.sent++
	if !c.waits {
		return true
	}
	after, _ := look()
	t.ending = after.Ending
	n := c.targets.Len()
	if !c.targets.Grow(n + 1) {
		p.NoMemory()
		return false
	}
	*c.targets.At(n) = t
	return true
}

// untilObeyed waits until the supervisor has done what it has read, in the way that tell has.
// It is silent if the supervisor has ended, as it may have been told to, or if it does not
// read.
func (c *client) untilObeyed() {
	fd, err := service.OpenControl(".")
	if err != 0 {
		return
	}
	if bare.Unread(fd) == 0 && c.write(fd, nothing) == 0 {
		c.untilRead(fd, true)
	}
	bare.Close(fd)
}

// sayLate says that the time of -T is over.
func (c *client) sayLate(p *bare.Process, dir, more string) (done bool) {
	p.Fatal("timed out, waiting for ", dir, more)
	return false
}

// send writes commands to the supervisor of the working directory, which messages call dir
// and more. It writes all of them or none, because a FIFO takes so few at once or not at
// all. Then it makes sure that they are read: when the last process that has a FIFO open
// closes it, what is in it is gone.
func (c *client) send(p *bare.Process, dir, more string, commands string) bool {
	fd, err := service.OpenControl(".")
	if err == unix.ENXIO {
		p.Warn("unable to control ", dir, more, ": ", noSupervisor)
		return false
	}
	if err != 0 {
		p.WarnErrno(err, "unable to control ", dir, more)
		return false
	}
	why := ""
	err = c.write(fd, commands)
	if err == 0 && commands != "" {
		why = c.untilRead(fd, has(commands, 'x'))
	}
	bare.Close(fd)
	switch {
	case c.late:
		return c.sayLate(p, dir, more)
	case err != 0:
		p.WarnErrno(err, "error writing commands to ", dir, more)
	case why != "":
		p.Warn("unable to control ", dir, more, ": ", why)
	default:
		return true
	}
	return false
}

// How long a supervisor may take, in nanoseconds.
const (
	aMoment = 50e6 // longer than an idle supervisor takes to read
	aWhile  = 2e9  // longer than catena's supervisor takes, unless it is stopped
	tooLong = 5e9  // for another supervisor to take the place of one that has ended
)

// write writes commands to a FIFO. If the FIFO has no room, write waits for it, but not for
// ever.
func (c *client) write(fd int, commands string) bare.Errno {
	const pause = 10e6
	for end := bare.SinceBoot() + tooLong; commands != ""; bare.Sleep(pause) {
		_, err := bare.WriteSome(fd, bare.BytesOf(commands))
		if err != unix.EAGAIN || bare.SinceBoot() >= min(end, c.until) {
			return err
		}
	}
	return 0
}

// untilRead waits until a supervisor has read what is in its control FIFO. If the supervisor
// has gone, the next supervisor reads what is there, and until then untilRead keeps the FIFO
// open. With mayEnd it does not wait for the next one. Why says why the commands were not
// read. It is empty if they were, as far as anybody can know.
func (c *client) untilRead(fd int, mayEnd bool) (why string) {
	const most = 20e6
	begun := bare.SinceBoot()
	for pause := int64(aMoment / 1000); bare.Unread(fd) > 0; pause = min(2*pause, most) {
		gone := bare.WaitFor(fd, 0) // nobody reads the other end
		now := bare.SinceBoot()
		switch waited := now - begun; {
		case now >= c.until:
			c.late = true
			return ""
		case gone && mayEnd:
			return "" // the supervisor was told to exit, and has done so
		case gone && waited >= tooLong:
			return "supervise ended before it had read the command"
		case gone || c.waits || waited < aMoment:
		case !isRecorded():
			return "" // daemontools' supervisor reads nothing in the second after a start
		case waited >= aWhile:
			return "" // a supervisor that is stopped will read when it is continued
		}
		bare.Sleep(pause)
	}
	return ""
}

// logOf is what messages add to the name of a service to name its log.
func logOf(log bool) string {
	if log {
		return "/log"
	}
	return ""
}
