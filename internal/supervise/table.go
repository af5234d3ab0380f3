package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The table of the services of this process, and what is done to each of them.

// Add begins to supervise the service of a directory. name is what messages call the
// service. dir is a descriptor of the directory, or bare.Cwd. base is dir, but for a log a
// descriptor of the directory of its service, where the pipes of ends are. Forget closes both.
// If exit is not Continue, Add has failed, has said so and has closed both.
func Add(p *bare.Speaker, name bare.Text, base, dir int, ends service.Ends) (place int, exit bare.Exit) {
	files := files{dir: dir, base: base, ends: ends, ready: -1}
	place = bare.FreePlace(&loop.services, isUsed)
	if !loop.services.Grow(place+1) || !loop.pids.Grow(place+1) {
		files.close()
		return -1, p.NoMemory()
	}
	s := loop.services.At(place)
	*s = Service{name: name, place: int32(place), phase: down, files: files, pidfd: -1, want: service.WantUp}
	if exit := s.open(p); exit != bare.Continue {
		Forget(place)
		return -1, exit
	}
	s.step(p)
	return place, bare.Continue
}

// Forget ends the supervision of a service. Its place may then be used again.
func Forget(place int) {
	s := loop.services.At(place)
	s.forgetReadiness()
	s.forgetProcess()
	if s.files.control > 0 {
		Unwatch(s.files.control)
	}
	s.files.close()
	*s = Service{}
	*loop.pids.At(place) = 0
	loop.services.Free(place)
}

func isUsed(s *Service) bool { return s.phase != unused }

// Done reports whether svc -x is carried out: the service is down and stays so.
func Done(place int) bool { return loop.services.At(place).phase == over }

// Starts returns how often run was started, and whether run runs.
func Starts(place int) (n uint32, isUp bool) {
	s := loop.services.At(place)
	return s.state.Starts, s.phase == up
}

// Act does what is due for all services, as far as a turn has time for it. It returns when
// it has to be called next, since boot in nanoseconds; 0 if a service is Done. busy says
// that the caller has services to start for the first time. They come before the services
// that die at once.
func Act(p *bare.Speaker, busy bool) int64 {
	if loop.next == bare.Never {
		return loop.next
	}
	begun := bare.SinceBoot()
	if begun < loop.next {
		return loop.next
	}
	loop.next = bare.Never
	// Services that die at once may always be more than a turn has time for. So the others
	// come first.
	stepAll(p, false, &loop.fromLiving, begun, Turn)
	if busy {
		stepAll(p, true, &loop.fromBrief, bare.SinceBoot(), 0) // starts one of them
	} else {
		stepAll(p, true, &loop.fromBrief, bare.SinceBoot(), Turn)
	}
	return loop.next
}

// stepAll steps the services that die at once (brief), or all others. It stops when it has
// started a program later than turn nanoseconds after begun. *from is where it stopped the
// last time, and where it begins.
func stepAll(p *bare.Speaker, brief bool, from *int, begun, turn int64) {
	before, first := loop.launched, *from
	*from = 0
	for k := range loop.services.Len() {
		i := (first + k) % loop.services.Len()
		s := loop.services.At(i)
		if s.phase == unused || s.pace.brief != brief {
			continue
		}
		s.step(p)
		if loop.launched == before {
			continue
		}
		if before = loop.launched; bare.SinceBoot() > begun+turn {
			loop.next, *from = min(loop.next, begun), i+1
			return
		}
	}
}

// Handle deals with an event of this package. Commands of svc are carried out at once; what
// follows from a death is left to Act.
func Handle(p *bare.Speaker, e bare.Event) {
	s := loop.services.At(int(e.Which))
	switch {
	case e.Kind == commandEvent:
		s.readCommands(p)
	case e.Kind == endEvent && s.pidfd >= 0:
		how, known, later := bare.ExitStatus(s.pidfd)
		if later && s.reaped == 0 {
			s.reaped = bare.SinceBoot() + second
			loop.poll.WaitForHangUp(s.pidfd, e)
			break
		}
		s.ended(p, how, known)
	case e.Kind == noticeEvent && s.files.ready >= 0:
		s.heard(p)
	}
	s.note()
}

// Ended notes how a child has ended; what follows from the death is left to Act. It returns
// false if the child is neither run nor finish of a service.
func Ended(p *bare.Speaker, pid int, how unix.WaitStatus) bool {
	for i := range loop.pids.Len() {
		if s := loop.services.At(i); int(*loop.pids.At(i)) == pid && s.pidfd < 0 {
			s.ended(p, how, true)
			s.note()
			return true
		}
	}
	return false
}

// Kill kills the process of a service: run only, or with finish set whichever of run and
// finish there is. It returns the pid, or 0 if there was none to kill.
func Kill(place int, finish bool) (pid int, err bare.Errno) {
	s := loop.services.At(place)
	if s.pid == 0 || s.phase == finishing && !finish {
		return 0, 0
	}
	return s.pid, s.sendTo(unix.SIGKILL)
}
