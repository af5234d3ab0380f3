package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What the process of a supervisor is set up with, and what a child undoes of that.

// process is what Begin finds out and sets up. It stays as it is from then on, but for what
// the process learns of its system, which only ever changes from false to true.
var process struct {
	inherited bare.Signals   // the signals that the process was started with
	openFiles unix.Rlimit    // the limit on them that the process was started with; zero if not changed
	boot      service.Epoch  // the present one
	self      service.Record // the record of this process
	sessions  bool           // option -s: each service leads a session of its own
	many      bool           // the process may have more than one service: it is svscan
	unwaiting uint8          // bit n: standard descriptor n had O_NONBLOCK when the process was started

	// Numbers of descriptors that are reserved, so that children can share the table of
	// descriptors and put something there.
	private    int // descriptors from here up are the supervisor's alone; 0 if children cannot share its table
	logDir     int // for the directory of a log that is being started
	heldPipes  int // and the next ones, one for each log: for the pipes to logs, until the child has opened them
	keptLock   int // for the lock of a service that could not be recorded
	pipeReader int // under which a service holds the reading ends of pipes: see service.Reader

	copied        bool // children get a copy of the memory, because vfork is a fork here (qemu-user)
	noPidfds      bool // clone(2) gives no pidfd of the child
	noSessionSaid bool // a message has said that there are no sessions
}

// usualReader is the highest descriptor that needs no larger table: the kernel gives every
// process room for 64.
const usualReader = 63

// UseSessions gives each service a session of its own: option -s. With svscan -1 it must be
// so: otherwise what a service sends to its process group would reach all others.
func UseSessions() { process.sessions = true }

// Begin prepares the process to supervise: it blocks every signal, and opens the
// descriptors for signals and epoll. If it does not return Continue, it has failed and has
// said so.
func Begin(p *bare.Process) bare.Exit {
	bare.MessagesDoNotWait()
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	if err := bare.ClockRuns(); err != 0 {
		return p.FatalErrno(err, "unable to tell the time")
	}
	process.inherited = bare.CatchSignals()
	if err := process.inherited.Refused(); err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	for fd := range 3 {
		if bare.WaitsNot(fd) {
			process.unwaiting |= 1 << fd
		}
	}
	if !process.many {
		process.private = 1<<31 - 1
	}
	process.boot = service.ThisEpoch()
	process.self = service.NewRecord(now(), 0, true)
	process.self.Complete(-1)
	if int32(process.self.PID) <= 0 {
		return p.Fatal("unable to tell the process id: getpid refused by the system")
	}
	if _, _, err := bare.Reap(int(process.self.PID)); bare.IsRefused(err) { // a process is no child of its own: this only tests wait4
		return p.FatalErrno(err, "unable to wait for children")
	}
	loop.next = bare.Never
	var err bare.Errno
	if loop.signals, err = bare.OpenSignals(); err == 0 {
		err = bare.CanRead(loop.signals)
	}
	if err != 0 {
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

// BeginMany is Begin for a process of many services. It raises the limit on open files, and
// lets children share its descriptor table, because copying thousands takes long.
func BeginMany(p *bare.Process) bare.Exit {
	process.many = true
	bare.MessagesDoNotWait()
	last, ok := bare.LastDescriptor()
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	const logs = len(service.Logs) - 1
	process.logDir = max(last, 2) + 1
	process.heldPipes = process.logDir + 1
	process.keptLock = process.heldPipes + logs
	private := process.keptLock + 1
	process.pipeReader = max(usualReader, private+logs) // so the numbers below it, which Reader and Spawn use, are not reserved
	if ok {
		for fd := process.logDir; fd < private && ok; fd++ {
			ok = bare.DupTo(0, fd) == 0
		}
		if ok && bare.CanUnshare() {
			process.private = private
		}
	}
	if exit := Begin(p); exit != bare.Continue {
		return exit
	}
	was, err := bare.Getrlimit(unix.RLIMIT_NOFILE)
	if err == 0 && was.Cur < was.Max {
		process.openFiles = was
		was.Cur = was.Max
		bare.Setrlimit(unix.RLIMIT_NOFILE, was)
	}
	return bare.Continue
}

// Full reports whether the limit on open files leaves no room for one more service.
// descriptor was opened just now, so the lower ones are in use. Some are kept free for files
// that are open for a moment only.
func Full(descriptor int) bool {
	const some = 32
	least := uint64(descriptor) + some
	if least < loop.fileLimit {
		return false
	}
	now, err := bare.Getrlimit(unix.RLIMIT_NOFILE)
	loop.fileLimit = uint64(now.Cur)
	return err == 0 && least >= loop.fileLimit
}

// Restore undoes in a child what Begin and BeginMany have changed: the signals, and the limit
// on open files.
func Restore() {
	if process.openFiles.Max != 0 {
		bare.Setrlimit(unix.RLIMIT_NOFILE, process.openFiles)
	}
	process.inherited.Restore()
}

// RestoreForService is Restore for a child that becomes a service. As from daemontools, a
// service gets SIGCHLD unblocked and with its default action.
func RestoreForService() {
	process.inherited.Child()
	Restore()
	renewStandard()
}

// renewStandard makes the standard descriptors blocking again, once in each turn of the loop,
// before services are started: an earlier process of a service may have set O_NONBLOCK on these
// open files.
func renewStandard() {
	if loop.blocking {
		return
	}
	loop.blocking = true
	for fd := range 3 {
		if process.unwaiting&(1<<fd) == 0 {
			bare.WaitAgain(fd)
		}
	}
}

// Boot is the epoch of this process.
func Boot() service.Epoch { return process.boot }
