package timestamp

import (
	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/localtime"
	"catena/internal/tai64"
)

// Tai64nlocal makes the labels at the beginnings of lines readable.
var Tai64nlocal = execchain.Tool{
	Name:    "tai64nlocal",
	Usage:   "tai64nlocal: usage: tai64nlocal [ -iu ]",
	Misused: bare.Misused,
	Help: `usage: tai64nlocal [-iu]
  -i  ISO 8601, with the offset from UTC
  -u  UTC
`,
	Run:   tai64nlocal,
	Stays: true,
}

// iso tells that the time is to be as ISO 8601 has it.
var iso bool

func tai64nlocal(p *bare.Process) bare.Exit {
	utc := false
	options := p.Options("iu")
	for options.Next() {
		switch options.Letter {
		case 'i':
			iso = true
		case 'u':
			utc = true
		default:
			return options.Refuse(p)
		}
	}
	if utc {
		localtime.UTC()
	} else {
		tz, set := p.Env.Get("TZ")
		folder, _ := p.Env.Get("TZDIR")
		localtime.Set(tz, set, folder)
	}
	if exit := begin(p); exit != bare.Continue {
		return exit
	}
	input := input()
	begins := true // the next byte begins a line
	for kept := 0; ; {
		n, ok := read(p, kept)
		if !ok {
			return bare.Failed
		}
		if localtime.Follow() {
			last.known, last.covered = false, false
		}
		end := n == 0
		n += kept
		at := 0
		for at < n {
			next := at + lineEnd(input[at:n])
			if !room(p, timeMax+next-at) {
				return bare.Failed
			}
			if begins && input[at] == '@' {
				size, whole := convert(input[at:next])
				if !whole && !end && (at > 0 || n < len(input)) {
					break // the rest of the label is still to come
				}
				at += size
			}
			put(input[at:next])
			begins = input[next-1] == '\n'
			at = next
		}
		kept = copy(input, input[at:n])
		if end {
			if !flush(p) {
				return bare.Failed
			}
			return 0
		}
	}
}

// timeMax is the length of the longest time, in bytes.
const timeMax = 64

// last is the second that was converted last: the text of its label up to there, and of
// its time.
var last struct {
	label   [1 + secondDigits]byte
	known   bool
	time    [timeMax]byte
	n       int
	zone    [8]byte // behind the fraction
	zoned   int
	offset  localtime.Offset
	covered bool
}

const (
	secondDigits = 16
	nanoDigits   = 8
)

// convert writes the time of the label that a line begins with, and returns how long the
// label is; 0 if it is none. Whole is false if what follows could still belong to it.
func convert(text []byte) (size int, whole bool) {
	if len(text) > tai64.TextSize && digits[text[tai64.TextSize]] == 0 && last.known && string(text[:len(last.label)]) == string(last.label[:]) {
		if nano, ok := hex(text[len(last.label):tai64.TextSize]); ok {
			putTime(uint32(nano))
			return tai64.TextSize, true
		}
	}
	// As daemontools reads it: any number of digits, of which the last eight are
	// nanoseconds and those before seconds.
	var seconds uint64
	var nano uint32
	n := 1
	for ; n < len(text) && digits[text[n]] > 0; n++ {
		seconds = seconds<<4 | uint64(nano>>28)
		nano = nano<<4 | uint32(digits[text[n]]-1)
	}
	if n == len(text) {
		return 0, false
	}
	second := tai64.Label{Seconds: seconds}.Unix()
	const most = 67768036191676799 // of the last year that a C library can tell
	if second > most || second < -most || n == 1 {
		return 0, true
	}
	setSecond(second)
	last.known = n == tai64.TextSize
	copy(last.label[:], text)
	putTime(nano)
	return n, true
}

func hex(text []byte) (n uint64, ok bool) {
	for _, c := range text {
		d := digits[c]
		if d == 0 {
			return 0, false
		}
		n = n<<4 | uint64(d-1)
	}
	return n, true
}

// digits is the value of each digit plus one, and 0 for what is none.
var digits = [256]byte{
	'0': 1, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10,
	'a': 11, 'b': 12, 'c': 13, 'd': 14, 'e': 15, 'f': 16,
}

// setSecond makes the text of a second.
func setSecond(second int64) {
	if !last.covered || second < last.offset.From || second >= last.offset.Until {
		last.offset, last.covered = localtime.At(second), true
	}
	local := second + last.offset.Ahead - last.offset.Passed
	days := local / localtime.Day
	if local%localtime.Day < 0 {
		days--
	}
	of := int(local - days*localtime.Day)
	year, month, day := localtime.Civil(days)
	b := last.time[:]
	n := 0
	for most := 1000; iso && 0 <= year && year < most && most > 1; most /= 10 {
		b[n] = '0'
		n++
	}
	n += bare.PutNumber(b[n:], uint64(year))
	between := byte(' ')
	if iso {
		between = 'T'
	}
	for _, part := range [...]struct {
		before byte
		value  int
	}{{'-', month}, {'-', day}, {between, of / 3600}, {':', of / 60 % 60}, {':', of%60 + int(last.offset.Within)}} {
		b[n], b[n+1], b[n+2] = part.before, byte('0'+part.value/10), byte('0'+part.value%10)
		n += 3
	}
	b[n] = '.'
	last.n = n + 1
	last.zoned = 0
	if iso {
		ahead, sign := last.offset.Ahead/60, byte('+')
		if ahead < 0 {
			ahead, sign = -ahead, '-'
		}
		z := &last.zone
		z[0], z[3] = sign, ':'
		z[1], z[2] = byte('0'+ahead/600), byte('0'+ahead/60%10)
		z[4], z[5] = byte('0'+ahead%60/10), byte('0'+ahead%10)
		last.zoned = 6
	}
}

// putTime writes the time of the last second, with a fraction.
func putTime(nano uint32) {
	put(last.time[:last.n])
	n := 9
	if nano > 999999999 {
		n = 10 // there are labels like that
	}
	b := output()[filled : filled+n]
	for i := n; i > 0; i-- {
		b[i-1] = byte('0' + nano%10)
		nano /= 10
	}
	filled += n
	put(last.zone[:last.zoned])
}
