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
	Does:    "makes such time stamps readable",
	Usage:   "tai64nlocal: usage: tai64nlocal [ -iu ]",
	Misused: bare.Misused,
	Help: `usage: tai64nlocal [-iu]
  -i  ISO 8601, with the offset from UTC
  -u  UTC
`,
	Run:   tai64nlocal,
	Stays: true,
}

// iso says that times are written as ISO 8601 has them.
var iso bool

func tai64nlocal(p *bare.Process) bare.Exit {
	utc := false
	options := p.OwnOptions("iu")
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
	if exit := makeBuffers(p); exit != bare.Continue {
		return exit
	}
	return convertInput(p)
}

// convertInput copies the input, to its end, and converts the labels.
func convertInput(p *bare.Process) bare.Exit {
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
		ended := n == 0
		n += kept
		at := 0
		for at < n {
			end := at + lineEnd(input[at:n])
			if !room(p, timeMax+end-at) {
				return bare.Failed
			}
			if begins && input[at] == '@' {
				size, whole := convert(input[at:end])
				if !whole && !ended && (at > 0 || n < len(input)) {
					break // the rest of the label is still to be read
				}
				at += size
			}
			put(input[at:end])
			begins = input[end-1] == '\n'
			at = end
		}
		kept = copy(input, input[at:n])
		if ended {
			if !flush(p) {
				return bare.Failed
			}
			return 0
		}
	}
}

// timeMax is the most bytes that a time takes.
const timeMax = 64

// last is the second that was converted last. The next line mostly has the same one, and
// needs no conversion then.
var last struct {
	label   [1 + secondDigits]byte
	known   bool
	time    [timeMax]byte
	n       int
	zone    [8]byte // the offset from UTC, which stands behind the fraction
	zoned   int
	offset  localtime.Offset
	covered bool
}

const (
	secondDigits = 16
	nanoDigits   = 8
)

// isOfLastSecond reports whether a line begins with a label of the second that was converted
// last. The line is at least as long as a label.
func isOfLastSecond(line []byte) bool {
	const most = secondDigits // the compiler compares so many bytes without a call
	return last.known && [most]byte(line) == [most]byte(last.label[:]) && line[most] == last.label[most]
}

// convert writes the time of the label at the beginning of a line, and returns the length
// of the label. The length is 0 if there is no label. Whole is false if bytes that are
// still to be read may belong to the label.
func convert(text []byte) (size int, whole bool) {
	if len(text) > tai64.TextSize && digits[text[tai64.TextSize]] == 0 && isOfLastSecond(text) {
		if nano, ok := hex(text[len(last.label):tai64.TextSize]); ok {
			putTime(uint32(nano))
			return tai64.TextSize, true
		}
	}
	// daemontools takes any number of digits. The last eight are nanoseconds, and those
	// before are seconds.
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
	const most = 67768036191676799 // the last second of the last year that a C library can write
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

// digits is the value of each hexadecimal digit, plus one. It is 0 for other bytes.
var digits = [256]byte{
	'0': 1, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10,
	'a': 11, 'b': 12, 'c': 13, 'd': 14, 'e': 15, 'f': 16,
}

// setSecond makes the text of a second, in last.
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
	var n int
	if iso && 0 <= year && year < 1000 {
		n = bare.PutDigits(b, uint64(year), 4)
	} else {
		n = bare.PutNumber(b, uint64(year))
	}
	between := byte(' ')
	if iso {
		between = 'T'
	}
	for _, part := range [...]struct {
		before byte
		value  int
	}{{'-', month}, {'-', day}, {between, of / 3600}, {':', of / 60 % 60}, {':', of%60 + int(last.offset.Within)}} {
		b[n] = part.before
		n += 1 + bare.PutDigits(b[n+1:], uint64(part.value), 2)
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
		bare.PutDigits(z[1:], uint64(ahead/60), 2)
		bare.PutDigits(z[4:], uint64(ahead%60), 2)
		last.zoned = 6
	}
}

// putTime writes the time of the last second, with a fraction.
func putTime(nano uint32) {
	put(last.time[:last.n])
	n := 9
	if nano > 999999999 {
		n = 10 // a label may have more nanoseconds than a second has
	}
	filled += bare.PutDigits(output()[filled:], uint64(nano), n)
	put(last.zone[:last.zoned])
}
