package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The options of a service: files in its directory, which are read whenever they are needed.

// number reads an option that is a number. If the file holds none, number says so and
// returns the default.
func (s *Service) number(p *bare.Speaker, file string, byDefault uint64) uint64 {
	return s.numberUpTo(p, file, byDefault, 1<<64-1)
}

// numberUpTo is number for an option that must not be larger than most.
func (s *Service) numberUpTo(p *bare.Speaker, file string, byDefault, most uint64) uint64 {
	value, err := service.Option(s.files.dir, file)
	if err == unix.ENOENT {
		return byDefault
	}
	if err != 0 {
		p.WarnErrno(err, "unable to read ", s.name.String(), "/", file)
		return byDefault
	}
	if !bare.AllDigits(value) {
		p.Warn("no number in ", s.name.String(), "/", file, ": ", value)
		return byDefault
	}
	n, _ := bare.Number(value)
	if n > most {
		p.Warn("too large a number in ", s.name.String(), "/", file, ": ", value)
		return byDefault
	}
	return n
}

// noNotification stands for the descriptor of a service that does not say when it is ready.
const noNotification = 1<<31 - 1

// notification returns the descriptor on which the service says that it is ready. It must be
// below the limit on open files that the service gets.
func (s *Service) notification(p *bare.Speaker) int {
	limit := process.openFiles
	if limit.Max == 0 { // this process has not changed its limit
		var err bare.Errno
		if limit, err = bare.Getrlimit(unix.RLIMIT_NOFILE); err != 0 {
			limit.Cur = noNotification // the limit is not known
		}
	}
	most := min(max(uint64(limit.Cur), 1), noNotification) - 1
	return int(s.numberUpTo(p, service.NotificationFD, noNotification, most))
}

// downSignal returns the signal that svc -d sends.
func (s *Service) downSignal(p *bare.Speaker) unix.Signal {
	value, err := service.Option(s.files.dir, service.DownSignal)
	if err == unix.ENOENT {
		return unix.SIGTERM
	}
	if err != 0 {
		p.WarnErrno(err, "unable to read ", s.name.String(), "/", service.DownSignal)
		return unix.SIGTERM
	}
	if n, _ := bare.Number(value); bare.AllDigits(value) && 0 < n && n <= 64 {
		return unix.Signal(n)
	}
	name := value
	if len(name) > 3 && name[:3] == "SIG" {
		name = name[3:]
	}
	for _, known := range signalNames {
		if known.name == name {
			return known.signal
		}
	}
	p.Warn("no signal in ", s.name.String(), "/", service.DownSignal, ": ", value)
	return unix.SIGTERM
}

var signalNames = [...]struct {
	name   string
	signal unix.Signal
}{
	{"ABRT", unix.SIGABRT}, {"ALRM", unix.SIGALRM}, {"CONT", unix.SIGCONT},
	{"HUP", unix.SIGHUP}, {"INT", unix.SIGINT}, {"KILL", unix.SIGKILL},
	{"QUIT", unix.SIGQUIT}, {"STOP", unix.SIGSTOP}, {"TERM", unix.SIGTERM},
	{"TSTP", unix.SIGTSTP}, {"USR1", unix.SIGUSR1}, {"USR2", unix.SIGUSR2},
	{"WINCH", unix.SIGWINCH},
}
