package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// child is what the child has to know that becomes run, finish or a supervisor.
type child struct {
	p      *bare.Process
	s      *Service // nil for a supervisor
	begun  int64    // before it was forked, since boot in ns
	since  tai64.Label
	shared bool // it shares its descriptors with its parent
	finish bool // it is to be finish
	fd     int  // of run, where it says that it is ready
	ready  int  // the pipe that this is; -1 if it does not

	first  first  // zero if it is not the first
	starts uint32 // before this one

	name     string // of a supervisor: the directory of the service
	standard int    // and the end of the pipe that it has

	inexact   bool // its record lacks when it was started
	written   bool // the status is
	published bool // ok is open
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
	if c.shared && s.standard != service.NoPipe {
		// Until the child has opened the pipe, everyone else who has it may be killed.
		service.HoldPipe(s.base, held)
	}
	pid, err = c.start()
	if c.shared && s.standard != service.NoPipe {
		bare.DupTo(0, held) // or the log would not see its end
	}
	if err == 0 && c.inexact {
		// What it had opened to find that out would have stayed open here, had it
		// been killed meanwhile.
		service.CompleteRecord(s.lock, pid, boot)
	}
	return pid, err
}

// become is the child's part: it writes down who it is and execs run or finish, or just
// supervise. It runs in the memory of its parent.
func become(c *child) {
	if c.s == nil {
		bare.Quit(c.becomeSupervisor())
	}
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
	if c.first.status > 0 {
		c.publish(int(record.PID))
	}
	if s.base != bare.Cwd {
		if err := bare.Fchdir(s.base); err != 0 {
			return p.FatalErrno(err, "unable to switch to ", s.name.String())
		}
	}
	if c.shared && many {
		// Without this, exec makes a copy of all. Where it may not be, in a container, that
		// does, unless a descriptor is changed before.
		if err := bare.CloseFrom(share); err != 0 && s.standard != service.NoPipe {
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
