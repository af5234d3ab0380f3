// Package supervise keeps services running. It has the state machine of a service, and what
// a process shares that supervises any number of services. It is bare code with one thread.
// A service takes memory when it is added and never again.
//
// What must hold, whatever is killed whenever: a service never runs twice. From the fork
// on, the process of a service holds the lock of the directory, until it has written its
// record (service.Record). A supervisor needs the lock, so it finds either the record or
// no process.
package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// The phase of a service says which process it has, and so what can happen to it:
//
//	     start          run has died            nothing is left
//	down ─────► up ──────────────────► clearing ───────────────► finishing
//	│ ▲                                   │ there is no finish       │ finish has died
//	│ └───────────────────────────────────┴──────────────────────────┘
//	│ svc -x
//	▼
//	over
//
// The supervisor starts the service when svc asks for it, and when the service has died and
// is wanted up, but not sooner than a second after the last start, unless its directory says
// otherwise. A process that a killed
// supervisor has left puts the service into up, clearing or finishing at once.
type phase uint8

const (
	unused    phase = iota // this place of the table is free
	down                   // neither run nor finish runs
	up                     // run runs
	clearing               // run has died, and its death is not dealt with, or processes are left that it has started
	finishing              // finish runs
	over                   // svc -x is carried out: the caller may Forget the service
)

// A Service is a service directory and what its supervisor knows about it.
type Service struct {
	name  bare.Text // the directory as it was given, for messages
	place int32     // in the table of services
	phase phase
	files files
	state service.State // what the lock file says for svstat and for the next supervisor

	pid              int         // of run in the phase up, of finish in finishing, otherwise 0
	pidfd            int         // of an adopted process its pidfd, or service.NoPidfd; -1 for a child, and without a process
	reaped           int64       // deadline for the parent of a dead adopted process to reap it, since boot in ns; or 0
	own              bool        // this supervisor has started run, rather than adopted it
	killsDescendants bool        // flag-kill-descendants: the descendants of run are ended with it
	left             bool        // in the phase clearing: descendants were told to end, and are still there
	paused           bool        // svc -p has stopped run
	since            tai64.Label // of the last start or death, for the status

	options options

	want  byte // service.WantUp, WantDown or WantOnce
	start bool // to be started as soon as pace allows
	whom  byte // who gets signals: + the process group, = the process, 0 as the directory says
	pace  pace

	failed failures
}

// files are the descriptors of a service. 0 stands for a file that is not open, as Begin has
// occupied descriptors 0 to 2; ready has -1 for that.
type files struct {
	dir  int          // the directory, or bare.Cwd
	base int          // the directory that has the pipes: for a log, that of its service
	ends service.Ends // no descriptor: which ends of pipes are standard descriptors of the service

	lock, control, ok int // in supervise
	ready             int // our end of the readiness FIFO or pipe

	streams [len(service.Streams)]int // the FIFOs for the output
}

// pace is what decides when a service may be started. Times are since boot, in nanoseconds.
type pace struct {
	started int64 // the last start; 0 if there was none
	retry   int64 // no start before this time, after one for which there could be no process; or 0
	due     int64 // no start before this time, after a start
	brief   bool  // run did not live long the last time
}

// failures are what could not be written, and is tried again.
type failures struct {
	status bool // the status: every second
	lock   bool // the lock file, which has been said
	origin bool // what the records of the lock file belong to
}

// second is the least time between two starts of a service, in nanoseconds.
const second = 1e9

// close closes the files of a service.
func (f *files) close() {
	for _, fd := range [...]int{f.lock, f.ok, f.dir, f.streams[0], f.streams[1]} {
		if fd > 0 {
			bare.Close(fd)
		}
	}
	if f.base != f.dir && f.base > 0 {
		bare.Close(f.base)
	}
}
