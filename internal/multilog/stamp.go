package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/localtime"
	"catena/internal/tai64"
)

// The time stamps that multilog puts before lines.

// stampMax is the length of the longest stamp, with the blank behind it.
const stampMax = 32

// stamp is the text that stands before a line, with the blank behind it.
type stamp struct {
	text [stampMax]byte
	n    int
}

// setToNow sets the stamp to the time of day.
func (s *stamp) setToNow() {
	if script.stamp == 0 {
		return
	}
	now := bare.Clock(unix.CLOCK_REALTIME)
	switch script.stamp {
	case 't':
		tai64.FromUnix(now).PutText(s.text[:])
		s.n = tai64.TextSize
	case 'T':
		s.n = bare.PutNumber(s.text[:], uint64(now.Sec))
		s.text[s.n] = '.'
		s.n = putDigits(&s.text, s.n+1, int(now.Nsec/1000), 6)
	case 'i':
		s.n = putTime(&s.text, now)
	}
	s.text[s.n] = ' '
	s.n++
}

// putDigits writes the last digits of a number at index n of b, and returns the index behind
// them.
//
//go:noinline
func putDigits(b *[stampMax]byte, n, number, digits int) (end int) {
	return n + bare.PutDigits(b[n:], uint64(number), digits)
}

// putTime writes a time in UTC as ISO 8601 has it, 2006-01-02T15:04:05.000000000Z, and
// returns the length.
func putTime(b *[stampMax]byte, t unix.Timespec) int {
	second := int(int64(t.Sec) % localtime.Day)
	year, month, dom := localtime.Civil(int64(t.Sec) / localtime.Day)
	n := putDigits(b, 0, year, 4)
	for _, part := range [...]struct {
		before        byte
		value, digits int
	}{{'-', month, 2}, {'-', dom, 2}, {'T', second / 3600, 2}, {':', second / 60 % 60, 2}, {':', second % 60, 2}, {'.', int(t.Nsec), 9}} {
		b[n] = part.before
		n = putDigits(b, n+1, part.value, part.digits)
	}
	b[n] = 'Z'
	return n + 1
}
