// Package supervise keeps services running: the state machine of one, and what a
// process that supervises any number of them shares. It is bare code: it needs no
// memory for a service after it has taken it on, and has one thread.
//
// What must hold, whatever is killed whenever: a service never runs twice. Its
// process carries the lock of the directory from the fork until it has written
// down who it is (service.Record), so the next supervisor, which needs the lock,
// finds it.
package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
	"catena/internal/tai64"
)

// A Service is a service directory and what its supervisor knows of it. Its states,
// and what leads from one to the next:
//
//	down ──start──► up ──death──► finishing ──death──► down
//	                └──death, without ./finish───────────┘
//
// It is started when svc asks for it, and when it has died and is wanted up, but
// never sooner than a second after its last start.
type Service struct {
	used bool
	name bare.Text // the directory, as it was given
	dir  int       // where its files are: a descriptor or bare.Cwd

	base     int // where the pipe is; of a log, the directory of its service
	standard int // the standard descriptor that is an end of the pipe, or service.NoPipe

	lock, control, ok int // descriptors
	pid               int // of run; 0 if that does not run
	finishing         int // the pid of finish; likewise
	process           int // a pidfd of the one that runs, if it was adopted; -1 for a child
	ready             int // where it says that it is ready; -1 if it cannot any more

	want    byte // service.WantUp, WantDown or WantOnce
	start   bool // it is to be started, as soon as it may be
	paused  bool
	done    bool // it is down, and its supervision has ended
	group   bool // signals are for the process group: svc has said so
	apart   bool // what it leaves is killed
	own     bool // it was started by this supervisor
	left    int  // how often that has been tried; 0 if it has left nothing
	since   tai64.Label
	started int64 // of the last start, since boot in ns; 0 if there was none
	reaped  int64 // until when the parent of an adopted process that has died may take to reap it; likewise
	retry   int64 // when a start that failed is tried again; likewise
	delay   int64 // from one start to the next, in ns

	state service.State // what others may know, and the next supervisor must

	unpublished bool // the status could not be written
}

// second is how long a service has had since its start before it is started again,
// in nanoseconds.
const second = 1e9
