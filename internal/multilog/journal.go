package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What is read leaves the pipe for the journal, a file in the first log, and is there
// until it stands in the logs. The kernel moves it (splice(2)), so there is no moment in
// which it is in neither: the journal is longer by exactly what has left the pipe,
// whenever the process is killed.
//
// Its head says how far the logs are: where what is not in them yet begins, and how
// long each file was then. The next multilog cuts the files to that length and goes on
// from there, so every line is in its log once. The head is written in one call within
// a page, which a kill does not tear.
//
// Where the input is not a pipe, or the file system cannot do that, there is none.
const journalName = "journal"

// The head of the journal, in bytes. Numbers are little-endian.
//
//	 0  8  "journal1"
//	 8 24  the beginning of the boot id
//	32  8  where the data begins that is not in the logs
//	40  1  1 if it begins within a line
//	48 40  for each log: the inodes of its directory and of current, the size of
//	       current, how many bytes of the output are in older files, each in 8; 1 if it
//	       gets the line that the data begins in; in 7, when current was made, in
//	       nanoseconds, because an inode may come back
const (
	journalMagic = "journal1"
	headSize     = 48
	entrySize    = 40
	dataStart    = 4096
	mostLogs     = (dataStart - headSize) / entrySize
	journalMost  = 1 << 20 // when it is made short again, in bytes
)

type journalFile struct {
	on         bool
	fd         int
	start, end int64 // of the data that is not in the logs
	boot       service.Boot
	head       [dataStart]byte
}

var journal journalFile

// open opens the journal that the last multilog has left, or makes one.
func (j *journalFile) open(p *bare.Process, l *rotated) {
	if script.logs.Len() > mostLogs {
		p.Warn("too many logs: lines that are read when it is killed are lost")
		return
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	if err == 0 && limit.Cur < 2*journalMost {
		return // it would die of that
	}
	j.boot = service.ThisBoot()
	fd, err := bare.OpenAt(l.dir, journalName, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != 0 {
		p.WarnErrno(err, "unable to open ", l.name.String(), "/", journalName)
		return
	}
	j.fd, j.on = fd, true
	n, _ := bare.ReadAt(fd, j.head[:], 0)
	if n < dataStart || string(j.head[:8]) != journalMagic || service.Boot(j.head[8:32]) != j.boot {
		clear(j.head[:])
		j.start, j.end = dataStart, dataStart
		return
	}
	j.start, j.end = int64(getWord(j.head[32:40])), bare.StatOpen(fd).Size
	if j.start >= j.end {
		j.start, j.end = dataStart, dataStart
	}
}

// left takes over what the journal says of a log. It returns the inode and the size of
// current, or false if the journal does not know that log.
func (j *journalFile) left(place int, l *rotated) (inode, born uint64, size int64, known bool) {
	if !j.on || string(j.head[:8]) != journalMagic {
		return 0, 0, 0, false
	}
	b := j.entry(place)
	if getWord(b[0:8]) != bare.StatOpen(l.dir).Inode {
		return 0, 0, 0, false
	}
	l.skip, l.selected = int64(getWord(b[24:32])), b[32] != 0
	return getWord(b[8:16]), getWord(b[33:40]), int64(getWord(b[16:24])), true
}

func (j *journalFile) entry(place int) []byte {
	return j.head[headSize+place*entrySize:][:entrySize]
}

// begin is called once the logs are open.
func (j *journalFile) begin(p *bare.Process) {
	if !j.on {
		return
	}
	copy(j.head[0:8], journalMagic)
	copy(j.head[8:32], j.boot[:])
	if j.start == j.end {
		j.cut(p) // first, or what is in it might be taken for left over
		return
	}
	j.note(p)
}

// note writes the head, with every log as it is.
func (j *journalFile) note(p *bare.Process) {
	putWord(j.head[32:40], uint64(j.start))
	j.head[40] = 0
	if input.inside {
		j.head[40] = 1
	}
	for i := range script.logs.Len() {
		l := script.logs.At(i)
		j.noteLog(i, l)
	}
	j.write(p)
}

func (j *journalFile) noteLog(place int, l *rotated) {
	b := j.entry(place)
	putWord(b[0:8], bare.StatOpen(l.dir).Inode)
	putWord(b[8:16], l.inode)
	putWord(b[16:24], uint64(l.bytes))
	putWord(b[24:32], uint64(l.since+l.skip))
	b[32] = 0
	if l.selected {
		b[32] = 1
	}
	putWord(b[33:40], l.born)
}

func (j *journalFile) write(p *bare.Process) {
	for {
		err := bare.WriteAt(j.fd, j.head[:], 0)
		if err == 0 {
			return
		}
		script.logs.At(0).warn(p, err, "unable to write ", journalName)
	}
}

// rotating notes that all that is written so far will be in an older file.
func (j *journalFile) rotating(p *bare.Process, l *rotated) { j.noteOne(p, l) }

// rotated notes that current is a new one.
func (j *journalFile) rotated(p *bare.Process, l *rotated) { j.noteOne(p, l) }

func (j *journalFile) noteOne(p *bare.Process, l *rotated) {
	for i := range script.logs.Len() {
		if j.on && script.logs.At(i) == l {
			j.noteLog(i, l)
			j.write(p)
		}
	}
}

// commit notes that the data before a place stands in the logs.
func (j *journalFile) commit(p *bare.Process, n int) {
	for i := range script.logs.Len() {
		script.logs.At(i).since = 0
	}
	if !j.on {
		return
	}
	j.start += int64(n)
	j.note(p)
}

// shorten makes the journal short again, if it is long. What is left in it is at the
// beginning of the input.
func (j *journalFile) shorten(p *bare.Process) {
	if !j.on || j.end <= journalMost {
		return
	}
	if j.start == j.end {
		j.cut(p)
		return
	}
	l := script.logs.At(0)
	const next = journalName + ".new"
	fd, err := bare.OpenAt(l.dir, next, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o600)
	if err != 0 {
		return // again next time
	}
	putWord(j.head[32:40], dataStart)
	left := input.text[:j.end-j.start]
	if err = bare.WriteAt(fd, j.head[:], 0); err == 0 {
		err = bare.WriteAt(fd, left, dataStart)
	}
	if err == 0 {
		err = bare.Rename(l.dir, next, journalName)
	}
	if err != 0 {
		bare.Unlink(l.dir, next)
		bare.Close(fd)
		return
	}
	bare.Close(j.fd)
	j.fd, j.start, j.end = fd, dataStart, dataStart+int64(len(left))
}

// cut empties the journal.
func (j *journalFile) cut(p *bare.Process) {
	bare.Truncate(j.fd, dataStart)
	j.start, j.end = dataStart, dataStart
	j.note(p)
}

// fill moves at most n bytes from standard input to the journal and reads them into b.
func (j *journalFile) fill(p *bare.Process, b []byte) (n int, err bare.Errno) {
	n, err = bare.SpliceAt(0, j.fd, j.end, len(b))
	if err != 0 || n == 0 {
		return n, err
	}
	j.read(p, b[:n])
	return n, 0
}

// read reads what is behind the end into b, and counts it as data.
func (j *journalFile) read(p *bare.Process, b []byte) {
	for got := 0; got < len(b); {
		n, err := bare.ReadAt(j.fd, b[got:], j.end)
		if err != 0 || n == 0 {
			script.logs.At(0).warn(p, err, "unable to read ", journalName)
			continue
		}
		got += n
		j.end += int64(n)
	}
}

// remove is called at the end, when there is nothing in it.
func (j *journalFile) remove() {
	if j.on {
		bare.Unlink(script.logs.At(0).dir, journalName)
	}
}

func putWord(b []byte, n uint64) {
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

func getWord(b []byte) (n uint64) {
	for i := range b {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
