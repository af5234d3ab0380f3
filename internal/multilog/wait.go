package multilog

import "catena/internal/bare"

// The wait for input, and what multilog does meanwhile.

// wait waits for input. Meanwhile it does what signals and the clock ask for. If it returns
// anything but Continue, multilog ends with that.
func wait(p *bare.Process) bare.Exit {
	for !done() {
		until := nextTime()
		readable, signalled, err := bare.WaitForTwo(0, signals.events, until)
		if err != 0 {
			return input.journal.stop(p, p.FatalErrno(err, "unable to wait for input"))
		}
		if signalled {
			readSignals()
		}
		now := int64(0)
		if until != bare.Never || signals.term {
			now = bare.SinceBoot()
		}
		rotate := signals.alrm
		signals.alrm = false // cleared first, so that an ALRM that comes while a processor runs still counts
		for i := range script.logs.Len() {
			l := script.logs.At(i)
			if l.bytes > 0 && (rotate || l.every > 0 && !input.inside && now >= l.firstLine+l.every*1e9) {
				l.rotate(p)
			}
		}
		if readable {
			return bare.Continue
		}
		if signals.term && now >= signals.patienceEnd && !done() {
			return leaveFragment(p)
		}
		if until != bare.Never && input.journal.stale() && now >= input.idleAt+quiet {
			input.journal.wipe(p)
		}
		if until != bare.Never && input.fat && now >= input.idleAt+idle {
			slim(p)
		}
	}
	return bare.Continue
}

// nextTime is when wait has something to do even if no input comes.
func nextTime() int64 {
	until := int64(bare.Never)
	for i := range script.logs.Len() {
		if l := script.logs.At(i); l.every > 0 && l.bytes > 0 && !input.inside {
			until = min(until, l.firstLine+l.every*1e9)
		}
	}
	if signals.term {
		until = min(until, signals.patienceEnd)
	}
	if signals.alrm {
		until = 0 // ALRM came while multilog waited for something else
	}
	if stale := input.journal.stale(); stale || input.fat {
		if input.idleAt == 0 {
			input.idleAt = bare.SinceBoot()
		}
		if stale {
			until = min(until, input.idleAt+quiet)
		}
		if input.fat {
			until = min(until, input.idleAt+idle)
		}
	}
	return until
}

// How long the input must be silent, in nanoseconds. After quiet, multilog wipes text that
// is in the logs out of the journal. After idle, it gives memory back.
const (
	quiet = 100e6
	idle  = 1e9
)

// slim gives back the memory that many lines have filled. What it releases holds no text.
func slim(p *bare.Process) {
	input.fat = false
	input.pipe.shrink()
	kept := 0
	if input.n > 0 {
		kept = pageSize // the beginning of a line, which is less
	}
	bare.ReleasePages(input.at+uintptr(kept), readMax-kept)
	if input.journal.on {
		input.journal.shrink(p)
	}
	for i := range script.logs.Len() {
		bare.ReleasePages(script.logs.At(i).out, outSize)
	}
}
