package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// What signals ask of multilog, and how long others may make it wait.

// patience is how long, in nanoseconds, multilog waits for others after TERM: for the
// writer of an unfinished line, for a processor, and for the reader of standard error.
const patience = 3e9

// signals is what signals have asked of multilog. They are blocked all the time, so the
// fields change only when waitForSignal or readSignals is called. term stays true, and
// patienceEnd stays what it was when TERM came first.
var signals struct {
	events      int   // descriptor, readable while a signal is pending
	term        bool  // TERM has come: multilog ends as soon as it can
	alrm        bool  // ALRM has come, and the logs are still to be rotated
	patienceEnd int64 // since boot in ns; 0 before TERM

	// Which signals were blocked when multilog was started, and what SIGCHLD did. The
	// processor is started with the same.
	inherited bare.Signals
}

// heard is the set of signals that multilog acts on. TERM and ALRM ask for something, and
// CHLD says that a processor has ended.
const heard = 1<<(unix.SIGTERM-1) | 1<<(unix.SIGALRM-1) | 1<<(unix.SIGCHLD-1)

// catchSignals makes signals wait until multilog asks for them.
func catchSignals() (err bare.Errno) {
	// When nobody reads standard error any more, an alert raises SIGPIPE. SIGPIPE must not
	// kill multilog: the next multilog would read the same line, and die of it as well. So it is
	// with SIGXFSZ and a log that is a file.
	signals.inherited = bare.BlockSignals(heard | 1<<(unix.SIGPIPE-1) | 1<<(unix.SIGXFSZ-1))
	if signals.events, err = bare.OpenSignalsOf(heard); err != 0 {
		return err
	}
	if err = bare.CanRead(signals.events); err != 0 {
		return err
	}
	return signals.inherited.Refused()
}

// waitForSignal waits for one signal, and does what it asks for. It waits at most until a
// time, which is in nanoseconds since boot, or Never. It reports whether that time has
// come.
func waitForSignal(until int64) (late bool) {
	signal, late, err := bare.SignalBefore(heard, until)
	if err == 0 {
		noteSignal(signal)
		return late
	}
	_, signalled, err := bare.WaitForTwo(signals.events, signals.events, until)
	if err != 0 {
		bare.Sleep(100e6) // callers loop, and without a pause they would spin
	}
	if signalled || err != 0 {
		readSignals()
	}
	return bare.SinceBoot() >= until
}

// readSignals reads all pending signals, and does what they ask for.
func readSignals() {
	for {
		signal, _ := bare.ReadSignal(signals.events)
		if signal == 0 {
			return
		}
		noteSignal(signal)
	}
}

// noteSignal notes what a signal asks for. TERM asks for the end, and ALRM for a rotation
// of all logs.
func noteSignal(signal int) {
	switch unix.Signal(signal) {
	case unix.SIGTERM:
		if !signals.term {
			signals.term, signals.patienceEnd = true, bare.SinceBoot()+patience
		}
	case unix.SIGALRM:
		signals.alrm = true
	}
}

// pause waits for five seconds before its caller tries something again, so that somebody
// can mend what the caller has warned of. It returns false if TERM has come: the caller
// must give up then. With a journal it does not return after TERM. The lines are safe in
// the journal, and multilog ends as if it was killed.
func pause(p *bare.Process) (again bool) {
	for until := bare.SinceBoot() + 5e9; !signals.term; {
		if waitForSignal(until) {
			return true
		}
	}
	if input.journal.fd != 0 {
		bare.Quit(input.journal.abandon(p))
	}
	return false
}
