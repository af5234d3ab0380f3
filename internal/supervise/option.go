package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The options of a service: files in its directory, which are read whenever they are needed.

// optionFiles are the options that have a value. The first forDeath of them count when run has
// died.
var optionFiles = [...]string{
	service.Restart, service.SuccessExit, service.FailedStartExit, service.MinUptime, service.MaxFailedStarts,
	service.RestartDelay, service.RestartGrowth, service.RestartBurst, service.MaxRestartDelay,
	service.MaxDeathTally,
	service.NotificationFD, service.TimeoutFinish, service.TimeoutKill, service.DownSignal,
}

const forDeath = 10

// An options is what a supervisor knows of the option files of a service.
type options struct {
	said [len(optionFiles)]uint16 // a hash of what makes no sense, and was reported; or 0

	// Which files were not there, a bit each, when the directory had been changed last at a
	// time. The time is 0 if the supervisor does not know. If the directory has the same time
	// at a death, absent is missing; otherwise lookAround is to look again.
	missing uint16
	changed int64
	absent  uint16 // these files are not there now: they need not be opened
	stale   bool

	// What two files say that count at each death.
	leastUptime, restart kept
}

// A kept is what an option file says, so that a death costs one system call and not three, for
// as long as nobody changes the file.
type kept struct {
	says    uint32
	changed int64 // when the file was changed last; 0 if nothing is kept
}

// tick is longer than one of the kernel's clock. A file that was changed so short a time ago
// may be changed again without having another time.
const tick = 20e6

// stillSays returns what is kept of an option file, if the file has not been changed. Otherwise
// the caller reads the file, and calls keep or forget.
func (s *Service) stillSays(k *kept, file string) (says uint32, ok bool) {
	was := k.changed
	k.changed = 0
	if s.options.stale || s.isAbsent(file) { // if stale, another file may have the name by now
		return 0, false
	}
	now, err := bare.StatLink(s.files.dir, file)
	if err != 0 || now.Kind() != unix.S_IFREG { // a link may lead to any file system
		return 0, false
	}
	k.changed = now.Changed
	return k.says, was != 0 && was == now.Changed
}

// keep keeps what the file says that stillSays has looked at.
func (k *kept) keep(says uint32) {
	now := bare.Clock(unix.CLOCK_REALTIME)
	if k.says = says; k.changed+tick > now.Nano() {
		k.changed = 0
	}
}

// forget keeps nothing.
func (k *kept) forget() { k.changed = 0 }

// glance finds out at a death, by one system call, which files need not be opened.
func (s *Service) glance() {
	o := &s.options
	dir, err := bare.Stat(s.files.dir, ".")
	o.absent = 0
	if o.stale = err != 0 || o.changed == 0 || dir.Changed != o.changed; !o.stale {
		o.absent = o.missing
	}
}

// lookAround notes for the next death which files are not there, and what is to be kept. It comes
// after the exec of run, when nobody waits for it.
func (s *Service) lookAround(p *bare.Speaker) {
	o := &s.options
	if !o.stale {
		return
	}
	o.stale, o.changed, o.missing = false, 0, 0
	now := bare.Clock(unix.CLOCK_REALTIME)
	dir, err := bare.Stat(s.files.dir, ".")
	if err != 0 || dir.Changed+tick > now.Nano() || !bare.IsLocalDirectory(s.files.dir) {
		return
	}
	o.changed = dir.Changed
	for i, file := range optionFiles[:forDeath] {
		var target [1]byte
		if _, err := bare.Readlink(s.files.dir, file, target[:]); err == unix.ENOENT { // a link to nowhere is there
			o.missing |= 1 << i
		}
	}
	o.absent = o.missing
	s.leastUptime(p)
	s.restart(p)
}

// place is the index of an option file.
func place(file string) int {
	for i, name := range optionFiles {
		if bare.Equal(name, file) {
			return i
		}
	}
	return 0
}

// isAbsent reports whether an option file need not be opened.
func (s *Service) isAbsent(file string) bool { return s.options.absent&(1<<place(file)) != 0 }

// option returns the value of an option file. is is false if there is no such file, or if it
// cannot be read, which option has said then.
func (s *Service) option(p *bare.Speaker, file string) (value string, is bool) {
	if s.isAbsent(file) {
		return "", false
	}
	value, err := service.Option(s.files.dir, file)
	switch {
	case err == unix.ENOENT:
		s.makesSense(file)
	case err != 0 && s.isNews(file, uint64(err)):
		p.WarnErrno(err, "unable to read ", s.name.String(), "/", file)
	}
	return value, err == 0
}

// makesNoSense says that an option file holds something else than it should: once, until the
// file holds something else again.
func (s *Service) makesNoSense(p *bare.Speaker, what, file, value string) {
	if s.isNews(file, bare.Hash(0, value)) {
		p.Warn(what, " in ", s.name.String(), "/", file, ": ", value)
	}
}

// isNews reports whether what is wrong with an option file is not what was reported last.
func (s *Service) isNews(file string, wrong uint64) bool {
	said := &s.options.said[place(file)]
	was := *said
	*said = uint16(wrong) | 1
	return was != *said
}

// makesSense notes that nothing is wrong with an option file.
func (s *Service) makesSense(file string) { s.options.said[place(file)] = 0 }

// unlimited is larger than any number that an option may be.
const unlimited = 1<<64 - 1

// longest is the longest time that an option may set, in milliseconds. More means as much.
const longest = 1 << 30

// milliseconds reads an option that is a number of milliseconds, and returns nanoseconds.
// Without the file that is 0.
func (s *Service) milliseconds(p *bare.Speaker, file string) int64 {
	return int64(min(s.number(p, file, 0), longest)) * 1e6
}

// leastUptime reads min-uptime, in nanoseconds.
func (s *Service) leastUptime(p *bare.Speaker) int64 {
	k := &s.options.leastUptime
	says, ok := s.stillSays(k, service.MinUptime)
	if !ok {
		n := s.number(p, service.MinUptime, unlimited)
		if n == unlimited { // there is no number
			k.forget()
			return 0
		}
		says = uint32(min(n, longest))
		k.keep(says)
	}
	return int64(says) * 1e6
}

// number reads an option that is a number. If the file holds none, number says so and
// returns the default.
func (s *Service) number(p *bare.Speaker, file string, byDefault uint64) uint64 {
	return s.numberUpTo(p, file, byDefault, unlimited)
}

// numberUpTo is number for an option that must not be larger than most.
func (s *Service) numberUpTo(p *bare.Speaker, file string, byDefault, most uint64) uint64 {
	value, is := s.option(p, file)
	if !is {
		return byDefault
	}
	n, _ := bare.Number(value)
	switch {
	case !bare.AllDigits(value):
		s.makesNoSense(p, "no number", file, value)
	case n > most:
		s.makesNoSense(p, "too large a number", file, value)
	default:
		s.makesSense(file)
		return n
	}
	return byDefault
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
	value, is := s.option(p, service.DownSignal)
	if !is {
		return unix.SIGTERM
	}
	signal, ok := signalNamed(value)
	if n, _ := bare.Number(value); bare.AllDigits(value) && 0 < n && n <= 64 {
		signal, ok = unix.Signal(n), true
	}
	if !ok {
		s.makesNoSense(p, "no signal", service.DownSignal, value)
		return unix.SIGTERM
	}
	s.makesSense(service.DownSignal)
	return signal
}

// signalNamed returns the signal of a name, with or without SIG.
func signalNamed(name string) (signal unix.Signal, ok bool) {
	if len(name) > 3 && name[:3] == "SIG" {
		name = name[3:]
	}
	for _, known := range signalNames {
		if bare.Equal(known.name, name) {
			return known.signal, true
		}
	}
	return 0, false
}

var signalNames = [...]struct {
	name   string
	signal unix.Signal
}{
	{"ABRT", unix.SIGABRT}, {"ALRM", unix.SIGALRM}, {"BUS", unix.SIGBUS}, {"CONT", unix.SIGCONT},
	{"FPE", unix.SIGFPE}, {"HUP", unix.SIGHUP}, {"ILL", unix.SIGILL}, {"INT", unix.SIGINT},
	{"KILL", unix.SIGKILL}, {"PIPE", unix.SIGPIPE}, {"QUIT", unix.SIGQUIT}, {"SEGV", unix.SIGSEGV},
	{"STOP", unix.SIGSTOP}, {"SYS", unix.SIGSYS}, {"TERM", unix.SIGTERM}, {"TRAP", unix.SIGTRAP},
	{"TSTP", unix.SIGTSTP}, {"USR1", unix.SIGUSR1}, {"USR2", unix.SIGUSR2}, {"WINCH", unix.SIGWINCH},
	{"XCPU", unix.SIGXCPU}, {"XFSZ", unix.SIGXFSZ},
}
