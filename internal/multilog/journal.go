package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What is read stands in the journal, a file in the first log, before it leaves the pipe,
// and until it stands in the logs. It is duplicated from the pipe, which keeps it, into a
// second one (tee(2)), and read from there into the file, which is mapped: its pages are
// used again and again. Then it is read from the pipe itself, to nowhere but for its first
// byte. That one goes to the head of the journal, where something else has stood: so in one
// system call the text leaves the pipe and the journal says so, and wherever the process is
// killed the text is either in the pipe or in the journal.
//
// That read takes all or nothing. Nobody else takes from the pipe, so as much as was
// duplicated is there, and then the kernel does not wait, but for a page that it reads to:
// the one with the mark, which comes first, and one that has just been written to.
//
// The head says how far the logs are, too. There are two of them, written in turn, each in
// one call within a page, which a kill does not tear; the newest that counts is the head.
//
//	killed                         what the next one finds
//	before the head is written     the head before; the text is in the pipe
//	before the pipe is read        the same, because the mark says that the new one does
//	                               not count
//	before the logs are written    the text in the journal, and how long each log was
//	                               without it: the logs are cut to that, and it is written
//	                               again, so every line is in its log once
//	after the head is written      a head without a text
//
// The beginning of a line that cannot be written yet is in the head, and in front of the
// text as well. If the next one has another pipe, that line ends there.
//
// The next one may have another script: a log is known by its directory, wherever in the
// script it stands, and the journal is where the last one has left it. What a log gets of
// the text may differ then; if so, it gets all of it again, also what is in older files.
//
// Where the input is not a pipe, or the file system cannot map files, there is no journal;
// what one has that is there is read and written first, or nothing is done at all.
const journalName = "journal"

// A head, in bytes. Numbers are little-endian.
//
//	 0  8  "journal3"
//	 8 24  the beginning of the boot id
//	32  8  how many heads there were before
//	40  1  1 if what comes begins within a line, the beginning of which has been written
//	41  1  1 if the head counts only if the next two bytes differ
//	42  1  what the mark was
//	43  1  the mark
//	44  4  how long the text is
//	48  2  how long the beginning of a line before it is, which is at the end of the head
//	56 16  the pipe: its device and inode
//	72 64  for each log: its directory and current, each as device and inode; in 8 each,
//	       the size of current, how many bytes of the output are in older files, and
//	       what tells one selection of lines from another; 1 if it gets the line that
//	       the text begins in; in 7, when current was made, in nanoseconds, because an
//	       inode may come back
const (
	journalMagic = "journal3"
	markPlace    = 43
	pipePlace    = 56
	logsPlace    = 72
	entrySize    = 64
	linePlace    = headSize - lineMax
	headSize     = 4096
	mostLogs     = (linePlace - logsPlace) / entrySize
	textStart    = 2 * headSize
	journalSize  = textStart + readMax
)

type journalFile struct {
	on      bool    // what is read stands in it
	fd      int     // 0 if there is none
	home    int     // the log in whose directory it is
	at      uintptr // where it is mapped
	in, out int     // of the second pipe
	turn    uint64  // of the head
	boot    service.Boot
	pipe    [16]byte // the input
	head    [headSize]byte
}

var journal journalFile

// open opens the journal that the last multilog has left, or makes one. Anything but
// Continue is a failure, which has been said: then what it has is as it was.
func (j *journalFile) open(p *bare.Process) bare.Exit {
	j.boot = service.ThisBoot()
	left := false
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		is, err := bare.Stat(l.dir, journalName)
		if err != 0 && err != unix.ENOENT {
			return p.FatalErrno(err, "unable to read ", l.name.String(), "/", journalName)
		}
		switch {
		case is.Mode&unix.S_IFMT != unix.S_IFREG:
		case left:
			if exit := j.removeOther(p, l); exit != bare.Continue {
				return exit
			}
		default:
			j.home, left = i, true
		}
	}
	l := script.logs.At(j.home)
	err := j.read(p, l, unix.O_CREAT)
	if err != 0 && left {
		return p.FatalErrno(err, "unable to read ", l.name.String(), "/", journalName)
	}
	if err == 0 {
		err = j.use()
	}
	if err == 0 {
		j.on, input.at = true, j.at+textStart
		return bare.Continue
	}
	if err == unix.E2BIG {
		p.Warn("too many logs for ", l.name.String(), "/", journalName)
	} else {
		p.WarnErrno(err, "unable to use ", l.name.String(), "/", journalName)
	}
	if !input.mapAlone() {
		return p.NoMemory()
	}
	if !j.holds() {
		j.remove()
		return bare.Continue
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	if err == 0 && limit.Cur < textStart {
		return p.FatalErrno(unix.EFBIG, "unable to write ", l.name.String(), "/", journalName)
	}
	text := input.text()[:bare.Little(j.head[44:48])+bare.Little(j.head[48:50])]
	if n, err := bare.ReadAt(j.fd, text, textStart); err != 0 || n < len(text) {
		return p.FatalErrno(err, "unable to read ", l.name.String(), "/", journalName)
	}
	return bare.Continue
}

// removeOther removes the journal of a log for which there was another script, unless
// there is something in it: which of the two came first is not known.
func (j *journalFile) removeOther(p *bare.Process, l *rotated) bare.Exit {
	if err := j.read(p, l, 0); err != 0 {
		return p.FatalErrno(err, "unable to read ", l.name.String(), "/", journalName)
	}
	if j.holds() {
		return p.Fatal("lines are left for another script: ", l.name.String(), "/", journalName)
	}
	bare.Unlink(l.dir, journalName)
	bare.Close(j.fd)
	j.fd, j.turn = 0, 0
	clear(j.head[:])
	return bare.Continue
}

// holds tells whether the journal has something that the logs lack.
func (j *journalFile) holds() bool {
	return bare.Little(j.head[44:48]) > 0 || bare.Little(j.head[48:50]) > 0 || j.head[40] != 0
}

// read opens the journal in a log and loads it.
func (j *journalFile) read(p *bare.Process, l *rotated, how int) bare.Errno {
	fd, err := bare.OpenAt(l.dir, journalName, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|how, 0o600)
	if err != 0 {
		return err
	}
	j.fd = fd
	if err = j.load(p, l); err != 0 {
		bare.Close(fd)
		j.fd = 0
	}
	return err
}

// use makes what the journal needs.
func (j *journalFile) use() (err bare.Errno) {
	if script.logs.Len() > mostLogs {
		return unix.E2BIG
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	if err == 0 && limit.Cur < journalSize {
		return unix.EFBIG // it would die of that
	}
	if err = bare.Truncate(j.fd, journalSize); err != 0 {
		return err
	}
	if j.at, err = bare.MapShared(j.fd, journalSize); err != 0 {
		return err
	}
	if j.out, j.in, err = bare.Pipe(unix.O_NONBLOCK | unix.O_CLOEXEC); err != 0 {
		return err
	}
	bare.SetPipeSize(j.in, readMax)
	// One more has to be left for a rotation.
	spare, err := bare.Dup(0)
	if err != 0 {
		bare.Close(j.in)
		bare.Close(j.out)
		return err
	}
	bare.Close(spare)
	return 0
}

// load takes over the newest head that counts, if both are of this boot, as far as that is
// known, and the file has not been cut off.
func (j *journalFile) load(p *bare.Process, l *rotated) bare.Errno {
	var heads [2 * headSize]byte
	n, err := bare.ReadAt(j.fd, heads[:], 0)
	if err != 0 {
		return err
	}
	for at := 0; at < len(heads); at += headSize {
		head := heads[at : at+headSize]
		otherBoot := service.Boot(head[8:32]) != j.boot && head[8] != 0 && j.boot[0] != 0
		isOne := string(head[:8]) == journalMagic
		if !isOne && head[0] != 0 { // which it is before anything is written
			p.Warn("no journal: ", l.name.String(), "/", journalName)
		}
		if n < len(heads) || !isOne || otherBoot {
			clear(j.head[:])
			return 0
		}
		turn := bare.Little(head[32:40])
		if counts := head[41] == 0 || head[42] != head[markPlace]; counts && turn >= j.turn {
			j.turn = turn
			copy(j.head[:], head)
		}
	}
	line, text := bare.Little(j.head[48:50]), bare.Little(j.head[44:48])
	is, err := bare.StatOpen(j.fd)
	if err != 0 {
		return err
	}
	if line > lineMax || line+text > readMax || textStart+int64(line+text) > is.Size {
		clear(j.head[:])
	}
	return 0
}

// left takes over what the journal says of a log, and tells whether current is the one that
// it knows: then whole is the size that it had.
func (j *journalFile) left(l *rotated, current bare.Status) (whole int64, known bool) {
	for i := range mostLogs {
		b := j.entry(i)
		if string(j.head[:8]) != journalMagic || [16]byte(b[0:16]) != l.id.Bytes() {
			continue
		}
		if bare.Little(b[48:56]) == l.selection {
			l.skip = int64(bare.Little(b[40:48]))
		}
		l.selected = b[56] != 0
		whole = int64(bare.Little(b[32:40]))
		same := [16]byte(b[16:32]) == current.File.Bytes() && bare.Little(b[57:64]) == current.Born
		return whole, same && current.Links == 1 && whole <= current.Size
	}
	return 0, false
}

func (j *journalFile) entry(place int) []byte {
	return j.head[logsPlace+place*entrySize:][:entrySize]
}

// begin is called once the logs are open. It returns how much text there is that the logs
// lack, and whether the line that it ends in comes to an end with it. Both heads are
// written: one may be of another boot, or none.
func (j *journalFile) begin(p *bare.Process) (text int, ends bool) {
	input.inside, input.n = j.head[40] != 0, int(bare.Little(j.head[48:50]))
	text = int(bare.Little(j.head[44:48]))
	if is, err := bare.StatOpen(0); err == 0 {
		j.pipe = is.File.Bytes()
		ends = [16]byte(j.head[pipePlace:logsPlace]) != j.pipe
	}
	if j.fd == 0 {
		return text, ends
	}
	copy(j.head[0:8], journalMagic)
	copy(j.head[8:32], j.boot[:])
	j.head[41] = 0
	if !j.holds() { // otherwise commit does it
		copy(j.head[pipePlace:logsPlace], j.pipe[:])
	}
	clear(j.head[logsPlace:linePlace])
	j.noteLogs()
	j.write(p)
	j.write(p)
	j.putLine(p)
	return text, ends
}

// noteLogs notes how far each log is, and for which the line is that the text begins in.
func (j *journalFile) noteLogs() {
	for i := range min(script.logs.Len(), mostLogs) {
		l := script.logs.At(i)
		j.noteLog(i, l)
		j.entry(i)[56] = 0
		if l.selected {
			j.entry(i)[56] = 1
		}
	}
}

func (j *journalFile) noteLog(place int, l *rotated) {
	b := j.entry(place)
	dir, current := l.id.Bytes(), l.file.Bytes()
	copy(b[0:16], dir[:])
	copy(b[16:32], current[:])
	bare.PutLittle(b[32:40], uint64(l.bytes))
	bare.PutLittle(b[40:48], uint64(l.since+l.skip))
	bare.PutLittle(b[48:56], l.selection)
	bare.PutLittle(b[57:64], l.born)
}

// write writes the head over the one before the last, and returns where its mark is.
func (j *journalFile) write(p *bare.Process) (mark uintptr) {
	j.turn++
	bare.PutLittle(j.head[32:40], j.turn)
	place := j.turn % 2 * headSize
	for {
		err := bare.WriteAt(j.fd, j.head[:], int64(place))
		if err == 0 {
			return j.at + uintptr(place) + markPlace
		}
		j.warn(p, err)
	}
}

// warn says that the journal cannot be written, and waits five seconds.
func (j *journalFile) warn(p *bare.Process, err bare.Errno) {
	script.logs.At(j.home).warn(p, err, "unable to write ", journalName)
}

// rotating notes that all that is written so far will be in an older file.
func (j *journalFile) rotating(p *bare.Process, l *rotated) { j.noteOne(p, l) }

// rotated notes that current is a new one.
func (j *journalFile) rotated(p *bare.Process, l *rotated) { j.noteOne(p, l) }

func (j *journalFile) noteOne(p *bare.Process, l *rotated) {
	for i := range min(script.logs.Len(), mostLogs) {
		if j.fd != 0 && script.logs.At(i) == l {
			j.noteLog(i, l)
			j.write(p)
		}
	}
}

// sink is where goes what nobody wants to read.
var sink [4096]byte

// take reads what is in the pipe into b, which is in the mapping, at most as much as fits,
// after TERM no more than the line. It is in the journal then.
func (j *journalFile) take(p *bare.Process, b []byte) (n int, err bare.Errno) {
	there, err := bare.Tee(0, j.in, len(b))
	if err != 0 || there == 0 {
		return 0, err
	}
	n, err = bare.Read(j.out, b[:there])
	if n < there || err != 0 { // as packets come one by one, they will here as well
		j.drain()
	}
	if err != 0 {
		if err == unix.EFAULT {
			j.enlarge(p)
		} else {
			j.warn(p, err)
		}
		return 0, unix.EAGAIN
	}
	if line := newlineIn(b[:n]) + 1; asked.exit && line < n && !j.packets(n) {
		n = line
	}
	j.head[41], j.head[42], j.head[markPlace] = 1, ^b[0], ^b[0]
	bare.PutLittle(j.head[44:48], uint64(n))
	mark := j.write(p)
	j.head[41] = 0                    // in the next one
	sink[0], sink[len(sink)-1] = 0, 0 // its pages are there
	for {
		if _, err = bare.ReadAway(0, mark, sink[:], n); err == 0 {
			return n, 0
		}
		j.warn(p, err)
	}
}

// packets tells whether what is in the pipe is packets, of which what is not read is lost.
func (j *journalFile) packets(n int) bool {
	there, _ := bare.Tee(0, j.in, n)
	bare.Read(j.out, sink[:1])
	left := bare.Unread(j.out)
	j.drain()
	return int(left) < there-1
}

// drain reads what is in the second pipe.
func (j *journalFile) drain() {
	for {
		if n, err := bare.Read(j.out, sink[:]); err != 0 || n == 0 {
			return
		}
	}
}

// enlarge is called when there was no place on the disk for a page of the mapping. It
// writes to all of them, which tells why.
func (j *journalFile) enlarge(p *bare.Process) {
	for at := 0; at < readMax; at += len(sink) {
		if err := bare.WriteAt(j.fd, sink[:], int64(textStart+at)); err != 0 {
			j.warn(p, err)
			break
		}
	}
	j.putLine(p)
}

// commit notes that what was read stands in the logs, but for the beginning of a line.
func (j *journalFile) commit(p *bare.Process, line []byte) {
	j.head[40] = 0
	if input.inside {
		j.head[40] = 1
	}
	copy(j.head[pipePlace:logsPlace], j.pipe[:])
	bare.PutLittle(j.head[44:48], 0)
	bare.PutLittle(j.head[48:50], uint64(copy(j.head[linePlace:], line)))
	j.noteLogs()
	j.write(p)
	j.putLine(p)
}

// putLine puts the beginning of a line before the text to come.
func (j *journalFile) putLine(p *bare.Process) {
	line := j.head[linePlace:][:bare.Little(j.head[48:50])]
	for j.on && len(line) > 0 {
		err := bare.WriteAt(j.fd, line, textStart)
		if err == 0 {
			return
		}
		j.warn(p, err)
	}
}

// shrink gives back all but the beginning of a line. The rest is zero from then on.
func (j *journalFile) shrink() {
	if bare.Truncate(j.fd, textStart+pageSize) == 0 {
		bare.Truncate(j.fd, journalSize)
	}
}

// leave does without a journal from now on.
func (j *journalFile) leave() {
	was := input.at
	if input.mapAlone() {
		copy(input.text(), bare.BytesAt(was, input.n))
	}
	j.remove()
	j.on = false
}

// remove is called when there is nothing in it that the logs lack.
func (j *journalFile) remove() {
	if j.fd != 0 {
		bare.Unlink(script.logs.At(j.home).dir, journalName)
		bare.Close(j.fd)
		j.fd = 0
	}
}
