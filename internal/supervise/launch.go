package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The parent's part of a start, and what the service says of its readiness. child.go has the
// child's part.

// launch starts run. fd is the descriptor on which the service says that it is ready, or
// noNotification. Where launchFirst passes files, the child itself publishes the start and
// opens ok; published reports whether it has.
func (s *Service) launch(p *bare.Speaker, fd int, files firstFiles) (published bool) {
	loop.launched++
	s.holdStreams()
	c := child{order: order{kind: ofRun, p: p, s: s, begun: bare.SinceBoot(), since: now(), starts: s.state.Starts, fd: fd, ready: -1}}
	if fd != noNotification {
		var err bare.Errno
		if s.files.ready, c.ready, err = service.NewReady(s.files.dir); err != 0 { // a read-only file system: a pipe will do
			s.files.ready, c.ready, err = bare.Pipe(unix.O_CLOEXEC | unix.O_NONBLOCK)
		}
		if err != 0 {
			p.WarnErrno(err, "unable to create pipe for ", s.name.String())
			s.cannotStart(p, err, c.begun)
			return false
		}
	}
	if process.private > 0 && c.ready < 0 && !s.killsDescendants {
		c.first, c.shared = files, process.many || files.status > 0
	}
	pid, err := s.fork(&c)
	if c.ready >= 0 {
		bare.Close(c.ready)
	}
	if err == unix.EINVAL && c.shared { // qemu-user: try again without a shared table
		process.private = 0
		s.rest(p)
		return false
	}
	if err != 0 {
		s.forgetReadiness()
		p.WarnErrno(err, "unable to fork for ", s.name.String(), ", trying again in a second")
		s.cannotStart(p, err, c.begun)
		return false
	}
	if !c.published {
		s.isUp(&c, pid)
	}
	s.state.Why, s.state.Errno = c.why(), c.failed
	if !c.written && c.failed == 0 { // otherwise its death is published
		s.announce(p)
	}
	s.watch(p)
	s.lookAround(p)
	return c.published
}

// cannotStart notes why there can be no process now. A second after begun, act tries again,
// unless too many starts have failed.
func (s *Service) cannotStart(p *bare.Speaker, why bare.Errno, begun int64) {
	s.state.Why, s.state.Errno = service.CannotStart, why
	s.state.Failed++
	s.pace.retry = begun + second
	if s.want == service.WantUp {
		s.giveUpInTime(p)
	}
	s.rest(p)
	s.sayGivenUp(p)
}

// isUp notes that run has been started.
func (s *Service) isUp(c *child, pid int) {
	s.phase, s.pid, s.own = up, pid, true
	s.start, s.state.Asked, s.paused = false, false, false
	s.since, s.pace.started = c.since, c.begun
	s.state.Starts, s.state.Last = c.starts+1, uint32(pid)
	s.state.Ready, s.state.Rests, s.state.Due = false, false, 0
	s.state.Why, s.state.Errno = service.NotKnown, 0
}

// finish starts ./finish. It returns false if there can be no process for it.
func (s *Service) finish(p *bare.Speaker) bool {
	loop.launched++
	c := child{order: order{kind: ofFinish, p: p, s: s, begun: bare.SinceBoot(), since: now(), ready: -1,
		shared: process.many && process.private > 0}}
	pid, err := s.fork(&c)
	if err != 0 {
		p.WarnErrno(err, "unable to fork for ", s.name.String(), "/finish")
		return false
	}
	s.phase, s.pid = finishing, pid
	s.allowFinish(p)
	return true
}

// allowFinish sets when act kills finish.
func (s *Service) allowFinish(p *bare.Speaker) {
	if limit := s.number(p, service.TimeoutFinish, 5000); limit != 0 {
		s.state.Kill = bare.SinceBoot() + int64(min(limit, 1<<30))*1e6
	}
}

// watch has epoll tell of the death of an adopted process, and of readiness. The death of a
// child needs no watching: there is SIGCHLD.
func (s *Service) watch(p *bare.Speaker) {
	if s.pidfd >= 0 {
		err := loop.poll.Add(s.pidfd, bare.Event{Which: s.place, Kind: endEvent})
		if err != 0 {
			p.WarnErrno(err, "unable to watch the process of ", s.name.String(), ", looking every second")
			bare.Close(s.pidfd)
			s.pidfd = service.NoPidfd
		}
	}
	if s.files.ready >= 0 {
		err := loop.poll.Add(s.files.ready, bare.Event{Which: s.place, Kind: noticeEvent})
		if err != 0 {
			p.WarnErrno(err, "unable to hear when ", s.name.String(), " is ready")
		}
	}
}

// heard reads what the service writes to say that it is ready: a newline. It reads what
// comes later as well, and throws it away, so that the service never waits for room.
func (s *Service) heard(p *bare.Speaker) {
	var text [512]byte
	n, err := bare.Read(s.files.ready, text[:])
	switch {
	case err == unix.EAGAIN:
	case err != 0 || n <= 0:
		s.forgetReadiness() // not a FIFO but a pipe, at its end
	case s.state.Ready:
	case bare.Index(bare.TextOf(text[:n]), '\n') < n:
		s.state.Ready = true
		s.announce(p)
	default:
		service.NoNewline(s.files.ready)
	}
}

// forgetReadiness closes our end of the readiness FIFO or pipe.
func (s *Service) forgetReadiness() {
	if s.files.ready >= 0 {
		Unwatch(s.files.ready)
		s.files.ready = -1
	}
}
