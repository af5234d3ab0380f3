package control

import (
	"unicode/utf8"

	"catena/internal/bare"
	"catena/internal/service"
)

// What svstat prints of a service, as a sentence or as JSON.

// reasons are why a service is down, in the words of svstat -l and of svstat -j. Behind
// CannotStay there is the number of starts that have failed.
var reasons = [...]struct{ long, json string }{
	service.NeverStarted:  {"never started", "never-started"},
	service.Told:          {"told to stop", "told"},
	service.Ended:         {"ended", "ended"},
	service.CannotRun:     {"cannot run", "cannot-run"},
	service.NoInterpreter: {"cannot run: its interpreter", "no-interpreter"},
	service.CannotStart:   {"cannot start", "cannot-start"},
	service.GaveUp:        {"gave up: finish exited 125", "gave-up"},
	service.EndedWell:     {"ended well", "ended-well"},
	service.CannotStay:    {"gave up after ", "gave-up-starting"},
}

// whyDown is the index of the reason why the service is down. Ok is false if the reason is
// not known, or the service is up.
func (c condition) whyDown() (which int, ok bool) {
	which = int(c.Why)
	return which, c.hasState && c.PID == 0 && which < len(reasons) && reasons[which].long != ""
}

// appendReason appends the reason why the service is down, as svstat -l has it.
func (c condition) appendReason(b *bare.Buffer) {
	b.Append(reasons[c.Why].long)
	if c.Why == service.CannotStay {
		b.AppendNumber(uint64(c.Failed))
		b.Append(" starts")
	}
	if c.Errno != 0 {
		b.Append(": ")
		b.Append(bare.Reason(c.Errno))
	}
}

func describe(b *bare.Buffer, c condition, long bool) {
	up := c.PID != 0
	if up {
		b.Append(": up (pid ")
		b.AppendNumber(uint64(c.PID))
		b.Append(") ")
	} else {
		b.Append(": down ")
	}
	b.AppendNumber(c.seconds())
	b.Append(" seconds")
	for _, remark := range [...]struct {
		holds bool
		text  string
	}{
		{up && !c.normallyUp, ", normally down"},
		{!up && c.normallyUp, ", normally up"},
		{up && c.Paused, ", paused"},
		{!up && c.Want == service.WantUp, ", want up"},
		{up && c.Want == service.WantDown, ", want down"},
		{long && up && c.Ready, ", ready"},
		{long && up && c.Want == service.WantOnce, ", once"},
	} {
		if remark.holds {
			b.Append(remark.text)
		}
	}
	if long && c.hasState {
		describeLong(b, c)
	}
}

func describeLong(b *bare.Buffer, c condition) {
	if _, ok := c.whyDown(); ok {
		b.Append(", ")
		c.appendReason(b)
	}
	if c.PID == 0 && c.Failed != 0 && c.Why != service.CannotStay {
		b.Append(", failed starts ")
		b.AppendNumber(uint64(c.Failed))
	}
	if ms, ok := c.nextStart(); ok {
		tenths := (ms + 99) / 100
		b.Append(", next start in ")
		b.AppendNumber(tenths / 10)
		b.Append(".")
		b.AppendNumber(tenths % 10)
		b.Append(" s")
	}
	b.Append(", starts ")
	b.AppendNumber(uint64(c.Starts))
	switch {
	case !c.Known:
	case c.Ended.Signaled():
		b.Append(", last killed by signal ")
		b.AppendNumber(uint64(c.Ended.Signal()))
	default:
		b.Append(", last exited ")
		b.AppendNumber(uint64(c.Ended.ExitStatus()))
	}
}

func describeJSON(b *bare.Buffer, c condition) {
	want := `"once"`
	switch c.Want {
	case service.WantUp:
		want = `"up"`
	case service.WantDown:
		want = `"down"`
	}
	b.Append(`,"up":`)
	appendBool(b, c.PID != 0)
	b.Append(`,"pid":`)
	b.AppendNumber(uint64(c.PID))
	b.Append(`,"seconds":`)
	b.AppendNumber(c.seconds())
	b.Append(`,"normally_up":`)
	appendBool(b, c.normallyUp)
	b.Append(`,"want":`)
	b.Append(want)
	b.Append(`,"paused":`)
	appendBool(b, c.PID != 0 && c.Paused)
	if c.hasState {
		describeLongJSON(b, c)
	}
}

func describeLongJSON(b *bare.Buffer, c condition) {
	b.Append(`,"ready":`)
	appendBool(b, c.PID != 0 && c.Ready)
	if which, ok := c.whyDown(); ok {
		b.Append(`,"why":"`)
		b.Append(reasons[which].json)
		b.Append(`"`)
		if c.Errno != 0 {
			b.Append(`,"reason":"`)
			b.Append(bare.Reason(c.Errno))
			b.Append(`"`)
		}
	}
	if ms, ok := c.nextStart(); ok {
		b.Append(`,"next_start_ms":`)
		b.AppendNumber(ms)
	}
	b.Append(`,"starts":`)
	b.AppendNumber(uint64(c.Starts))
	b.Append(`,"failed_starts":`)
	b.AppendNumber(uint64(c.Failed))
	switch {
	case !c.Known:
	case c.Ended.Signaled():
		b.Append(`,"last_signal":`)
		b.AppendNumber(uint64(c.Ended.Signal()))
	default:
		b.Append(`,"last_exit":`)
		b.AppendNumber(uint64(c.Ended.ExitStatus()))
	}
}

func appendBool(b *bare.Buffer, is bool) {
	if is {
		b.Append("true")
	} else {
		b.Append("false")
	}
}

// appendQuoted appends a text as a JSON string (RFC 8259), without bytes that drive a
// terminal. Bytes that are not UTF-8 become U+FFFD, because JSON has no way to write them.
func appendQuoted(b *bare.Buffer, text string) {
	const hex = "0123456789abcdef"
	b.Append(`"`)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '"' || r == '\\':
			b.Append(`\`)
			b.Append(text[i : i+1])
		case r < ' ' || 0x7f <= r && r < 0xa0:
			b.Append(`\u00`)
			b.Append(hex[r>>4 : r>>4+1])
			b.Append(hex[r&15 : r&15+1])
		case r == utf8.RuneError && size == 1:
			b.Append("\ufffd")
		default:
			b.Append(text[i : i+size])
		}
		i += size
	}
	b.Append(`"`)
}
