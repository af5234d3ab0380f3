package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// A Record says which process a supervisor has started, so that the next
// supervisor can take it over if this one is killed. It stands in the lock file,
// where daemontools has nothing. The process writes it itself, after the fork and
// before it execs run; until the exec it holds the lock, which it has inherited.
// So whoever gets the lock finds either the record of a process, or none because
// there is no process.
type Record struct {
	PID uint32 // 0 if nothing runs

	// When it was started, as /proc has it: since boot in nanoseconds, whole ticks.
	// With the pid that makes it one process and no other. 0 if there is no /proc.
	Started int64

	// When it made the record, likewise but exact.
	Made int64

	Since tai64.Label // of the start, for the status

	Finish bool // it is finish, and not run
}

// recordSize is the size of a record in bytes:
//
//	 0  8  "catena 1"
//	 8  8  when it was made, little-endian
//	16  4  pid, likewise
//	20 12  label
//	32 24  boot id: the first 24 characters of /proc/sys/kernel/random/boot_id
//	56  1  1 for finish
//	57  7  when it was started, in ticks
const recordSize = 64

// The records of a lock file, one after the other.
const (
	OfRun       = 0 // the process that is supervised
	OfSupervise = 1 // the supervisor
)

// NewRecord is the record of this process, which was forked after begun, since boot in
// nanoseconds. If no tick has come since, then that is when it was started; otherwise
// /proc has to tell.
//
// Exact is false if it would have to, and may not: then the record lacks that time.
func NewRecord(since tai64.Label, begun int64, mayOpen bool) (r Record, exact bool) {
	r = Record{PID: uint32(bare.Getpid()), Since: since, Made: Now()}
	r.Started = (begun - ahead) / Tick * Tick
	if r.Started == r.Made/Tick*Tick {
		return r, true
	}
	r.Started = 0
	if mayOpen {
		r.Started, _ = startTime(int(r.PID))
	}
	return r, mayOpen
}

// CompleteRecord adds to the record of a child when that was started.
func CompleteRecord(lock, pid int, boot Boot) {
	r, found := ReadRecord(lock, OfRun, boot)
	if found == ThisOne && int(r.PID) == pid {
		r.Started, _ = startTime(pid)
		WriteRecord(lock, OfRun, r, boot)
	}
}

const magic = "catena 1"

// Boot tells one boot of the machine from every other; zero if that is not known.
type Boot [24]byte

// known tells that the boot id could be read: not without /proc.
func (b Boot) known() bool { return b[0] != 0 }

// ThisBoot is the boot that is now.
func ThisBoot() (b Boot) {
	ahead = 0
	findAhead()
	fd, err := bare.Open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == 0 {
		bare.Read(fd, b[:])
		bare.Close(fd)
	}
	return b
}

// WriteRecord puts the record into an open lock file. The file has that size from
// the first time on, so that a full disk does not stop it.
func WriteRecord(lock, which int, r Record, boot Boot) bare.Errno {
	var b [recordSize]byte
	copy(b[:], magic)
	bare.PutLittle(b[8:16], uint64(r.Made))
	bare.PutLittle(b[16:20], uint64(r.PID))
	label := r.Since.Pack()
	copy(b[20:32], label[:])
	copy(b[32:56], boot[:])
	b[56] = asByte(r.Finish)
	bare.PutLittle(b[57:64], uint64(r.Started/Tick))
	return bare.WriteAt(lock, b[:], int64(which)*recordSize)
}

// EraseRecord leaves a lock file without a record: the supervisor has ended in
// good order.
func EraseRecord(lock, which int) {
	var b [recordSize]byte
	bare.WriteAt(lock, b[:], int64(which)*recordSize)
}

// What ReadRecord finds.
const (
	NoRecord = iota
	ThatBoot // a record of another boot: its process is no more
	ThisOne  // a record that holds, as far as one can know without /proc
)

// ReadRecord reads a record of an open lock file.
func ReadRecord(lock, which int, boot Boot) (r Record, found int) {
	var b [recordSize]byte
	n, err := bare.ReadAt(lock, b[:], int64(which)*recordSize)
	if err != 0 || n != recordSize || string(b[:8]) != magic {
		return r, NoRecord
	}
	if was := Boot(b[32:56]); was != boot && was.known() && boot.known() {
		return r, ThatBoot
	}
	r.Made = int64(bare.Little(b[8:16]))
	r.Started = int64(bare.Little(b[57:64])) * Tick
	r.PID = uint32(bare.Little(b[16:20]))
	r.Since = tai64.Unpack([tai64.Size]byte(b[20:32]))
	r.Finish = b[56] != 0
	if r.PID != 0 && r.Since.Seconds == 0 {
		return Record{}, NoRecord // one that was cut short: no process has no label
	}
	return r, ThisOne
}
