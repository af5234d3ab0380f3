package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What a service leaves behind when its process has died, double-forked processes
// included, is killed if its directory says so. There are two ways to find it: a
// control group for each service, which also the next supervisor finds, and the
// children of supervise, which is a subreaper then. A process of many services has
// none of its own to tell whose child that is, and leaves such a service alone.

// soon is when it is looked again whether everything that was killed has gone, in
// nanoseconds.
const soon = 5e6

// patience is how often, until that is said.
const patience = 1000

// setApart prepares the supervisor to find what the service will leave, if that is
// wanted.
func (s *Service) setApart() {
	s.apart = !many && bare.Exists(s.dir, service.KillDescendants) == 0
	if !s.apart || waited {
		return
	}
	bare.BecomeSubreaper() // it cannot fail
	// Children from before the service are told from its own by when they were started,
	// which is known to the tick.
	if bare.OpenChildren() == 0 {
		for child := bare.NextChild(); child != 0; child = bare.NextChild() {
			if !waited {
				bare.Sleep(service.Tick)
				waited = true
			}
		}
	}
	waited = true
}

// waited tells that a tick has passed since this process was another program, if that
// had children.
var waited bool

// forkApart is fork for a service whose descendants are to be found: into a control
// group of its own, where there are such.
func (s *Service) forkApart(c *child) (pid int, err bare.Errno) {
	if !s.openGroup(true) {
		return 0, unix.ENOENT
	}
	pid, err = bare.ForkInto(group.fd)
	if err == 0 && pid == 0 {
		become(c)
	}
	bare.Close(group.fd)
	return pid, err
}

// clear kills what the service has left; false means that something is still there.
func (s *Service) clear() bool {
	gone := true
	if s.openGroup(false) {
		gone = bare.KillGroup(group.fd)
		bare.Close(group.fd)
		if gone {
			bare.Rmdir(bare.Cwd, group.path.String())
		}
	}
	if s.own && bare.OpenChildren() == 0 {
		for child := bare.NextChild(); child != 0; child = bare.NextChild() {
			// Children from before the service are somebody else's; and the /proc
			// may be another pid namespace's.
			if bare.IsChild(child) && service.StartedSince(child, s.started) {
				gone = false
				bare.Kill(child, int(unix.SIGKILL))
			}
		}
	}
	return gone
}

// group is the control group of a service, and its path; the first part of that is the
// group of supervise.
var group struct {
	fd   int
	path bare.Buffer
	own  int // the length of the first part; 0 if it is not known, -1 if there is none
}

// openGroup opens the control group of the service, which it may make; false means that
// there is none.
func (s *Service) openGroup(make bool) bool {
	if group.own == 0 {
		group.own = -1
		if bare.OwnGroup(&group.path) {
			group.own = group.path.Len()
		}
	}
	id, _, err := bare.Identify(".")
	if group.own < 0 || err != 0 {
		return false
	}
	group.path.Cut(group.own)
	if !group.path.Append("/catena.") || !id.Append(&group.path) {
		return false
	}
	if make {
		bare.Mkdir(bare.Cwd, group.path.String(), 0o755)
	}
	group.fd, err = bare.Open(group.path.String(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return err == 0
}
