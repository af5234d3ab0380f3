// Package events tells event listeners what happens, by the protocol of Supervisor 4.2.5: a header
// line and a payload on the standard input of a listener, READY and RESULT on its standard output.
package events

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"catena/internal/supervisord/python"
	"catena/internal/supervisord/rpc"
)

// An Event is something that has happened, as listeners are told of it.
type Event struct {
	Type    string // as PROCESS_STATE_EXITED
	Payload string
}

// is reports whether an event is of a type, or of a kind that has the type. EVENT has all.
func (e Event) is(kind string) bool {
	return kind == "EVENT" || e.Type == kind || strings.HasPrefix(e.Type, kind+"_")
}

// A Process is the process that an event is about. The pid is 0 if there is none, or if nobody
// knows.
type Process struct {
	Group, Name string
	PID         int
}

// A Step is from one state to the next.
type Step struct {
	From, To rpc.State
	Tries    int  // to Starting or Backoff: failed starts in a row so far
	Expected bool // to Exited: the exit code is one of exitcodes
}

// StateChanged is the event of a process that goes from one state to the next.
func StateChanged(p Process, s Step) Event {
	payload := fmt.Sprintf("processname:%s groupname:%s from_state:%s", p.Name, p.Group, s.From)
	switch s.To {
	case rpc.Starting, rpc.Backoff:
		payload += fmt.Sprintf(" tries:%d", s.Tries)
	case rpc.Exited:
		expected := 0
		if s.Expected {
			expected = 1
		}
		payload += fmt.Sprintf(" expected:%d pid:%d", expected, p.PID)
	case rpc.Running, rpc.Stopping, rpc.Stopped:
		payload += fmt.Sprintf(" pid:%d", p.PID)
	}
	return Event{"PROCESS_STATE_" + s.To.String(), payload}
}

// The streams of a process.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// Logged is the event of a text that a process has printed.
func Logged(p Process, stream string, text []byte) Event {
	return Event{"PROCESS_LOG_" + strings.ToUpper(stream),
		fmt.Sprintf("processname:%s groupname:%s pid:%d channel:%s\n%s", p.Name, p.Group, p.PID, stream, decoded(text))}
}

// Communicated is the event of a text that a process has printed between the marks for it.
func Communicated(p Process, stream string, text []byte) Event {
	return Event{"PROCESS_COMMUNICATION_" + strings.ToUpper(stream),
		fmt.Sprintf("processname:%s groupname:%s pid:%d\n%s", p.Name, p.Group, p.PID, decoded(text))}
}

// decoded is a text as Python decodes it.
func decoded(text []byte) string {
	if !utf8.Valid(text) {
		return "Undecodable: " + python.BytesRepr(text)
	}
	return string(text)
}

// Remote is the event that a client sends.
func Remote(kind, data string) Event {
	return Event{"REMOTE_COMMUNICATION", "type:" + kind + "\n" + data}
}

// The events of the server itself.
var (
	ServerRuns  = Event{"SUPERVISOR_STATE_CHANGE_RUNNING", ""}
	ServerStops = Event{"SUPERVISOR_STATE_CHANGE_STOPPING", ""}
)

// GroupChanged is the event of a group that is taken into use, or out of it.
func GroupChanged(group string, added bool) Event {
	kind := "PROCESS_GROUP_REMOVED"
	if added {
		kind = "PROCESS_GROUP_ADDED"
	}
	return Event{kind, "groupname:" + group + "\n"}
}

// periods are those of ticks, in seconds.
var periods = [...]int64{5, 60, 3600}

// Ticks makes the events of time. The zero value begins with its first call of At.
type Ticks struct {
	begun bool
	last  [len(periods)]int64 // when the period of each kind began, which may be 0
}

// At returns the ticks of a time in seconds since 1970. A tick comes where a period begins that is
// another one than at the call before.
func (t *Ticks) At(now int64) (events []Event) {
	for i, period := range periods {
		begin := now - now%period
		if t.begun && t.last[i] != begin {
			events = append(events, Event{fmt.Sprintf("TICK_%d", period), fmt.Sprintf("when:%d", begin)})
		}
		t.last[i] = begin
	}
	t.begun = true
	return events
}
