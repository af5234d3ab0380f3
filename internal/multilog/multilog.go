// Package multilog reads lines and appends them to automatically rotated logs. It is
// bare code: it needs no memory after it has started.
//
// What must hold: a line that was written to the pipe is in the log once, whenever
// multilog is killed. See journal.go.
package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Multilog writes lines to logs.
var Multilog = execchain.Tool{
	Name:    "multilog",
	Usage:   "multilog: usage: multilog script",
	Misused: bare.Misused,
	Help: `usage: multilog action ...
`,
	Run:   multilog,
	Stays: true,
}

// pipeSize is how much the pipe holds, if it may, in bytes: as much as anybody may ask
// for.
const pipeSize = 1 << 20

// signals is what the process was started with, for the processor.
var signals bare.Signals

// asked is what signals ask for.
var asked struct {
	exit, rotate bool
}

func multilog(p *bare.Process) bare.Exit {
	if bare.HostSpawn != nil {
		return p.Fatal("built without the early entry: build with go build -ldflags=-E=_rt0_catena")
	}
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	const caught = 1<<(unix.SIGTERM-1) | 1<<(unix.SIGALRM-1)
	signals = bare.BlockSignals(caught)
	events, err := bare.OpenSignalsOf(caught)
	if err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	bare.Umask(0o022)
	if exit := parse(p, p.Args.From(1)); exit != bare.Continue {
		return exit
	}
	if exit := openLogs(p); exit != bare.Continue {
		return exit
	}
	run(p, events)
	for i := range script.logs.Len() {
		script.logs.At(i).sync(p)
	}
	journal.remove() // before somebody may go on with a log that it knows
	for i := range script.logs.Len() {
		script.logs.At(i).close(p)
	}
	return 0
}

// openLogs opens every log. All locks come first, so that nothing is done if one of them
// is held.
func openLogs(p *bare.Process) bare.Exit {
	n := script.logs.Len()
	for i := range n {
		l := script.logs.At(i)
		if exit := l.lockDirectory(p); exit != bare.Continue {
			return exit
		}
		var ok bool
		if l.out, ok = bare.Map(outSize); !ok {
			return p.NoMemory()
		}
	}
	if n == 0 && !input.mapAlone() {
		return p.NoMemory()
	}
	if n > 0 {
		bare.SetPipeSize(0, pipeSize)
		if exit := journal.open(p); exit != bare.Continue {
			return exit
		}
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	for i := range n {
		l := script.logs.At(i)
		if err == 0 && limit.Cur >= leastSize {
			l.size = int64(min(uint64(l.size), uint64(limit.Cur))) // or SIGXFSZ would kill each multilog
		}
		if exit := l.restart(p); exit != bare.Continue {
			return exit
		}
	}
	return bare.Continue
}

// run reads lines and writes them until the input ends, or TERM has come and the line
// that was begun has ended.
func run(p *bare.Process, events int) {
	text, ends := journal.begin(p) // which the last multilog has read and not written
	input.stamp.take()
	if input.n > 0 {
		input.older, input.oldEnd = input.stamp, 1
	}
	if text > 0 || ends && (input.n > 0 || input.inside) {
		add(p, text, ends)
	}
	if !journal.on {
		journal.remove()
	}
	for {
		wait(p, events)
		if done() {
			return
		}
		n, err := readInput(p)
		if err == unix.EAGAIN {
			continue
		}
		input.stamp.take()
		if err != 0 {
			p.WarnErrno(err, "unable to read input")
		}
		if err != 0 || n == 0 {
			process(p, true)
			return
		}
		add(p, n, false)
	}
}

// add counts what has been read to the input, and writes the lines; the last one as well,
// if it ends with that.
func add(p *bare.Process, n int, ends bool) {
	input.block = input.n + readBlock
	beginBlock(p)
	input.n += n
	process(p, ends)
}

// wait waits for input, and does what signals and the clock ask for.
func wait(p *bare.Process, events int) {
	for !done() {
		until := int64(bare.Never)
		for i := range script.logs.Len() {
			if l := script.logs.At(i); l.every > 0 && l.bytes > 0 && !input.inside {
				until = min(until, l.begun+l.every*1e9)
			}
		}
		if input.fat {
			until = min(until, bare.SinceBoot()+idle)
		}
		readable, signalled := bare.WaitForTwo(0, events, until)
		for signalled {
			signal, _ := bare.ReadSignal(events)
			switch unix.Signal(signal) {
			case unix.SIGTERM:
				asked.exit = true
			case unix.SIGALRM:
				asked.rotate = true
			default:
				signalled = false
			}
		}
		now := int64(0)
		if until != bare.Never {
			now = bare.SinceBoot()
		}
		for i := range script.logs.Len() {
			l := script.logs.At(i)
			if l.bytes > 0 && (asked.rotate || l.every > 0 && !input.inside && now >= l.begun+l.every*1e9) {
				l.rotate(p)
			}
		}
		asked.rotate = false
		if readable {
			return
		}
		if input.fat && now >= until {
			slim()
		}
	}
}

// done tells that TERM has come, and the line that was begun has ended.
func done() bool { return asked.exit && input.n == 0 && !input.inside }

// idle is how long there is no input until memory is given back, in nanoseconds.
const idle = 1e9

// slim gives back the memory of many lines, as long as there is hardly anything in it.
func slim() {
	input.fat = false
	bare.Release(input.at+pageSize, readMax-pageSize) // input.n is less than that
	if journal.on {
		journal.shrink()
	}
	for i := range script.logs.Len() {
		bare.Release(script.logs.At(i).out, outSize)
	}
}
