// Package svscan keeps a supervisor running for each service of a directory, and
// one for its log, with a pipe between them. It is bare code.
//
// What must hold: no supervisor is fought for its lock, and no line in a pipe is
// lost. A supervisor that outlived a killed svscan is found and watched. The pipe is
// a FIFO in the service directory, which lives as long as anyone has it open.
package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Svscan starts and watches the supervisors of a directory of services.
var Svscan = execchain.Tool{
	Name:    "svscan",
	Usage:   "svscan: usage: svscan [dir]",
	Misused: bare.Misused,
	Help: `usage: svscan [dir]
`,
	Run:   svscan,
	Stays: true,
}

const second = 1e9

// again is how long svscan waits before it looks for what it cannot be told of: a
// directory that inotify does not watch, a supervisor that is not catena's.
const again = 5 * second

// What an event is about.
const (
	aSignal = iota
	aChange
	anEnd // of a supervisor that is not a child: place<<1 | main or log
)

var scan struct {
	inherited bare.Signals
	boot      service.Boot
	poll      bare.Poll
	signals   int
	watch     int   // an inotify descriptor; -1 if there is none
	rescan    int64 // when the directory is read again, since boot in ns
	stopping  bool
}

const never = 1<<63 - 1

func svscan(p *bare.Process) bare.Exit {
	if bare.HostSpawn != nil {
		return p.Fatal("built without the early entry: build with go build -ldflags=-E=_rt0_catena")
	}
	if p.Args.Len() > 1 {
		if err := bare.Chdir(p.Args.At(1)); err != 0 {
			return p.FatalErrno(err, "unable to chdir to ", p.Args.At(1))
		}
	}
	if exit := prepare(p); exit != bare.Continue {
		return exit
	}
	for {
		now := bare.SinceBoot()
		if now >= scan.rescan {
			readAll(p)
			scan.rescan = never
			if scan.watch < 0 {
				scan.rescan = now + again
			}
		}
		next, left := tend(p, now)
		if scan.stopping && left == 0 {
			return 0
		}
		for i := range scan.poll.Wait(milliseconds(min(next, scan.rescan))) {
			switch e := scan.poll.At(i); e.Kind {
			case aSignal:
				obey(p, bare.ReadSignal(scan.signals))
			case aChange:
				readChanges(p)
			case anEnd:
				ended(&services.At(int(e.Which >> 1)).of[e.Which&1])
			}
		}
	}
}

// prepare opens all that svscan waits for.
func prepare(p *bare.Process) bare.Exit {
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	scan.inherited = bare.CatchSignals()
	scan.boot = service.ThisBoot()
	var err bare.Errno
	if scan.signals, err = bare.OpenSignals(); err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	if scan.poll, err = bare.NewPoll(); err == 0 {
		err = scan.poll.Add(scan.signals, bare.Event{Kind: aSignal})
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	// Before the directory is read, so that nothing falls in between.
	const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_ONLYDIR
	if scan.watch, err = bare.NewWatch(); err == 0 {
		err = bare.Watch(scan.watch, ".", changes)
	}
	if err == 0 {
		err = scan.poll.Add(scan.watch, bare.Event{Kind: aChange})
	}
	if err != 0 {
		p.WarnErrno(err, "unable to watch the directory, reading it every 5 seconds")
		scan.watch = -1
	}
	return bare.Continue
}

// milliseconds is how long to wait until a time, rounded up; negative is for ever.
func milliseconds(until int64) int {
	if until == never {
		return -1
	}
	return int(max(0, until-bare.SinceBoot()+1e6-1) / 1e6)
}

// obey does what a signal asks for: TERM stops the services, then their logs, then
// svscan; HUP reads the directory again; CHLD says that a child has ended.
func obey(p *bare.Process, signal int) {
	switch unix.Signal(signal) {
	case unix.SIGCHLD:
		reap()
	case unix.SIGTERM, unix.SIGINT:
		scan.stopping = true
	case unix.SIGHUP:
		scan.rescan = 0
	}
}

// reap takes every child that has ended. As PID 1 svscan has children that it does
// not know.
func reap() {
	for {
		pid, _, err := bare.Reap()
		if err != 0 || pid == 0 {
			return
		}
		for i := range services.Len() {
			e := services.At(i)
			for which := range e.of {
				if s := &e.of[which]; int(s.pid) == pid && s.process < 0 {
					s.pid = 0
				}
			}
		}
	}
}

// ended takes note of the end of a supervisor that is not a child.
func ended(s *supervisor) {
	if s.process >= 0 {
		bare.Close(int(s.process))
	}
	s.process, s.pid = -1, 0
}
