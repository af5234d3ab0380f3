package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What follows from the death of run: whether the service is started again, and when. The
// supervisor decides once for each death, and publishes what it has decided before it acts on
// that. So the next supervisor does not decide again. Where nothing is published, the next
// supervisor decides the same.

// decide decides what follows from the death of run, which has ended as the state says. If
// nobody has seen the death, run has lived until now, as far as anybody can tell.
func (s *Service) decide(p *bare.Speaker) {
	state, died := &s.state, bare.SinceBoot()
	least := s.leastUptime(p)
	told := state.Ending == state.Starts // svc has told run to end: that is no failure, and the next start follows
	neverRan := state.Why != service.NotKnown
	failed := neverRan || !told && (died-s.pace.started < least || died-s.pace.started <= second && s.isListed(p, service.FailedStartExit))
	before := state.Failed
	switch {
	case failed:
		state.Failed++
	case state.Known || least != 0: // otherwise the exec may have failed
		state.Failed = 0
	}
	state.Decided = state.Starts
	switch {
	case neverRan:
	case s.want == service.WantDown || state.Exit:
		state.Why = service.Told
	default:
		state.Why = service.Ended
	}
	s.setPace(p, died, least, failed)
	if s.want == service.WantUp && !state.Exit {
		if failed {
			s.giveUpInTime(p)
		} else if why, rests := s.restsFor(p); rests && !told {
			s.restAs(why)
		}
	}
	switch {
	case state.Rests:
		s.announce(p)
		s.sayGivenUp(p)
	case state.Failed != before || s.pace.due > s.pace.started+second:
		state.Due = s.nextDue()
		service.WriteState(s.files.lock, *state)
	}
}

// restsFor reports whether the service is not to be started again after a life that was long
// enough, and why it is down then.
func (s *Service) restsFor(p *bare.Speaker) (why service.Why, rests bool) {
	policy := s.restart(p)
	if policy == always {
		return service.Ended, false
	}
	if s.endedWell(p) {
		return service.EndedWell, true
	}
	return service.Ended, policy == never
}

// restAs has the service wanted down, until svc asks for it.
func (s *Service) restAs(why service.Why) {
	s.want, s.start = service.WantDown, false
	s.state.Asked, s.state.Rests, s.state.Why = false, true, why
}

// giveUpInTime has the service wanted down if as many starts have failed as max-failed-starts
// says.
func (s *Service) giveUpInTime(p *bare.Speaker) {
	if most := s.number(p, service.MaxFailedStarts, 0); most != 0 && uint64(s.state.Failed) >= most {
		s.restAs(service.CannotStay)
	}
}

// sayGivenUp says that the service is not started again, if starts have failed.
func (s *Service) sayGivenUp(p *bare.Speaker) {
	if s.state.Why == service.CannotStay {
		var number [20]byte
		n := bare.PutNumber(number[:], uint64(s.state.Failed))
		p.Warn(s.name.String(), " gave up after ", bare.TextOf(number[:n]), " failed starts")
	}
}

// beginAnew forgets what has failed: svc asks for the service, or ends it. A start waits for a
// second after the last one, and no longer.
func (s *Service) beginAnew() {
	s.state.Rests, s.state.Failed, s.state.Delay = false, 0, 0
	s.pace.due = min(s.pace.due, s.pace.started+second)
}

// setPace sets when the next start may be. A service that has not lived long waits for the
// delay, which grows up to max-restart-delay: with restart-delay from its death, otherwise
// from its start. least is min-uptime.
func (s *Service) setPace(p *bare.Speaker, died, least int64, failed bool) {
	pace, delay := &s.pace, int64(s.state.Delay)*1e6
	base, fromDeath := int64(second), false
	if n := s.number(p, service.RestartDelay, unlimited); n != unlimited {
		base, fromDeath = int64(min(n, longest))*1e6, true
	}
	pace.brief = failed || least == 0 && died-pace.started <= max(delay, base)
	if !pace.brief {
		s.state.Delay = 0
		pace.due = pace.started + min(base, second)
		return
	}
	if n := s.number(p, service.RestartBurst, 0); n != 0 && failed {
		if uint64(s.state.Failed)%n != 0 {
			pace.due = died
			return
		}
		fromDeath = true
	}
	switch {
	case delay == 0 && fromDeath:
		delay = base
	case s.addsDelay(p):
		delay = max(delay, base) + base
	default:
		delay = 2 * max(delay, base)
	}
	delay = min(delay, max(s.milliseconds(p, service.MaxRestartDelay), base))
	s.state.Delay = uint32(delay / 1e6)
	if pace.due = pace.started + delay; fromDeath {
		pace.due = died + delay
	}
}

// What the file restart may say.
type restart uint8

const (
	always restart = iota
	onFailure
	never
)

// restart reads whether the service is started again.
func (s *Service) restart(p *bare.Speaker) restart {
	k := &s.options.restart
	if says, ok := s.stillSays(k, service.Restart); ok {
		return restart(says)
	}
	value, is := s.option(p, service.Restart)
	if !is {
		k.forget()
		return always
	}
	for i, known := range [...]string{always: "always", onFailure: "on-failure", never: "never"} {
		if bare.Equal(value, known) {
			s.makesSense(service.Restart)
			k.keep(uint32(i))
			return restart(i)
		}
	}
	k.forget()
	s.makesNoSense(p, "no restart policy", service.Restart, value)
	return always
}

// addsDelay reads whether the delay grows by as much each time, or doubles.
func (s *Service) addsDelay(p *bare.Speaker) bool {
	value, is := s.option(p, service.RestartGrowth)
	if is && value != "add" && value != "double" {
		s.makesNoSense(p, "neither add nor double", service.RestartGrowth, value)
		return false
	}
	s.makesSense(service.RestartGrowth)
	return value == "add"
}

// endedWell reports whether run has ended as success-exit says; without the file, with exit
// code 0. If nobody knows how it has ended, it has not.
func (s *Service) endedWell(p *bare.Speaker) bool {
	if listed, ok := s.lookUp(p, service.SuccessExit); ok {
		return listed
	}
	how := s.state.Ended
	return s.state.Known && how.Exited() && how.ExitStatus() == 0
}

// isListed reports whether an option file lists how run has ended.
func (s *Service) isListed(p *bare.Speaker, file string) bool {
	listed, _ := s.lookUp(p, file)
	return listed
}

// lookUp looks in an option file for how run has ended. ok is false if there is no such file, or
// none that makes sense. If nobody knows how run has ended, that is not listed.
func (s *Service) lookUp(p *bare.Speaker, file string) (listed, ok bool) {
	value, is := s.option(p, file)
	if !is {
		return false, false
	}
	if listed, ok = lists(value, s.state.Ended); !ok {
		s.makesNoSense(p, "no exit codes or signals", file, value)
		return false, false
	}
	s.makesSense(file)
	return listed && s.state.Known, true
}

// lists reports whether a list of exit codes and names of signals has the way in which a
// process has ended. ok is false if the list makes no sense.
func lists(list string, how unix.WaitStatus) (has, ok bool) {
	if list == "" || len(list) == service.OptionMax { // the rest may be cut off
		return false, false
	}
	for list != "" {
		n := 0
		for n < len(list) && list[n] != ' ' && list[n] != '\t' {
			n++
		}
		if word := list[:n]; bare.AllDigits(word) {
			code, _ := bare.Number(word)
			if code > 255 {
				return false, false
			}
			has = has || how.Exited() && how.ExitStatus() == int(code)
		} else if word != "" {
			signal, ok := signalNamed(word)
			if !ok {
				return false, false
			}
			has = has || how.Signaled() && how.Signal() == signal
		}
		list = list[min(n+1, len(list)):]
	}
	return has, true
}
