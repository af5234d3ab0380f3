package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// In a container, or in a directory below /run, all services are started for the first
// time at once. Nothing of an earlier supervisor need be looked for then, and no status
// need be published that is replaced a moment later: the child publishes its own.

// first is what the child of a first start has: an empty status, twice. The second
// descriptor has the number that ok is to have.
type first struct{ status, ok int }

// launchFirst starts the service in a folder that was new when this supervisor came;
// false means that this is none of those starts, and that nothing has been done.
//
// The child shares its descriptors with this process, where nothing that it has opened
// may stay open if it is killed. So it opens only one, in the place of another.
func (s *Service) launchFirst(p *bare.Process, place int) bool {
	if s.setApart(); s.apart || share == 0 || s.want != service.WantUp {
		return false
	}
	if _, found := service.ReadRecord(s.lock, service.OfRun, boot); found != service.NoRecord {
		return false // another one was here before this one had the lock
	}
	if bare.Exists(s.dir, service.NotificationFD) != unix.ENOENT {
		return false
	}
	if err := bare.Mkfifo(s.dir, service.OK, 0o600); err != 0 {
		return false
	}
	status, err := service.NewStatus(s.dir)
	if err != 0 {
		return false
	}
	ok, err := bare.Dup(status)
	if err != 0 {
		bare.Close(status)
		return false
	}
	s.since, s.start = now(), true
	if !s.launch(p, place, noNotification, first{status, ok}) {
		s.ok = 0
		bare.Close(ok)
		bare.Close(status)
	}
	return true
}

// publish is the child's part: it tells everybody that the service is up, just before it
// is, and that there is a supervisor. What it cannot do is left to its parent.
func (c *child) publish(pid int) {
	s := c.s
	s.up(c, pid)
	service.WriteState(s.lock, s.state)
	c.written = service.WriteFirstStatus(s.dir, c.first.status, s.status()) == 0
	bare.Close(c.first.ok)
	ok, err := openBoth(s.dir, service.OK)
	bare.Close(c.first.status) // after that: who waits for the service hears of it
	if err == 0 {
		s.ok, c.published = ok, true
	}
}
