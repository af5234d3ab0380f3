package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What the services of a process share. These are small variables, and not one large,
// so that the linker puts them beside others: an idle supervisor has few pages.
var (
	inherited bare.Signals // that the process was started with
	openFiles unix.Rlimit  // the limit on them, likewise
	boot      service.Boot
	self      service.Record // of this process
	poll      bare.Poll
	signals   int
	sender    int   // of the last signal, or the child that it was about; or 0
	next      int64 // when a service has something to do unasked, since boot in ns
	many      bool  // there may be other services
	share     int   // no descriptor of a child's is as high; 0 if none can share its parent's
	slot      int   // the last but one of these: the directory of the log that is being started
	held      int   // the last of these: the pipe to a log, while a child has no other descriptor of it
)

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
	inherited = bare.CatchSignals()
	if !many {
		share = 1<<31 - 1
	}
	boot = service.ThisBoot()
	self, _ = service.NewRecord(now(), 0, true)
	next = bare.Never
	var err bare.Errno
	if signals, err = bare.OpenSignals(); err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	if poll, err = bare.NewPoll(); err == 0 {
		err = poll.Add(signals, bare.Event{Kind: SignalEvent})
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	return bare.Continue
}

// BeginMany is Begin for a process that will have very many files open: it may open
// as many as it can be allowed to, and its children get no copies of them.
func BeginMany(p *bare.Process) bare.Exit {
	many = true
	last, ok := bare.LastDescriptor()
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	if ok {
		slot = max(last, 2) + 1
		held = slot + 1
		if bare.DupTo(0, slot) == 0 && bare.DupTo(0, held) == 0 {
			share = held + 1
		}
	}
	if exit := Begin(p); exit != bare.Continue {
		return exit
	}
	was, err := bare.Getrlimit(unix.RLIMIT_NOFILE)
	if err == 0 && was.Cur < was.Max {
		openFiles = was
		was.Cur = was.Max
		bare.Setrlimit(unix.RLIMIT_NOFILE, was)
	}
	return bare.Continue
}

// Full tells whether there is no room for the files of one more service, of which the
// descriptor is one of the last: some are for what is open for a moment only.
func Full(descriptor int) bool {
	const some = 32
	now, err := bare.Getrlimit(unix.RLIMIT_NOFILE)
	return err == 0 && uint64(descriptor)+some >= uint64(now.Cur)
}

// Restore gives a child of the process back what Begin has changed, other than
// SIGCHLD, which a service gets as daemontools gives it to one.
func Restore() {
	if openFiles.Max != 0 {
		bare.Setrlimit(unix.RLIMIT_NOFILE, openFiles)
	}
	inherited.Restore()
}

// RestoreForService is Restore, with SIGCHLD as daemontools gives it to a service.
func RestoreForService() {
	inherited.Child()
	Restore()
}

// Boot is the boot that is now.
func Boot() service.Boot { return boot }

// Watch waits for input on a descriptor from now on.
func Watch(fd int, e bare.Event) bare.Errno { return poll.Add(fd, e) }

// Unwatch closes a descriptor that was watched. Closing it alone would not do: a child
// that has not execed yet may have it, too.
func Unwatch(fd int) {
	poll.Remove(fd)
	bare.Close(fd)
}

// Wait waits for events, until a time since boot in nanoseconds. It returns how many
// there are; Event has them until the next call.
func Wait(until int64) int { return poll.Wait(bare.Until(until)) }

// Event is an event of the last Wait.
func Event(i int) bare.Event { return poll.At(i) }

// NextSignal is the signal that has come, or 0.
func NextSignal() unix.Signal {
	signal, pid := bare.ReadSignal(signals)
	sender = pid
	return unix.Signal(signal)
}

// NextDead takes a child that has ended; pid is 0 if there is none. The first is the one
// that the last SIGCHLD was about: the kernel takes long to look for one among very many.
func NextDead() (pid int, how unix.WaitStatus) {
	if first := sender; first > 0 {
		sender = 0
		if pid, how, err := bare.Reap(first); err == 0 && pid != 0 {
			return pid, how
		}
	}
	pid, how, err := bare.Reap(bare.AnyChild)
	if err != 0 {
		return 0, 0
	}
	return pid, how
}

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
	return add(p, Service{name: name, dir: dir, base: base, standard: service.PipeOfLog})
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
func Act(p *bare.Process) int64 {
	if next == bare.Never || bare.SinceBoot() < next {
		return next
	}
	next = bare.Never
	for i := range services.Len() {
		if s := services.At(i); s.used {
			s.act(p, i)
			s.note(i)
		}
	}
	return next
}

// note is called whenever something has happened to a service: it takes note of its
// process, and of when it has something to do.
func (s *Service) note(place int) {
	*pids.At(place) = int32(max(s.pid, s.finishing))
	next = min(next, s.due())
}

// Handle does what an event of this package calls for.
func Handle(p *bare.Process, e bare.Event) {
	place := int(e.Which)
	s := services.At(place)
	switch {
	case e.Kind == commandEvent:
		s.obey(p, place)
	case e.Kind == endEvent && s.process >= 0:
		how, known, later := bare.ExitStatus(s.process)
		if later && s.reaped == 0 {
			s.reaped = bare.SinceBoot() + second
			poll.WaitForHangUp(s.process, e)
			break
		}
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
func Stop(p *bare.Process, place int) { Tell(p, place, "dx") }

// Tell does what svc does with these letters.
func Tell(p *bare.Process, place int, commands string) {
	s := services.At(place)
	for i := range len(commands) {
		s.command(p, commands[i])
		s.act(p, place)
	}
	if !s.done {
		s.announce(p)
	}
	s.note(place)
}

// watch waits for the end of the process, if that is not a child, of which SIGCHLD
// tells, and for its readiness.
func (s *Service) watch(p *bare.Process, place int) {
	var err bare.Errno
	if s.process >= 0 {
		err = poll.Add(s.process, bare.Event{Which: int32(place), Kind: endEvent})
	}
	if err == 0 && s.ready >= 0 {
		err = poll.Add(s.ready, bare.Event{Which: int32(place), Kind: noticeEvent})
	}
	if err != 0 {
		p.WarnErrno(err, "unable to watch the process of ", s.name.String())
	}
}

// obey does what has been written to the control FIFO, a letter after the other. The
// state is published once, however many they are.
func (s *Service) obey(p *bare.Process, place int) {
	var commands [64]byte
	const turns = 64 // then others have their turn
	for range turns {
		n, err := bare.Read(s.control, commands[:])
		if err != 0 {
			break
		}
		for _, c := range commands[:n] {
			s.command(p, c)
			s.act(p, place) // a start that may be now comes before the next letter
			if s.done {
				return
			}
		}
		if n < len(commands) {
			break
		}
	}
	s.group = false // it holds for what was written together
	s.announce(p)
}
