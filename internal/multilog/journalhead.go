package multilog

import (
	"unsafe"

	"catena/internal/bare"
	"catena/internal/service"
)

// The format of the journal: two heads, and the text.

const (
	journalMagic = "journal3"
	headSize     = 4096
	mostLogs     = 47
	textStart    = 2 * headSize
	journalSize  = textStart + readMax
)

// journalHead is a head as it stands in the file. Its numbers are little-endian, as they
// are in the memory of every machine that multilog runs on.
type journalHead struct {
	magic    [len(journalMagic)]byte
	boot     service.Boot         // when the head was written
	turn     uint64               // how many heads were written before
	inside   byte                 // 1 if the text begins within a line whose beginning is in the logs
	marked   byte                 // 1 if the head counts only if the next two bytes differ
	unmarked byte                 // what multilog put into the mark
	mark     byte                 // gets the first byte of the text
	text     uint32               // the length of the text
	fragment uint16               // the length of the fragment before the text
	lasts    byte                 // 1 if the head counts in another boot, too
	_        [5]byte              // zero
	pipe     bare.Identity        // the input pipe
	logs     [mostLogs]journalLog // by their indexes in the script
	_        [16]byte             // zero
	line     [lineMax]byte        // begins with the fragment
}

// journalLog is how far a log is without the text.
type journalLog struct {
	log       bare.Identity
	current   bare.Identity
	size      int64   // of current
	written   int64   // how many bytes of the log's lines of the text are in older files
	selection uint64  // hash of the actions that select the log's lines
	selected  byte    // 1 if the log gets the line that the text begins in
	born      [7]byte // when current was made, in nanoseconds, because inode numbers come back
}

// A head has exactly its size.
var _ [headSize]byte = [unsafe.Sizeof(journalHead{})]byte{}

// counts reports whether the text of the head has been taken from the pipe. A head without
// a mark says nothing of the pipe, and counts.
func (h *journalHead) counts() bool { return h.marked == 0 || h.mark != h.unmarked }

// size is how many bytes stand in the journal that the logs lack.
func (h *journalHead) size() int { return int(h.fragment) + int(h.text) }

// holds reports whether the journal has something that the logs lack.
func (h *journalHead) holds() bool { return h.size() > 0 || h.inside != 0 }

// identity tells a log from every other: that of its directory, with the name in it if the log is a
// file.
func (l *log) identity() bare.Identity {
	if l.isFile() {
		return l.id.Below(l.base.String())
	}
	return l.id
}

// note notes how far a log is.
func (h *journalHead) note(l *log) {
	e := &h.logs[l.index]
	e.log, e.current, e.size, e.written, e.selection = l.identity(), l.file, l.bytes, l.written+l.skip, l.selection
	bare.PutLittle(e.born[:], l.born)
}

// noteAll notes how far each log is, and which logs get the line that the text begins in.
func (h *journalHead) noteAll() {
	for i := range min(script.logs.Len(), mostLogs) {
		l := script.logs.At(i)
		h.note(l)
		h.logs[i].selected = number(l.selected)
	}
}

// number is 1 for true, as the journal has it.
func number(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// resumption is where the next multilog goes on with a log.
type resumption struct {
	known    bool  // current is the file that the journal means
	whole    int64 // how many bytes of current count
	skip     int64 // how many bytes to come are in the log already
	selected bool  // the log gets the line that the text begins in
}

// resume returns what the head says of a log whose current has a status. If the head says
// nothing, the log goes on as it is.
func (h *journalHead) resume(l *log, is bare.Status) resumption {
	from := resumption{skip: l.skip, selected: l.selected}
	for i := range h.logs {
		e := &h.logs[i]
		if e.log != l.identity() {
			continue
		}
		if e.selection == l.selection {
			from.skip = e.written
		}
		from.selected, from.whole = e.selected != 0, e.size
		from.known = e.current == is.File && bare.Little(e.born[:]) == is.Born && is.Links == 1 && e.size <= is.Size
		break
	}
	return from
}
