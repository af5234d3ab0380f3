package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// flag-kill-descendants: when run has died, supervise tells every process that the service
// has left to end, and kills it if it does not. Such processes are a server that a shell has
// started without exec, or one that has forked twice. supervise finds them in two ways: in
// a control group of the service, which the next supervisor finds as well, and among its own
// children, because it is a subreaper then. svscan -1 could not tell whose orphan a child
// is, so such a service gets a supervise process there.

// The pauses between two looks whether what is left has gone, in nanoseconds: later after
// it was told to end, soon after it was killed. SIGCHLD mostly tells before that.
const (
	later = 50e6
	soon  = 5e6
)

// mercy is how long descendants may take to end before they are killed, in milliseconds,
// where timeout-kill does not say. patience is how long they may take to die of KILL before
// supervise says that they do not, in nanoseconds.
const (
	mercy    = 5000
	patience = 5e9
)

// leftovers is what the supervisor knows of the descendants of its service. The supervisor has
// one service only. What the descendants were told holds from bidFarewell until none is left.
var leftovers struct {
	waited bool // noteKillDescendants has looked for children from before the exec of supervise
	blind  bool // a message has said that they cannot be found

	signal unix.Signal // that tells them to end
	until  int64       // when they are killed, since boot in ns
	told   [64]int32   // the pids that got the signal; any more are only killed
	n      int         // of told
	said   bool        // a message has said that they do not die

	group struct { // the control group of the service
		fd   int
		path bare.Buffer // it begins with the group of supervise
		own  int         // the length of that beginning; 0 until it is known, -1 if there are no groups
	}
}

// noteKillDescendants looks whether the directory has flag-kill-descendants, and prepares the supervisor
// to find what the service will leave.
func (s *Service) noteKillDescendants() {
	s.killsDescendants = !process.many && bare.Exists(s.files.dir, service.KillDescendants) == 0
	if !s.killsDescendants || leftovers.waited {
		return
	}
	bare.BecomeSubreaper() // it cannot fail
	// A child from before the service is known by its start time, which /proc has in ticks.
	// If there is such a child, the service has to start in a later tick.
	children := bare.Children()
	for _, ok := children.Next(); ok; _, ok = children.Next() {
		if !leftovers.waited {
			bare.Sleep(service.Tick)
			leftovers.waited = true
		}
	}
	leftovers.waited = true
}

// forkApart starts run in a control group of its own. It fails where there are no control
// groups.
func (s *Service) forkApart(c *child) (pid int, err bare.Errno) {
	if !s.openGroup(true) {
		return 0, unix.ENOENT
	}
	pid, err = c.startInto(leftovers.group.fd)
	bare.Close(leftovers.group.fd)
	return pid, err
}

// bidFarewell reads which signal the descendants get, and how long they have until KILL.
func (s *Service) bidFarewell(p *bare.Speaker) {
	limit := s.number(p, service.TimeoutKill, mercy)
	if limit == 0 {
		limit = mercy
	}
	leftovers.signal, leftovers.n, leftovers.said = s.downSignal(p), 0, false
	leftovers.until = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
}

// endDescendants tells the descendants to end, and kills them once their time is over. It
// returns false while any is left.
func (s *Service) endDescendants(p *bare.Speaker) bool {
	gone, kill, group := true, bare.SinceBoot() >= leftovers.until, &leftovers.group
	if s.openGroup(false) {
		if gone = bare.IsEmptyGroup(group.fd); !gone && !(kill && bare.KillGroup(group.fd)) {
			members := bare.Members(group.path.String())
			for member, ok := members.Next(); ok; member, ok = members.Next() {
				end(member, kill)
			}
		}
		bare.Close(group.fd)
		if gone {
			bare.Rmdir(bare.Cwd, group.path.String())
		}
	}
	if !s.own {
		return gone
	}
	children := bare.Children()
	for child, ok := children.Next(); ok; child, ok = children.Next() {
		// Children from before the service belong to somebody else. IsChild guards against
		// the /proc of another PID namespace.
		if bare.IsChild(child) && service.StartedSince(child, s.pace.started) {
			gone = false
			end(child, kill)
		}
	}
	if gone && !leftovers.blind && bare.HasChildren() && bare.Exists(bare.Cwd, "/proc/thread-self/children") != 0 {
		leftovers.blind = true
		p.Warn("unable to find what ", s.name.String(), " has left: there is no list of children in /proc")
	}
	return gone
}

// warnOfSurvivors says once that descendants do not die.
func warnOfSurvivors(p *bare.Speaker, name string) {
	if !leftovers.said && bare.SinceBoot() >= leftovers.until+patience {
		leftovers.said = true
		p.Warn("unable to kill everything that ", name, " has left")
	}
}

// end tells a process to end, unless it was told before; or kills it.
func end(pid int, kill bool) {
	switch {
	case pid <= 1:
	case kill:
		bare.Kill(pid, int(unix.SIGKILL))
	default:
		for _, other := range leftovers.told[:leftovers.n] {
			if int(other) == pid {
				return
			}
		}
		if leftovers.n < len(leftovers.told) {
			leftovers.told[leftovers.n] = int32(pid)
			leftovers.n++
			bare.Kill(pid, int(leftovers.signal))
			bare.Kill(pid, int(unix.SIGCONT))
		}
	}
}

// nextLook returns when endDescendants is to look again, since boot in nanoseconds.
func nextLook() int64 {
	now := bare.SinceBoot()
	if now >= leftovers.until {
		return now + soon
	}
	return min(now+later, leftovers.until)
}

// openGroup opens the control group of the service, and makes it first if make is set. It
// returns false if there is none.
func (s *Service) openGroup(make bool) bool {
	group := &leftovers.group
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
