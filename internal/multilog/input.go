package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// From text that has been read to lines in the output of the logs. 0.76 reads 1024 bytes at
// a time and collects 512 bytes of a log, and both numbers decide where 0.76 ends a file.
// multilog reads and writes far more at a time, but ends its files at the same bytes. That
// is what the places called block in this file are for.

// lineMax is how many bytes of a line the patterns see, the label included.
const lineMax = 1000

// readMax is how many bytes multilog reads at once, and readBlock how many 0.76 reads.
const (
	readMax   = 128 << 10
	readBlock = 1024
)

// input is text on its way from the input pipe to the logs, and the places where it stands.
//
// Text that has been read and is not in all logs yet stands in the first n bytes at the
// address at. Before each read this is the fragment of one line, and scanned is n. The
// journal has the same text.
var input struct {
	inputText
	pipe    inputPipe
	line    lookedAt
	checks  uint64 // how many times checkFiles has been called
	journal journalFile
}

type inputText struct {
	at      uintptr // address of readMax bytes, which belong to no file
	n       int     // how many of these are text
	fat     bool    // much of the memory has been used, which slim can give back
	idleAt  int64   // since when no input has come, since boot in ns; 0 if nobody has asked
	scanned int     // so many bytes at the beginning have no newline
	inside  bool    // the text begins within a line whose beginning is in the logs
	block   int     // index at which 0.76 would read again
	stamp   stamp
	older   stamp // stamp of the first line, if that was read before the rest
	oldEnd  int   // lines that begin before this index get the older stamp; 0 if none do
}

func (i *inputText) text() []byte { return bare.BytesAt(i.at, readMax) }

// readInput reads more input, and after TERM no more than the rest of the line. It returns
// 0 at the end of the input.
func readInput(p *bare.Process) (n int, err bare.Errno) {
	room := input.text()[input.n:]
	room = room[:len(room)&^(readBlock-1)] // whole blocks, which then begin where those of 0.76 do
	if !input.journal.on {
		if signals.term {
			room = room[:1]
		}
		n, err = bare.Read(0, room)
		input.pipe.held(n)
		return n, err
	}
	n, err = input.journal.readIntoJournal(p, room)
	if err != 0 && err != unix.EAGAIN {
		if err != unix.EINVAL && err != unix.EBADF { // standard input is no pipe, or not open for reading
			input.journal.log().warn(p, err, "unable to duplicate input, going on without ", input.journal.log().journal(), "")
		}
		input.journal.goWithout(p)
		return 0, unix.EAGAIN
	}
	return n, err
}

// writeLines writes complete lines, and keeps the fragment behind them. It writes the
// fragment as well at the end of the input, or if the fragment is so long that patterns see
// no more of it.
func writeLines(p *bare.Process, end bool) {
	text, at := input.text(), 0
	for at < input.n {
		if script.plain && !input.inside && at >= input.oldEnd {
			if used := quick(p, text[at:input.n], input.block-at); used > 0 {
				at += used
				input.scanned = 0
				continue
			}
		}
		from := max(at, input.scanned)
		newline := from + newlineIn(text[from:input.n])
		if newline == input.n && !end && !input.inside && newline-at < lineMax-input.stamp.n {
			break // unread bytes may decide which log gets the line
		}
		emit(p, at, newline, newline < input.n || end)
		at = min(newline+1, input.n)
		input.scanned = 0
	}
	if end && input.inside {
		emit(p, at, at, true)
	}
	for i := range script.logs.Len() {
		script.logs.At(i).flush(p)
	}
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		l.written, l.skip = 0, 0
	}
	left := text[at:input.n]
	input.journal.used = max(input.journal.used, input.n)
	input.n -= at
	input.scanned = input.n
	input.fat = input.fat || at > 4*pageSize
	switch {
	case input.n == 0:
		input.oldEnd = 0
	case at > 0 || input.oldEnd == 0:
		input.older, input.oldEnd = input.stamp, 1
	}
	if input.journal.fd != 0 {
		input.journal.commit(p, left)
	}
	copy(text, left)
}

// settleBefore is called before a piece of the input is written that ends at index at. If
// 0.76 would have to read again to see that piece, 0.76 would first write what it had
// collected, and settleAll does the same. Full means that 0.76 has not looked at the byte
// at that index, because the beginning of the line is as long as it may be.
func settleBefore(p *bare.Process, at int, full bool) {
	if full {
		at--
	}
	if at < input.block {
		return
	}
	for input.block <= at {
		input.block += readBlock
	}
	settleAll(p)
}

// settleAll is called where 0.76 would read again. 0.76 writes what it has collected
// before it reads.
func settleAll(p *bare.Process) {
	for i := range script.logs.Len() {
		script.logs.At(i).settle(p)
	}
}

const pageSize = 4 << 10

// newlineIn is the index of the first newline, or the length if there is none.
func newlineIn(b []byte) int { return bare.Index(bare.TextOf(b), '\n') }
