package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// command does what svc asks for with a byte.
func (s *Service) command(p *bare.Process, c byte) {
	switch c {
	case 'u':
		s.want = service.WantUp
		s.start, s.state.Asked = s.pid == 0, s.pid == 0
	case 'o':
		s.want = service.WantOnce
		s.start, s.state.Asked = s.pid == 0, s.pid == 0
	case 'd':
		s.want = service.WantDown
		s.start, s.state.Asked = false, false
		if s.pid == 0 {
			break
		}
		s.signal(p, s.downSignal(p))
		s.signal(p, unix.SIGCONT)
		s.paused = false
		if limit := s.number(p, service.TimeoutKill, 0); limit != 0 && s.state.Kill == 0 {
			s.state.Kill = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
		}
	case 'x':
		s.state.Exit = true
	case '+':
		s.group = true
	case '=':
		s.group = false
	case 'p':
		s.paused = s.pid != 0
	case 'c':
		s.paused = false
	}
	for i := range letters {
		if l := &letters[i]; l.letter == c {
			s.signal(p, l.signal)
		}
	}
}

// letters are the commands that send a signal.
var letters = [...]struct {
	letter byte
	signal unix.Signal
}{
	{'p', unix.SIGSTOP}, {'c', unix.SIGCONT}, {'a', unix.SIGALRM}, {'h', unix.SIGHUP},
	{'i', unix.SIGINT}, {'k', unix.SIGKILL}, {'t', unix.SIGTERM}, {'q', unix.SIGQUIT},
	{'1', unix.SIGUSR1}, {'2', unix.SIGUSR2}, {'w', unix.SIGWINCH},
}

// signal sends a signal to the service, if it runs.
func (s *Service) signal(p *bare.Process, signal unix.Signal) {
	if s.pid != 0 {
		s.send(p, signal)
	}
}

// send sends a signal to the process that runs, run or finish, or to the process group
// of run, if it has one of its own. A child keeps its pid until it is reaped.
func (s *Service) send(p *bare.Process, signal unix.Signal) {
	pid := max(s.pid, s.finishing)
	if s.group {
		if s.sendGroup(pid, signal) {
			return
		}
		p.Warn(s.name.String(), " has no process group of its own")
	}
	if s.process >= 0 {
		bare.Signal(s.process, signal)
	} else {
		bare.Kill(pid, int(signal))
	}
}

// sendGroup sends a signal to the process group of run; false means that it has none of
// its own.
func (s *Service) sendGroup(pid int, signal unix.Signal) bool {
	if s.process >= 0 { // its pid may be another's by now
		err := bare.SignalGroup(s.process, signal)
		if err == 0 || bare.Signal(s.process, 0) == unix.ESRCH {
			return true
		}
	}
	if pid <= 1 || bare.Getpgid(pid) != pid {
		return false
	}
	bare.Kill(-pid, int(signal))
	return true
}
