package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Supervise starts the service of a directory and keeps it running.
var Supervise = execchain.Tool{
	Name:    "supervise",
	Does:    "starts a service and keeps it running",
	Usage:   "supervise: usage: supervise dir",
	Misused: bare.Misused,
	Help: `usage: supervise [-s] dir
  -s  give the service a session of its own
Files in dir:
  run                    the service: any program
  down                   if it is there, the service is not started unasked
  finish                 run when the service has ended
  timeout-finish         milliseconds until finish gets KILL, 5000 without it
  down-signal            what svc -d sends in place of TERM
  timeout-kill           milliseconds from svc -d to KILL
  notification-fd        the descriptor on which the service says that it is ready
  flag-timeout-killpg    if it is there, that KILL is for the process group
  restart                whether it is started again: always, on-failure or never
  success-exit           exit codes and signals that are no failure, 0 without it
  failed-start-exit      exit codes and signals of a start that has failed
  min-uptime             milliseconds; a shorter life is a failed start
  max-failed-starts      after so many in a row it is not started again
  restart-delay          milliseconds from the end of a short life to a start
  max-restart-delay      milliseconds that the delay may grow to
  restart-growth         how it grows: double or add
  restart-burst          so many failed starts come at once, then the delay
  max-death-tally        how many deaths are kept
  flag-kill-descendants  if it is there, the service leaves no process behind
  flag-newsession        if it is there, the service has a session of its own
  no-setsid              if it is there, it has none, even with -s
  flag-signal-group      if it is there, signals are for the process group
  flag-down-killpg       if it is there, those of svc -d are
  supervise              what the supervisor and its clients need
`,
	Run:      supervise,
	Stays:    true,
	BareOnly: true,
}

func supervise(p *bare.Process) bare.Exit {
	// As in 0.76, a single word is the directory, even if it begins with a hyphen.
	if p.Args.Len() == 3 && p.Args.At(1) == "-s" {
		UseSessions()
	}
	if p.Args.Len() != 2 && !process.sessions {
		return p.Usage()
	}
	dir := p.Args.At(p.Args.Len() - 1)
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	if exit := Begin(p); exit != bare.Continue {
		return exit
	}
	place, exit := Add(&p.Speaker, bare.Keep(dir), bare.Cwd, bare.Cwd, service.NoPipe)
	if exit != bare.Continue {
		return exit
	}
	for !Done(place) {
		n := Wait(Act(&p.Speaker, false))
		for i := range n {
			if Event(i).Kind == SignalEvent {
				heedSignals(&p.Speaker, place)
			}
		}
		reap(&p.Speaker)
		for i := range n {
			if e := Event(i); e.Kind != SignalEvent {
				Handle(&p.Speaker, e)
			}
		}
	}
	return 0
}

// heedSignals does what signals to supervise ask for. TERM and INT stop the service and then
// supervise. (daemontools' supervise dies of them and leaves its service alone.)
func heedSignals(p *bare.Speaker, place int) {
	var list [4]bare.Arrived
	for _, a := range list[:Signals(&list)] {
		switch a.Signal {
		case unix.SIGTERM, unix.SIGINT:
			Stop(p, place)
		case unix.SIGTSTP:
			Suspend()
		}
	}
}

// reap reaps children that have ended. Some are no service's: children from before the exec
// of supervise, and descendants of the service.
func reap(p *bare.Speaker) {
	for pid, how := NextDead(); pid != 0; pid, how = NextDead() {
		if Ended(p, pid, how) {
			return // the next start comes before a look for more of the dead
		}
		loop.next = 0 // act looks whether that was the last descendant of the service
	}
}
