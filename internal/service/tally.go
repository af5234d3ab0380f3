package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// The file of the last deaths of a service, in the format of s6-supervise, for
// s6-permafailon(8): of each its label, its exit code, and the signal that killed it or
// 0. The labels are TAI as s6 has it, with the leap seconds since 1972, of which there
// have been 27.
const (
	tallyFile = "supervise/death_tally"
	tallyNew  = "supervise/death_tally.new"
	tallySize = tai64.Size + 2
	leaps     = 27

	// TallyMax is how many deaths are counted at most.
	TallyMax = 4096
)

// counted tells whether a death came after a start, and before now.
func counted(begun, now tai64.Label, death []byte) bool {
	last := tai64.Unpack([tai64.Size]byte(death[:tai64.Size]))
	last.Seconds -= leaps
	return !last.Before(begun) && !now.Before(last)
}

// tallyAt is room for the whole file, once it is needed.
var tallyAt uintptr

// ForgetDeaths empties the file, if it is there.
func ForgetDeaths(dir int) {
	if fd, err := bare.OpenAt(dir, tallyFile, unix.O_WRONLY|unix.O_TRUNC|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == 0 {
		bare.Close(fd)
	}
}

// AddDeath adds a death to the last ones, of which there are at most most. One of which
// nobody knows how it came counts as exit code 255. One that came after the service was begun is in
// there already, if a supervisor was killed before it had dealt with it.
func AddDeath(dir, most int, begun, when tai64.Label, how unix.WaitStatus, known bool) bare.Errno {
	if tallyAt == 0 {
		at, ok := bare.Map(TallyMax * tallySize)
		if !ok {
			return unix.ENOMEM
		}
		tallyAt = at
	}
	tally := bare.BytesAt(tallyAt, TallyMax*tallySize)
	n := 0
	if fd, err := bare.OpenAt(dir, tallyFile, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == 0 {
		n, _ = bare.Read(fd, tally)
		n -= n % tallySize
		if n > 0 && counted(begun, when, tally[n-tallySize:n]) {
			bare.Close(fd)
			return 0
		}
		bare.Close(fd)
	}
	most = min(most, TallyMax)
	if over := n - (most-1)*tallySize; over > 0 {
		n = copy(tally, tally[over:n])
	}
	d := tally[n : n+tallySize]
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
	return replaceFile(dir, tallyNew, tallyFile, tally[:n+tallySize])
}
