package table

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// What has become of a process since it was looked at last, step by step, as Supervisor would
// have seen it. Between two looks a process may have lived several times; when there was no
// server, very often.

// advance brings the memory up to the facts, and tells each step.
func (p *process) advance(now time.Time) {
	f, m := &p.facts, &p.memory
	ending := m.PID != 0 && f.state.Starts == m.Starts && int(f.state.Last) == m.PID && f.decided()
	if !f.supervised && f.record.PID == 0 && !ending {
		if p.table.mood != serve.Up {
			return // it is over, and so it was told
		}
		f.state = service.State{} // of an earlier boot, or of a supervisor that has ended
	}
	if f.state.Starts < m.Starts || m.PID != 0 && f.pid != 0 && f.state.Starts == m.Starts && f.pid != m.PID {
		*m = memory{}
	}
	p.endLives()
	if f.pid != 0 && (m.PID == 0 || f.state.Starts != m.Starts) {
		m.Starts = f.state.Starts
		p.live(f.pid, timeOf(f.begun))
	}
	if f.pid != 0 {
		p.goOn(now)
	} else {
		p.rest(now)
	}
}

// endLives tells of the lives that have ended.
func (p *process) endLives() {
	f, m := &p.facts, &p.memory
	first, last := m.Starts+1, f.state.Starts
	if m.PID != 0 {
		first = m.Starts
	}
	if f.pid != 0 || !f.decided() {
		last-- // it has not ended, or its end is about to be published
	}
	if first > last || last == ^uint32(0) {
		return
	}
	lives := int(last-first) + 1
	since := m.Stop
	if m.PID != 0 {
		since = m.Start
	}
	known := deaths(p.dir, since)
	known = known[max(0, len(known)-lives):]
	for i := max(0, lives-max(len(known), 1)); i < lives; i++ {
		number := first + uint32(i)
		life := life{
			at:      time.Now(),
			stopped: f.state.Ending == number,
			failed:  lives-i <= int(f.state.Failed),
			how:     f.state.Ended,
			isKnown: f.state.Known,
		}
		if number == last {
			life.stopped = life.stopped || f.pid == 0 && f.state.Why == service.Told
			if !f.died.Before(f.begun) && f.pid == 0 {
				life.at = timeOf(f.died)
			}
		}
		if at := i - (lives - len(known)); at >= 0 {
			life.at = timeOf(known[at].When)
			if number != last {
				life.how, life.isKnown = known[at].How, true
			}
		}
		if m.PID == 0 || m.Starts != number {
			begun, pid := time.Time{}, 0
			if m.Starts = number; number == f.state.Starts {
				begun, pid = timeOf(f.begun), int(f.state.Last)
			}
			p.live(pid, begun)
		}
		p.die(life)
	}
}

// live tells of a start. pid is 0 if it is not known.
func (p *process) live(pid int, at time.Time) {
	m := &p.memory
	if at.IsZero() {
		at = time.Now()
	}
	m.PID, m.Start, m.SpawnError, m.ExitStatus = pid, at, "", 0
	if m.State != rpc.Starting {
		p.become(rpc.Starting, Change{At: at})
	}
	if pid != 0 {
		p.say(at, journal.Info, fmt.Sprintf("spawned: '%s' with pid %d", p.program.Name, pid))
	}
}

// A life is how a process has ended.
type life struct {
	at      time.Time
	stopped bool // it was told to end
	failed  bool // it was too short
	how     unix.WaitStatus
	isKnown bool
}

// die tells of a death.
func (p *process) die(l life) {
	m := &p.memory
	status, words := p.describe(l)
	expected := slices.Contains(p.program.ExitCodes, status)
	change := Change{PID: m.PID, How: l.how, At: l.at, Expected: expected}
	pid := m.PID
	m.PID, m.Stop = 0, l.at
	switch {
	case l.stopped:
		p.becomeStopping(l.at, pid)
		if l.how.Signaled() && l.how.Signal() == unix.SIGKILL && p.killAt != 0 && service.Now() >= service.Machine(p.killAt) {
			p.say(l.at, journal.Warning, fmt.Sprintf("killing '%s' (%d) with SIGKILL", p.program.Name, pid))
		}
		m.ExitStatus = status
		p.become(rpc.Stopped, change)
		p.say(l.at, levelOf(expected), fmt.Sprintf("stopped: %s (%s)", p.program.Name, words))
	case l.failed && (m.State != rpc.Running || p.program.StartSecs <= 0): // then its command has not been executed
		m.Tries++
		m.SpawnError = "Exited too quickly (process log may have details)"
		if _, why := p.unexecutable(); why != "" {
			m.SpawnError = why
			p.say(l.at, journal.Info, "spawnerr: "+why)
		}
		p.become(rpc.Backoff, change)
		p.say(l.at, journal.Warning, fmt.Sprintf("exited: %s (%s; not expected)", p.program.Name, words))
	default:
		p.succeed(l.at)
		m.ExitStatus = status
		end := "expected"
		if !expected {
			end = "not expected"
			m.SpawnError = fmt.Sprint("Bad exit code ", status)
		}
		p.become(rpc.Exited, change)
		p.say(l.at, levelOf(expected), fmt.Sprintf("exited: %s (%s; %s)", p.program.Name, words, end))
	}
}

func levelOf(expected bool) journal.Level {
	if expected {
		return journal.Info
	}
	return journal.Warning
}

// describe is the exit code of a life, -1 if there was none, and how it has ended in words.
func (p *process) describe(l life) (status int64, words string) {
	switch {
	case !l.isKnown:
		return -1, "nobody knows how"
	case l.how.Signaled():
		words = "terminated by " + signalName(l.how.Signal())
		if l.how.CoreDump() {
			words += " (core dumped)"
		}
		return -1, words
	}
	return int64(l.how.ExitStatus()), fmt.Sprint("exit status ", l.how.ExitStatus())
}

func signalName(s unix.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprint("signal ", int(s))
}

// succeed tells that a process has been up for long enough.
func (p *process) succeed(at time.Time) {
	if m := &p.memory; m.State == rpc.Starting {
		m.Tries = 0
		p.become(rpc.Running, Change{At: at, PID: p.facts.pid})
		p.say(at, journal.Info, fmt.Sprintf("success: %s entered RUNNING state, process has stayed up for > than %d seconds (startsecs)",
			p.program.Name, p.program.StartSecs))
	}
}

func (p *process) becomeStopping(at time.Time, pid int) {
	if p.memory.State != rpc.Stopping {
		p.become(rpc.Stopping, Change{At: at, PID: pid})
	}
}

// goOn tells what becomes of a process that is up: it has been up for long enough, or was told to
// end.
func (p *process) goOn(now time.Time) {
	f, m := &p.facts, &p.memory
	if f.want == service.WantDown {
		p.killAt = f.state.Kill
		p.becomeStopping(now, f.pid)
		return
	}
	if m.State == rpc.Stopping { // svc -u, before it has ended
		p.become(rpc.Running, Change{At: now, PID: f.pid})
	}
	least := time.Duration(max(0, p.program.StartSecs)) * time.Second
	left := least - time.Duration(service.Now()-f.record.Made)
	switch {
	case m.State != rpc.Starting:
	case left > 0:
		p.lookIn(left)
	case least == 0 || f.record.Runs(): // its death may be about to be published
		p.succeed(now)
	}
}

// rest tells what becomes of a process that is down.
func (p *process) rest(now time.Time) {
	f, m := &p.facts, &p.memory
	why := f.state.Why
	comes := f.state.Asked || f.supervised && f.want == service.WantUp && !f.state.Exit && f.state.Due != 0 && f.state.Failed == 0
	switch {
	case m.PID != 0: // its end is about to be published
	case !f.supervised && p.table.mood == serve.Up && f.state.Starts == 0:
		// It is about to be started, or waits for what it needs, unless it is not to be started.
		if m.State == rpc.Stopped && !f.down {
			p.become(rpc.Starting, Change{At: now})
		} else if m.State == rpc.Starting && f.down {
			p.become(rpc.Stopped, Change{At: now})
		}
	case why == service.CannotRun || why == service.NoInterpreter || why == service.CannotStart:
		if f.state.Failed > m.Tries || m.State == rpc.Starting {
			p.cannotStart(now)
		}
	case why == service.CannotStay || why == service.GaveUp:
		p.giveUp(now)
	case why == service.Told && (m.State == rpc.Backoff || m.State == rpc.Starting && !f.state.Asked):
		p.become(rpc.Stopped, Change{At: now})
	case f.state.Asked && m.State != rpc.Starting && m.State != rpc.Backoff, comes && m.State == rpc.Stopped:
		m.SpawnError = ""
		p.become(rpc.Starting, Change{At: now})
	}
}

// cannotStart tells that there could be no process.
func (p *process) cannotStart(now time.Time) {
	f, m := &p.facts, &p.memory
	if m.State != rpc.Starting {
		p.become(rpc.Starting, Change{At: now})
	}
	m.Tries = max(f.state.Failed, m.Tries+1)
	m.SpawnError = "unknown error during fork for '" + p.program.Name + "': " + unix.ErrnoName(f.state.Errno)
	if f.state.Why != service.CannotStart {
		m.SpawnError = "unable to run it: " + f.state.Errno.Error()
	}
	p.say(now, journal.Info, "spawnerr: "+m.SpawnError)
	p.become(rpc.Backoff, Change{At: now})
}

func (p *process) giveUp(now time.Time) {
	m := &p.memory
	if m.State == rpc.Fatal || m.State == rpc.Stopped {
		return
	}
	m.Tries = 0
	p.become(rpc.Fatal, Change{At: now})
	p.say(now, journal.Info, fmt.Sprintf("gave up: %s entered FATAL state, too many start retries too quickly", p.program.Name))
}

// become changes the state, and tells that.
func (p *process) become(to rpc.State, c Change) {
	m := &p.memory
	c.Group, c.Process, c.From, c.To, c.Late = p.group, p.program.Name, m.State, to, p.table.late
	c.Tries = int(m.Tries)
	m.State = to
	p.table.tell(news{change: &c})
}

// say writes a line into the log of the server, with the time at which it happened if that was
// while there was no server.
func (p *process) say(at time.Time, level journal.Level, text string) {
	p.table.tell(news{at: at, level: level, text: text, late: p.table.late})
}
