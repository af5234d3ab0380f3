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
		s.launch(p, place)
	}
	if s.state.Exit && s.down() && !s.state.Asked && !s.done {
		s.done = true
		service.EraseRecord(s.lock, service.OfRun)
		service.EraseRecord(s.lock, service.OfSupervise)
		s.announce(p)
	}
}

// launch starts the service.
func (s *Service) launch(p *bare.Process, place int) {
	begun, since := bare.SinceBoot(), now()
	theirs := -1
	fd := s.notification(p)
	if fd != noNotification {
		var err bare.Errno
		if s.ready, theirs, err = bare.Pipe(unix.O_CLOEXEC | unix.O_NONBLOCK); err != 0 {
			s.retry = begun + second
			s.rest(p)
			p.WarnErrno(err, "unable to create pipe for ", s.name.String())
			return
		}
	}
	s.setApart()
	child := child{
		p: p, s: s, begun: begun, since: since,
		shared: share > 0 && theirs < 0 && !s.apart, fd: fd, ready: theirs,
	}
	pid, err := s.fork(&child)
	if theirs >= 0 {
		bare.Close(theirs)
	}
	if err != 0 {
		s.forgetReadiness()
		s.retry = begun + second
		s.rest(p)
		p.WarnErrno(err, "unable to fork for ", s.name.String(), ", trying again in a second")
		return
	}
	s.pid, s.own = pid, true
	s.start, s.state.Asked, s.paused = false, false, false
	s.since, s.started = since, begun
	s.state.Starts++
	s.state.Ready = false
	s.watch(p, place)
	s.announce(p)
}

// child is what the child has to know that becomes run or finish.
type child struct {
	p      *bare.Process
	s      *Service
	begun  int64 // before it was forked, since boot in ns
	since  tai64.Label
	shared bool // it shares its descriptors with its parent
	finish bool // it is to be finish
	fd     int  // of run, where it says that it is ready
	ready  int  // the pipe that this is; -1 if it does not

	inexact bool // its record lacks when it was started
}

// fork starts a child.
func (s *Service) fork(c *child) (pid int, err bare.Errno) {
	if s.apart && !c.finish {
		if pid, err = s.forkApart(c); err == 0 {
			return pid, 0
		}
	}
	if c.shared && s.standard == service.PipeOfLog {
		if err := bare.DupTo(s.dir, slot); err != 0 {
			return -1, err
		}
	}
	pid, err = c.start()
	if err == 0 && c.inexact {
		// What it had opened to find that out would have stayed open here, had it
		// been killed meanwhile.
		service.CompleteRecord(s.lock, pid, boot)
	}
	return pid, err
}

// become is the child's part: it writes down who it is and execs run or finish. It runs
// in the memory of its parent.
func become(c *child) {
	exit := c.enter()
	switch {
	case exit != bare.Continue:
	case c.finish:
		exit = c.becomeFinish()
	default:
		exit = c.becomeRun()
	}
	bare.Quit(exit)
}

func (c *child) becomeRun() bare.Exit {
	if c.ready >= 0 {
		bare.SetBlocking(c.ready)
		bare.Replace(c.fd, c.ready) // after the record: it may take the lock's place
	}
	err := bare.Execve(service.Run, bare.One(service.Run+"\x00"), &c.p.Env)
	return c.p.FatalErrno(err, "unable to start ", c.s.name.String(), "/run")
}

// enter is how a child begins.
func (c *child) enter() bare.Exit {
	p, s := c.p, c.s
	record, exact := service.NewRecord(c.since, c.begun, !c.shared)
	record.Finish, c.inexact = c.finish, !exact
	if err := service.WriteRecord(s.lock, service.OfRun, record, boot); err != 0 {
		// Unrecorded, it might be started a second time.
		return p.FatalErrno(err, "unable to write ", s.name.String(), "/", service.Lock)
	}
	// The next supervisor may have the lock from here on, because it finds the record.
	if s.base != bare.Cwd {
		if err := bare.Fchdir(s.base); err != 0 {
			return p.FatalErrno(err, "unable to switch to ", s.name.String())
		}
	}
	if c.shared {
		if err := bare.CloseFrom(share); err != 0 {
			return p.FatalErrno(err, "unable to close the files of other services")
		}
	}
	if s.standard != service.NoPipe {
		if err := service.JoinPipe(bare.Cwd, s.standard); err != 0 {
			return p.FatalErrno(err, "unable to open the pipe of ", s.name.String())
		}
	}
	if s.standard == service.PipeOfLog {
		dir := s.dir
		if c.shared {
			dir = slot
		}
		if err := bare.Fchdir(dir); err != 0 {
			return p.FatalErrno(err, "unable to switch to ", s.name.String())
		}
	}
	RestoreForService()
	return bare.Continue
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
func (s *Service) finish(p *bare.Process) bool {
	child := child{p: p, s: s, begun: bare.SinceBoot(), since: now(), shared: share > 0, finish: true}
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

func (c *child) becomeFinish() bare.Exit {
	p, s := c.p, c.s
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
		s.signal(p, unix.SIGSTOP)
	case 'c':
		s.paused = false
		s.signal(p, unix.SIGCONT)
	case 'a':
		s.signal(p, unix.SIGALRM)
	case 'h':
		s.signal(p, unix.SIGHUP)
	case 'i':
		s.signal(p, unix.SIGINT)
	case 'k':
		s.signal(p, unix.SIGKILL)
	case 't':
		s.signal(p, unix.SIGTERM)
	case 'q':
		s.signal(p, unix.SIGQUIT)
	case '1':
		s.signal(p, unix.SIGUSR1)
	case '2':
		s.signal(p, unix.SIGUSR2)
	case 'w':
		s.signal(p, unix.SIGWINCH)
	}
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
