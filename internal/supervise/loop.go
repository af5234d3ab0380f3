package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Waiting: for signals, for dead children, and for what happens to services. supervise and
// svscan each have a loop of their own over Act, Wait, NextDead and Handle. What happens
// between two calls of Wait is a turn.

// loop is what one turn leaves to the next, and the table of the services.
//
// A place of pids has the pid of the run or finish of the service in the same place of
// services, or 0. So Ended need not walk the large elements.
//
// next is no later than what due returns for any of the services.
var loop struct {
	poll    bare.Poll
	signals int  // the descriptor that signals are read from; 0 before Begin has opened it
	deaths  bool // there may be dead children that NextDead has not reaped
	told    int  // the child that the last SIGCHLD was about; or 0

	services bare.Table[Service]
	pids     bare.Table[int32]
	next     int64 // when Act has something to do, since boot in ns

	fromLiving, fromBrief int // where in the table Act goes on

	launched  int    // how often run or finish was started
	reaped    int    // children that NextDead has reaped in this turn
	blocking  bool   // renewStandard was called in this turn
	fileLimit uint64 // the soft limit on open files, when Full last asked for it
}

// The kinds of events that Wait returns. Those from OtherEvent on are the caller's.
const (
	SignalEvent = iota // Signals has something to take
	commandEvent
	endEvent    // an adopted process has died
	noticeEvent // a service has written that it is ready
	OtherEvent
)

// Suspend stops this process, as ^Z at a terminal does. ^Z stops the services in its process
// group: if their supervisor went on, the shell would wait for it.
func Suspend() { process.inherited.Suspend() }

// Watch has Wait return e whenever there is input on a descriptor.
func Watch(fd int, e bare.Event) bare.Errno { return loop.poll.Add(fd, e) }

// Unwatch closes a descriptor that was watched. close(2) alone would not end the watching
// while a child that has not execed yet has a copy.
func Unwatch(fd int) {
	loop.poll.Remove(fd)
	bare.Close(fd)
}

// One turn of the loop reaps at most mostDeaths children, and starts programs for at most
// Turn nanoseconds. The rest is left to the next turn, after signals and commands.
// Otherwise programs that end at once would keep their supervisor busy for ever.
const (
	mostDeaths = 64
	Turn       = 50e6
)

// Wait waits for events, at most until a time since boot in nanoseconds. It returns how many
// there are. Event returns each of them, until the next call of Wait.
func Wait(until int64) int {
	loop.reaped, loop.blocking = 0, false
	if loop.deaths {
		until = 0
	}
	return loop.poll.Wait(bare.Until(until))
}

// Event returns the event i of the last Wait.
func Event(i int) bare.Event { return loop.poll.At(i) }

// Signals reads the signals that have come into list, and returns how many there are. It
// notes SIGCHLD for NextDead.
func Signals(list *[4]bare.Arrived) int {
	if loop.signals == 0 { // Begin has failed early
		return 0
	}
	n := bare.ReadSignals(loop.signals, list)
	for _, a := range list[:n] {
		if a.Signal == unix.SIGCHLD {
			loop.deaths, loop.told = true, int(a.PID)
		}
	}
	return n
}

// NextDead reaps a child that has ended. pid is 0 if there is none, or if this turn has
// reaped enough. The child of the last SIGCHLD comes first: the kernel takes long to find
// any dead child among thousands that live.
func NextDead() (pid int, how unix.WaitStatus) {
	if !loop.deaths || loop.reaped == mostDeaths {
		return 0, 0
	}
	loop.reaped++
	if child := loop.told; child > 0 {
		loop.told = 0
		if pid, how, err := bare.Reap(child); err == 0 && pid != 0 {
			return pid, how
		}
	}
	pid, how, err := bare.Reap(bare.AnyChild)
	if err != 0 || pid == 0 {
		loop.deaths = false
		return 0, 0
	}
	return pid, how
}
