package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Supervise starts the service of a directory and keeps it running.
var Supervise = execchain.Tool{
	Name:    "supervise",
	Usage:   "supervise: usage: supervise dir",
	Misused: bare.Misused,
	Help: `usage: supervise dir
`,
	Run:   supervise,
	Stays: true,
}

func supervise(p *bare.Process) bare.Exit {
	if p.Args.Len() != 2 {
		return p.Usage()
	}
	if bare.HostSpawn != nil {
		return p.Fatal("built without the early entry: build with go build -ldflags=-E=_rt0_catena")
	}
	dir := p.Args.At(1)
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	if exit := Begin(p); exit != bare.Continue {
		return exit
	}
	place, exit := Add(p, bare.Keep(dir), bare.Cwd)
	if exit != bare.Continue {
		return exit
	}
	for !Done(place) {
		for i := range Wait(Act(p)) {
			if e := Event(i); e.Kind == SignalEvent {
				obey(p, place)
			} else {
				Handle(p, e)
			}
		}
	}
	return 0
}

// obey does what a signal to supervise asks for: TERM, or INT, stops the service and
// then supervise. (daemontools' supervise dies and leaves its service alone.)
func obey(p *bare.Process, place int) {
	switch NextSignal() {
	case unix.SIGCHLD:
		// Every child that has ended: those of before the exec as well.
		for {
			pid, how := NextDead()
			if pid == 0 {
				return
			}
			if !Ended(p, pid, how) {
				next = 0 // something that the service has left may be gone
			}
		}
	case unix.SIGTERM, unix.SIGINT:
		Stop(p, place)
	}
}
