package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

func now() tai64.Label { return tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME)) }

// announce publishes the status and the state. A disk that is full is no reason to stop: it is
// said once, and tried again until it works.
func (s *Service) announce(p *bare.Process) {
	service.WriteState(s.lock, s.state) // first: the status is what others watch
	err := service.WriteStatus(s.dir, service.Status{
		Since: s.since, PID: uint32(s.pid), Paused: s.paused, Want: s.want,
	})
	if err != 0 && !s.unpublished {
		p.WarnErrno(err, "unable to write ", s.name.String(), "/", service.StatusNew)
	}
	s.unpublished = err != 0
}

// due is when the service has something to do unasked, since boot in nanoseconds,
// or never.
func (s *Service) due() int64 {
	at := int64(never)
	if s.start && s.down() {
		at = max(s.retry, s.mayStart())
	}
	if s.kill != 0 {
		at = min(at, s.kill)
	}
	if s.unpublished {
		at = min(at, bare.SinceBoot()+second)
	}
	return at
}

const never = 1<<63 - 1

func (s *Service) down() bool { return s.process < 0 }

// mayStart is when the service may be started: at once the first time, and else the
// delay after the last start.
func (s *Service) mayStart() int64 {
	if s.started == 0 {
		return 0
	}
	return s.started + max(s.delay, second)
}

// act does what is due.
func (s *Service) act(p *bare.Process, with *with) {
	if s.unpublished {
		s.announce(p)
	}
	if s.kill != 0 && bare.SinceBoot() >= s.kill {
		s.kill = 0
		bare.Signal(s.process, unix.SIGKILL)
	}
	if s.start && s.down() && bare.SinceBoot() >= max(s.retry, s.mayStart()) {
		s.launch(p, with)
	}
}

// launch starts the service.
func (s *Service) launch(p *bare.Process, with *with) {
	begun, since := bare.SinceBoot(), now()
	theirs := -1
	fd := int(s.number(p, service.NotificationFD, noNotification))
	if fd != noNotification {
		var err bare.Errno
		if s.ready, theirs, err = bare.Pipe(unix.O_CLOEXEC | unix.O_NONBLOCK); err != 0 {
			s.retry = begun + second
			p.WarnErrno(err, "unable to create pipe for ", s.name.String())
			return
		}
	}
	pid, pidfd, err := bare.ForkWatched()
	if err == 0 && pid == 0 {
		bare.Quit(s.become(p, with.boot, since, fd, theirs))
	}
	if theirs >= 0 {
		bare.Close(theirs)
	}
	if err != 0 {
		s.forgetReadiness()
		s.retry = begun + second
		p.WarnErrno(err, "unable to fork for ", s.name.String(), ", trying again in a second")
		return
	}
	s.pid, s.process, s.child = pid, pidfd, true
	s.start, s.asked, s.paused = false, false, false
	s.since, s.started = since, begun
	s.state.Starts++
	s.state.Ready = false
	s.watch(p, with)
	s.announce(p)
}

// noNotification stands for the descriptor of a service that has none.
const noNotification = 1<<31 - 1

// become is the child's part: it writes down who it is and execs run. It returns if
// that fails.
func (s *Service) become(p *bare.Process, boot service.Boot, since tai64.Label, fd, ready int) bare.Exit {
	if exit := s.enter(p, boot, since, false); exit != bare.Continue {
		return exit
	}
	if ready >= 0 {
		bare.SetBlocking(ready)
		bare.Replace(fd, ready) // after the record: it may take the lock's place
	}
	err := bare.Execve(service.Run, bare.One(service.Run+"\x00"), &p.Env)
	return p.FatalErrno(err, "unable to start ", s.name.String(), "/run")
}

// enter is how a child begins, that of run or that of finish.
func (s *Service) enter(p *bare.Process, boot service.Boot, since tai64.Label, finish bool) bare.Exit {
	record := service.NewRecord(since)
	record.Finish = finish
	if err := service.WriteRecord(s.lock, service.OfRun, record, boot); err != 0 {
		// Unrecorded, it might be started a second time.
		return p.FatalErrno(err, "unable to write ", s.name.String(), "/", service.Lock)
	}
	inherited.Restore()
	if s.dir != bare.Cwd {
		if err := bare.Fchdir(s.dir); err != 0 {
			return p.FatalErrno(err, "unable to switch to ", s.name.String())
		}
	}
	return bare.Continue
}

// ended takes note of the death of the process, be it run or finish, and of how that
// was, if it is known.
func (s *Service) ended(p *bare.Process, with *with, how unix.WaitStatus, known bool) {
	bare.Close(s.process)
	s.process, s.child, s.kill = -1, false, 0
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
	s.since = now()
	s.grow(p)
	if bare.Exists(s.dir, service.Finish) == 0 && s.finish(p, with) {
		s.announce(p)
		return
	}
	s.settle(p)
}

// settle is the state of a service whose process has died, and its finish.
func (s *Service) settle(p *bare.Process) {
	s.start = !s.exit && (s.start || s.want == service.WantUp)
	s.announce(p)
}

// grow makes the delay between starts longer for a service that dies sooner than
// that, up to what it allows, and short again for one that lives.
func (s *Service) grow(p *bare.Process) {
	limit := int64(min(s.number(p, service.MaxRestartDelay, 0), 1<<30)) * 1e6
	if s.delay = max(s.delay, second); bare.SinceBoot()-s.started > s.delay {
		s.delay = second
		return
	}
	s.delay = min(2*s.delay, max(limit, second))
}

// finish starts ./finish with how the service has died: its exit code, or 256 if a
// signal killed it or nobody knows; that signal, or 0; and the name of the service.
// False means that there is no finish running.
func (s *Service) finish(p *bare.Process, with *with) bool {
	pid, pidfd, err := bare.ForkWatched()
	if err == 0 && pid == 0 {
		bare.Quit(s.becomeFinish(p, with.boot))
	}
	if err != 0 {
		p.WarnErrno(err, "unable to fork for ", s.name.String(), "/finish")
		return false
	}
	s.finishing, s.process, s.child = pid, pidfd, true
	s.allowFinish(p)
	s.watch(p, with)
	return true
}

// allowFinish sets when finish is killed.
func (s *Service) allowFinish(p *bare.Process) {
	if limit := s.number(p, service.TimeoutFinish, 5000); limit != 0 {
		s.kill = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
	}
}

func (s *Service) becomeFinish(p *bare.Process, boot service.Boot) bare.Exit {
	if exit := s.enter(p, boot, now(), true); exit != bare.Continue {
		return exit
	}
	code, signal := uint64(256), uint64(0)
	switch how := s.state.Ended; {
	case s.state.Known && how.Exited():
		code = uint64(how.ExitStatus())
	case s.state.Known:
		signal = uint64(how.Signal())
	}
	var codeText, signalText bare.Buffer
	if !codeText.AppendNumber(code) || !signalText.AppendNumber(signal) {
		return p.NoMemory()
	}
	argv, ok := bare.NewWords(service.Finish, codeText.String(), signalText.String(), s.name.String())
	if !ok {
		return p.NoMemory()
	}
	err := bare.Execve(service.Finish, argv, &p.Env)
	return p.FatalErrno(err, "unable to start ", s.name.String(), "/finish")
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
		bare.Close(s.ready)
		s.ready = -1
	}
}

// command does what svc asks for with a byte.
func (s *Service) command(p *bare.Process, c byte) {
	switch c {
	case 'u':
		s.want = service.WantUp
		s.start, s.asked = s.pid == 0, s.pid == 0
	case 'o':
		s.want = service.WantOnce
		s.start, s.asked = s.pid == 0, s.pid == 0
	case 'd':
		s.want = service.WantDown
		s.start, s.asked = false, false
		if s.pid == 0 {
			break
		}
		s.signal(s.downSignal(p))
		s.signal(unix.SIGCONT)
		s.paused = false
		if limit := s.number(p, service.TimeoutKill, 0); limit != 0 && s.kill == 0 {
			s.kill = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
		}
	case 'x':
		s.exit = true
	case 'p':
		s.paused = s.pid != 0
		s.signal(unix.SIGSTOP)
	case 'c':
		s.paused = false
		s.signal(unix.SIGCONT)
	case 'a':
		s.signal(unix.SIGALRM)
	case 'h':
		s.signal(unix.SIGHUP)
	case 'i':
		s.signal(unix.SIGINT)
	case 'k':
		s.signal(unix.SIGKILL)
	case 't':
		s.signal(unix.SIGTERM)
	case 'q':
		s.signal(unix.SIGQUIT)
	case '1':
		s.signal(unix.SIGUSR1)
	case '2':
		s.signal(unix.SIGUSR2)
	case 'w':
		s.signal(unix.SIGWINCH)
	}
}

func (s *Service) signal(signal unix.Signal) {
	if s.pid != 0 {
		bare.Signal(s.process, signal)
	}
}
