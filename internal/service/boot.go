package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Whether a lock file is about the present: which boot and PID namespace its records are of,
// and whether the file is the one that they were written into.

// Boot identifies a boot of the machine. It is zero if the boot id could not be read.
type Boot [24]byte

// known reports whether the boot id could be read. It needs /proc.
func (b Boot) known() bool { return b[0] != 0 }

// ThisBoot returns the present boot. It also finds out ahead, the offset of the time namespace.
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

// An Epoch is a time within which a recorded process can still be there: a boot of the
// machine, and in a container the life of the PID namespace. Each field is zero if it is
// not known.
type Epoch struct {
	boot  Boot
	first uint64 // the inode of the pidfd of process 1, which no other process of this boot has
	space uint64 // if first is 0: the inode of the PID namespace
	began uint64 // if first is 0: when process 1 was started, in ticks since boot
}

// ThisEpoch returns the present epoch. It also finds out hasInodes and otherProc.
func ThisEpoch() (e Epoch) {
	e.boot = ThisBoot()
	otherProc = false
	var room [32]byte
	if self, err := bare.Readlink(bare.Cwd, "/proc/self", room[:]); err == 0 {
		n, _ := bare.Number(self)
		otherProc = int(n) != bare.Getpid()
	}
	if e.first = findInodes(); e.first == 0 {
		if space, err := bare.Stat(bare.Cwd, "/proc/self/ns/pid"); err == 0 {
			file := space.File.Bytes()
			e.space = bare.Little(file[8:])
		}
		if started, err := startTime(1); err == 0 {
			e.began = uint64(started / Tick)
		}
	}
	return e
}

// findInodes finds out whether the inode of a pidfd identifies the process, as from Linux 6.9
// on. If so it returns the inode of process 1, otherwise 0.
func findInodes() (first uint64) {
	hasInodes = false
	pidfd, err := bare.OpenProcess(1)
	if err != 0 {
		return 0
	}
	if hasInodes = bare.IsPidfs(pidfd); hasInodes {
		first = inodeOf(pidfd)
	}
	bare.Close(pidfd)
	return first
}

// hasInodes tells that the inode of a pidfd identifies the process.
var hasInodes bool

// HasInodes reports whether the inode of a pidfd identifies the process. ThisEpoch finds out.
func HasInodes() bool { return hasInodes }

// otherProc tells that /proc belongs to another PID namespace: what /proc says of a pid is
// about another process.
var otherProc bool

// inodeOf returns the inode of a pidfd; 0 if it cannot be told.
func inodeOf(pidfd int) uint64 {
	status, err := bare.StatOpen(pidfd)
	if err != 0 {
		return 0
	}
	file := status.File.Bytes()
	return bare.Little(file[8:])
}

// ProcessInode returns the inode that all pidfds of a process have, and those of no other
// process of this boot; 0 if it is not known.
func ProcessInode(pid int) (inode uint64) {
	if !hasInodes {
		return 0
	}
	if pidfd, err := bare.OpenProcess(pid); err == 0 {
		inode = inodeOf(pidfd)
		bare.Close(pidfd)
	}
	return inode
}

// An origin says what all records of a lock file belong to: the very file that they were
// written into, and a PID namespace. In a copy of the file the records do not count, because
// the copy is another service's. The origin stands behind the state, in 64 bytes:
//
//	 0  8  "place  1"
//	 8  8  device of the lock file, little-endian
//	16  8  its inode, likewise
//	24  8  when the lock file was made, in nanoseconds, the low 7 bytes
//	32  8  inode of the pidfd of process 1
//	40  8  or else, inode of the PID namespace
//	48  8  and when process 1 was started, in ticks
const (
	originMagic = "place  1" // its name in earlier versions
	originSize  = 64
	originAt    = 256
)

// packOrigin writes the origin of a lock file into b.
func packOrigin(b []byte, file bare.Status, now Epoch) {
	copy(b, originMagic)
	id := file.File.Bytes()
	copy(b[8:24], id[:])
	bare.PutLittle(b[24:32], file.Born)
	bare.PutLittle(b[32:40], now.first)
	bare.PutLittle(b[40:48], now.space)
	bare.PutLittle(b[48:56], now.began)
}

// What readOrigin returns.
const (
	noOrigin   = iota // there is none
	otherSpace        // the records are of another PID namespace
	otherFile         // the records were written into another file, of which this is a copy
	thisOrigin        // the records belong here
)

// readOrigin compares the origin in b with a lock file and the present epoch.
func readOrigin(b []byte, file bare.Status, now Epoch) int {
	if string(b[:8]) != originMagic {
		return noOrigin
	}
	was := Epoch{first: bare.Little(b[32:40]), space: bare.Little(b[40:48]), began: bare.Little(b[48:56])}
	if differ(was.first, now.first) || differ(was.space, now.space) || differ(was.began, now.began) {
		return otherSpace
	}
	id := file.File.Bytes()
	if [16]byte(b[8:24]) != id || bare.Little(b[24:32]) != file.Born {
		return otherFile
	}
	return thisOrigin
}

// differ reports whether both numbers are known and not the same.
func differ(a, b uint64) bool { return a != 0 && b != 0 && a != b }
