package control

import (
	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// svc -W: waiting until what a service was told has happened.

// The goals that svc -W waits for.
const (
	obeyed       = iota // the commands have been obeyed
	up                  // the service is up
	once                // the service is up, or has been
	renewed             // the service is up with another process than the one that was told to end
	down                // the service is down, and finish has ended
	unsupervised        // the supervisor has ended
)

// goalOf is the goal that commands have in the end.
func goalOf(commands string) (goal int) {
	want, ends := byte(0), false
	for i := range len(commands) {
		switch c := commands[i]; c {
		case 'x':
			return unsupervised
		case 'u', 'o', 'd':
			want = c
			ends = ends || c == 'd'
		case 'i', 'k', 'q', 't':
			ends = true
		}
	}
	switch {
	case want == 'd':
		return down
	case ends:
		return renewed
	case want == 'u':
		return up
	case want == 'o':
		return once
	}
	return obeyed
}

// target is a service that was told something, with what svc must know to see it happen.
type target struct {
	service int // index of the word that names the service
	log     bool
	goal    int

	told   supervision // the one in which svc told it something
	wakes  bool        // it was told to start
	pid    uint32      // pid of the service before it was told
	since  tai64.Label // since when its state has lasted, likewise
	starts uint32      // number of its starts, likewise
	ending uint32      // service.State.Ending, once the supervisor has obeyed
}

// await waits until what the services were told has happened.
func (c *client) await(p *bare.Process) {
	if c.targets.Len() == 0 || c.late {
		return
	}
	w := newWatch()
	for i := range c.targets.Len() {
		t := *c.targets.At(i)
		c.note(c.awaitOne(p, &w, &t))
		if c.late {
			c.sayLate(p, c.services.At(t.service), logOf(t.log))
			return
		}
	}
}

func (c *client) awaitOne(p *bare.Process, w *watch, t *target) (done bool) {
	dir, more := c.services.At(t.service), logOf(t.log)
	lost := int64(bare.Never) // when the supervisor has been missing for too long
	for {
		bare.Fchdir(c.origin)
		if !c.enter(p, t.service, t.log) {
			return false
		}
		w.add()
		now := bare.SinceBoot()
		switch t.look(p, dir, more) {
		case happened:
			return true
		case impossible:
			return false
		case pending:
			lost = bare.Never
		case abandoned:
			lost = min(lost, now+tooLong)
		}
		if now >= lost {
			p.Warn("unable to wait for ", dir, more, ": ", noSupervisor)
			return false
		}
		if now >= c.until {
			c.late = true
			return false
		}
		w.wait(min(c.until, lost))
	}
}

// What has become of what a service was told.
const (
	pending    = iota // it may still happen
	abandoned         // it may still happen if another supervisor comes
	happened          // it has happened
	impossible        // it cannot happen any more
)

// look returns what has become of what the service was told. If that is impossible, look has
// printed why.
func (t *target) look(p *bare.Process, dir, more string) (outcome int) {
	if t.goal == obeyed {
		return happened
	}
	c, wrong := look()
	supervised, isDown := !wrong.isUnsupervised(), false
	if !supervised && t.goal == down {
		isDown, _, wrong = lookAtRest()
	}
	switch {
	case wrong.lasts():
		p.WarnErrno(wrong.why, dir, more, ": ", wrong.what)
		return impossible
	case !supervised && (t.goal == unsupervised || isDown && isFinished()):
		return happened
	case !supervised:
		return abandoned
	case t.goal == unsupervised:
		return happenedIf(t.hasSuccessor(c, wrong.what == ""))
	case wrong.what != "":
		return pending
	case t.goal == down:
		return happenedIf(c.PID == 0 && isFinished())
	}
	return t.lookForStart(p, c, dir, more)
}

func happenedIf(it bool) (outcome int) {
	if it {
		return happened
	}
	return pending
}

// hasSuccessor reports whether the supervision in which svc has told the supervisor to exit
// is over, and another one has begun. Where no record tells, the condition does, if it is
// known: after an x the supervisor starts nothing. So another supervisor has started the
// service, or has published once more that it is down.
func (t *target) hasSuccessor(c condition, known bool) bool {
	switch {
	case t.told.pid != 0:
		now, _ := present()
		return now != t.told
	case !known || t.wakes || t.since.Seconds == 0:
		return false
	case t.pid == 0:
		return c.Since != t.since
	}
	return c.PID != 0 && c.PID != t.pid
}

// lookForStart is look for a goal that needs a start.
func (t *target) lookForStart(p *bare.Process, c condition, dir, more string) (outcome int) {
	// After a supervisor that has ended in good order the next one counts starts from 0.
	anew := c.Since != t.since || c.PID != t.pid
	started := c.Starts != t.starts
	if c.hasState {
		anew = c.Starts > t.ending || c.Starts < t.starts
	} else {
		started = anew
	}
	switch {
	case (t.goal != renewed || anew) && c.serves():
		return happened
	case c.cannotRun() && started && c.Why != service.CannotStart:
		p.WarnErrno(c.Errno, dir, more, " ", reasons[c.Why].long)
	case c.PID != 0 || c.Want == service.WantUp || c.Asked || !isFinished():
		return pending
	case c.hasState && (c.Why == service.GaveUp || c.Why == service.CannotStay):
		var b bare.Buffer
		b.Append(" ")
		c.appendReason(&b)
		p.Warn(dir, more, b.String())
	case c.hasState && c.Why == service.EndedWell && started:
		return happened
	case t.goal == renewed || t.goal == once && started:
		return happened // the service has ended, and nobody wants it any more
	case t.goal == once:
		return pending
	default:
		p.Warn(dir, more, " is down, and wanted down")
	}
	return impossible
}
