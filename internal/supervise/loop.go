package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// inherited is the signals that the supervisor was started with.
var inherited bare.Signals

// What an event is about.
const (
	aSignal = iota
	aCommand
	anEnd
	aNotice // of readiness
)

// with is what a service needs of the loop that it is in.
type with struct {
	boot  service.Boot
	poll  bare.Poll
	which int32 // the place of the service in the table
}

// run supervises the services of a table until each of them is done.
func run(p *bare.Process, services []Service) bare.Exit {
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	inherited = bare.CatchSignals()
	inherited.Child() // as daemontools gives it to a service
	with := with{boot: service.ThisBoot()}
	signals, err := bare.OpenSignals()
	if err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	if with.poll, err = bare.NewPoll(); err == 0 {
		err = with.poll.Add(signals, bare.Event{Kind: aSignal})
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	for i := range services {
		s := &services[i]
		with.which = int32(i)
		if exit := s.open(p, with.boot); exit != bare.Continue {
			return exit
		}
		if err = with.poll.Add(s.control, bare.Event{Which: int32(i), Kind: aCommand}); err != 0 {
			return p.FatalErrno(err, "unable to wait for events")
		}
		s.watch(p, &with)
	}
	for {
		wait, busy := -1, false
		for i := range services {
			s := &services[i]
			with.which = int32(i)
			s.act(p, &with)
			if s.exit && s.down() && !s.asked && !s.done {
				s.done = true
				service.EraseRecord(s.lock, service.OfRun)
				service.EraseRecord(s.lock, service.OfSupervise)
				s.announce(p)
			}
			busy = busy || !s.done
			wait = sooner(wait, s.due())
		}
		if !busy {
			return 0
		}
		for i := range with.poll.Wait(wait) {
			e := with.poll.At(i)
			with.which = e.Which
			switch s := &services[e.Which]; e.Kind {
			case aSignal:
				obey(p, bare.ReadSignal(signals), services, &with)
			case aCommand:
				s.obey(p, &with)
			case anEnd:
				how, known := bare.ExitStatus(s.process)
				s.ended(p, &with, how, known)
			case aNotice:
				s.heard(p)
			}
		}
	}
}

// sooner is the smaller of a number of milliseconds to wait, negative for ever, and
// what is left until a time.
func sooner(wait int, at int64) int {
	if at == never {
		return wait
	}
	left := int(max(0, at-bare.SinceBoot()+1e6-1) / 1e6)
	if wait < 0 {
		return left
	}
	return min(wait, left)
}

// watch waits for the end of the process, if that is not a child, of which SIGCHLD
// tells, and for its readiness.
func (s *Service) watch(p *bare.Process, with *with) {
	var err bare.Errno
	if s.process >= 0 && !s.child {
		err = with.poll.Add(s.process, bare.Event{Which: with.which, Kind: anEnd})
	}
	if err == 0 && s.ready >= 0 && s.pid != 0 {
		err = with.poll.Add(s.ready, bare.Event{Which: with.which, Kind: aNotice})
	}
	if err != 0 {
		p.WarnErrno(err, "unable to watch the process of ", s.name.String())
	}
}

// obey does what a signal to the supervisor asks for: TERM, or INT, stops the
// services and then the supervisor. (daemontools' supervise dies and leaves its
// service alone.)
func obey(p *bare.Process, signal int, services []Service, with *with) {
	switch unix.Signal(signal) {
	case unix.SIGCHLD:
		reap(p, services, with)
	case unix.SIGTERM, unix.SIGINT:
		for i := range services {
			s := &services[i]
			s.command(p, 'd')
			s.command(p, 'x')
			s.announce(p)
		}
	}
}

// reap takes every child that has ended, those of before the exec as well.
func reap(p *bare.Process, services []Service, with *with) {
	for {
		pid, how, err := bare.Reap()
		if err != 0 || pid == 0 {
			return
		}
		for i := range services {
			if s := &services[i]; s.child && pid == max(s.pid, s.finishing) {
				with.which = int32(i)
				s.ended(p, with, how, true)
			}
		}
	}
}

// obey does what has been written to the control FIFO, a letter after the other. The
// state is published once, however many they are.
func (s *Service) obey(p *bare.Process, with *with) {
	var commands [64]byte
	n, err := bare.Read(s.control, commands[:])
	if err != 0 {
		return
	}
	for _, c := range commands[:n] {
		s.command(p, c)
		s.act(p, with) // a start that may be now comes before the next letter
		if s.exit && s.down() && !s.asked {
			break
		}
	}
	s.announce(p)
}
