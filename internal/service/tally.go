package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// The last deaths of a service, in a file of s6-supervise's format, for s6-permafailon(8). For
// each death it has the label, the exit code, and the signal that killed run or 0. The labels
// are TAI as s6 has it, with the 27 leap seconds since 1972.
const (
	TallyFile = "supervise/death_tally"
	TallySize = tai64.Size + 2 // bytes of a death

	tallyNew = "supervise/death_tally.new"
	leaps    = 27

	// TallyMax is how many deaths the file holds at most.
	TallyMax = 4096
)

// A Death is an entry of the file.
type Death struct {
	When tai64.Label
	How  unix.WaitStatus // exit code 255 also if it is not known
}

// UnpackDeath reads an entry of TallySize bytes.
func UnpackDeath(b []byte) (d Death) {
	d.When = tai64.Unpack([tai64.Size]byte(b[:tai64.Size]))
	d.When.Seconds -= leaps
	d.How = unix.WaitStatus(b[12]) << 8
	if b[13] != 0 {
		d.How = unix.WaitStatus(b[13])
	}
	return d
}

// counted reports whether a death of the file came after a start, and before now.
func counted(begun, now tai64.Label, death []byte) bool {
	last := UnpackDeath(death).When
	return !last.Before(begun) && !now.Before(last)
}

// tallyAt is the address of room for the whole file; 0 until it is needed.
var tallyAt uintptr

// ForgetDeaths empties the file, if it is there.
func ForgetDeaths(dir int) {
	fd, file, err := open(dir, TallyFile, unix.O_WRONLY, 0)
	if err == 0 {
		if err = judge(dir, file); err == 0 {
			bare.Truncate(fd, 0)
		}
		bare.Close(fd)
	}
	if unfit(err) {
		bare.Unlink(dir, TallyFile)
	}
}

// AddDeath adds a death to the file, and keeps the last most of them. begun is when the
// service was started, when is the time of the death. A death of unknown kind counts as exit
// code 255. If the file has a death since begun, a killed supervisor has added this very
// death, and AddDeath adds nothing.
func AddDeath(dir, most int, begun, when tai64.Label, how unix.WaitStatus, known bool) bare.Errno {
	if tallyAt == 0 {
		at, ok := bare.Map(TallyMax * TallySize)
		if !ok {
			return unix.ENOMEM
		}
		tallyAt = at
	}
	tally := bare.BytesAt(tallyAt, TallyMax*TallySize)
	n := 0
	if fd, file, err := open(dir, TallyFile, unix.O_RDONLY, 0); err == 0 {
		if judge(dir, file) == 0 {
			n, _ = bare.Read(fd, tally)
		}
		n -= n % TallySize
		if n > 0 && counted(begun, when, tally[n-TallySize:n]) {
			bare.Close(fd)
			return 0
		}
		bare.Close(fd)
	}
	most = min(most, TallyMax)
	if over := n - (most-1)*TallySize; over > 0 {
		n = copy(tally, tally[over:n])
	}
	d := tally[n : n+TallySize]
	when.Seconds += leaps
	label := when.Pack()
	copy(d, label[:])
	switch {
	case !known:
		d[12], d[13] = 255, 0
	case how.Signaled():
		d[12], d[13] = 128+byte(how.Signal()), byte(how.Signal())
	default:
		d[12], d[13] = byte(how.ExitStatus()), 0
	}
	return replaceFile(dir, tallyNew, TallyFile, tally[:n+TallySize])
}
