package events

import "bytes"

// The marks around a text that a process prints for listeners.
const (
	beginMark = "<!--XSUPERVISOR:BEGIN-->"
	endMark   = "<!--XSUPERVISOR:END-->"
)

// An Output is a stream of a process, in which texts for listeners may stand between marks.
type Output struct {
	Most         int          // how much of such a text is kept; 0 if marks mean nothing
	Log          func([]byte) // what stands in the log
	Printed      func([]byte) // everything but the marks
	Communicated func([]byte) // a text between marks

	capturing bool
	captured  []byte
	held      []byte // the end so far, which may be the beginning of a mark
}

// Write takes what a process has printed.
func (o *Output) Write(text []byte) {
	if o.Most <= 0 {
		o.pass(text)
		return
	}
	text = append(o.held, text...)
	o.held = nil
	for {
		mark := []byte(beginMark)
		if o.capturing {
			mark = []byte(endMark)
		}
		before, after, found := bytes.Cut(text, mark)
		if !found {
			end := len(text) - beginningAtEnd(text, mark)
			o.held = bytes.Clone(text[end:])
			o.pass(text[:end])
			return
		}
		o.pass(before)
		if o.capturing {
			o.Communicated(o.captured)
			o.captured = nil
		}
		o.capturing = !o.capturing
		text = after
	}
}

// Close is called at the end of a stream. What looks like a mark that has only begun is none.
func (o *Output) Close() {
	held := o.held
	o.held = nil
	o.pass(held)
	o.capturing, o.captured = false, nil
}

// beginningAtEnd is the length of the longest beginning of a mark that a text ends with.
func beginningAtEnd(text, mark []byte) int {
	for n := min(len(mark)-1, len(text)); n > 0; n-- {
		if bytes.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}

// pass passes a text on: to the log, or to what is captured. Of the latter the oldest bytes go where
// it becomes too long: as many as come.
func (o *Output) pass(text []byte) {
	if len(text) == 0 {
		return
	}
	if o.capturing {
		if len(o.captured)+len(text) > o.Most {
			o.captured = o.captured[min(len(text), len(o.captured)):]
		}
		o.captured = append(bytes.Clone(o.captured), text...)
	} else {
		o.Log(text)
	}
	o.Printed(text)
}
