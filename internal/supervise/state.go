package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

func now() tai64.Label { return tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME)) }

// announce publishes the status and the state. A disk that is full is no reason to
// stop: it is said once, and tried again until it works.
func (s *Service) announce(p *bare.Process) {
	service.WriteState(s.lock, s.state) // first: the status is what others watch
	err := service.WriteStatus(s.dir, s.status())
	if err != 0 && !s.unpublished {
		p.WarnErrno(err, "unable to write ", s.name.String(), "/", service.StatusNew)
	}
	s.unpublished = err != 0
}

func (s *Service) status() service.Status {
	return service.Status{Since: s.since, PID: uint32(s.pid), Paused: s.paused, Want: s.want}
}

// due is when the service has something to do unasked, since boot in nanoseconds,
// or never.
func (s *Service) due() int64 {
	at := int64(bare.Never)
	if s.done {
		return 0 // the caller is to see it
	}
	if s.start && s.down() {
		at = s.startAt()
	}
	if s.state.Kill != 0 {
		at = min(at, s.state.Kill)
	}
	if s.reaped != 0 {
		at = min(at, s.reaped)
	}
	if s.left > 0 {
		at = min(at, bare.SinceBoot()+soon)
	}
	if s.unpublished {
		at = min(at, bare.SinceBoot()+second)
	}
	return at
}

func (s *Service) down() bool { return s.pid == 0 && s.finishing == 0 && s.left == 0 }

// startAt is when the service may be started, since boot in nanoseconds: at once the
// first time, and else the delay after the last start.
func (s *Service) startAt() int64 {
	if s.started == 0 {
		return s.retry
	}
	return max(s.retry, s.started+max(s.delay, second))
}

// mayStart tells whether the service is to be started now.
func (s *Service) mayStart() bool {
	return s.start && s.down() && bare.SinceBoot() >= s.startAt()
}

// act does what is due.
func (s *Service) act(p *bare.Process, place int) {
	if s.unpublished {
		s.announce(p)
	}
	if s.state.Kill != 0 && bare.SinceBoot() >= s.state.Kill {
		s.state.Kill = 0
		s.group = s.pid != 0 && bare.Exists(s.dir, service.TimeoutKillPG) == 0
		s.send(p, unix.SIGKILL)
		s.group = false
	}
	if s.reaped != 0 && bare.SinceBoot() >= s.reaped {
		s.ended(p, place, 0, false)
	}
	if s.left > 0 {
		s.wipe(p)
	}
	if s.mayStart() {
		s.setApart()
		s.launch(p, place, s.notification(p), first{})
	}
	if s.state.Exit && s.down() && !s.state.Asked && !s.done {
		s.done = true
		service.EraseRecord(s.lock, service.OfRun)
		service.EraseRecord(s.lock, service.OfSupervise)
		s.announce(p)
	}
}

// launch starts the service, with a descriptor for readiness or without. The first time
// the child publishes that, and opens ok; false means that it has not.
func (s *Service) launch(p *bare.Process, place, fd int, first first) (published bool) {
	begun, since := bare.SinceBoot(), now()
	theirs := -1
	if fd != noNotification {
		var err bare.Errno
		if s.ready, theirs, err = bare.Pipe(unix.O_CLOEXEC | unix.O_NONBLOCK); err != 0 {
			s.retry = begun + second
			s.rest(p)
			p.WarnErrno(err, "unable to create pipe for ", s.name.String())
			return false
		}
	}
	child := child{p: p, s: s, begun: begun, since: since, starts: s.state.Starts, fd: fd, ready: theirs}
	if share > 0 && theirs < 0 && !s.apart {
		child.first, child.shared = first, many || first.status > 0
	}
	pid, err := s.fork(&child)
	if theirs >= 0 {
		bare.Close(theirs)
	}
	if err == unix.EINVAL && child.shared { // qemu-user cannot
		share = 0
		s.rest(p)
		return false
	}
	if err != 0 {
		s.forgetReadiness()
		s.retry = begun + second
		s.rest(p)
		p.WarnErrno(err, "unable to fork for ", s.name.String(), ", trying again in a second")
		return false
	}
	if !child.published {
		s.up(&child, pid)
	}
	if !child.written {
		s.announce(p)
	}
	s.watch(p, place)
	return child.published
}

// up is the state of a service that has been started.
func (s *Service) up(c *child, pid int) {
	s.pid, s.own = pid, true
	s.start, s.state.Asked, s.paused = false, false, false
	s.since, s.started = c.since, c.begun
	s.state.Starts, s.state.Last = c.starts+1, uint32(pid)
	s.state.Ready = false
}

// ended takes note of the death of the process, be it run or finish, and of how that
// was, if it is known.
func (s *Service) ended(p *bare.Process, place int, how unix.WaitStatus, known bool) {
	s.forgetProcess()
	s.state.Kill = 0
	if s.finishing != 0 {
		s.finishing = 0
		const giveUp = 125
		if known && how.ExitStatus() == giveUp {
			p.Warn(s.name.String(), "/finish exited 125: not started again")
			s.want = service.WantDown
		}
		s.settle(p)
		return
	}
	s.state.Ended, s.state.Known, s.state.Ready = how, known, false
	s.forgetReadiness()
	s.pid, s.paused = 0, false
	begun := s.since
	s.since = now()
	s.grow(p)
	if most := s.number(p, service.MaxDeathTally, 0); most != 0 {
		err := service.AddDeath(s.dir, int(min(most, service.TallyMax)), begun, s.since, how, known)
		if err != 0 {
			p.WarnErrno(err, "unable to count the death of ", s.name.String())
		}
	}
	s.wipe(p)
}

// wipe kills what the service has left, if that is wanted, and goes on when that has
// gone.
func (s *Service) wipe(p *bare.Process) {
	if s.apart && !s.clear() {
		if s.left++; s.left == patience {
			p.Warn("unable to kill everything that ", s.name.String(), " has left")
		}
		if s.left == 1 {
			s.announce(p)
		}
		return
	}
	s.left = 0
	if bare.Exists(s.dir, service.Finish) == 0 && s.finish(p) {
		s.announce(p)
		return
	}
	s.settle(p)
}

// settle is the state of a service whose process has died, and its finish: it is down,
// or is started at once, which says so itself.
func (s *Service) settle(p *bare.Process) {
	s.start = !s.state.Exit && (s.start || s.want == service.WantUp)
	if !s.mayStart() {
		s.rest(p)
	}
}

// rest publishes that the service is down. Its death has been dealt with: no process is
// on record any more.
func (s *Service) rest(p *bare.Process) {
	service.WriteRecord(s.lock, service.OfRun, service.Record{Made: service.Machine(s.started)}, boot)
	s.announce(p)
}

// grow makes the delay between starts longer for a service that dies sooner than
// that, up to what it allows, and short again for one that lives.
func (s *Service) grow(p *bare.Process) {
	if s.delay = max(s.delay, second); bare.SinceBoot()-s.started > s.delay {
		s.delay = second
		return
	}
	limit := int64(min(s.number(p, service.MaxRestartDelay, 0), 1<<30)) * 1e6
	s.delay = min(2*s.delay, max(limit, second))
}

// finish starts ./finish with how the service has died: its exit code, or 256 if a
// signal killed it or nobody knows; that signal, or 0; and the name of the service.
// False means that there is no finish running.
func (s *Service) finish(p *bare.Process) bool {
	child := child{p: p, s: s, begun: bare.SinceBoot(), since: now(), shared: many && share > 0, finish: true}
	pid, err := s.fork(&child)
	if err != 0 {
		p.WarnErrno(err, "unable to fork for ", s.name.String(), "/finish")
		return false
	}
	s.finishing = pid
	s.allowFinish(p)
	return true
}

// allowFinish sets when finish is killed.
func (s *Service) allowFinish(p *bare.Process) {
	if limit := s.number(p, service.TimeoutFinish, 5000); limit != 0 {
		s.state.Kill = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
	}
}

// heard reads what the service writes when it is ready: a newline.
func (s *Service) heard(p *bare.Process) {
	var text [64]byte
	n, err := bare.Read(s.ready, text[:])
	if err == unix.EAGAIN {
		return
	}
	if n > 0 && bare.Index(bare.TextOf(text[:n]), '\n') < n {
		s.state.Ready = true
		s.announce(p)
	}
	if s.state.Ready || n <= 0 {
		s.forgetReadiness()
	}
}

func (s *Service) forgetReadiness() {
	if s.ready >= 0 {
		Unwatch(s.ready)
		s.ready = -1
	}
}

func (s *Service) forgetProcess() {
	if s.process >= 0 {
		Unwatch(s.process)
		s.process, s.reaped = -1, 0
	}
}
