package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// A Record identifies a process: one that a supervisor has started, so that the next
// supervisor can take it over if this one is killed, or the supervisor itself. It stands in
// the lock file, which daemontools leaves empty. The child writes its record itself, between
// the fork and the exec of run, while it holds the lock that it has inherited. So whoever
// gets the lock finds the record of the process, or there is no process.
type Record struct {
	PID uint32 // 0 if nothing runs

	// When the process was started, as /proc has it: the machine's nanoseconds since boot,
	// in whole ticks. Together with the pid it identifies the process, unless the pid is used
	// again within a tick. 0 if it is not known.
	Started int64

	// What ProcessInode returns for the process; 0 if it is not known.
	Inode uint64

	// When the process made the record: like Started, but exact.
	Made int64

	Since tai64.Label // of the start, for the status; if nothing runs, of the death

	Finish bool // the process is finish, and not run
}

// recordSize is the size of a record in bytes:
//
//	 0  8  "catena 2"
//	 8  8  when the record was made, little-endian
//	16  4  pid, likewise
//	20 12  label
//	32 16  boot id: the first 16 characters of /proc/sys/kernel/random/boot_id
//	48  8  inode of the pidfds of the process, little-endian
//	56  1  1 for finish
//	57  7  when the process was started, in ticks
//
// The format "catena 1" has 24 characters of the boot id, no inode, and no origin.
const recordSize = 64

// The two records of a lock file, in their order.
const (
	OfRun       = 0 // of the process of the service: run or finish
	OfSupervise = 1 // of the supervisor
)

// NewRecord returns a record of this process. begun is a time just before the fork, since boot
// in nanoseconds. If begun is in the present tick, the process was started in this tick.
// Otherwise NewRecord asks /proc for the start time, if the caller may open files (mayOpen).
// If nothing tells, Started stays 0.
func NewRecord(since tai64.Label, begun int64, mayOpen bool) (r Record) {
	r = Record{PID: uint32(bare.Getpid()), Since: since, Made: Now()}
	r.Started = (begun - ahead) / Tick * Tick
	if r.Started != r.Made/Tick*Tick {
		r.Started = 0
	}
	if r.Started == 0 && mayOpen {
		r.Started, _ = startTime(int(r.PID))
	}
	return r
}

// Complete adds to the record of a child what the parent finds out for the child: Started
// and Inode, if they are 0. A child that shares its parent's descriptors must open no files
// for that: if the child were killed, they would stay open in the parent. pidfd is of the
// child; or it is negative, and Complete opens one. more means that the record has changed.
func (r *Record) Complete(pidfd int) (more bool) {
	if r.Started == 0 {
		r.Started, _ = startTime(int(r.PID))
		more = r.Started != 0
	}
	if r.Inode != 0 {
		return more
	}
	if pidfd < 0 {
		r.Inode = ProcessInode(int(r.PID))
	} else {
		r.NoteInode(pidfd)
	}
	return more || r.Inode != 0
}

// NoteInode adds Inode to the record, if pidfd is a pidfd of the process and not negative.
func (r *Record) NoteInode(pidfd int) {
	if pidfd >= 0 {
		r.Inode = inodeOf(pidfd)
	}
}

const (
	magic      = "catena 2"
	firstMagic = "catena 1"
)

// pack writes the record into b.
func (r Record) pack(b []byte, now Epoch) {
	copy(b, magic)
	bare.PutLittle(b[8:16], uint64(r.Made))
	bare.PutLittle(b[16:20], uint64(r.PID))
	label := r.Since.Pack()
	copy(b[20:32], label[:])
	copy(b[32:48], now.boot[:])
	bare.PutLittle(b[48:56], r.Inode)
	b[56] = asByte(r.Finish)
	bare.PutLittle(b[57:64], uint64(r.Started/Tick))
}

// unpack reads a record of either format. old means the first format, another that the record
// is of another boot, ok that there is a record.
func unpack(b []byte, now Epoch) (r Record, old, another, ok bool) {
	id := 24
	switch string(b[:8]) {
	case magic:
		id = 16
		r.Inode = bare.Little(b[48:56])
	case firstMagic:
		old = true
	default:
		return r, false, false, false
	}
	if was := b[32 : 32+id]; was[0] != 0 && now.boot.known() && !bare.Equal(bare.TextOf(was), bare.TextOf(now.boot[:id])) {
		return r, old, true, true
	}
	r.Made = int64(bare.Little(b[8:16]))
	r.Started = int64(bare.Little(b[57:64])) * Tick
	r.PID = uint32(bare.Little(b[16:20]))
	r.Since = tai64.Unpack([tai64.Size]byte(b[20:32]))
	r.Finish = b[56] != 0
	// A record that was cut short does not count: the record of a process has a label.
	return r, old, false, r.PID == 0 || r.Since.Seconds != 0
}

// WriteRecord writes a record into an open lock file, in place. That may still fail: a file
// system that copies what is written may be full, or a file system may have become
// read-only.
func WriteRecord(lock, which int, r Record, now Epoch) bare.Errno {
	var b [recordSize]byte
	r.pack(b[:], now)
	return put(lock, b[:], int64(which)*recordSize)
}

// EraseRecord erases a record of a lock file: the supervisor ends in good order.
func EraseRecord(lock, which int) {
	var b [recordSize]byte
	put(lock, b[:], int64(which)*recordSize)
}

// put writes into a lock file.
func put(lock int, b []byte, at int64) bare.Errno {
	err := bare.WriteAt(lock, b, at)
	if err == unix.EBADF {
		return unix.EROFS // OpenLock has opened it for reading only
	}
	return err
}

// What ReadRecord and Find find.
const (
	NoRecord  = iota // no record
	Elsewhere        // a record of another boot, another PID namespace or another service
	ThisOne          // a record of this service; the process may have gone
	OfStatus         // no record, but the status names the process
)

// A ledger is the content of a lock file, with the file's metadata.
type ledger struct {
	file   bare.Status
	b      [originAt + originSize]byte
	n      int // bytes that were read into b
	origin int // what readOrigin returns
}

// read reads an open lock file into an empty ledger. It returns none: each copy would make the
// stack deeper, and a supervisor keeps the pages of the deepest stack that it has had.
func (l *ledger) read(lock int, now Epoch) (err bare.Errno) {
	if l.file, err = bare.StatOpen(lock); err != 0 {
		return err
	}
	if l.n, err = bare.ReadAt(lock, l.b[:], 0); err == 0 && l.n == len(l.b) {
		l.origin = readOrigin(l.b[originAt:], l.file, now)
	}
	return err
}

// record returns a record of the lock file. A record of the old format has no origin, so the
// caller must find out in another way whose it is.
func (l *ledger) record(which int, now Epoch) (r Record, old bool, found int) {
	at := which * recordSize
	if l.n < at+recordSize {
		return r, false, NoRecord
	}
	r, old, another, ok := unpack(l.b[at:at+recordSize], now)
	switch {
	case !ok:
		return Record{}, false, NoRecord
	case another || l.origin == otherSpace:
		return r, old, Elsewhere
	case old && !isOfThisSpace(r):
		return r, old, Elsewhere
	case !old && l.origin != thisOrigin:
		return r, old, Elsewhere
	}
	return r, old, ThisOne
}

// isOfThisSpace reports whether a record of the old format may be of this PID namespace: it is
// not older than process 1.
func isOfThisSpace(r Record) bool {
	began, err := startTime(1)
	return err != 0 || r.Made >= began
}

// ReadRecord reads a record of an open lock file. found is NoRecord, Elsewhere or ThisOne.
func ReadRecord(lock, which int, now Epoch) (r Record, found int) {
	var l ledger
	if err := l.read(lock, now); err != 0 {
		return r, NoRecord
	}
	r, old, found := l.record(which, now)
	if old && isCopy(l.file) {
		found = Elsewhere
	}
	return r, found
}
