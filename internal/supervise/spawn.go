package supervise

import (
	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// A Supervisor is what a process of its own is to supervise.
type Supervisor struct {
	Name     string // the directory of the service
	Log      bool   // the log in that directory, and not the service
	Standard int    // the standard descriptor that is an end of the pipe, or service.NoPipe
}

// Spawn starts supervise, looked up in PATH, for a service of this directory. It has the
// pipe throughout: as a copy, until it has opened its own end.
func Spawn(p *bare.Process, s Supervisor) (pid int, err bare.Errno) {
	c := child{p: p, supervisor: s}
	return c.start()
}

// becomeSupervisor execs supervise, with its end of the pipe.
func (c *child) becomeSupervisor() bare.Exit {
	p, s := c.p, &c.supervisor
	if s.Standard != service.NoPipe {
		dir, err := bare.OpenDirectory(bare.Cwd, s.Name)
		if err == 0 {
			err = service.JoinPipe(dir, s.Standard)
		}
		if err != 0 {
			return p.FatalErrno(err, "unable to open ", s.Name, "/", service.Pipe)
		}
	}
	dir := s.Name
	if s.Log {
		if err := bare.Chdir(s.Name); err != 0 {
			return p.FatalErrno(err, "unable to switch to ", s.Name)
		}
		dir = service.Log
	}
	Restore() // now: what was opened may be beyond the limit on open files
	argv, ok := bare.NewWords("supervise", dir)
	if !ok {
		return p.NoMemory()
	}
	err := execchain.Exec(p, argv)
	return p.FatalErrno(err, "unable to start supervise ", s.Name)
}
