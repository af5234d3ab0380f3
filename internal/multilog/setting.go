package multilog

import "catena/internal/bare"

// The settings of a log: actions that hold for the logs that follow.

// The settings of a log that no action has changed, and the bounds of settings.
const (
	byDefaultSize = 99999
	leastSize     = 4096
	byDefaultNum  = 10
	leastNum      = 2
	mostSeconds   = 1 << 32
	mostCode      = 64 // bytes
)

// set does an action that is a setting of the logs that follow.
func (s *parser) set(p *bare.Process, word string) bare.Exit {
	l, rest, ok := &s.next, word[1:], true
	switch word[0] {
	case 'S':
		if rest == "" {
			s.glob = false
			l.addSelection(word)
			break
		}
		l.total, ok = amount(rest, bytesUnit)
	case 's':
		l.limit, ok = amount(rest, bytesUnit)
		l.size = max(l.limit, leastSize)
	case 'n':
		l.keep, ok = amount(rest, noUnit)
		l.num = max(l.keep, leastNum)
	case 'R':
		l.every, ok = amount(rest, secondsUnit)
		l.every = min(l.every, mostSeconds)
	case 'a':
		l.age, ok = amount(rest, secondsUnit)
	case '!':
		l.processor = bare.Keep(rest)
	case 'w':
		if len(rest) > mostCode || bare.Index(rest, '/') < len(rest) {
			return p.Fatal("not the end of a file's name: ", word)
		}
		l.code = bare.Keep(rest)
	case 'p':
		if len(rest) > lineMax || bare.Index(rest, '\n') < len(rest) {
			return p.Fatal("not a prefix of lines: ", word)
		}
		l.prefix = bare.Keep(rest)
		l.addSelection(word)
	default:
		p.Warn("unknown action: ", word)
	}
	if !ok {
		return p.Fatal("not a number that this action takes: ", word)
	}
	return bare.Continue
}

// What a number counts. This decides which units may follow the number.
const (
	noUnit = iota
	bytesUnit
	secondsUnit
)

// amount reads a number, and the letter of a unit if there is one: K, M and G, or s, m, h
// and d. Everything else is refused. 0.76 takes the digits that it finds, or 0 without any.
// So 0.76 makes the smallest log of a size that is mistyped, and removes old files that
// have no room.
func amount(text string, unit int) (n int64, ok bool) {
	const most = 1 << 62
	value, digits := bare.Number(text)
	if digits == 0 {
		return 0, false
	}
	var times uint64
	switch suffix := text[digits:]; {
	case suffix == "":
		times = 1
	case unit == bytesUnit:
		times = bare.SizeUnit(suffix)
	case unit == secondsUnit:
		times = secondsIn(suffix)
	}
	if times == 0 {
		return 0, false
	}
	return int64(min(value, most/times) * times), true
}

// secondsIn is the number of seconds that the suffix of a time stands for; 0 if it is none.
func secondsIn(suffix string) uint64 {
	switch suffix {
	case "s":
		return 1
	case "m":
		return 60
	case "h":
		return 60 * 60
	case "d":
		return 24 * 60 * 60
	}
	return 0
}
