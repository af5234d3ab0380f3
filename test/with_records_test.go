package test

// What a supervisor writes into its lock file: records, and the state of the service. Tests
// read them, and forge them.
//
// Not tested in this file: anything.

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// fields of a record, as internal/service/record.go lays them out. The first one
// in the lock file is the service's.
const (
	recordTime   = 8
	recordPID    = 16
	recordLabel  = 20
	recordBoot   = 32
	recordFinish = 56
	recordStart  = 57
	recordEnd    = 64
)

// leaves has a service's supervisor killed, the service too if it is to be dead,
// and then lets the test forge the record.
func (h *home) leaves(t testing.TB, dead bool, forge func(record []byte)) {
	t.Helper()
	s := h.supervise(t, fused)
	h.up(t, 1)
	if pidfdsHaveInodes(t) { // which the supervisor notes once the service has execed
		eventually(t, "the inode", func() bool {
			record := h.bytes("supervise/lock")
			return len(record) >= recordEnd && binary.LittleEndian.Uint64(record[recordInode:]) != 0
		})
	}
	s.kill()
	if dead {
		unix.Kill(h.starts()[0], unix.SIGKILL)
		eventually(t, "its end", func() bool { return h.runs() == 0 })
	}
	record := h.bytes("supervise/lock")
	if len(record) < recordEnd || int(binary.LittleEndian.Uint32(record[recordPID:])) != h.starts()[0] {
		t.Fatalf("the record has changed: % x", record)
	}
	forge(record[:recordEnd])
	must(os.WriteFile(h.file("supervise/lock"), record, 0o600))
}

// recordInode is where a record has the inode of the pidfds of its process; placeStart is
// where the place is, behind the records and the state.
const (
	recordInode = 48
	placeStart  = 256
)

// asBefore makes of a lock file one that the first versions of catena have written.
func (h *home) asBefore(t testing.TB) {
	t.Helper()
	id := textOf("/proc/sys/kernel/random/boot_id")[:24]
	lock := h.bytes("supervise/lock")
	for at := 0; at < 2*recordEnd; at += recordEnd {
		if r := lock[at:]; bytes.HasPrefix(r, []byte("catena ")) {
			copy(r, "catena 1")
			copy(r[recordBoot:recordFinish], id)
		}
	}
	if state := lock[2*recordEnd:]; bytes.HasPrefix(state, []byte("state ")) {
		copy(state, "state  1")
	}
	f, err := os.OpenFile(h.file("supervise/lock"), os.O_RDWR, 0)
	must(err)
	defer f.Close()
	_, err = f.WriteAt(lock[:160], 0)
	must(err)
	must(f.Truncate(160))
}

// pidfdsHaveInodes tells whether two processes differ in the inodes of their pidfds.
func pidfdsHaveInodes(t testing.TB) bool {
	inode := func(pid int) uint64 {
		fd, err := unix.PidfdOpen(pid, 0)
		must(err)
		defer unix.Close(fd)
		var st unix.Stat_t
		must(unix.Fstat(fd, &st))
		return st.Ino
	}
	return inode(1) != inode(os.Getpid())
}

// record is what the lock file says of the service's process: fields of a record as
// internal/service/record.go lays them out.
func (h *home) record() (pid int, made int64, finish bool) {
	b := h.bytes("supervise/lock")
	if len(b) < recordEnd {
		return 0, 0, false
	}
	return int(binary.LittleEndian.Uint32(b[recordPID:])), int64(binary.LittleEndian.Uint64(b[recordTime:])), b[recordFinish] != 0
}

// A remembered is the state in a lock file, as supervise(8) lays it out.
type remembered struct {
	starts      int
	last        int // the process of these that was the last
	asked, exit bool
	kill        int64 // nanoseconds since boot
}

func (h *home) remembers() remembered { return rememberedIn(h.service()) }

func rememberedIn(dir string) (r remembered) {
	b := []byte(textOf(filepath.Join(dir, "supervise/lock")))
	if len(b) < 160 || !bytes.HasPrefix(b[128:], []byte("state  3")) {
		return r
	}
	b = b[128:]
	return remembered{int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[20:])), b[18] != 0, b[19] != 0, int64(binary.LittleEndian.Uint64(b[24:]))}
}

// recorded tells whether a process is on record.
func (h *home) recorded() bool {
	b := h.bytes("supervise/lock")
	return len(b) < recordEnd || binary.LittleEndian.Uint32(b[recordPID:]) != 0
}

// A reason is why a service is down, and when it is started next.
type reason struct {
	why   byte
	errno unix.Errno
	due   int64 // nanoseconds since boot
}

// The numbers of supervise(8).
const (
	notKnown byte = iota
	neverStarted
	told
	hasEnded
	cannotRun
	noInterpreter
	cannotStart
	gaveUp
	endedWell
	cannotStay
)

func (h *home) reason() (r reason) {
	b := h.bytes("supervise/lock")
	if len(b) < 176 || !bytes.HasPrefix(b[128:], []byte("state  3")) {
		return reason{why: 255}
	}
	b = b[128:]
	return reason{b[44], unix.Errno(binary.LittleEndian.Uint32(b[40:])), int64(binary.LittleEndian.Uint64(b[32:]))}
}

// A death as it stands in the tally.
type death struct {
	seconds      uint64
	nanoseconds  uint32
	code, signal byte
}

const deathSize = 14

func deathsIn(text []byte) (list []death) {
	for d := range slices.Chunk(text, deathSize) {
		if len(d) < deathSize {
			return append(list, death{code: 1, signal: 1}) // no death has both
		}
		list = append(list, death{binary.BigEndian.Uint64(d), binary.BigEndian.Uint32(d[8:]), d[12], d[13]})
	}
	return list
}

// deaths are those of a service directory.
func deaths(dir string) []death {
	return deathsIn([]byte(textOf(filepath.Join(dir, "supervise/death_tally"))))
}
