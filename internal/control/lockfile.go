package control

import (
	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// What svc reads in the lock file of the working directory.

// here is the epoch of this process. It is found out once, because for many services that
// would be most of the work.
var here struct {
	epoch service.Epoch
	known bool // epoch was found out
}

func epoch() service.Epoch {
	if !here.known {
		here.epoch, here.known = service.ThisEpoch(), true
	}
	return here.epoch
}

// A supervision lasts from when a supervisor takes on a service until it lets go of the
// service. svscan -1 takes services on again as the same process, so that the pid alone does
// not tell one supervision from the next. Zero means that there is none on record.
type supervision struct {
	pid   uint32
	made  int64       // when the process began, which tells it from another with the same pid
	since tai64.Label // when the process took the service on
}

// refusals is how many signals a supervisor could not send, modulo 256, and why it could not
// send the last of these.
type refusals struct {
	n   uint8
	why bare.Errno
}

// present is the supervision of the working directory, and what its supervisor could not
// send. daemontools' supervisor is not on record.
func present() (s supervision, r refusals) {
	lock, err := openToRead(service.Lock)
	if err != 0 {
		return s, r
	}
	if on, found := service.ReadRecord(lock, service.OfSupervise, epoch()); found == service.ThisOne {
		s = supervision{on.PID, on.Made, on.Since}
	}
	state, _ := service.ReadState(lock)
	bare.Close(lock)
	return s, refusals{state.Refused, state.Refusal}
}

// isRecorded reports whether the supervisor of the working directory is on record.
func isRecorded() bool {
	s, _ := present()
	return s.pid != 0
}

// isFinished reports whether nothing of a service runs that is down, not even finish.
func isFinished() bool {
	lock, err := openToRead(service.Lock)
	if err != 0 {
		return true
	}
	r, found := service.ReadRecord(lock, service.OfRun, epoch())
	bare.Close(lock)
	return found != service.ThisOne || r.PID == 0 || !r.Runs()
}
