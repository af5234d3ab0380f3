// Package localtime turns seconds into local time, as TZ says. It reads the files of
// tzfile(5) (RFC 9636), and the rules of POSIX, one of which stands at the end of such a
// file as well. It is bare code.
package localtime

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// zone is the time zone of the process: the transitions of a file, if there is one, and the
// rule for the time after them.
var zone struct {
	room        uintptr // the memory of the file; 0 as long as there is none
	transitions int     // number of transitions
	times       int     // where the times of the transitions stand in the file, eight bytes each
	kinds       int     // where the types of the transitions stand, one byte each
	types       int     // where the descriptions of the types stand, six bytes each
	typeCount   int
	leaps       int // number of leap seconds
	leapTable   int // where the leap seconds stand, twelve bytes each: when, and how many by then
	rule        rule
	ruled       bool
}

// fileSize is the room for a file of a time zone, in bytes.
const fileSize = 64 << 10

// file is the file of the time zone.
func file() []byte { return bare.BytesAt(zone.room, fileSize) }

// makeRoom makes room for a file. False means that there is no memory. The room is mapped,
// because all variables of the binary count for the limits on memory of all other tools.
func makeRoom() (ok bool) {
	if zone.room == 0 {
		zone.room, ok = bare.Map(fileSize)
		return ok
	}
	return true
}

// Offset is how many seconds local time is ahead of UTC, in the time from the second From
// up to before the second Until. Both are counted since the beginning of 1970 UTC.
//
// If the zone counts leap seconds, Passed is how many there have been by then. These are to
// be left out of the time. Within is 1 in a leap second, which has the number 60.
type Offset struct {
	Ahead          int64
	Passed, Within int64
	From, Until    int64
}

const (
	never  = 1<<63 - 1
	always = -1 << 63
)

// UTC makes UTC the time zone.
func UTC() {
	zone.transitions, zone.typeCount, zone.leaps, zone.ruled = 0, 0, 0, false
	follows = false
}

// system is the file of the time zone if TZ is not set.
const system = "/etc/localtime"

var (
	follows  bool        // the time zone is that of system
	followed bare.Status // the status of system when it was read; zero if it was not there
)

// Follow reads the time zone again if TZ is not set and system is another file now. It
// reports whether it has done so.
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

// Set sets the time zone as tzset(3) does. If TZ is set, it is the name of a file or a
// rule, and a colon may stand before it. A relative name is looked for in a folder, which
// TZDIR gives; an empty one stands for the usual folder. If TZ is not set, the file is
// system. If there is no such file, or it makes no sense, the time zone is UTC.
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

// read reads the file of a time zone. False means that the file does not exist, or is not
// one of a time zone.
func read(path string) bool {
	fd, err := bare.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false
	}
	n := 0
	for makeRoom() && n < fileSize {
		got, err := bare.Read(fd, file()[n:])
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

// understand finds the parts of the file, which has n bytes. A file has a block with four
// bytes for each time, which is all of version 1. Later versions have a second block, with
// eight bytes for each time. understand reads only the second block, because nobody has
// made files of version 1 for a long time.
func understand(n int) bool {
	const headerSize = 44
	at, wide := 0, false
	for {
		if n-at < headerSize || string(file()[at:at+4]) != "TZif" || file()[at+4] < '2' {
			return false
		}
		var counts [6]int // isutcnt isstdcnt leapcnt timecnt typecnt charcnt
		for i := range counts {
			counts[i] = int(big(at+20+4*i, 4))
			if counts[i] > fileSize {
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
		if int(file()[zone.kinds+i]) >= zone.typeCount {
			return false
		}
	}
	if at+2 < n && file()[at] == '\n' {
		text := bare.TextOf(file()[at+1 : n])
		text = text[:bare.Index(text, '\n')]
		zone.rule, zone.ruled = parseRule(text), text != ""
	}
	return true
}

func big(at, size int) (n uint64) {
	for _, b := range file()[at : at+size] {
		n = n<<8 | uint64(b)
	}
	return n
}

func transition(i int) int64 { return int64(big(zone.times+8*i, 8)) }

// ahead is the offset of a type in the file.
func ahead(kind int) int64 { return int64(int32(big(zone.types+6*kind, 4))) }

// first is the type that holds before the first transition. As in the C library, it is the
// first type in the file that is standard time. In real files it is the first type of all.
func first() int {
	for kind := range zone.typeCount {
		if file()[zone.types+6*kind+4] == 0 {
			return kind
		}
	}
	return 0
}

// leap is when a leap second of the file is, and how many there have been with this one.
func leap(i int) (at, passed int64) {
	place := zone.leapTable + 12*i
	return int64(big(place, 8)), int64(int32(big(place+8, 4)))
}

// At is the offset at a second since the beginning of 1970 UTC. If the zone has leap
// seconds, these count as seconds.
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

// at is the offset if leap seconds are left out of account.
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
		return Offset{Ahead: ahead(int(file()[zone.kinds+low])), From: transition(low), Until: transition(high)}
	}
	if zone.ruled {
		return zone.rule.at(second, transition(low))
	}
	return Offset{Ahead: ahead(int(file()[zone.kinds+low])), From: transition(low), Until: never}
}
