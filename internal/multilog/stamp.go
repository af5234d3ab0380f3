package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/localtime"
	"catena/internal/tai64"
)

// stampMax is the length of the longest stamp, with its blank.
const stampMax = 32

// stamp is what stands before a line, its blank included.
type stamp struct {
	text [stampMax]byte
	n    int
}

// take sets the stamp to now.
func (s *stamp) take() {
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
		s.n++
		s.n += putDigits(s.text[s.n:], int(now.Nsec/1000), 6)
	case 'i':
		s.n = putTime(s.text[:], now)
	}
	s.text[s.n] = ' '
	s.n++
}

// putDigits writes the last digits of a number.
func putDigits(b []byte, n, digits int) int {
	for i := digits; i > 0; i-- {
		b[i-1] = byte('0' + n%10)
		n /= 10
	}
	return digits
}

// putTime writes a time as ISO 8601 has it, in UTC: 2006-01-02T15:04:05.000000000Z.
func putTime(b []byte, t unix.Timespec) int {
	second := int(int64(t.Sec) % localtime.Day)
	year, month, dom := localtime.Civil(int64(t.Sec) / localtime.Day)
	n := putDigits(b, year, 4)
	for _, part := range [...]struct {
		before byte
		value  int
	}{{'-', month}, {'-', dom}, {'T', second / 3600}, {':', second / 60 % 60}, {':', second % 60}} {
		b[n] = part.before
		n += 1 + putDigits(b[n+1:], part.value, 2)
	}
	b[n] = '.'
	n += 1 + putDigits(b[n+1:], int(t.Nsec), 9)
	b[n] = 'Z'
	return n + 1
}
