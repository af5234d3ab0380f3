package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// loop is what the services of a process share.
var loop struct {
	inherited bare.Signals // that the process was started with
	limit     unix.Rlimit  // on open files, likewise
	boot      service.Boot
	self      service.Record // of this process
	poll      bare.Poll
	signals   int
	next      int64 // when a service has something to do unasked, since boot in ns
	many      bool  // there may be others
	share     int   // no inherited descriptor is as high; 0 if children get copies of all
}

// services is every service of this process, in places that are used again; pids has
// the process of each, so that whose it was that has ended is seen at a glance.
var (
	services bare.Table[Service]
	pids     bare.Table[int32]
	free     int // no place below it is
)

// The kinds of events that Wait returns. Those from OtherEvent on are the caller's.
const (
	SignalEvent = iota // there is a signal for NextSignal
	commandEvent
	endEvent    // of a process that was adopted
	noticeEvent // of readiness
	OtherEvent
)

// Begin prepares the process to supervise: it catches every signal, and opens what
// it waits for. Anything but Continue is a failure, which has been said.
func Begin(p *bare.Process) bare.Exit {
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	loop.inherited = bare.CatchSignals()
	loop.boot = service.ThisBoot()
	loop.self = service.NewRecord(now(), 0)
	loop.next = bare.Never
	var err bare.Errno
	if loop.signals, err = bare.OpenSignals(); err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	if loop.poll, err = bare.NewPoll(); err == 0 {
		err = loop.poll.Add(loop.signals, bare.Event{Kind: SignalEvent})
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	return bare.Continue
}

// BeginMany is Begin for a process that will have very many files open: it may open
// as many as it can be allowed to, and its children get no copies of them.
func BeginMany(p *bare.Process) bare.Exit {
	loop.many = true
	if last, ok := bare.LastDescriptor(); ok {
		loop.share = max(last, 2) + 1
	}
	if exit := Begin(p); exit != bare.Continue {
		return exit
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_NOFILE)
	if err == 0 && limit.Cur < limit.Max {
		loop.limit = limit
		limit.Cur = limit.Max
		bare.Setrlimit(unix.RLIMIT_NOFILE, limit)
	}
	return bare.Continue
}

// Restore gives a child of the process back what Begin has changed, other than
// SIGCHLD, which a service gets as daemontools gives it to one.
func Restore() {
	if loop.limit.Max != 0 {
		bare.Setrlimit(unix.RLIMIT_NOFILE, loop.limit)
	}
	loop.inherited.Restore()
}

// RestoreForService is Restore, with SIGCHLD as daemontools gives it to a service.
func RestoreForService() {
	loop.inherited.Child()
	Restore()
}

// Boot is the boot that is now.
func Boot() service.Boot { return loop.boot }

// Watch waits for input on a descriptor from now on.
func Watch(fd int, e bare.Event) bare.Errno { return loop.poll.Add(fd, e) }

// Unwatch closes a descriptor that was watched. Closing it alone would not do: a child
// that has not execed yet may have it, too.
func Unwatch(fd int) {
	loop.poll.Remove(fd)
	bare.Close(fd)
}

// Wait waits for events, until a time since boot in nanoseconds. It returns how many
// there are; Event has them until the next call.
func Wait(until int64) int { return loop.poll.Wait(bare.Until(until)) }

// Event is an event of the last Wait.
func Event(i int) bare.Event { return loop.poll.At(i) }

// NextSignal is the signal that has come, or 0.
func NextSignal() unix.Signal { return unix.Signal(bare.ReadSignal(loop.signals)) }

// Add supervises the service of a directory from now on. Name is what it is called in
// messages, and dir a descriptor of it, which Forget closes, or bare.Cwd. Exit is
// Continue or a failure, which has been said: then it is not supervised, and dir is
// closed.
func Add(p *bare.Process, name bare.Text, dir int) (place int, exit bare.Exit) {
	return add(p, Service{name: name, dir: dir, base: dir, standard: service.NoPipe})
}

// AddToLog is Add for a service whose standard output is the pipe to its log.
func AddToLog(p *bare.Process, name bare.Text, dir int) (place int, exit bare.Exit) {
	return add(p, Service{name: name, dir: dir, base: dir, standard: service.PipeToLog})
}

// AddLog is Add for the log of the service whose directory is base, which is closed as
// well.
func AddLog(p *bare.Process, name bare.Text, base, dir int) (place int, exit bare.Exit) {
	id, err := bare.IdentifyOpen(dir)
	s := Service{name: name, dir: dir, base: base, id: id, standard: service.PipeOfLog}
	if err != 0 {
		s.close()
		return -1, p.FatalErrno(err, "unable to stat ", name.String())
	}
	return add(p, s)
}

func add(p *bare.Process, s Service) (place int, exit bare.Exit) {
	for free < services.Len() && services.At(free).used {
		free++
	}
	place = free
	if !services.Grow(place+1) || !pids.Grow(place+1) {
		s.close()
		return -1, p.NoMemory()
	}
	s.used = true
	at := services.At(place)
	*at = s
	if exit := at.open(p, place); exit != bare.Continue {
		Forget(place)
		return -1, exit
	}
	at.act(p, place)
	at.note(place)
	return place, bare.Continue
}

// Forget ends the supervision of a service, whose place may be used again.
func Forget(place int) {
	s := services.At(place)
	s.forgetReadiness()
	s.forgetProcess()
	if s.control > 0 {
		Unwatch(s.control)
	}
	s.close()
	*s = Service{}
	*pids.At(place) = 0
	free = min(free, place)
}

// close closes the files that a service has open. None of them is a standard one.
func (s *Service) close() {
	for _, fd := range [...]int{s.lock, s.ok, s.dir} {
		if fd > 0 {
			bare.Close(fd)
		}
	}
	if s.base != s.dir && s.base > 0 {
		bare.Close(s.base)
	}
}

// Done tells whether a service was told to exit, and has.
func Done(place int) bool { return services.At(place).done }

// Act does what is due and returns when something will be, since boot in nanoseconds: 0
// if a service is Done.
func Act(p *bare.Process) (next int64) {
	if loop.next == bare.Never || bare.SinceBoot() < loop.next {
		return loop.next
	}
	loop.next = bare.Never
	for i := range services.Len() {
		if s := services.At(i); s.used {
			s.act(p, i)
			s.note(i)
		}
	}
	return loop.next
}

// note is called whenever something has happened to a service: it takes note of its
// process, and of when it has something to do.
func (s *Service) note(place int) {
	*pids.At(place) = int32(max(s.pid, s.finishing))
	loop.next = min(loop.next, s.due())
}

// Handle does what an event of this package calls for.
func Handle(p *bare.Process, e bare.Event) {
	place := int(e.Which)
	s := services.At(place)
	switch {
	case e.Kind == commandEvent:
		s.obey(p, place)
	case e.Kind == endEvent && s.process >= 0:
		how, known := bare.ExitStatus(s.process)
		s.ended(p, place, how, known)
	case e.Kind == noticeEvent && s.ready >= 0:
		s.heard(p)
	}
	s.act(p, place)
	s.note(place)
}

// Ended takes note of how a child has ended; false means that it was no service's.
func Ended(p *bare.Process, pid int, how unix.WaitStatus) bool {
	for i := range pids.Len() {
		if s := services.At(i); int(*pids.At(i)) == pid && s.process < 0 {
			s.ended(p, i, how, true)
			s.act(p, i)
			s.note(i)
			return true
		}
	}
	return false
}

// Stop does what svc -dx does.
func Stop(p *bare.Process, place int) {
	s := services.At(place)
	s.command(p, 'd')
	s.command(p, 'x')
	s.announce(p)
	s.act(p, place)
	s.note(place)
}

// watch waits for the end of the process, if that is not a child, of which SIGCHLD
// tells, and for its readiness.
func (s *Service) watch(p *bare.Process, place int) {
	var err bare.Errno
	if s.process >= 0 {
		err = loop.poll.Add(s.process, bare.Event{Which: int32(place), Kind: endEvent})
	}
	if err == 0 && s.ready >= 0 {
		err = loop.poll.Add(s.ready, bare.Event{Which: int32(place), Kind: noticeEvent})
	}
	if err != 0 {
		p.WarnErrno(err, "unable to watch the process of ", s.name.String())
	}
}

// obey does what has been written to the control FIFO, a letter after the other. The
// state is published once, however many they are.
func (s *Service) obey(p *bare.Process, place int) {
	var commands [64]byte
	n, err := bare.Read(s.control, commands[:])
	if err != 0 {
		return
	}
	for _, c := range commands[:n] {
		s.command(p, c)
		s.act(p, place) // a start that may be now comes before the next letter
		if s.done {
			return
		}
	}
	if n < len(commands) {
		s.group = false // it holds for what was written together
	}
	s.announce(p)
}
