// Package tai64 is the external format of TAI64N labels, the time stamps of
// daemontools: eight bytes of seconds and four of nanoseconds, big-endian. The
// format is https://cr.yp.to/libtai/tai64.html. It is bare code.
package tai64

import "golang.org/x/sys/unix"

// Size is the size of a packed label in bytes.
const Size = 12

// epoch is the label of 1970-01-01 00:00:10 TAI. daemontools takes this for the beginning
// of Unix time, and counts no leap seconds after it.
const epoch = 1<<62 + 10

// Label is a point in time.
type Label struct {
	Seconds     uint64 // 1<<62 + seconds since the beginning of 1970 TAI
	Nanoseconds uint32
}

// FromUnix is the label of a time on the system's clock.
func FromUnix(t unix.Timespec) Label {
	return Label{uint64(int64(epoch) + int64(t.Sec)), uint32(t.Nsec)}
}

// Since is how many seconds have passed from l to now; 0 if now is earlier. As in
// daemontools, nanoseconds do not count.
func (l Label) Since(now Label) uint64 {
	if now.Seconds < l.Seconds {
		return 0
	}
	return now.Seconds - l.Seconds
}

// Before reports whether l is earlier than other.
func (l Label) Before(other Label) bool {
	return l.Seconds < other.Seconds || l.Seconds == other.Seconds && l.Nanoseconds < other.Nanoseconds
}

// Next is the label one nanosecond later.
func (l Label) Next() Label {
	if l.Nanoseconds++; l.Nanoseconds >= 1e9 {
		l.Seconds, l.Nanoseconds = l.Seconds+1, 0
	}
	return l
}

// Unix is the time on the system's clock, in seconds.
func (l Label) Unix() int64 { return int64(l.Seconds) - epoch }

// Pack returns the bytes of a label.
func (l Label) Pack() (b [Size]byte) {
	for i := range 8 {
		b[i] = byte(l.Seconds >> (56 - 8*i))
	}
	for i := range 4 {
		b[8+i] = byte(l.Nanoseconds >> (24 - 8*i))
	}
	return b
}

// Unpack returns the label that the bytes stand for.
func Unpack(b [Size]byte) (l Label) {
	for i := range 8 {
		l.Seconds = l.Seconds<<8 | uint64(b[i])
	}
	for i := range 4 {
		l.Nanoseconds = l.Nanoseconds<<8 | uint32(b[8+i])
	}
	return l
}
