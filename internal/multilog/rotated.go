package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// rotated is an automatically rotated log: a directory.
type rotated struct {
	name      bare.Text
	size      int64     // of current, at most, in bytes
	num       int64     // of old files, from which on the oldest is removed
	total     int64     // of all files together, at most, in bytes; 0 is any
	every     int64     // seconds after which current is rotated; 0 is never
	age       int64     // seconds after which an old file is removed; 0 is never
	processor bare.Text // empty if there is none
	code      bare.Text // what the name of a finished file ends with

	dir, lock, current int           // descriptors
	bytes              int64         // in current, those in out not counted
	begun              int64         // when the first line was written to it, or found there, since boot in ns
	begunTo            int64         // how much of current the kernel writes to disk already
	since              int64         // bytes written since the journal began with what is in it
	skip               int64         // bytes to come that are written already
	id, file           bare.Identity // of the directory, and of current
	newest             tai64.Label   // of an old file; zero until it has been looked for
	born               uint64        // when current was made, in ns, 7 bytes of it
	selection          uint64        // tells what it gets of a text from what another log gets

	out      uintptr // room for outSize bytes
	n        int     // in it
	settled  int     // of these, what 0.76 would have written
	selected bool    // the line is for it
}

// outSize is how much is collected for one write, in bytes; smallSize is how much 0.76
// collects.
const (
	outSize   = 128 << 10
	smallSize = 512
)

// early is how much is given to the disk at once, so that it has less to do when the file
// is big enough and everything waits for it, in bytes.
const early = 512 << 10

// slack is how far from its size a log is big enough if a line ends there, in bytes.
const slack = 2000

// The files of a directory.
const (
	current   = "current"
	previous  = "previous"
	processed = "processed"
	state     = "state"
	newState  = "newstate"
)

// putLine writes the beginning of a line, which 0.76 collects in one piece.
func (l *rotated) putLine(p *bare.Process, label, text []byte) {
	n := len(label) + len(text)
	if n > smallSize-(l.n-l.settled) {
		l.settle(p)
	}
	l.collect(p, label)
	l.collect(p, text)
	if n > smallSize {
		l.settle(p)
	}
}

// putBytes writes bytes that 0.76 collects one by one.
func (l *rotated) putBytes(p *bare.Process, b []byte) {
	for {
		fits := min(smallSize-(l.n-l.settled), len(b))
		l.collect(p, b[:fits])
		if b = b[fits:]; len(b) == 0 {
			return
		}
		l.settle(p)
	}
}

// collect takes a piece of at most lineMax bytes.
func (l *rotated) collect(p *bare.Process, b []byte) {
	if l.n+len(b) > outSize {
		l.spill(p)
	}
	l.n += copy(bare.BytesAt(l.out+uintptr(l.n), outSize-l.n), b)
}

// settle is called where 0.76 would write what it has collected. Here that may wait, if
// current does not end with it.
func (l *rotated) settle(p *bare.Process) {
	if l.bytes+int64(l.n) < l.size-slack {
		l.settled = l.n
		return
	}
	piece := bare.BytesAt(l.out+uintptr(l.settled), l.n-l.settled)
	l.write(p, bare.BytesAt(l.out, l.settled))
	l.write(p, piece)
	l.n, l.settled = 0, 0
}

// spill writes what is settled.
func (l *rotated) spill(p *bare.Process) {
	out := bare.BytesAt(l.out, l.n)
	l.write(p, out[:l.settled])
	l.n, l.settled = copy(out, out[l.settled:]), 0
}

// flush writes what has been collected.
func (l *rotated) flush(p *bare.Process) {
	l.settle(p)
	l.spill(p)
}

// write appends to current, and begins a new one when it is full.
func (l *rotated) write(p *bare.Process, b []byte) {
	if over := min(l.skip, int64(len(b))); over > 0 {
		l.skip -= over
		l.since += over
		b = b[over:]
	}
	for len(b) > 0 {
		if l.bytes >= l.size {
			l.rotate(p)
		}
		piece := b[:min(int64(len(b)), l.size-l.bytes)]
		if l.bytes+int64(len(piece)) >= l.size-slack {
			if end := lastNewline(piece); end > 0 {
				piece = piece[:end]
			}
		}
		n, err := bare.WriteSome(l.current, piece)
		if err != 0 || n == 0 {
			l.pause(p, err, "unable to write to ", "/"+current+", pausing")
			continue
		}
		if l.bytes == 0 && l.every > 0 {
			l.begun = bare.SinceBoot()
		}
		l.bytes += int64(n)
		l.since += int64(n)
		if l.bytes >= l.begunTo+early {
			bare.BeginWriting(l.current, l.begunTo, l.bytes-l.begunTo)
			l.begunTo = l.bytes
		}
		if l.bytes >= l.size-slack && b[n-1] == '\n' {
			l.rotate(p)
		}
		b = b[n:]
	}
}

// lastNewline is what there is of b up to its last newline, 0 if there is none.
func lastNewline(b []byte) int {
	for i := len(b); i > 0; i-- {
		if b[i-1] == '\n' {
			return i
		}
	}
	return 0
}

// pause says what is wrong and waits five seconds.
func (l *rotated) pause(p *bare.Process, err bare.Errno, before, after string) {
	p.WarnErrno(err, before, l.name.String(), after)
	bare.Sleep(5e9)
}

// rotate finishes current and begins another one. It does not return before it has.
func (l *rotated) rotate(p *bare.Process) {
	l.sync(p)
	journal.rotating(p, l)
	bare.Close(l.current)
	for {
		err := bare.Rename(l.dir, current, previous)
		if err == 0 {
			break
		}
		l.pause(p, err, "unable to rename current to previous in directory ", ", pausing")
	}
	l.create(p)
	l.chmod(p, previous, 0o744)
	if l.processor.String() == "" {
		l.finish(p, previous, l.code.String())
	} else {
		l.process(p)
	}
	journal.rotated(p, l)
}

// create begins a new current.
func (l *rotated) create(p *bare.Process) {
	for {
		fd, err := appendTo(l.dir, current)
		if err == 0 {
			l.current = fd
			break
		}
		l.pause(p, err, "unable to create ", "/"+current+", pausing")
	}
	l.bytes, l.begunTo = 0, 0
	l.identify(p)
	for {
		err := bare.Fchmod(l.current, 0o644)
		if err == 0 {
			break
		}
		l.pause(p, err, "unable to set mode of ", "/"+current+", pausing")
	}
}

// identify takes note of which file current is.
func (l *rotated) identify(p *bare.Process) {
	for {
		is, err := bare.StatOpen(l.current)
		if err == 0 {
			l.file, l.born = is.File, is.Born
			return
		}
		l.warn(p, err, "unable to stat ", current)
	}
}

func (l *rotated) chmod(p *bare.Process, file string, mode uint32) {
	for {
		err := bare.Chmod(l.dir, file, mode)
		if err == 0 {
			return
		}
		l.warn(p, err, "unable to set mode of ", file)
	}
}

// warn is pause about a file.
func (l *rotated) warn(p *bare.Process, err bare.Errno, what, file string) {
	p.WarnErrno(err, what, l.name.String(), "/", file, ", pausing")
	bare.Sleep(5e9)
}

func appendTo(dir int, name string) (fd int, err bare.Errno) {
	return bare.OpenAt(dir, name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
}

// sync writes everything to disk.
func (l *rotated) sync(p *bare.Process) {
	for {
		err := bare.Fsync(l.current)
		if err == 0 {
			return
		}
		l.pause(p, err, "unable to write ", "/"+current+" to disk, pausing")
	}
}

// close says by the mode of current that all of it is on disk, and has nothing else to it.
func (l *rotated) close(p *bare.Process) {
	for {
		err := bare.Fchmod(l.current, 0o744)
		if err == 0 {
			return
		}
		l.pause(p, err, "unable to set mode of ", "/"+current+", pausing")
	}
}
