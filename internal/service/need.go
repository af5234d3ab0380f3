package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// What a service needs: other services of the same scan directory, which are to be ready before
// svscan starts its supervisor. The files are ours.
const (
	Needs    = "needs"    // a directory whose entries are the names of these services
	Priority = "priority" // a number: of what is due at the same time, svscan starts the lowest first
)

// NeedAt returns the name that begins at an offset of a list of needs. In such a list each
// name has a slash behind it; next is where the next name begins.
func NeedAt(list string, at int) (name string, next int) {
	name = list[at:]
	name = name[:bare.Index(name, '/')]
	return name, at + len(name) + 1
}

// A Standing is how a service is for those that need it. Whoever needs the service waits unless
// the standing is IsReady.
type Standing uint8

const (
	IsReady      Standing = iota
	NoService             // there is no service of that name
	Unsupervised          // it has no supervisor yet
	HeldBack              // likewise, because it waits for what it needs itself
	Circular              // likewise, and one of those needs it in turn
	NotReady              // it runs or is about to be started, and has not been ready since
	Unstartable           // run cannot be executed, or could not be started the last time
	IsDown                // it is down, and nobody has asked for a start
	HasFailed             // likewise, because it was to run once and has not ended well
	HasGivenUp            // likewise, because it has failed too often
)

// Words is the end of a sentence that ends with the name of the service: how it is.
func (s Standing) Words() string { return standings[s] }

var standings = [...]string{
	IsReady:      ", which is ready",
	NoService:    ", which is no service",
	Unsupervised: ", which has no supervisor",
	HeldBack:     ", which waits for others",
	Circular:     ", which needs itself through others",
	NotReady:     ", which is not ready",
	Unstartable:  ", which cannot be started",
	IsDown:       ", which is down",
	HasFailed:    ", which has failed",
	HasGivenUp:   ", which has given up",
}

// StandingOf returns the standing of the service in a directory, as far as its supervisor has
// published it. at is when the service has been up for long enough, since boot in nanoseconds,
// if time alone is missing; otherwise it is bare.Never.
func StandingOf(dir string, now Epoch) (is Standing, at int64) {
	at = bare.Never
	fd, err := openLock(dir)
	if err != 0 {
		return Unsupervised, at
	}
	r, found := ReadRecord(fd, OfRun, now)
	_, supervised := ReadRecord(fd, OfSupervise, now)
	state, hasState := ReadState(fd)
	bare.Close(fd)
	status, hasStatus := statusIn(dir)
	if found == NoRecord && supervised == NoRecord && hasStatus { // of daemontools, perhaps
		if foreign, runs := fromStatus(status); runs {
			return isLongUp(dir, foreign)
		}
	}
	if supervised != ThisOne || !hasState { // the state is of an earlier boot, or of nobody
		return Unsupervised, at
	}
	up := found == ThisOne && r.PID != 0 && !r.Finish
	switch {
	case up && (state.Last != r.PID || !r.Runs()): // a start or a death is about to be published
		if is = state.standing(true); is != Unstartable {
			is = NotReady
		}
		return is, at
	case !up && state.Why == EndedWell && found == ThisOne && r.PID == 0: // and finish has ended
		return IsReady, at
	case !up:
		return state.standing(hasStatus && status.Want == WantUp), at
	case state.Why != NotKnown:
		return Unstartable, at
	case state.Ready:
		return IsReady, at
	case bare.Exists(bare.Cwd, bare.Join(dir, NotificationFD)) == 0:
		return NotReady, at
	}
	return isLongUp(dir, r)
}

// standing is the standing of a service that is down.
func (s State) standing(wantedUp bool) Standing {
	switch {
	case s.Why == CannotRun, s.Why == NoInterpreter, s.Why == CannotStart:
		return Unstartable
	case s.Why == GaveUp, s.Why == CannotStay:
		return HasGivenUp
	case s.Asked || wantedUp && !s.Exit || s.Why == EndedWell:
		return NotReady
	case s.Why == Ended && s.Rests:
		return HasFailed
	}
	return IsDown
}

// isLongUp is the standing of a service that does not say when it is ready: it must have been up
// for its min-uptime. Without that file, it must have ended well if it is one that may.
func isLongUp(dir string, r Record) (is Standing, at int64) {
	value, err := Option(bare.Cwd, bare.Join(dir, MinUptime))
	if err != 0 {
		if value, _ = Option(bare.Cwd, bare.Join(dir, Restart)); value == "never" || value == "on-failure" {
			return NotReady, bare.Never
		}
		return IsReady, bare.Never
	}
	if !bare.AllDigits(value) { // supervise complains of that
		return IsReady, bare.Never
	}
	least, _ := bare.Number(value)
	at = Here(r.Made) + int64(min(least, 1<<40))*1e6
	if bare.SinceBoot() >= at {
		return IsReady, bare.Never
	}
	return NotReady, at
}

// Activity reports whether the service in a directory runs, or is to be started, as far as its
// supervisor has published it. The pid is 0 if it does not run. A service is on record before its
// run is executed.
func Activity(dir string, now Epoch) (pid int, is bool) {
	fd, err := openLock(dir)
	if err != 0 {
		return 0, false
	}
	r, found := ReadRecord(fd, OfRun, now)
	state, _ := ReadState(fd)
	bare.Close(fd)
	if found == ThisOne && r.PID != 0 && r.Runs() {
		return int(r.PID), true
	}
	status, ok := statusIn(dir)
	return 0, state.Asked || ok && status.Want == WantUp && !state.Exit
}

// statusIn reads the status below a service directory.
func statusIn(dir string) (s Status, ok bool) {
	fd, file, err := open(bare.Cwd, bare.Join(dir, StatusNow), unix.O_RDONLY, 0)
	if err != 0 {
		return s, false
	}
	var b [StatusSize]byte
	n := 0
	if file.Kind() == unix.S_IFREG {
		n, err = bare.Read(fd, b[:])
	}
	bare.Close(fd)
	return UnpackStatus(b), err == 0 && n == StatusSize
}
