package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The first start of a service whose supervise folder is new. In a container, or below /run,
// all services are started so, at the same time. There is nothing to adopt, and no status
// "down" is worth publishing just before "up": the child publishes its own start.

// firstFiles are two descriptors of the new, empty status file. The child writes the status
// through one. It closes the other and opens ok, which gets that number. Both are 0 if the
// start is not the first.
type firstFiles struct{ status, ok int }

// launchFirst starts the service for the first time. It returns false if the service cannot
// be started in this way; then it has started nothing.
//
// The child shares its descriptor table with this process. If the child were killed, what
// it had opened would stay open here. So it opens only ok, in the place of a descriptor that
// this process knows.
func (s *Service) launchFirst(p *bare.Speaker) bool {
	if s.noteKillDescendants(); s.killsDescendants || process.private == 0 || s.want != service.WantUp {
		return false
	}
	if bare.Exists(s.files.dir, service.NotificationFD) != unix.ENOENT {
		return false
	}
	if err := bare.Mkfifo(s.files.dir, service.OK, 0o600); err != 0 {
		return false
	}
	status, err := service.NewStatus(s.files.dir)
	if err != 0 {
		return false
	}
	ok, err := bare.Dup(status)
	if err != 0 {
		bare.Close(status)
		return false
	}
	s.start = true
	if !s.launch(p, noNotification, firstFiles{status, ok}) {
		s.files.ok = 0
		bare.Close(ok)
		bare.Close(status)
	}
	return true
}

// publish is done by the child of a first start: just before the exec it publishes that the
// service is up, and that there is a supervisor. What fails is left to the parent.
func (c *child) publish(pid int) {
	s := c.s
	s.isUp(c, pid)
	service.WriteState(s.files.lock, s.state)
	c.written = service.WriteFirstStatus(s.files.dir, c.first.status, s.status()) == 0
	bare.Close(c.first.ok)
	ok, err := service.OpenFIFO(s.files.dir, service.OK, unix.O_RDWR)
	bare.Close(c.first.status) // after ok is open: closing wakes those who wait for the status
	if err == 0 {
		s.files.ok, c.published = ok, true
	}
}
