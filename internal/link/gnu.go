package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How GNU's programs end, and how they and the C library print names and errors, in the locale C.

// The exit codes of programs that run others.
const (
	gnuFailed  bare.Exit = 125 // the program itself
	gnuDenied  bare.Exit = 126 // the command is there and cannot be run
	gnuMissing bare.Exit = 127 // the command is not there
)

// gnu is a program of GNU, as it speaks and ends.
type gnu struct {
	name    string     // what it was called as: its messages begin with that
	unheard bare.Errno // why standard error has not taken a message, or 0
}

func asGNU(called string) gnu { return gnu{name: called} }

func (g *gnu) say(parts ...string) {
	if why := bare.Say(parts...); why != 0 {
		g.unheard = why
	}
}

func (g *gnu) sayErrno(why bare.Errno, what, name string) {
	g.say(g.name, ": ", what, name, ": ", reasonOfC(why))
}

func (g *gnu) fatal(why bare.Errno, what, name string) bare.Exit {
	g.sayErrno(why, what, name)
	return gnuFailed
}

func (g *gnu) misused(what, word, end string) bare.Exit {
	bare.Say(g.name, ": ", what, word, end)
	bare.Say("Try '", g.name, " --help' for more information.")
	return gnuFailed
}

// refuse says what is wrong with the option that Next found.
func (g *gnu) refuse(o *bare.Options) bare.Exit {
	if o.Letter == '-' {
		return g.misused("unrecognized option '", o.Word(), "'")
	}
	letter, what := [1]byte{o.Letter}, "invalid option -- '"
	if missing := o.Missing(); missing != 0 {
		letter[0], what = missing, "option requires an argument -- '"
	}
	return g.misused(what, bare.TextOf(letter[:]), "'")
}

// notRun is the exit code if a command cannot be run, and that has been said.
func (g *gnu) notRun(why bare.Errno) bare.Exit {
	switch {
	case g.unheard != 0:
		return gnuFailed
	case why == unix.ENOENT:
		return gnuMissing
	}
	return gnuDenied
}

// quoted is a name as a word of the shell, always in quotes. A byte that is not printable
// ASCII leaves the quotes: 'a'$'\n”b'. Without memory it is the name as it is.
func quoted(name string) string {
	var b bare.Buffer
	if doubly(name) {
		if b.Append(`"`) && b.Append(name) && b.Append(`"`) {
			return b.String()
		}
		return name
	}
	ok, escaping := b.Append("'"), false // escaping: within $'…'
	for i := range len(name) {
		plain := ' ' <= name[i] && name[i] <= '~'
		switch {
		case name[i] == '\'':
			ok = ok && b.Append(`'\''`)
			escaping = false
			continue
		case plain && escaping:
			ok = ok && b.Append("''")
		case !plain && !escaping:
			ok = ok && b.Append("'$'")
		}
		escaping = !plain
		if plain {
			ok = ok && b.Append(name[i:i+1])
		} else {
			ok = ok && escapeInC(&b, name[i])
		}
	}
	if ok && b.Append("'") {
		return b.String()
	}
	return name
}

// doubly reports whether a name is printed in double quotes: it has a single one, and nothing
// that means anything to a shell or in C.
func doubly(name string) (single bool) {
	for i := range len(name) {
		switch c := name[i]; {
		case c == '\'':
			single = true
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case bare.Index(" %+,-./:@]_", c) < len(" %+,-./:@]_"):
		case i == 0 && (c == '#' || c == '~'):
		default:
			return false
		}
	}
	return single
}

// escapeInC appends a byte as a string of C has it: \n, or three octal digits.
func escapeInC(b *bare.Buffer, c byte) bool {
	const from, letters = '\a', "abtnvfr"
	escape := [4]byte{'\\', '0' + c>>6, '0' + c>>3&7, '0' + c&7}
	n := len(escape)
	if from <= c && c < from+byte(len(letters)) {
		escape[1], n = letters[c-from], 2
	}
	return b.Append(bare.TextOf(escape[:n]))
}

// reasonOfC is the C library's text for an error that an open, a copy of a descriptor or an
// exec may have.
func reasonOfC(why bare.Errno) string {
	switch why {
	case unix.EPERM:
		return "Operation not permitted"
	case unix.ENOENT:
		return "No such file or directory"
	case unix.EIO:
		return "Input/output error"
	case unix.ENXIO:
		return "No such device or address"
	case unix.E2BIG:
		return "Argument list too long"
	case unix.ENOEXEC:
		return "Exec format error"
	case unix.EBADF:
		return "Bad file descriptor"
	case unix.EAGAIN:
		return "Resource temporarily unavailable"
	case unix.ENOMEM:
		return "Cannot allocate memory"
	case unix.EACCES:
		return "Permission denied"
	case unix.EBUSY:
		return "Device or resource busy"
	case unix.ENODEV:
		return "No such device"
	case unix.ENOTDIR:
		return "Not a directory"
	case unix.EISDIR:
		return "Is a directory"
	case unix.EINVAL:
		return "Invalid argument"
	case unix.ENFILE:
		return "Too many open files in system"
	case unix.EMFILE:
		return "Too many open files"
	case unix.ETXTBSY:
		return "Text file busy"
	case unix.EFBIG:
		return "File too large"
	case unix.ENOSPC:
		return "No space left on device"
	case unix.EROFS:
		return "Read-only file system"
	case unix.ENAMETOOLONG:
		return "File name too long"
	case unix.ELOOP:
		return "Too many levels of symbolic links"
	case unix.ELIBBAD:
		return "Accessing a corrupted shared library"
	case unix.ETIMEDOUT:
		return "Connection timed out"
	case unix.ESTALE:
		return "Stale file handle"
	case unix.EDQUOT:
		return "Disk quota exceeded"
	}
	return bare.Reason(why)
}
