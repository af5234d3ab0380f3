package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Spawn starts supervise, which it looks up in PATH, for the service of a name in this
// directory, or for one of its logs if ends are of a log. supervise holds the pipes to the
// logs throughout: it inherits svscan's descriptors until it has opened its own. supervise
// leads a session, so that a signal that the service sends to its process group does not
// reach svscan.
func Spawn(p *bare.Process, name string, ends service.Ends) (pid int, err bare.Errno) {
	c := child{order: order{kind: ofSupervise, p: &p.Speaker, name: name, ends: ends}}
	pid, err = c.start()
	c.report()
	return pid, err
}

// becomeSupervisor execs supervise with its ends of the pipes to logs.
func (c *child) becomeSupervisor() bool {
	if c.ends != service.NoPipe {
		dir, err := bare.OpenDirectory(bare.Cwd, c.name)
		if err == 0 && c.ends.Has(service.ErrorLog) && !c.ends.AreOfLog() {
			handOverMessages()
		}
		if err == 0 {
			c.log, err = service.JoinPipes(dir, c.ends, process.pipeReader, -1)
		}
		if err != 0 {
			return c.fail(toOpenPipe, err)
		}
	}
	dir := c.name
	if c.ends.AreOfLog() {
		if err := bare.Chdir(c.name); err != 0 {
			return c.fail(toSwitch, err)
		}
		dir = service.Logs[c.ends.Log()].Dir
	}
	var path bare.Buffer
	if len(dir) > 1 && dir[:2] == "--" { // the one kind of word that supervise takes for an option
		path.Append("./")
		if !path.Append(dir) {
			return c.fail(toExecute, unix.ENOMEM)
		}
		dir = path.String()
	}
	c.noSession = bare.Setsid()
	Restore() // only now: JoinPipes may need a number beyond the limit that this restores
	argv, ok := bare.NewWords("supervise", dir)
	if process.sessions {
		argv, ok = bare.NewWords("supervise", "-s", dir)
	}
	if !ok {
		return c.fail(toExecute, unix.ENOMEM)
	}
	return c.fail(toExecute, execchain.Exec(bare.This(), argv))
}
