package events

import (
	"bytes"
	"strings"

	"catena/internal/supervisord/python"
)

// A Listener is a process of a pool.
type Listener struct {
	Name    string
	Running bool               // its process is in the state RUNNING
	Write   func([]byte) error // to its standard input; an error says that nobody reads there

	pool   *Pool
	state  listening
	event  *taken // that it works on, if it is busy
	unread []byte // what it has printed and nobody has looked at
	length int64  // of the result, if hasLength
	result []byte // so far

	hasLength bool
}

// A listening is what a listener does, as far as its output tells.
type listening int

const (
	acknowledged listening = iota // it has begun, or dealt with an event, and is to say READY
	ready                         // an event may be sent
	busy                          // it works on an event, and is to print a result
	unknown                       // it has broken the protocol
)

func (s listening) String() string { return [...]string{"ACKNOWLEDGED", "READY", "BUSY", "UNKNOWN"}[s] }

// What a listener prints.
const (
	sayReady  = "READY\n"
	sayResult = "RESULT "
)

// Started is called when the process of a listener has been started.
func (l *Listener) Started() {
	*l = Listener{Name: l.Name, Running: l.Running, Write: l.Write, pool: l.pool}
}

// Ended is called when the process of a listener has ended and its output has been read. The event
// that it has worked on goes to another one.
func (l *Listener) Ended() {
	if l.event != nil {
		l.pool.back(l.event)
		l.event = nil
	}
}

// Printed is called with what a listener prints.
func (l *Listener) Printed(text []byte) {
	l.unread = append(l.unread, text...)
	for len(l.unread) > 0 && l.read() {
	}
}

// read looks at the output. It returns false if more has to come first.
func (l *Listener) read() (goOn bool) {
	switch l.state {
	case acknowledged:
		if len(l.unread) < len(sayReady) {
			return false
		}
		rest, is := bytes.CutPrefix(l.unread, []byte(sayReady))
		if is {
			l.become(ready)
			l.unread = rest
		} else {
			l.become(unknown)
		}
		l.event = nil
	case ready: // nobody has asked it
		l.become(unknown)
		l.event = nil
	case busy:
		if !l.hasLength {
			return l.readLength()
		}
		n := min(l.length-int64(len(l.result)), int64(len(l.unread)))
		l.result, l.unread = append(l.result, l.unread[:n]...), l.unread[n:]
		if int64(len(l.result)) == l.length {
			l.finish(string(l.result) == "OK")
		}
	case unknown:
		l.unread = nil
	}
	return true
}

// readLength reads the line that says how long the result is. As by Supervisor, the word in front
// of the number may be another one of that length.
func (l *Listener) readLength() (goOn bool) {
	line, rest, whole := bytes.Cut(l.unread, []byte("\n"))
	if !whole {
		return false
	}
	l.unread = rest
	length, err := python.Int(string(line[min(len(sayResult), len(line)):]), 10)
	if err != nil || length < 0 {
		l.pool.hub.log(Warning, "%s: bad result line: '%s'", l.Name, decoded(line))
		event := l.event
		l.become(unknown)
		l.event = nil
		l.pool.back(event)
		return false
	}
	l.length, l.hasLength = length, true
	return true
}

// finish ends the work on an event. One that is rejected is sent again.
func (l *Listener) finish(ok bool) {
	event := l.event
	l.event, l.result, l.hasLength = nil, nil, false
	if ok {
		l.pool.hub.log(Debug, "%s: event was processed", l.Name)
		l.become(acknowledged)
		return
	}
	l.pool.hub.log(Warning, "%s: event was rejected", l.Name)
	l.become(acknowledged)
	l.pool.back(event)
}

func (l *Listener) become(next listening) {
	l.pool.hub.log(Debug, "%s: %s -> %s", l.Name, l.state, next)
	l.state = next
	if next == unknown {
		l.unread = nil
		l.pool.hub.log(Warning, "%s", l.Name+strings.Join([]string{": has entered the UNKNOWN state and will no longer receive events,",
			"this usually indicates the process violated the eventlistener protocol"}, " "))
	}
}
