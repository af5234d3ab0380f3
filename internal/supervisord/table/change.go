package table

import (
	"cmp"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// A Change is a step of a process from one state to the next.
type Change struct {
	Group, Process string
	From, To       rpc.State
	PID            int             // of the process that is up, or was; 0 if there is none, or nobody knows
	Expected       bool            // To is Exited, and the exit code is one of exitcodes
	Tries          int             // how many starts have failed in a row
	How            unix.WaitStatus // how the process has ended, if To is Exited, Stopped or Backoff
	At             time.Time
	Late           bool // it happened while there was no server
}

// news is something to be told: to the log, to subscribers, or to the memory of a process.
type news struct {
	change *Change
	mood   *serve.Mood
	group  string // that comes or goes
	added  bool

	at    time.Time
	late  bool // it happened while there was no server
	level journal.Level
	text  string // for the log

	of     *process // whose memory is this from here on
	memory memory
}

// subscribers are functions that are called in the order in which they have subscribed.
type subscribers[T any] struct {
	next int
	list []subscriber[T]
}

type subscriber[T any] struct {
	number int
	call   func(T)
}

// Subscribe has a function called with each change of all processes, one after the other. It must
// return soon. Who subscribes before Begin hears of what is late, too.
func (t *Table) Subscribe(f func(Change)) (cancel func()) { return subscribe(t, &t.changes, f) }

// SubscribeMood has a function called when the server ends.
func (t *Table) SubscribeMood(f func(serve.Mood)) (cancel func()) {
	return subscribe(t, &t.moods, f)
}

// SubscribeGroups has a function called when a group is taken into use or out of it.
func (t *Table) SubscribeGroups(f func(group string, added bool)) (cancel func()) {
	return subscribe(t, &t.comings, func(n news) { f(n.group, n.added) })
}

func subscribe[T any](t *Table, s *subscribers[T], f func(T)) (cancel func()) {
	t.telling.mu.Lock()
	defer t.telling.mu.Unlock()
	number := s.next
	s.next++
	s.list = append(s.list, subscriber[T]{number, f})
	return func() {
		t.telling.mu.Lock()
		defer t.telling.mu.Unlock()
		kept := []subscriber[T]{}
		for _, other := range s.list {
			if other.number != number {
				kept = append(kept, other)
			}
		}
		s.list = kept
	}
}

// all calls all subscribers.
func all[T any](t *Table, s *subscribers[T], value T) {
	t.telling.mu.Lock()
	list := s.list
	t.telling.mu.Unlock()
	for _, subscriber := range list {
		subscriber.call(value)
	}
}

// tell puts news into the queue, so that whoever is told cannot hold up the table.
func (t *Table) tell(n news) {
	t.telling.mu.Lock()
	defer t.telling.mu.Unlock()
	t.telling.queue = append(t.telling.queue, n)
	if !t.telling.held {
		t.telling.come.Signal()
	}
}

// release puts what is in the queue into the order in which it happened, and has it told. That it
// was told is noted at last.
func (t *Table) release() {
	t.telling.mu.Lock()
	defer t.telling.mu.Unlock()
	slices.SortStableFunc(t.telling.queue, func(a, b news) int {
		if a.of != nil || b.of != nil {
			return cmp.Compare(btoi(a.of != nil), btoi(b.of != nil))
		}
		return a.when().Compare(b.when())
	})
	t.telling.held = false
	t.telling.come.Signal()
}

func btoi(is bool) int {
	if is {
		return 1
	}
	return 0
}

// when is when something happened.
func (n news) when() time.Time {
	if n.change != nil {
		return n.change.At
	}
	return n.at
}

// tellAll tells what is in the queue, in order, for ever.
func (t *Table) tellAll() {
	for {
		t.telling.mu.Lock()
		for len(t.telling.queue) == 0 || t.telling.held {
			t.telling.idle = true
			t.telling.done.Broadcast()
			t.telling.come.Wait()
		}
		t.telling.idle = false
		queue := t.telling.queue
		t.telling.queue = nil
		t.telling.mu.Unlock()
		for _, n := range queue {
			t.tellOne(n)
		}
	}
}

func (t *Table) tellOne(n news) {
	switch {
	case n.text != "" && n.late:
		t.log.SayOf(n.at, n.level, n.text)
	case n.text != "":
		t.log.Say(n.level, n.text)
	}
	switch {
	case n.change != nil:
		all(t, &t.changes, *n.change)
	case n.mood != nil:
		all(t, &t.moods, *n.mood)
	case n.group != "":
		all(t, &t.comings, n)
	case n.of != nil:
		if err := n.memory.keep(n.of.dir); err != nil && !os.IsNotExist(err) && !n.of.forgetful { // a service may have gone
			n.of.forgetful = true
			t.log.Say(journal.Warning, "unable to note what was told of "+n.of.fullName()+": "+err.Error())
		}
	}
}

// Flush waits until everything has been told.
func (t *Table) Flush() {
	t.telling.mu.Lock()
	defer t.telling.mu.Unlock()
	for len(t.telling.queue) > 0 || !t.telling.idle {
		t.telling.done.Wait()
	}
}
