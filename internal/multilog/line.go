package multilog

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// lineMax is how much of a line is looked at, its label included, in bytes.
const lineMax = 1000

// readMax is how much is read at once, in bytes; readBlock is how much 0.76 reads.
const (
	readMax   = 128 << 10
	readBlock = 1024
)

// input is what has been read and does not stand in the logs.
var input inputText

type inputText struct {
	at      uintptr // of readMax bytes
	n       int     // of these
	fat     bool    // much of it has been used
	scanned int     // of these, without a newline
	inside  bool    // it begins within a line, the beginning of which has been written
	block   int     // where a read of 0.76 would have ended
	stamp   stamp
	older   stamp // of the line at the beginning, which was read before the rest
	oldEnd  int   // before which that line begins; 0 if there is none
}

func (i *inputText) text() []byte { return bare.BytesAt(i.at, readMax) }

// mapAlone maps memory that is no file's.
func (i *inputText) mapAlone() bool {
	at, ok := bare.Map(readMax)
	if ok {
		i.at = at
	}
	return ok
}

// line is the beginning of the line that is looked at, filled up with newlines.
var line [lineMax + 1]byte

// lineFilled is how much of it the last line has used.
var lineFilled int

// process writes the lines that have been read, but for the beginning of one of which not
// enough has been read yet; at the end of the input all.
func process(p *bare.Process, end bool) {
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
			break // what comes may still count for whom it is selected
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
		l.since, l.skip = 0, 0
	}
	left := text[at:input.n]
	input.n -= at
	input.scanned = input.n
	input.fat = input.fat || at > 4*pageSize
	switch {
	case input.n == 0:
		input.oldEnd = 0
	case at > 0 || input.oldEnd == 0:
		input.older, input.oldEnd = input.stamp, 1
	}
	if journal.fd != 0 {
		journal.commit(p, left)
	}
	if !journal.on {
		copy(text, left)
	}
}

const pageSize = 4 << 10

// quick writes complete lines to logs for which nobody looks into a line, up to where 0.76
// would read again, and does just what emit would do. It returns how long they are together;
// 0 if there are none, or if 0.76 would end the file of a log before.
func quick(p *bare.Process, text []byte, block int) int {
	if script.logs.Len() == 0 {
		return 0
	}
	room := int64(outSize / 2)
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		if l.n > outSize/2 {
			l.spill(p)
		}
		room = min(room, l.size-slack-1-l.bytes-int64(l.n))
	}
	if room < int64(block) || len(text) < block {
		return 0
	}
	first := script.logs.At(0)
	used, made := fill(bare.BytesAt(first.out+uintptr(first.n), int(room)), text, &input.stamp, block)
	if used == 0 {
		return 0
	}
	lines := bare.BytesAt(first.out+uintptr(first.n), made)
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		if i > 0 {
			copy(bare.BytesAt(l.out+uintptr(l.n), made), lines)
		}
		l.n += made
		l.settled = l.n
		l.selected = true
	}
	return used
}

// fill copies complete lines of a text, each behind the stamp, as long as there is room,
// and returns how much of the text and of the room it has used up to the last place where
// 0.76 would read again: the first one of these is block.
func fill(out, text []byte, s *stamp, block int) (used, made int) {
	from, to := uintptr(unsafe.Pointer(unsafe.SliceData(text))), uintptr(unsafe.Pointer(unsafe.SliceData(out)))
	i, o := 0, 0
	lines, full := 0, 0 // i and o behind the last line
	for o+len(s.text) <= len(out) {
		*(*[len(s.text)]byte)(unsafe.Pointer(&out[o])) = s.text
		o += s.n
		n := copyLine(to+uintptr(o), from+uintptr(i), min(len(text)-i, len(out)-o))
		if n == 0 {
			break
		}
		i += n
		o += n
		if i >= block {
			if i == block {
				lines, full = i, o
			}
			used, made = lines, full
			block += (i - block + readBlock) &^ (readBlock - 1)
		}
		lines, full = i, o
	}
	return used, made
}

// emit writes a line, or a piece of one if the rest is still to be read.
func emit(p *bare.Process, at, end int, ends bool) {
	first, read := at, input.text()
	if !input.inside {
		s := &input.stamp
		if at < input.oldEnd {
			s = &input.older
		}
		first = min(end, at+lineMax-s.n)
		label, text := s.text[:s.n], read[at:first]
		reach(p, first, first == at+lineMax-s.n)
		if script.plain {
			for i := range script.logs.Len() {
				l := script.logs.At(i)
				l.selected = true
				l.putLine(p, label, text)
			}
		} else {
			choose(p, label, text)
		}
	}
	for first < end { // byte by byte, as 0.76 has it
		reach(p, first, false)
		next := min(end, input.block)
		putAll(p, read[first:next])
		first = next
	}
	if ends {
		reach(p, end, false)
		putAll(p, newlineText[:])
	}
	input.inside = !ends
}

var newlineText = [1]byte{'\n'}

func putAll(p *bare.Process, b []byte) {
	for i := range script.logs.Len() {
		if l := script.logs.At(i); l.selected {
			l.putBytes(p, b)
		}
	}
}

// choose does the actions for the beginning of a line.
func choose(p *bare.Process, label, text []byte) {
	n := copy(line[:], label)
	n += copy(line[n:], text)
	for i := n; i < len(line) && (i < lineFilled || lineFilled == 0); i++ {
		line[i] = '\n'
	}
	lineFilled = n
	selected := true
	for i := range script.actions.Len() {
		switch a := script.actions.At(i); a.kind {
		case actSelect, actDeselect:
			if selected != (a.kind == actSelect) && a.matches(line[:n]) {
				selected = !selected
			}
		case actAlert:
			if selected {
				alert(line[:n])
			}
		case actStatus:
			if selected {
				a.replace(p)
			}
		case actLog:
			l := script.logs.At(a.log)
			if l.selected = selected; selected {
				l.putLine(p, nil, line[:n])
			}
		}
	}
}

func (a *action) matches(line []byte) bool {
	if a.glob {
		return globs(a.text.String(), line)
	}
	return matches(a.text.String(), line)
}

// alert prints a line, or its first 200 bytes.
func alert(line []byte) {
	const most = 200
	var room [most + 4]byte
	n := copy(room[:most], line)
	if len(line) > most {
		n += copy(room[n:], "...")
	}
	room[n] = '\n'
	bare.Write(2, room[:n+1])
}

// replace writes the line, filled up with newlines, over the file.
func (a *action) replace(p *bare.Process) {
	for {
		err := bare.WriteAt(a.fd, line[:], 0)
		if err == 0 {
			return
		}
		p.WarnErrno(err, "unable to write ", a.text.String(), ", pausing")
		bare.Sleep(5e9)
	}
}

// reach is called before a piece is written that ends before a place in the input; full
// tells that 0.76 has not looked at the byte there. Where it would have had to read
// again, it would have written first what it had collected, and how much that is decides
// on where a file ends.
func reach(p *bare.Process, at int, full bool) {
	if full {
		at--
	}
	if at < input.block {
		return
	}
	for input.block <= at {
		input.block += readBlock
	}
	beginBlock(p)
}

// beginBlock is called where 0.76 reads.
func beginBlock(p *bare.Process) {
	for i := range script.logs.Len() {
		script.logs.At(i).settle(p)
	}
}

// newlineIn is where the first newline stands, or the length if there is none.
func newlineIn(b []byte) int { return bare.Index(bare.TextOf(b), '\n') }

// readInput reads more, after TERM no more than the line. 0 is the end of the input.
func readInput(p *bare.Process) (n int, err bare.Errno) {
	room := input.text()[input.n:]
	room = room[:len(room)&^(readBlock-1)] // so that blocks stay those of 0.76
	if !journal.on {
		if asked.exit {
			room = room[:1]
		}
		return bare.Read(0, room)
	}
	n, err = journal.take(p, room)
	if err != 0 && err != unix.EAGAIN {
		if err != unix.EINVAL && err != unix.EBADF { // no pipe, or none to be read
			p.WarnErrno(err, "unable to duplicate input, going on without ", journalName)
		}
		journal.leave()
		return 0, unix.EAGAIN
	}
	return n, err
}
