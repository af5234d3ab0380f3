package supervise

import (
	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Spawn starts supervise, looked up in PATH, for a service of this directory, or for its
// log if the standard descriptor that is an end of the pipe is service.PipeOfLog. It has
// the pipe throughout: as a copy, until it has opened its own end.
func Spawn(p *bare.Process, name string, standard int) (pid int, err bare.Errno) {
	c := child{p: p, name: name, standard: standard}
	return c.start()
}

// becomeSupervisor execs supervise, with its end of the pipe.
func (c *child) becomeSupervisor() bare.Exit {
	p := c.p
	if c.standard != service.NoPipe {
		dir, err := bare.OpenDirectory(bare.Cwd, c.name)
		if err == 0 {
			err = service.JoinPipe(dir, c.standard)
		}
		if err != 0 {
			return p.FatalErrno(err, "unable to open ", c.name, "/", service.Pipe)
		}
	}
	dir := c.name
	if c.standard == service.PipeOfLog {
		if err := bare.Chdir(c.name); err != 0 {
			return p.FatalErrno(err, "unable to switch to ", c.name)
		}
		dir = service.Log
	}
	Restore() // now: what was opened may be beyond the limit on open files
	argv, ok := bare.NewWords("supervise", dir)
	if !ok {
		return p.NoMemory()
	}
	err := execchain.Exec(p, argv)
	return p.FatalErrno(err, "unable to start supervise ", c.name)
}
