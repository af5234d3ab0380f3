package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// The child's part of a start: what runs between the fork and the exec of run, finish or
// supervise.
//
// The child runs in the memory of its parent, and the parent stands still until the child
// execs or ends (vfork.go). So the child must not wait for anybody, nor write a message: the
// parent would wait as well. What the child changes in memory is changed in the parent; it
// changes *c and, in put and publish, the service, so that the parent learns of it. The child
// must not be the first to allocate what is kept, such as the buffer in which package bare
// reads files of /proc: the parent takes back all memory that the child has allocated.

// A child is a process from its fork to its exec.
type child struct {
	order
	notes
	pidfd int32 // of the child, which clone has written here before the child runs; -1 if there is none
}

// What a child becomes.
type kind uint8

const (
	ofRun kind = iota
	ofFinish
	ofSupervise
)

// An order is what a child has to know. The child changes nothing here.
type order struct {
	kind   kind
	p      *bare.Speaker
	shared bool // it shares the descriptor table of its parent

	// Of run and finish:
	s     *Service
	begun int64       // before the fork, since boot in ns
	since tai64.Label // the same time, for status and record

	// Of run:
	fd     int        // the descriptor on which run says that it is ready
	ready  int        // what becomes fd: an end of the FIFO; -1 if run does not say so
	first  firstFiles // of a first start
	starts uint32     // of the service before this one

	// Of supervise:
	name string       // the directory of the service
	ends service.Ends // which ends of pipes become standard descriptors
}

// notes are what a child notes for its parent.
type notes struct {
	ran        bool           // the parent can read what the child has noted here
	record     service.Record // the child's own
	unrecorded bare.Errno     // why the record could not be written, so that the child keeps the lock; or 0
	written    bool           // the child has written the status
	published  bool           // the child has opened ok
	noSession  bare.Errno     // why the child could not lead a session, as it should; or 0
	step       step           // at which the child has failed
	failed     bare.Errno     // why the child has failed; or 0
	log        int            // the log whose pipe the child could not open
}

// fork starts run or finish.
func (s *Service) fork(c *child) (pid int, err bare.Errno) {
	renewStandard()
	if s.killsDescendants && c.kind == ofRun {
		if pid, err = s.forkApart(c); err == 0 {
			s.complete(c)
			c.report()
			return pid, 0
		}
	}
	if c.shared && s.files.ends.AreOfLog() {
		if err := bare.DupTo(s.files.dir, process.logDir); err != 0 {
			return -1, err
		}
	}
	if c.shared {
		// Until the child has opened a pipe, everyone else who has it may be killed, and
		// what is in the pipe would be lost.
		service.HoldPipes(s.files.base, s.files.ends, process.heldPipes)
	}
	pid, err = c.start()
	for log := 1; log < len(service.Logs); log++ {
		if c.shared && s.files.ends.Has(log) {
			bare.DupTo(0, process.heldPipes+log-1) // or the log would never read the end of its input
		}
	}
	if err == 0 {
		s.complete(c)
	}
	c.report()
	return pid, err
}

// complete does for a child what the child could not do itself, such as opening files in a
// shared table. The child has execed by now, so nobody waits for this.
func (s *Service) complete(c *child) {
	s.complain(c.p, c.unrecorded)
	switch {
	case c.unrecorded != 0 && c.shared && process.many:
		bare.DupTo(0, process.keptLock)
	case c.unrecorded == 0 && c.record.PID != 0 && !process.copied && c.record.Complete(int(c.pidfd)):
		service.WriteRecord(s.files.lock, service.OfRun, c.record, process.boot)
	}
	if c.pidfd >= 0 {
		bare.Close(int(c.pidfd))
	}
}

// become is what the child does: it writes its record and execs run or finish; or it execs
// supervise. It does not return.
func become(c *child) {
	c.ran = true
	switch c.kind {
	case ofSupervise:
		c.becomeSupervisor()
	case ofFinish:
		if c.enter() {
			c.becomeFinish()
		}
	default:
		if c.enter() {
			c.becomeRun()
		}
	}
	bare.Quit(bare.Failed)
}

// environment is the environment of this process, which run and finish get as well.
func environment() *bare.Environment { return &bare.This().Env }

func (c *child) becomeRun() {
	if c.ready >= 0 {
		bare.SetBlocking(c.ready)
		bare.Replace(c.fd, c.ready) // after the record is written: fd may be the number of the lock
	}
	c.fail(toExecute, bare.Execve(service.Run, bare.OneWord(service.Run+"\x00"), environment()))
}

// enter is what run and finish have in common: the record, the directory, the descriptors,
// the session and the signals. It returns false if the child has failed.
func (c *child) enter() bool {
	s := c.s
	c.record = service.NewRecord(c.since, c.begun, !c.shared)
	c.record.Finish = c.kind == ofFinish
	if c.shared { // the pidfd is in the child's table, too
		c.record.NoteInode(int(c.pidfd))
	}
	// From here on the next supervisor may have the lock, because it finds the record. If the
	// record could not be written, this process and those that it starts keep the lock.
	c.unrecorded = s.put(c.record)
	if c.first.status > 0 {
		c.publish(int(c.record.PID))
	}
	if s.files.base != bare.Cwd {
		if err := bare.Fchdir(s.files.base); err != 0 {
			return c.fail(toSwitch, err)
		}
	}
	if c.unrecorded != 0 && c.shared && process.many {
		bare.DupTo(s.files.lock, process.keptLock)
	}
	if c.shared && process.many {
		// The child leaves the shared table for one of its own, without the supervisor's
		// descriptors. Where a container forbids that, exec copies the whole table, which
		// is enough unless the child changes a descriptor before the exec, as JoinPipes does.
		if err := bare.CloseFrom(process.private); err != 0 && s.files.ends != service.NoPipe {
			return c.fail(toCloseFiles, err)
		}
	}
	if c.unrecorded != 0 {
		if err := c.keepLock(); err != 0 {
			return c.fail(toWriteLock, err)
		}
	}
	if log, err := service.JoinPipes(bare.Cwd, s.files.ends, process.pipeReader, c.ready); err != 0 {
		c.log = log
		return c.fail(toOpenPipe, err)
	}
	if s.files.ends.AreOfLog() {
		dir := s.files.dir
		if c.shared {
			dir = process.logDir
		}
		if err := bare.Fchdir(dir); err != 0 {
			return c.fail(toSwitch, err)
		}
	}
	if leads() {
		c.noSession = bare.Setsid()
	}
	RestoreForService()
	return true
}

// becomeFinish execs ./finish. Its words say how the service has died: the exit code, or 256
// if a signal killed run or nobody knows; that signal, or 0; the name of the service; and the
// pid of run.
func (c *child) becomeFinish() {
	s := c.s
	code, signal := uint64(256), uint64(0)
	switch how := s.state.Ended; {
	case s.state.Known && how.Exited():
		code = uint64(how.ExitStatus())
	case s.state.Known:
		signal = uint64(how.Signal())
	}
	var codeText, signalText, group bare.Buffer
	if !codeText.AppendNumber(code) || !signalText.AppendNumber(signal) {
		c.fail(toExecute, unix.ENOMEM)
		return
	}
	// The pid of run is the process group that run led, if it led one. It is not the group
	// that run was in, which may be the supervisor's: finish may kill what it is given.
	if !group.AppendNumber(uint64(s.state.Last)) {
		c.fail(toExecute, unix.ENOMEM)
		return
	}
	argv, ok := bare.NewWords(service.Finish, codeText.String(), signalText.String(), s.name.String(), group.String())
	if !ok {
		c.fail(toExecute, unix.ENOMEM)
		return
	}
	c.fail(toExecute, bare.Execve(service.Finish, argv, environment()))
}

// leads reports whether this process, a child in the directory of its service, is to lead a
// session.
func leads() bool {
	if process.sessions {
		return bare.Exists(bare.Cwd, service.NoSession) != 0
	}
	return bare.Exists(bare.Cwd, service.NewSession) == 0
}
