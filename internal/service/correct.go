package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Correct corrects a status by the record in an open lock file, if the record is newer. A
// supervisor on a full disk, or whose directory has been removed, may be unable to replace
// the status, while it can still write the record in place. stale means that the process
// has gone, and that nothing says what there is instead.
func (s *Status) Correct(lock int, now Epoch) (stale bool) {
	r, found := ReadRecord(lock, OfRun, now)
	if found != ThisOne {
		return false // the pids may be of another PID namespace
	}
	if s.Since.Before(r.Since) {
		up := r.PID != 0 && !r.Finish
		if up && !r.Runs() {
			return true
		}
		if up && s.PID != r.PID || !up {
			s.Paused = false
		}
		s.PID, s.Since = 0, r.Since
		if up {
			s.PID = r.PID
		}
		return false
	}
	return s.PID != 0 && bare.Kill(int(s.PID), 0) == unix.ESRCH
}
