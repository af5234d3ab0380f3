package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/supervise"
)

// The stop with a limit, option -t: whom svscan kills and when, and whom it says it waits for.

// grace is the time from the end of -t, when svscan kills the services, to the last turn. In it
// finish can run, and the logs can read the rest.
const grace = second

// lastTurn reports whether grace is over as well. Then svscan kills all that runs, and starts
// nothing.
func lastTurn(now int64) bool {
	return halt.limit != bare.Never && now >= halt.at+halt.limit+grace
}

// isGivenUp reports whether svscan no longer waits for what has survived the last turn.
func isGivenUp(now int64) bool {
	return halt.limit != bare.Never && now >= halt.at+halt.limit+grace+patience
}

// force kills what is left of a service and its logs when the time of -t is over: first run of
// the service; run of a log too, if the log was told to end before that; and in the last
// turn all of run, finish and the supervisors.
func force(p *bare.Process, e *entry, now int64) {
	over := halt.at + halt.limit
	if halt.limit == bare.Never || now < over {
		return
	}
	last := lastTurn(now)
	for which := range e.of {
		s := &e.of[which]
		rest := which != main && (s.stop.phase != toldToEnd || s.stop.since >= over)
		if s.stop.phase == isOver && !s.running() || rest && !last {
			continue
		}
		dir := e.dir(which)
		if isGivenUp(now) {
			p.Warn(dir, " does not end, and is left alone")
			s.pid, s.stop.phase = 0, isOver
			continue
		}
		pid, err := s.end(e, dir, last)
		switch {
		case pid == 0 || s.stop.killed:
			continue
		case err != 0:
			p.WarnErrno(err, "unable to kill ", dir)
		default:
			p.Warn(dir, " has not ended in time: killed")
		}
		s.stop.killed = true
	}
}

// end kills run of a service; in the last turn it kills finish and the supervisor as well. It
// returns the pid of run or finish, or 0 if neither ran.
func (s *supervisor) end(e *entry, dir string, last bool) (pid int, err bare.Errno) {
	if s.pid == inside {
		return supervise.Kill(int(s.place), last)
	}
	if s.pid > 0 && (e.other || !e.there) {
		dir = inProc(int(s.pid), "/cwd") // the supervisor is there, whatever the directory is called
	}
	at, failed := bare.OpenDirectory(bare.Cwd, dir) // now: once the supervisor is dead, it has no directory
	if last {                                       // the supervisor first: it would start finish when run dies
		switch {
		case s.pid == unknown:
			service.KillSupervisor(dir, supervise.Boot())
		case s.pid > 0:
			s.signal(unix.SIGKILL)
		}
	}
	if failed != 0 {
		return 0, 0
	}
	pid, err = service.Kill(at, last, supervise.Boot())
	bare.Close(at)
	return pid, err
}

// signal sends a signal to a supervisor that is a process of its own.
func (s *supervisor) signal(signal unix.Signal) {
	if s.process >= 0 {
		bare.SignalProcess(int(s.process), int(s.pid), signal)
		return
	}
	bare.Kill(int(s.pid), int(signal))
}

// inProc returns the path /proc/PID followed by what. It is good until the next call.
func inProc(pid int, what string) string {
	n := copy(halt.path[:], "/proc/")
	n += bare.PutNumber(halt.path[n:], uint64(pid))
	n += copy(halt.path[n:], what)
	return bare.TextOf(halt.path[:n])
}

// sayWaiting says for whom svscan waits: first when patience is over, and then each time after
// twice as long.
func sayWaiting(p *bare.Process, now int64) {
	if now < halt.say {
		return
	}
	if halt.say != 0 {
		halt.say = now + (now - halt.at)
	} else if halt.say = halt.at + patience; now < halt.say {
		return
	}
	var room [1024]byte
	n, others := 0, 0
	for i := range table.services.Len() {
		e := table.services.At(i)
		for which := range e.of {
			if !e.used || !e.waitsFor(which) || e.order.awaited {
				continue
			}
			if size := putWaiting(room[n:], e, which, n > 0); size > 0 {
				n += size
			} else {
				others++
			}
			if which == main {
				break
			}
		}
	}
	if n == 0 {
		return
	}
	if others == 0 {
		p.Warn("waiting for ", bare.TextOf(room[:n]))
		return
	}
	var number [20]byte
	digits := bare.PutNumber(number[:], uint64(others))
	p.Warn("waiting for ", bare.TextOf(room[:n]), " and ", bare.TextOf(number[:digits]), " others")
}

// putWaiting puts the name of a service or a log for which svscan waits into a list. It returns how
// many bytes that takes, or 0 if there is no room.
func putWaiting(room []byte, e *entry, which int, follows bool) int {
	name, before, behind := e.dir(which), "", ""
	if e.of[which].isUnheard(name) {
		before, behind = "the process that has ", "/"+service.Lock
	}
	if len(name)+len(before)+len(behind)+2 > len(room) {
		return 0
	}
	n := 0
	if follows {
		n = copy(room, ", ")
	}
	n += copy(room[n:], before)
	n += copy(room[n:], name)
	return n + copy(room[n:], behind)
}

// isUnheard reports whether somebody has the lock of a directory who takes no commands: a service
// that could not be recorded, for instance, and whose supervisor was killed.
func (s *supervisor) isUnheard(dir string) bool {
	if s.pid != unknown {
		return false
	}
	fd, err := service.OpenControl(dir)
	if err == 0 {
		bare.Close(fd)
	}
	return err == unix.ENXIO || err == unix.ENOENT
}

// waitsFor reports whether svscan, which stops, still waits for a service or for one of its logs.
func (e *entry) waitsFor(which int) bool {
	s := &e.of[which]
	return s.running() || s.stop.phase != isOver
}
