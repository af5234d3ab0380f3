package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// The state machine of a service: what is due in each phase, and what follows a death.
// service.go draws the phases; launch.go has the start.

func now() tai64.Label { return tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME)) }

// due returns when act has something to do for the service, since boot in nanoseconds, or
// Never. It has a case for each case of act.
func (s *Service) due() int64 {
	at := int64(bare.Never)
	switch s.phase {
	case unused:
		return at
	case over:
		return 0 // Act has to tell its caller
	case down:
		if s.ends() {
			return 0
		}
		if s.start {
			at = s.startAt()
		}
	case up, finishing:
		if s.state.Kill != 0 {
			at = s.state.Kill
		}
		if s.reaped != 0 {
			at = min(at, s.reaped)
		}
		if s.pidfd == service.NoPidfd {
			at = min(at, bare.SinceBoot()+second)
		}
	case clearing:
		if !s.left {
			return 0
		}
		at = nextLook()
	}
	if s.failed.status {
		at = min(at, bare.SinceBoot()+second)
	}
	return at
}

// act does what is due for the service, and what follows from that: one phase may lead to
// the next at once.
func (s *Service) act(p *bare.Speaker) {
	if s.failed.status {
		s.announce(p)
	}
	for was := unused; s.phase != was; {
		was = s.phase
		switch s.phase {
		case down:
			switch {
			case s.mayStart():
				s.noteKillDescendants()
				s.launch(p, s.notification(p), firstFiles{})
			case s.ends():
				s.end(p)
			}
		case up, finishing:
			s.killInTime(p)
			if s.reaped != 0 && bare.SinceBoot() >= s.reaped || s.pidfd == service.NoPidfd && !s.stillRuns() {
				s.ended(p, 0, false)
			}
		case clearing:
			s.clear(p)
		}
	}
}

// step is act, and enters what follows into the tables of the loop.
func (s *Service) step(p *bare.Speaker) {
	s.act(p)
	s.note()
}

// note enters the pid into pids, and when the service is due into next. It must follow
// whatever changes a service.
func (s *Service) note() {
	*loop.pids.At(int(s.place)) = int32(s.pid)
	loop.next = min(loop.next, s.due())
}

// ends reports whether supervision is over: svc -x was given, the service is down, and svc
// has asked for no start.
func (s *Service) ends() bool { return s.state.Exit && s.phase == down && !s.state.Asked }

// end ends the supervision in good order: the next supervisor is to find no records.
func (s *Service) end(p *bare.Speaker) {
	s.phase = over
	service.EraseRecord(s.files.lock, service.OfRun)
	service.EraseRecord(s.files.lock, service.OfSupervise)
	s.announce(p)
}

// startAt returns the earliest time of the next start, since boot in nanoseconds: at once
// for the first start.
func (s *Service) startAt() int64 {
	if s.pace.started == 0 {
		return s.pace.retry
	}
	return max(s.pace.retry, s.pace.due)
}

// mayStart reports whether the service is to be started now.
func (s *Service) mayStart() bool {
	return s.start && s.phase == down && bare.SinceBoot() >= s.startAt()
}

// killInTime kills run or finish if its time is over: timeout-kill after svc -d, or
// timeout-finish.
func (s *Service) killInTime(p *bare.Speaker) {
	if s.state.Kill == 0 || bare.SinceBoot() < s.state.Kill {
		return
	}
	s.state.Kill = 0
	was := s.whom // svc may be in the middle of its letters
	if s.whom = 0; s.phase == up && bare.Exists(s.files.dir, service.TimeoutKillPG) == 0 {
		s.whom = '+'
	}
	s.send(p, unix.SIGKILL)
	s.whom = was
}

// ended notes that run or finish has died, and how, if that is known. It starts nothing,
// because many services may have died at once: act does.
func (s *Service) ended(p *bare.Speaker, how unix.WaitStatus, known bool) {
	s.forgetProcess()
	s.state.Kill = 0
	s.pid = 0
	if s.phase == finishing {
		const giveUp = 125
		if known && how.ExitStatus() == giveUp {
			p.Warn(s.name.String(), "/finish exited 125: not started again")
			s.want = service.WantDown
			s.start, s.state.Asked = false, false // svc may have asked while finish ran
			s.state.Why, s.state.Errno, s.state.Rests = service.GaveUp, 0, true
			s.announce(p) // before the record of finish goes
		}
		s.settle(p)
		return
	}
	s.phase, s.left = clearing, false
	decided := s.state.Decided == s.state.Starts && s.state.Decided != 0 // by a supervisor that was killed then
	if s.state.Ready = false; !decided {
		s.state.Ended, s.state.Known = how, known
	}
	if s.files.ready >= 0 || !s.own {
		service.ForgetReady(s.files.dir)
	}
	s.forgetReadiness()
	s.paused = false
	begun := s.since
	s.since = now()
	s.glance()
	if !decided {
		s.decide(p)
	}
	if most := s.number(p, service.MaxDeathTally, 0); most != 0 {
		err := service.AddDeath(s.files.dir, int(min(most, service.TallyMax)), begun, s.since, s.state.Ended, s.state.Known)
		if err != 0 {
			p.WarnErrno(err, "unable to count the death of ", s.name.String())
		}
	}
	s.options.absent = 0 // from here on time passes
}

// clear deals with the death of run: with flag-kill-descendants it ends what run has left,
// and act calls it again until nothing is left. Then clear starts finish.
func (s *Service) clear(p *bare.Speaker) {
	if s.killsDescendants {
		if !s.left {
			s.bidFarewell(p)
		}
		if !s.endDescendants(p) {
			if !s.left {
				s.left = true
				s.announce(p)
			}
			warnOfSurvivors(p, s.name.String())
			return
		}
	}
	s.left = false
	if bare.Exists(s.files.dir, service.Finish) == 0 && s.finish(p) {
		s.announce(p)
		return
	}
	s.settle(p)
}

// settle is called when run and finish have ended. It publishes that the service is down,
// unless act starts the service now: a start publishes itself.
func (s *Service) settle(p *bare.Speaker) {
	s.phase = down
	s.start = !s.state.Exit && (s.start || s.want == service.WantUp)
	if !s.mayStart() {
		s.rest(p)
	}
}

// rest publishes that the service is down, and takes the process off the record: its death
// has been dealt with.
func (s *Service) rest(p *bare.Speaker) {
	s.phase = down
	s.record(p, service.Record{Made: service.Machine(s.pace.started), Since: s.since})
	s.announce(p)
}

// announce publishes the state and the status. A full disk is no reason to stop: announce
// says so once, and act tries again until it works.
func (s *Service) announce(p *bare.Speaker) {
	s.state.Due = s.nextDue()
	service.WriteState(s.files.lock, s.state) // first, because others watch the status
	err := service.WriteStatus(s.files.dir, s.status())
	if err != 0 && !s.failed.status {
		p.WarnErrno(err, "unable to write ", s.name.String(), "/", service.StatusNew)
	}
	s.failed.status = err != 0
}

// nextDue returns when run is started next, since boot in nanoseconds; 0 if it is not, or if
// finish or what run has left is waited for, and nothing else.
func (s *Service) nextDue() int64 {
	switch at := s.startAt(); {
	case s.phase == down && s.start:
		return at
	case (s.phase == clearing || s.phase == finishing) && s.want == service.WantUp && !s.state.Exit && at > bare.SinceBoot():
		return at
	}
	return 0
}

func (s *Service) status() service.Status {
	status := service.Status{Since: s.since, Paused: s.paused, Want: s.want}
	if s.phase == up && s.state.Why == service.NotKnown { // a run that cannot be executed was never up
		status.PID = uint32(s.pid)
	}
	return status
}

// stillRuns reports whether an adopted process without a pidfd still runs, as far as its
// record and /proc tell.
func (s *Service) stillRuns() bool {
	record, found := service.ReadRecord(s.files.lock, service.OfRun, process.boot)
	return found == service.ThisOne && int(record.PID) == s.pid && record.Runs()
}

// forgetProcess closes the pidfd of an adopted process.
func (s *Service) forgetProcess() {
	if s.pidfd >= 0 {
		Unwatch(s.pidfd)
	}
	s.pidfd, s.reaped = -1, 0
}
