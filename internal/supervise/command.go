package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The commands of svc, and the signals that they send.

// Stop does what svc -dx does.
func Stop(p *bare.Speaker, place int) { Tell(p, place, "dx") }

// Tell has a service carry out commands, a letter each, as if svc had sent them.
func Tell(p *bare.Speaker, place int, commands string) {
	s := loop.services.At(place)
	s.carryOut(p, commands)
	s.publish(p)
	s.note()
}

// readCommands carries out the commands in the control FIFO.
func (s *Service) readCommands(p *bare.Speaker) {
	var commands [64]byte
	const turns = 64 // reads; then others have their turn
	for range turns {
		n, err := bare.Read(s.files.control, commands[:])
		if err != 0 {
			break
		}
		s.carryOut(p, bare.TextOf(commands[:n]))
		if n < len(commands) {
			break
		}
	}
	s.publish(p)
}

// carryOut applies commands, a letter each. A start that is due comes before the next letter.
func (s *Service) carryOut(p *bare.Speaker, commands string) {
	for i := 0; i < len(commands) && s.phase != over; i++ {
		s.apply(p, commands[i])
		s.act(p)
	}
}

// publish comes after all letters that were written together: + and = hold for those, and
// the state is published once.
func (s *Service) publish(p *bare.Speaker) {
	if s.phase == over {
		return
	}
	s.whom = 0
	s.announce(p)
}

// apply carries out a command of svc, a letter, but for what act does.
func (s *Service) apply(p *bare.Speaker, c byte) {
	isUp := s.phase == up
	switch c {
	case 'u':
		s.ask(p, service.WantUp)
	case 'o':
		s.ask(p, service.WantOnce)
	case 'd':
		s.want = service.WantDown
		s.beginAnew()
		s.start, s.state.Asked = false, false
		if !isUp {
			s.state.Why, s.state.Errno = service.Told, 0
			break
		}
		s.state.Ending = s.state.Starts
		s.bringDown(p)
		s.paused = false
		if limit := s.number(p, service.TimeoutKill, 0); limit != 0 && s.state.Kill == 0 {
			s.state.Kill = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
		}
	case 'x':
		s.state.Exit = true
	case '+', '=':
		s.whom = c
	case 'p':
		s.paused = isUp
	case 'c':
		s.paused = false
	default:
		for log := 1; log < len(service.Logs); log++ {
			if c == service.Logs[log].Join[0] {
				s.joinLog(p, log)
			}
		}
	}
	if c == 'k' && s.phase == clearing && s.left {
		leftovers.until = 0 // act kills the descendants that are left
	}
	for i := range letters {
		if l := &letters[i]; l.letter == c {
			if l.ends && isUp {
				s.state.Ending = s.state.Starts
			}
			s.signal(p, l.signal)
		}
	}
}

// joinLog carries out Join of one of service.Logs.
func (s *Service) joinLog(p *bare.Speaker, log int) {
	pipe := service.Logs[log].Pipe
	err := bare.Exists(s.files.base, pipe)
	switch {
	case s.files.ends.AreOfLog() || err == unix.ENOENT: // svscan makes the pipe before it sends the command
		return
	case err == 0 && !process.many && s.hasPipe(log):
		return
	case err == 0 && process.many: // each child opens the pipe itself
		s.files.ends |= service.PipeTo(log)
	case err == 0:
		last, _ := bare.LastDescriptor()
		if log == service.ErrorLog {
			err = keepMessages()
		}
		if err == 0 {
			_, err = service.JoinPipes(s.files.base, service.PipeTo(log), max(usualReader, last+1)+log-1, -1)
		}
	}
	if err != 0 {
		p.WarnErrno(err, "unable to open ", s.name.String(), "/", pipe)
	}
}

// hasPipe reports whether a standard descriptor of this process, which the service inherits,
// is the pipe to its log already.
func (s *Service) hasPipe(log int) bool {
	pipe, err := bare.Stat(s.files.base, service.Logs[log].Pipe)
	if err != 0 {
		return false
	}
	is, err := bare.StatOpen(log)
	return err == 0 && is.File == pipe.File
}

// letters are the commands that send a signal.
var letters = [...]struct {
	letter byte
	signal unix.Signal
	ends   bool // svc sends it to end the service
}{
	{'p', unix.SIGSTOP, false}, {'c', unix.SIGCONT, false}, {'a', unix.SIGALRM, false},
	{'h', unix.SIGHUP, false}, {'i', unix.SIGINT, true}, {'k', unix.SIGKILL, true},
	{'t', unix.SIGTERM, true}, {'q', unix.SIGQUIT, true}, {'1', unix.SIGUSR1, false},
	{'2', unix.SIGUSR2, false}, {'w', unix.SIGWINCH, false},
}

// ask has the service wanted up or once, and started if it is down. That is published before
// the start, so that the next supervisor does not find a process that is wanted down.
func (s *Service) ask(p *bare.Speaker, want byte) {
	isUp := s.phase == up
	isNews := !isUp && (s.want != want || !s.state.Asked)
	s.want = want
	s.beginAnew()
	s.start, s.state.Asked, s.state.AskedUp = !isUp, !isUp, want == service.WantUp
	if isNews {
		s.announce(p)
	}
}

// bringDown sends run the signals of svc -d. With flag-down-killpg they are for the process
// group, unless svc has said by = that they are not.
func (s *Service) bringDown(p *bare.Speaker) {
	was := s.whom
	if s.whom == 0 && bare.Exists(s.files.dir, service.DownKillPG) == 0 {
		s.whom = '+'
	}
	s.signal(p, s.downSignal(p))
	s.signal(p, unix.SIGCONT)
	s.whom = was
}

// signal sends a signal to run, if run runs.
func (s *Service) signal(p *bare.Speaker, signal unix.Signal) {
	if s.phase == up {
		s.send(p, signal)
	}
}

// send sends a signal to run or finish, whichever runs. After a + of svc, or for run with
// flag-signal-group, the signal goes to the process group, if the process leads one. The
// pid of a child cannot be another process's: a child keeps it until it is reaped.
func (s *Service) send(p *bare.Speaker, signal unix.Signal) {
	if s.whom == '+' || s.whom == 0 && s.phase == up && bare.Exists(s.files.dir, service.SignalGroup) == 0 {
		if s.sendGroup(p, signal) {
			return
		}
		p.Warn(s.name.String(), " has no process group of its own")
	}
	s.sent(p, signal, s.sendTo(signal))
}

// sendTo sends a signal to run or finish. It is no failure if the process has gone.
func (s *Service) sendTo(signal unix.Signal) (err bare.Errno) {
	switch {
	case s.pidfd >= 0:
		err = bare.SignalProcess(s.pidfd, s.pid, signal)
	case s.pidfd != service.NoPidfd || s.stillRuns():
		err = bare.Kill(s.pid, int(signal))
	}
	if err == unix.ESRCH {
		return 0
	}
	return err
}

// sent says that a signal could not be sent: in a message, and in the state for svc. It is no
// failure if the process has gone.
func (s *Service) sent(p *bare.Speaker, signal unix.Signal, err bare.Errno) {
	if err == 0 || err == unix.ESRCH {
		return
	}
	s.state.Refused++
	s.state.Refusal = err
	for _, known := range signalNames {
		if known.signal == signal {
			p.WarnErrno(err, "unable to send ", known.name, " to ", s.name.String())
			return
		}
	}
	var number [20]byte
	n := bare.PutNumber(number[:], uint64(signal))
	p.WarnErrno(err, "unable to send signal ", bare.TextOf(number[:n]), " to ", s.name.String())
}

// sendGroup sends a signal to the process group that the process leads. It returns false if
// the process leads none.
func (s *Service) sendGroup(p *bare.Speaker, signal unix.Signal) bool {
	if s.pidfd >= 0 { // adopted: its pid may be another process's by now
		err := bare.SignalGroup(s.pidfd, signal)
		if err == 0 || bare.Signal(s.pidfd, 0) == unix.ESRCH {
			return true
		}
	}
	if s.pid <= 1 || bare.Getpgid(s.pid) != s.pid {
		return false
	}
	s.sent(p, signal, bare.Kill(-s.pid, int(signal)))
	return true
}
