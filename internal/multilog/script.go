package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// What an action does to each line.
const (
	actSelect   = '+' // text is a pattern
	actDeselect = '-'
	actAlert    = 'e'
	actStatus   = '=' // text is a file, fd the open one
	actLog      = '.' // log is one of logs
)

// action is a word of the script, in its order.
type action struct {
	kind byte
	glob bool // the pattern is one of fnmatch(3)
	text bare.Text
	fd   int
	log  int
}

// script is what the command line asks for.
var script struct {
	actions bare.Table[action]
	logs    bare.Table[rotated]
	stamp   byte // 't' for a TAI64N label, 'T' for seconds and microseconds, 'i' for ISO 8601
	plain   bool // there is nothing that looks into a line
}

// What holds for a log, until another action says otherwise.
const (
	byDefaultSize = 99999
	leastSize     = 4096
	mostSize      = 16777215
	byDefaultNum  = 10
	leastNum      = 2
	mostSeconds   = 1 << 32
	mostCode      = 64 // bytes
)

// parse reads the script. Words that are no action are reported and left out, as 0.76
// leaves them out. Anything but Continue is a failure, which has been said.
func parse(p *bare.Process, words bare.Words) bare.Exit {
	next := rotated{size: byDefaultSize, num: byDefaultNum, code: bare.Keep("s"), selection: offset}
	glob := false
	script.plain = true
	for i := range words.Len() {
		word := words.At(i)
		if word == "" {
			continue
		}
		rest := word[1:]
		switch word[0] {
		case 't', 'T', 'i':
			if i > 0 {
				p.Warn("action is not the first and has no effect: ", word)
				break
			}
			script.stamp = word[0]
			next.selects(word)
		case 'F':
			glob = true
			next.selects(word)
		case 'S':
			if rest == "" {
				glob = false
				next.selects(word)
				break
			}
			next.total = number(p, word, 0)
		case '+', '-':
			script.plain = false
			next.selects(word)
			if !addAction(action{kind: word[0], glob: glob, text: bare.Keep(rest)}) {
				return p.NoMemory()
			}
		case 'e':
			script.plain = false
			if !addAction(action{kind: actAlert}) {
				return p.NoMemory()
			}
		case '=':
			script.plain = false
			fd, exit := openStatus(p, rest)
			if exit != bare.Continue {
				return exit
			}
			if !addAction(action{kind: actStatus, text: bare.Keep(rest), fd: fd}) {
				return p.NoMemory()
			}
		case 's':
			next.size = min(number(p, word, leastSize), mostSize)
		case 'n':
			next.num = number(p, word, leastNum)
		case 'R':
			next.every = min(number(p, word, 0), mostSeconds)
		case 'a':
			next.age = number(p, word, 0)
		case '!':
			next.processor = bare.Keep(rest)
		case 'w':
			if len(rest) > mostCode || bare.Index(rest, '/') < len(rest) {
				return p.Fatal("not the end of a file's name: ", word)
			}
			next.code = bare.Keep(rest)
		case '.', '/':
			log := script.logs.Len()
			if !script.logs.Grow(log+1) || !addAction(action{kind: actLog, log: log}) {
				return p.NoMemory()
			}
			next.name = bare.Keep(word)
			*script.logs.At(log) = next
		default:
			p.Warn("unknown action: ", word)
		}
	}
	return bare.Continue
}

// offset is that of FNV-1a, 64 bits.
const offset = 14695981039346656037

// selects takes note of a word, which decides on what the logs that follow get.
func (l *rotated) selects(word string) {
	const prime = 1099511628211
	for i := range len(word) {
		l.selection = (l.selection ^ uint64(word[i])) * prime
	}
	l.selection *= prime // the end of the word
}

func addAction(a action) bool {
	n := script.actions.Len()
	if !script.actions.Grow(n + 1) {
		return false
	}
	*script.actions.At(n) = a
	return true
}

// number reads the number of an action, as 0.76 does: the digits that it begins with, and
// 0 if there are none.
func number(p *bare.Process, word string, least int64) int64 {
	value, digits := bare.Number(word[1:])
	if digits == 0 {
		p.Warn("no number in action ", word)
	} else if digits < len(word)-1 {
		p.Warn("more than a number in action ", word)
	}
	return max(least, int64(min(value, 1<<62)))
}

// openStatus makes a status file, if it is not there, and opens it.
func openStatus(p *bare.Process, name string) (fd int, exit bare.Exit) {
	fd, err := bare.Open(name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != 0 {
		return -1, p.FatalErrno(err, "unable to create ", name)
	}
	bare.Close(fd)
	if fd, err = bare.Open(name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != 0 {
		return -1, p.FatalErrno(err, "unable to write ", name)
	}
	return fd, bare.Continue
}
