package events

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// A Hub passes events on to pools of listeners. Its functions are called one at a time.
type Hub struct {
	Identifier string              // of the server
	Log        func(Level, string) // what Supervisor logs of events
	pools      []*Pool             // in the order in which they are told
	serial     serial              // of the events that a pool has taken
}

// A Level says how much a message of the log matters.
type Level int

// The levels, by Supervisor's numbers.
const (
	Debug   Level = 10
	Warning Level = 30
	Error   Level = 40
)

// A serial numbers events from 0 on.
type serial struct{ given int64 }

func (s *serial) next() int64 {
	if s.given == math.MaxInt64 {
		s.given = 0
	}
	s.given++
	return s.given - 1
}

// A Pool is a group of listeners. Each event goes to one of them.
type Pool struct {
	Name      string
	Listeners []*Listener

	hub    *Hub
	kinds  []string // the types that it has asked for
	most   int      // how many events may wait
	waits  []*taken // the oldest first
	serial serial
}

// taken is an event that a pool has taken.
type taken struct {
	Event
	serial, poolSerial int64
}

// Add makes a pool for some types of events, of which so many may wait for a listener.
func (h *Hub) Add(name string, kinds []string, most int, listeners ...string) *Pool {
	p := &Pool{Name: name, hub: h, kinds: kinds, most: most}
	for _, name := range listeners {
		p.Listeners = append(p.Listeners, &Listener{Name: name, pool: p, state: acknowledged})
	}
	h.pools = append(h.pools, p)
	return p
}

// Remove takes a pool out of use, with the events that wait there.
func (h *Hub) Remove(p *Pool) {
	for i, other := range h.pools {
		if other == p {
			h.pools = append(h.pools[:i:i], h.pools[i+1:]...)
			return
		}
	}
}

// Notify has all pools take an event that have asked for it. A pool that has asked twice, for a
// type and for a kind that has the type, is told twice, as by Supervisor.
func (h *Hub) Notify(e Event) {
	var numbered *taken
	for _, p := range h.pools {
		var inPool *taken
		for _, kind := range p.kinds {
			switch {
			case !e.is(kind):
				continue
			case numbered == nil:
				numbered = &taken{Event: e, serial: h.serial.next()}
			}
			if inPool == nil {
				inPool = &taken{e, numbered.serial, p.serial.next()}
			} else {
				p.logAgain(inPool)
			}
			p.wait(inPool, false)
		}
	}
}

// wait has an event wait for a listener: behind the others, or before them. If too many wait, the
// oldest one is given up.
func (p *Pool) wait(e *taken, first bool) {
	if len(p.waits) >= p.most && len(p.waits) > 0 {
		p.hub.log(Error, "pool %s event buffer overflowed, discarding event %d", p.Name, p.waits[0].serial)
		p.waits = p.waits[1:]
	}
	if first {
		p.waits = append([]*taken{e}, p.waits...)
	} else {
		p.waits = append(p.waits, e)
	}
}

// back takes an event back that no listener has dealt with.
func (p *Pool) back(e *taken) {
	p.logAgain(e)
	p.wait(e, true)
}

func (p *Pool) logAgain(e *taken) {
	p.hub.log(Debug, "rebuffering event %d for pool %s (buf size=%d, max=%d)", e.serial, p.Name, len(p.waits), p.most)
}

// Dispatch sends events that wait to listeners that are ready.
func (h *Hub) Dispatch() {
	for _, p := range h.pools {
		for capable := p.hasReady(); capable && len(p.waits) > 0; {
			e := p.waits[0]
			p.waits = p.waits[1:]
			if !p.send(e) {
				p.back(e)
				break
			}
		}
	}
}

func (p *Pool) hasReady() bool {
	for _, l := range p.Listeners {
		if l.Running && l.state == ready {
			return true
		}
	}
	return false
}

// send sends an event to the first listener that takes it.
func (p *Pool) send(e *taken) bool {
	for _, l := range p.Listeners {
		if !l.Running || l.state != ready {
			continue
		}
		if l.Write == nil || l.Write(p.envelope(e)) != nil {
			p.hub.log(Debug, "epipe occurred while sending event %d to listener %s, listener state unchanged", e.serial, l.Name)
			continue
		}
		l.state, l.event = busy, e
		p.hub.log(Debug, "event %d sent to listener %s", e.serial, l.Name)
		return true
	}
	return false
}

// envelope is what a listener reads of an event. The length is in characters, as Python counts.
func (p *Pool) envelope(e *taken) []byte {
	return fmt.Appendf(nil, "ver:3.0 server:%s serial:%d pool:%s poolserial:%d eventname:%s len:%d\n%s",
		p.hub.Identifier, e.serial, p.Name, e.poolSerial, e.Type, utf8.RuneCountInString(e.Payload), e.Payload)
}

func (h *Hub) log(l Level, format string, arguments ...any) {
	if h.Log != nil {
		h.Log(l, fmt.Sprintf(format, arguments...))
	}
}
