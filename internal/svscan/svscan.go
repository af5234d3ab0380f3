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
	"catena/internal/supervise"
)

// Svscan starts and watches the supervisors of a directory of services.
var Svscan = execchain.Tool{
	Name:    "svscan",
	Usage:   "svscan: usage: svscan [ -1 ] [ dir ]",
	Misused: bare.Misused,
	Help: `usage: svscan [-1] [dir]
  -1  one process for all: no supervise for each service
`,
	Run:   svscan,
	Stays: true,
}

const second = 1e9

// again is how long svscan waits before it looks for what it cannot be told of: a
// directory that inotify does not watch, a supervisor that is not catena's.
const again = 5 * second

// What an event is about, besides those of package supervise.
const (
	aChange = supervise.OtherEvent + iota
	anEnd   // of a supervisor that is not a child: place<<1 | main or log
)

var scan struct {
	one     bool  // one process for all
	watch   int   // an inotify descriptor; -1 if there is none
	rescan  int64 // when the directory is read again, since boot in ns
	due     int64 // when there is something to tend, likewise
	stopped int64 // when it was told to stop, likewise; 0 if it was not
}

// asSupervise is the process again, under the name in which it speaks of a service.
var asSupervise bare.Process

func svscan(p *bare.Process) bare.Exit {
	if bare.HostSpawn != nil {
		return p.Fatal("built without the early entry: build with go build -ldflags=-E=_rt0_catena")
	}
	options := p.Options("1")
	for options.Next() {
		if options.Letter != '1' {
			return options.Refuse(p)
		}
		scan.one = true
	}
	if dir := options.Rest(); dir.Len() > 0 {
		if err := bare.Chdir(dir.At(0)); err != 0 {
			return p.FatalErrno(err, "unable to chdir to ", dir.At(0))
		}
	}
	if exit := supervise.BeginMany(p); exit != bare.Continue {
		return exit
	}
	watchDirectory(p)
	asSupervise = *p
	asSupervise.Begin("supervise", "", bare.Failed)
	for {
		now := bare.SinceBoot()
		if now >= scan.rescan {
			scan.rescan, scan.due = bare.Never, 0
			if scan.watch < 0 {
				scan.rescan = now + again
			}
			readAll(p)
		}
		if now >= scan.due {
			next, left := tend(p, now)
			if scan.stopped != 0 && left == 0 {
				return 0
			}
			scan.due = next
		}
		inside := supervise.Act(&asSupervise)
		if inside == 0 {
			scan.due = 0
		}
		for i := range supervise.Wait(min(scan.due, scan.rescan, inside)) {
			switch e := supervise.Event(i); e.Kind {
			case supervise.SignalEvent:
				obey(&asSupervise, supervise.NextSignal())
			case aChange:
				readChanges(p)
				scan.due = 0
			case anEnd:
				ended(&services.At(int(e.Which >> 1)).of[e.Which&1])
			default:
				supervise.Handle(&asSupervise, e)
				scan.due = 0 // it may have been told to exit
			}
		}
	}
}

// watchDirectory asks the kernel to tell of names that come and go: before the
// directory is read, so that nothing falls in between.
func watchDirectory(p *bare.Process) {
	const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_ONLYDIR
	var err bare.Errno
	if scan.watch, err = bare.NewWatch(); err == 0 {
		err = bare.Watch(scan.watch, ".", changes)
	}
	if err == 0 {
		err = supervise.Watch(scan.watch, bare.Event{Kind: aChange})
	}
	if err != 0 {
		p.WarnErrno(err, "unable to watch the directory, reading it every 5 seconds")
		scan.watch = -1
	}
}

// obey does what a signal asks for: TERM stops the services, then their logs, then
// svscan; HUP reads the directory again; CHLD says that a child has ended.
func obey(p *bare.Process, signal unix.Signal) {
	switch signal {
	case unix.SIGCHLD:
		reap(p)
	case unix.SIGTERM, unix.SIGINT:
		if scan.stopped == 0 {
			scan.stopped = bare.SinceBoot()
		}
		scan.due = 0
	case unix.SIGHUP:
		scan.rescan = 0
	}
}

// reap takes every child that has ended. As PID 1 svscan has children that it does
// not know.
func reap(p *bare.Process) {
	for {
		pid, how := supervise.NextDead()
		if pid == 0 {
			return
		}
		scan.due = 0
		if supervise.Ended(p, pid, how) {
			continue
		}
		for i := range services.Len() {
			e := services.At(i)
			for which := range e.of {
				if s := &e.of[which]; int(s.pid) == pid && s.process < 0 {
					s.pid, s.clear = 0, false
				}
			}
		}
	}
}

// ended takes note of the end of a supervisor that is not a child.
func ended(s *supervisor) {
	if s.process >= 0 {
		supervise.Unwatch(int(s.process))
		s.process, s.pid, s.clear = -1, 0, false
		scan.due = 0
	}
}
