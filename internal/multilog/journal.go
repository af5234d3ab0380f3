package multilog

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The journal is a file in the directory of a log. Text stands in it from before it leaves
// the pipe until it stands in the logs. So a kill at any time loses no line, and doubles
// none.
//
// This is how text gets from the pipe to the logs:
//
//  1. tee(2) copies the text from the input pipe to a second pipe. The input pipe keeps it.
//  2. readv(2) moves the copy from the second pipe to the journal, all but the first byte.
//     The journal is a mapped file, so that its pages are used again and again.
//  3. pwrite(2) writes a head to the journal. It says how long the text is, and that the head
//     does not count until its mark changes.
//  4. readv(2) takes the text from the input pipe. The first byte goes to the mark in the head,
//     where multilog has put another byte, and the others go to memory that belongs to no
//     file. So one system call both takes the text from the pipe and makes the head count.
//     Wherever multilog is killed, the text is either in the pipe or in the journal.
//  5. The lines are written to the logs, from that memory. Then a head without a text is
//     written.
//
// Only the kernel reads and writes the mapping. Somebody may cut the journal off at any
// time, and then a page of the mapping is gone: a system call says EFAULT, but multilog
// itself would die of SIGBUS.
//
// The readv takes all of the text or nothing. Only multilog reads the pipe, so everything
// that tee has copied is still there, and the kernel has no input to wait for. The kernel
// may still have to wait for a page that it copies to. The page with the mark comes first,
// and multilog has just written to the pages for the others.
//
// A head also says how far each log is. The journal has two heads, which are written in
// turn. A head lies within a page and is written by one call, so that a kill does not tear
// it. The newest head that counts is valid.
//
//	killed                         what the next multilog finds
//	before the head is written     the head before; the text is in the pipe
//	before the pipe is read        the same, because the mark says that the new head does
//	                               not count
//	before the logs are written    the text in the journal, and how long each log was
//	                               without it: it cuts the logs back to that length and
//	                               writes the text again, so a line is in its log once
//	after the head is written      a head without a text
//
// The fragment of a line that cannot be written yet stands in the head, and so does the first
// byte of a text that was taken: it is the mark. In the file their places before the rest of
// the text stay free. If the next multilog has another pipe, the line ends there.
//
// The next multilog may have another script. It knows a log by its directory, wherever in
// the script the log stands, and it looks for the journal in all logs. If other lines of
// the text are selected for a log now, the log gets all of them, even those that are in its
// old files already.
//
// If the input is not a pipe, or if the file system cannot map files, multilog works
// without a journal. If there is a journal all the same, multilog first replays it, or
// refuses to start.
//
// People read a log with cat main/* and grep -r. So the name of the journal begins with a
// dot, and multilog wipes text out of the journal once it is in the logs: at once if it is
// little, and otherwise when no input has come for a moment.
const (
	journalName = ".journal"
	formerName  = "journal" // until November 2026
)

// journalFile is the journal, and what multilog knows of it.
//
// If fd is 0, there is no journal, and on is false. Otherwise head is the newest head of the
// file, or about to be written. While on is true, the input goes through the mapping. If fd
// is not 0 and on is false, the journal is only there until its text is in the logs.
type journalFile struct {
	on              bool    // text goes through the journal
	found           bool    // a journal was there at the start, of any boot
	former          bool    // the journal counts, and is of another boot
	lost            bool    // somebody has removed the journal, which is to be made anew
	cut             bool    // somebody has cut the journal off, which is to be mended
	short           bool    // multilog itself could not make the journal long
	fd              int     // descriptor; 0 if there is no journal
	home            int     // index of the log whose directory the journal is in
	at              uintptr // address of the mapping
	copyIn, copyOut int     // the second pipe: its ends for writing and reading
	turn            uint64  // how many heads have been written
	boot            service.Boot
	file            bare.Identity // which file the journal is
	pipe            bare.Identity // the input pipe
	fragments       int           // how many of the two heads may hold a fragment
	untaken         int           // so many bytes of the head's text are in the pipe still
	used            int           // so many bytes of the text's place in the file may hold text
	head            journalHead
	zeros           [little]byte // right behind the head, so that one call writes both
	sink            [4096]byte   // takes bytes that nobody wants to read
}

// little is how much old text multilog wipes out of the journal at once, in bytes.
const little = 16 << 10

var _ [0]byte = [unsafe.Offsetof(journalFile{}.zeros) - unsafe.Offsetof(journalFile{}.head) - headSize]byte{}

// log is the log whose directory the journal is in.
func (j *journalFile) log() *log { return script.logs.At(j.home) }

// unwritten is what the last multilog has read and not written to all logs: a fragment, and
// the text behind it.
type unwritten struct {
	fragment, text int  // lengths in bytes
	inside         bool // they begin within a line whose beginning is in the logs
	ends           bool // the last line ends with the text: its rest was to come from another pipe
}

// left returns what the last multilog has left, once the logs are open. A pipe of another
// boot is gone, even if the input pipe has its inode.
func (j *journalFile) left() unwritten {
	u := unwritten{fragment: int(j.head.fragment), text: int(j.head.text), inside: j.head.inside != 0}
	if is, err := bare.StatOpen(0); err == 0 {
		j.pipe = is.File
		u.ends = j.head.pipe != j.pipe || j.former
	}
	return u
}

// writeBothHeads writes both heads, since one may be of another boot, or empty. The input
// has what the last multilog has left.
func (j *journalFile) writeBothHeads(p *bare.Process) {
	if j.fd == 0 {
		return
	}
	h := &j.head
	copy(h.magic[:], journalMagic)
	h.boot, h.marked, h.lasts = j.boot, 0, 0
	if !h.holds() { // otherwise commit notes the pipe, once the text is in the logs
		h.pipe = j.pipe
	}
	h.logs = [mostLogs]journalLog{}
	h.noteAll()
	j.writeHead(p)
	j.writeHead(p)
	if j.found && j.on {
		input.fat = true
		if h.text == 0 {
			j.shrink(p)
		}
	}
}

// writeHead writes the head over the older of the two, and returns the address of its mark.
func (j *journalFile) writeHead(p *bare.Process) (mark uintptr) { return j.writeHeadAnd(p, 0) }

// writeHeadAnd is writeHead, and in the same call writes zeros behind the head.
func (j *journalFile) writeHeadAnd(p *bare.Process, zeros int) (mark uintptr) {
	if j.fragments = max(j.fragments-1, 0); j.head.fragment > 0 {
		j.fragments = 2
	}
	j.turn++
	for {
		err := j.tryHead(zeros)
		if err == 0 {
			return j.at + uintptr(j.headOffset()) + unsafe.Offsetof(j.head.mark)
		}
		j.pause(p, err)
	}
}

// tryHead writes the head where it belongs, and zeros behind it.
func (j *journalFile) tryHead(zeros int) bare.Errno {
	j.head.turn = j.turn
	return bare.WriteAt(j.fd, unsafe.Slice((*byte)(unsafe.Pointer(&j.head)), headSize+zeros), j.headOffset())
}

// headOffset is where the head stands in the file.
func (j *journalFile) headOffset() int64 { return int64(j.turn % 2 * headSize) }

// pause reports that the journal cannot be written, and waits five seconds. After TERM it
// ends multilog instead.
func (j *journalFile) pause(p *bare.Process, err bare.Errno) {
	j.log().warn(p, err, "unable to write ", j.log().journal(), pausing)
	pause(p)
}

// note writes a head that says how far one log is: just before its current becomes an old
// file, and when current is a new file.
func (j *journalFile) note(p *bare.Process, l *log) {
	if j.fd != 0 && l.index < mostLogs {
		j.head.note(l)
		j.writeHead(p)
	}
}

// readIntoJournal moves text from the input pipe to b, which begins with the first free byte
// of the input; steps 1 to 4 at the top of this file. It moves as much as fits, and after
// TERM no more than the rest of the line. The error EAGAIN means that nothing was moved, and
// that the caller is to try again.
func (j *journalFile) readIntoJournal(p *bare.Process, b []byte) (n int, err bare.Errno) {
	there, err := bare.Tee(0, j.copyIn, len(b))
	if err != 0 || there == 0 {
		return 0, err
	}
	input.pipe.held(there)
	free := uintptr(input.n)
	n, err = bare.ReadApart(j.copyOut, input.at+free, j.at+textStart+free+1, there)
	if n < there || err != 0 { // packets come one by one; the others stay in the input pipe
		j.drain()
	}
	if err == 0 && signals.term {
		var got int
		if got, err = bare.ReadAt(j.fd, b[1:n], int64(textStart+free+1)); err == 0 && got < n-1 {
			err = unix.EFAULT
		}
		if line := newlineIn(b[:n]) + 1; line < n && !j.packets(n) {
			n = line
		}
	}
	if err == 0 {
		err = j.takeFromPipe(p, b[:n])
	}
	switch {
	case err == unix.EFAULT:
		j.enlarge(p)
	case err != 0 && !refused(err):
		j.pause(p, err)
	default:
		return n, err
	}
	return 0, unix.EAGAIN
}

// takeFromPipe takes text from the input pipe into b, whose first byte is there already, and
// makes the head of this text count; steps 3 and 4.
func (j *journalFile) takeFromPipe(p *bare.Process, b []byte) bare.Errno {
	h, n, first := &j.head, len(b), b[0]
	h.marked, h.unmarked, h.mark = 1, ^first, ^first
	h.text = uint32(n)
	j.untaken = n
	mark := j.writeHead(p)
	h.marked = 0 // in the head that is written next
	for i := 1; i < n; i += pageSize {
		b[i] = 0
	}
	b[n-1] = first // now all pages of b are in memory
	for {
		_, err := bare.ReadApart(0, mark, input.at+uintptr(input.n)+1, n)
		if err == 0 || err == unix.EFAULT || refused(err) {
			j.untaken = 0
			if h.mark = first; err != 0 {
				h.text = 0 // nothing has been taken
			}
			return err
		}
		j.pause(p, err)
	}
}

// packets reports whether the pipe holds packets. If a read of a packet is too short, the
// rest of the packet is lost.
func (j *journalFile) packets(n int) bool {
	there, _ := bare.Tee(0, j.copyIn, n)
	bare.Read(j.copyOut, j.sink[:1])
	left := bare.Unread(j.copyOut)
	j.drain()
	return int(left) < there-1
}

// drain empties the second pipe.
func (j *journalFile) drain() {
	for {
		if n, err := bare.Read(j.copyOut, j.sink[:]); err != 0 || n == 0 {
			return
		}
	}
}

// commit writes a head that says that all text is in the logs, but for the fragment of a
// line. If the old text is little, commit wipes it out in the same call. For that the head
// has to be the second, which stands before the text.
func (j *journalFile) commit(p *bare.Process, fragment []byte) {
	h := &j.head
	h.inside, h.pipe, h.text = number(input.inside), j.pipe, 0
	n := copy(h.line[:], fragment)
	clear(h.line[n:max(n, int(h.fragment))])
	h.fragment = uint16(n)
	h.noteAll()
	if !j.on || j.used > little {
		j.writeHead(p)
		return
	}
	if j.turn%2 == 1 {
		j.writeHead(p) // the first
	}
	j.writeHeadAnd(p, j.used)
	j.used = 0
}

// stale reports whether there is text in the journal that is in the logs.
func (j *journalFile) stale() bool {
	return j.on && (j.used > 0 || j.fragments > 0 && input.n == 0)
}

// wipe clears text that is in the logs, and fragments that older heads hold.
func (j *journalFile) wipe(p *bare.Process) {
	if j.used > 0 {
		j.shrink(p)
	}
	for input.n == 0 && j.fragments > 0 {
		j.writeHead(p)
	}
}

// shrink gives back the disk space of the text. It cuts the file and makes it long again,
// which leaves zeros. If somebody has cut the journal off, shrink first mends it, because
// nobody could see that afterwards.
func (j *journalFile) shrink(p *bare.Process) {
	j.mend(p)
	bare.Truncate(j.fd, textStart)
	j.short = bare.Truncate(j.fd, journalSize) != 0
	j.used = 0
}
