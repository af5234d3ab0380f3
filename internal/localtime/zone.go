// Package localtime turns seconds into local time, as TZ says: by the files of tzfile(5)
// (RFC 9636) and by the rules of POSIX, which such a file ends with as well. It is bare
// code.
package localtime

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// zone is the time zone of the process: the transitions of a file, if there is one, and
// the rule for the time after them.
var zone struct {
	file        [64 << 10]byte
	transitions int // how many there are
	times       int // where they stand in the file, eight bytes each
	kinds       int // where the type of each stands, one byte each
	types       int // where the types stand, six bytes each
	typeCount   int
	leaps       int // how many leap seconds there are
	leapTable   int // where they stand, twelve bytes each: when, and how many by then
	rule        rule
	ruled       bool
}

// An Offset is how much local time is ahead of UTC, in seconds, from one second on and
// before another, both since the beginning of 1970 UTC.
//
// Where the zone counts leap seconds, Passed are those that have been by then, which are
// to be left out, and Within is 1 in one, which has the number 60.
type Offset struct {
	Ahead          int64
	Passed, Within int64
	From, Until    int64
}

const (
	never  = 1<<63 - 1
	always = -1 << 63
)

// UTC sets the time zone to UTC.
func UTC() {
	zone.transitions, zone.typeCount, zone.leaps, zone.ruled = 0, 0, 0, false
	follows = false
}

// system is the time zone without TZ.
const system = "/etc/localtime"

var (
	follows  bool        // it is the one that was read
	followed bare.Status // what it was then; zero if it was not there
)

// Follow reads the time zone again if it is not that of TZ and its file is another one by
// now; it tells whether it is.
func Follow() (changed bool) {
	if !follows {
		return false
	}
	is, _ := bare.Stat(bare.Cwd, system)
	if is.File == followed.File && is.Written == followed.Written {
		return false
	}
	Set("", false, "")
	return true
}

// Set sets the time zone as tzset(3) does, by TZ, if that is set: the name of a file, or a
// rule, with a colon before it or not. Names are relative to a folder, which is TZDIR's;
// without one it is the usual one. Without TZ it is /etc/localtime. What cannot be had or
// makes no sense is UTC.
func Set(tz string, set bool, folder string) {
	UTC()
	if folder == "" {
		folder = "/usr/share/zoneinfo"
	}
	switch {
	case !set:
		followed, _ = bare.Stat(bare.Cwd, system)
		read(system)
		follows = true
	case tz == "" || tz == ":":
	default:
		if tz[0] == ':' {
			tz = tz[1:]
		}
		if !readNamed(folder, tz) {
			zone.rule, zone.ruled = parseRule(tz), true
		}
	}
}

func readNamed(folder, name string) bool {
	if name[0] == '/' {
		return read(name)
	}
	var path [unix.PathMax]byte
	if len(folder)+1+len(name) >= len(path) {
		return false
	}
	n := copy(path[:], folder)
	path[n] = '/'
	n += 1 + copy(path[n+1:], name)
	return read(bare.TextOf(path[:n]))
}

// read reads a file; false means that there is none, or that it is none of a time zone.
func read(path string) bool {
	fd, err := bare.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false
	}
	n := 0
	for n < len(zone.file) {
		got, err := bare.Read(fd, zone.file[n:])
		if err != 0 || got == 0 {
			break
		}
		n += got
	}
	bare.Close(fd)
	if !understand(n) {
		UTC()
		return false
	}
	return true
}

// understand finds the parts of the file, of n bytes. Version 1 has four bytes for each
// time; later ones have such a block too, for whoever knows no other, and after it one
// with eight. Only that is read: files of version 1 have not been made for long.
func understand(n int) bool {
	const headerSize = 44
	at, wide := 0, false
	for {
		if n-at < headerSize || string(zone.file[at:at+4]) != "TZif" || zone.file[at+4] < '2' {
			return false
		}
		var counts [6]int // isutcnt isstdcnt leapcnt timecnt typecnt charcnt
		for i := range counts {
			counts[i] = int(big(at+20+4*i, 4))
			if counts[i] > len(zone.file) {
				return false
			}
		}
		size := 4
		if wide {
			size = 8
		}
		at += headerSize
		zone.transitions, zone.times = counts[3], at
		zone.kinds = zone.times + counts[3]*size
		zone.types, zone.typeCount = zone.kinds+counts[3], counts[4]
		zone.leaps, zone.leapTable = counts[2], zone.types+6*counts[4]+counts[5]
		at = zone.leapTable + counts[2]*(size+4) + counts[1] + counts[0]
		if at > n || counts[4] == 0 {
			return false
		}
		if wide {
			break
		}
		wide = true
	}
	for i := range zone.transitions {
		if int(zone.file[zone.kinds+i]) >= zone.typeCount {
			return false
		}
	}
	if at+2 < n && zone.file[at] == '\n' {
		text := bare.TextOf(zone.file[at+1 : n])
		text = text[:bare.Index(text, '\n')]
		zone.rule, zone.ruled = parseRule(text), text != ""
	}
	return true
}

func big(at, size int) (n uint64) {
	for _, b := range zone.file[at : at+size] {
		n = n<<8 | uint64(b)
	}
	return n
}

func transition(i int) int64 { return int64(big(zone.times+8*i, 8)) }

// ahead is the offset of a type of the file.
func ahead(kind int) int64 { return int64(int32(big(zone.types+6*kind, 4))) }

// first is the type before the first transition: that of standard time which comes first
// in the file, as the C library has it. In real files it is the first one of all.
func first() int {
	for kind := range zone.typeCount {
		if zone.file[zone.types+6*kind+4] == 0 {
			return kind
		}
	}
	return 0
}

// leap is when a leap second of the file is, and how many there have been with it.
func leap(i int) (at, passed int64) {
	place := zone.leapTable + 12*i
	return int64(big(place, 8)), int64(int32(big(place+8, 4)))
}

// At is the offset at a second since the beginning of 1970 UTC, counted with the leap
// seconds of the zone, if it has such.
func At(second int64) Offset {
	o := at(second)
	for i := zone.leaps - 1; i >= 0; i-- {
		when, passed := leap(i)
		if second < when {
			o.Until = min(o.Until, when)
			continue
		}
		o.Passed, o.From = passed, max(o.From, when)
		before := int64(0)
		if i > 0 {
			_, before = leap(i - 1)
		}
		if second == when && passed > before {
			o.Within, o.Until = 1, when+1
		} else {
			o.From = max(o.From, when+1)
		}
		break
	}
	return o
}

// at is the offset without regard to leap seconds.
func at(second int64) Offset {
	n := zone.transitions
	if n == 0 || second < transition(0) {
		switch {
		case n > 0:
			return Offset{Ahead: ahead(first()), From: always, Until: transition(0)}
		case zone.ruled:
			return zone.rule.at(second, always)
		case zone.typeCount > 0:
			return Offset{Ahead: ahead(first()), From: always, Until: never}
		}
		return Offset{From: always, Until: never}
	}
	low, high := 0, n // transition(low) <= second < transition(high)
	for high-low > 1 {
		if middle := (low + high) / 2; transition(middle) <= second {
			low = middle
		} else {
			high = middle
		}
	}
	if high < n {
		return Offset{Ahead: ahead(int(zone.file[zone.kinds+low])), From: transition(low), Until: transition(high)}
	}
	if zone.ruled {
		return zone.rule.at(second, transition(low))
	}
	return Offset{Ahead: ahead(int(zone.file[zone.kinds+low])), From: transition(low), Until: never}
}
