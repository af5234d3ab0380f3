package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// labelSize is the length of a label in text: an @ and 24 digits.
const labelSize = 1 + 2*tai64.Size

// stampMax is the length of the longest stamp, with its blank.
const stampMax = 31

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
		s.n = putLabel(s.text[:], tai64.FromUnix(now))
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

// putLabel writes a label as multilog(8) has it, and returns its length.
func putLabel(b []byte, l tai64.Label) int {
	const hex = "0123456789abcdef"
	b[0] = '@'
	packed := l.Pack()
	for i, c := range packed {
		b[1+2*i] = hex[c>>4]
		b[2+2*i] = hex[c&15]
	}
	return labelSize
}

// readLabel reads the label that a name begins with.
func readLabel(name string) (l tai64.Label, ok bool) {
	if len(name) < labelSize || name[0] != '@' {
		return l, false
	}
	var packed [tai64.Size]byte
	for i := range packed {
		for _, c := range [...]byte{name[1+2*i], name[2+2*i]} {
			switch {
			case '0' <= c && c <= '9':
				c -= '0'
			case 'a' <= c && c <= 'f':
				c -= 'a' - 10
			default:
				return l, false
			}
			packed[i] = packed[i]<<4 | c
		}
	}
	return tai64.Unpack(packed), true
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
	const day = 24 * 60 * 60
	days, second := int(t.Sec/day), int(t.Sec%day)
	year, month, dom := civil(days)
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

// civil is the date of a day since the beginning of 1970, in the Gregorian calendar: in
// years that begin in March, the leap day is the last, and the days before each month
// follow a straight line.
func civil(days int) (year, month, day int) {
	const fourHundredYears = 146097
	days += 719468 // since 0000-03-01
	era := days / fourHundredYears
	days -= era * fourHundredYears
	year = (days - days/1460 + days/36524 - days/146096) / 365
	days -= 365*year + year/4 - year/100
	year += era * 400
	month = (5*days + 2) / 153
	day = days - (153*month+2)/5 + 1
	if month += 3; month > 12 {
		return year + 1, month - 12, day
	}
	return year, month, day
}
