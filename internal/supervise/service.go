// Package supervise keeps services running: the state machine of one, and the
// loop that waits for all of a table at once. It is bare code: it never needs
// memory after it has started, and has one thread.
//
// What must hold, whatever is killed whenever: a service never runs twice. Its
// process carries the lock of the directory from the fork until it has written
// down who it is and execs (service.Record), so the next supervisor, which needs
// the lock, finds it.
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
	name bare.Text // the directory, as it was given
	dir  int       // where its files are: a descriptor or bare.Cwd

	lock, control int  // descriptors
	process       int  // a pidfd, of run or of finish; -1 if the service is down
	pid           int  // of run; 0 if that does not run
	finishing     int  // the pid of finish; likewise
	child         bool // the process is ours to reap, and not adopted
	ready         int  // where it says that it is ready; -1 if it cannot any more

	want    byte // service.WantUp, WantDown or WantOnce
	start   bool // it is to be started, as soon as it may be
	asked   bool // because svc has asked for that
	exit    bool // the supervisor is to end once it is down
	done    bool // and has
	paused  bool
	since   tai64.Label
	started int64 // of the last start, since boot in ns; 0 if there was none
	retry   int64 // when a start that failed is tried again; likewise
	kill    int64 // when the process is killed; likewise
	delay   int64 // from one start to the next, in ns

	state service.State

	unpublished bool // the status could not be written
}

// second is how long a service has had since its start before it is started again,
// in nanoseconds.
const second = 1e9
