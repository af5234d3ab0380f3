package daemon

import (
	"strconv"
	"strings"
	"syscall"
)

// A namedSignal is what --signal names.
type namedSignal struct {
	name   string
	number syscall.Signal // 0 if there was no such option
}

var signalNames = []namedSignal{
	{"hup", syscall.SIGHUP}, {"int", syscall.SIGINT}, {"quit", syscall.SIGQUIT}, {"ill", syscall.SIGILL},
	{"trap", syscall.SIGTRAP}, {"abrt", syscall.SIGABRT}, {"iot", syscall.SIGIOT}, {"bus", syscall.SIGBUS},
	{"fpe", syscall.SIGFPE}, {"kill", syscall.SIGKILL}, {"usr1", syscall.SIGUSR1}, {"segv", syscall.SIGSEGV},
	{"usr2", syscall.SIGUSR2}, {"pipe", syscall.SIGPIPE}, {"alrm", syscall.SIGALRM}, {"term", syscall.SIGTERM},
	{"stkflt", 16}, {"cld", syscall.SIGCHLD}, {"chld", syscall.SIGCHLD}, {"cont", syscall.SIGCONT},
	{"stop", syscall.SIGSTOP}, {"tstp", syscall.SIGTSTP}, {"ttin", syscall.SIGTTIN}, {"ttou", syscall.SIGTTOU},
	{"urg", syscall.SIGURG}, {"xcpu", syscall.SIGXCPU}, {"xfsz", syscall.SIGXFSZ}, {"vtalrm", syscall.SIGVTALRM},
	{"prof", syscall.SIGPROF}, {"winch", syscall.SIGWINCH}, {"poll", syscall.SIGIO}, {"io", syscall.SIGIO},
	{"pwr", syscall.SIGPWR}, {"sys", syscall.SIGSYS},
}

// mostSignal is the first number that is no signal.
const mostSignal = 65

func (s *settings) setSignal(value string) error {
	value = s.expand(value)
	if n, err := strconv.Atoi(strings.TrimLeft(value, " ")); err == nil && n > 0 && n < mostSignal {
		s.signal = namedSignal{value, syscall.Signal(n)}
		for _, known := range signalNames {
			if int(known.number) == n {
				s.signal.name = known.name
				break
			}
		}
		return nil
	}
	name := strings.ToLower(value)
	name = strings.TrimPrefix(name, "sig")
	for _, known := range signalNames {
		if known.name == name {
			s.signal = namedSignal{value, known.number}
			return nil
		}
	}
	return misused("Invalid --signal argument: '%s' (Must be a signal name or number)", value)
}
