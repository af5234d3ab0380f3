package link

import "catena/internal/bare"

// The format of an env file:
//
//   - A line is NAME=VALUE. Blanks around the name and the value do not count.
//   - An empty line, and one that begins with "#" or ";", counts for nothing.
//   - A value in double quotes or in single quotes may have blanks at its ends, and newlines.
//   - In double quotes a backslash takes what is special from ", \, $ and `. Outside quotes
//     it does so from all but letters and digits. Before a newline both are left out.
//   - Nothing is expanded.
//
// execline and systemd read this format alike, but that execline knows neither single quotes
// nor newlines in quotes, and no comments after ";". What they read differently, and what a
// shell would read differently from both, is refused where it is likely to be a mistake.

// envText is the text of an env file, and the place in it that is read next.
type envText struct {
	text     bare.Text
	at, line int
}

// What can be wrong with a line.
const (
	noRoom       = "out of memory"
	holdsNUL     = "holds a NUL"
	holdsCR      = "holds a carriage return"
	noSign       = "has no ="
	noName       = "has nothing before the ="
	badName      = "has a name with other characters than letters, digits, _, . and -"
	noEnd        = "has a quote without an end"
	behindQuote  = "has text behind the quotes"
	quoteWithin  = `has a " within a value: put the value in single quotes`
	noEscape     = "has a backslash that is no escape: put the value in single quotes"
	backslashEnd = "ends in a backslash, and the file ends"
)

// next puts the next variable, as NAME=VALUE, into an empty buffer. At the end of the text it
// puts nothing there. If something is wrong, next says what, and in which line.
func (e *envText) next(entry *bare.Buffer) (line int, wrong string) {
	for {
		e.skipBlanks()
		switch c, more := e.peek(); {
		case !more:
			return e.line, ""
		case c == '\n':
			e.take()
		case c == '#' || c == ';':
			if wrong = e.skipLine(); wrong != "" {
				return e.line, wrong
			}
		default:
			line = e.line
			if wrong = e.name(entry); wrong == "" {
				wrong = e.value(entry)
			}
			if !bare.Equal(wrong, noEnd) { // that is about the line in which the quote begins
				line = e.line
			}
			return line, wrong
		}
	}
}

// name reads a name and the sign behind it.
func (e *envText) name(entry *bare.Buffer) (wrong string) {
	from := e.at
	for c, more := e.peek(); c != '='; c, more = e.peek() {
		switch {
		case more && c == 0:
			return holdsNUL
		case !more || c == '\n':
			return noSign
		}
		e.take()
	}
	to := e.at
	for to > from && isBlank(e.text.String()[to-1]) {
		to--
	}
	name := e.text.String()[from:to]
	if name == "" {
		return noName
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && name[i] != '_' && name[i] != '.' && name[i] != '-' {
			return badName
		}
	}
	e.take()
	e.skipBlanks()
	if !entry.Append(name) || !entry.Append("=") {
		return noRoom
	}
	return ""
}

// value reads a value and the end of its line.
func (e *envText) value(entry *bare.Buffer) (wrong string) {
	quote, more := e.peek()
	if !more || quote != '"' && quote != '\'' {
		return e.unquoted(entry)
	}
	e.take()
	if wrong = e.quoted(entry, quote); wrong != "" {
		return wrong
	}
	e.skipBlanks()
	if c, more := e.peek(); more && c != '\n' {
		return behindQuote
	}
	return ""
}

// quoted reads what stands in quotes, to the end of the quotes.
func (e *envText) quoted(entry *bare.Buffer, quote byte) (wrong string) {
	for {
		c, more := e.take()
		switch {
		case !more:
			return noEnd
		case c == quote:
			return ""
		case c == 0:
			return holdsNUL
		case c == '\\' && quote == '"':
			c, more = e.take()
			switch {
			case !more:
				return noEnd
			case c == '\n':
				continue
			case c != '"' && c != '\\' && c != '$' && c != '`':
				return noEscape
			}
		}
		if !entry.Append(e.last()) {
			return noRoom
		}
	}
}

// unquoted reads a value to the end of its line, and leaves blanks at the end out.
func (e *envText) unquoted(entry *bare.Buffer) (wrong string) {
	end := entry.Len() // of what is no blank
	for {
		c, more := e.peek()
		switch {
		case !more || c == '\n':
			entry.Cut(end)
			return ""
		case c == 0:
			return holdsNUL
		case c == '"':
			return quoteWithin
		case c == '\r' && !e.endsLine():
			return holdsCR
		}
		e.take()
		escaped := c == '\\'
		if escaped {
			c, more = e.take()
			switch {
			case !more:
				return backslashEnd
			case c == '\n':
				continue
			case c == 0:
				return holdsNUL
			case c == '\r' || alphanumeric(c):
				return noEscape
			}
		}
		if !entry.Append(e.last()) {
			return noRoom
		}
		if escaped || !isBlank(c) {
			end = entry.Len()
		}
	}
}

// endsLine reports whether only blanks follow in the line.
func (e *envText) endsLine() bool {
	rest := e.text.String()[e.at:]
	for i := range len(rest) {
		if !isBlank(rest[i]) {
			return rest[i] == '\n'
		}
	}
	return true
}

// peek is the byte that is next, and whether there is one.
func (e *envText) peek() (c byte, more bool) {
	if e.at == e.text.Len() {
		return 0, false
	}
	return e.text.String()[e.at], true
}

// take is peek, and goes on.
func (e *envText) take() (c byte, more bool) {
	if c, more = e.peek(); more {
		e.at++
		if c == '\n' {
			e.line++
		}
	}
	return c, more
}

// last is the byte that was taken last.
func (e *envText) last() string { return e.text.String()[e.at-1 : e.at] }

func (e *envText) skipBlanks() {
	for c, more := e.peek(); more && isBlank(c); c, more = e.peek() {
		e.take()
	}
}

// skipLine skips a comment.
func (e *envText) skipLine() (wrong string) {
	for {
		switch c, more := e.peek(); {
		case !more || c == '\n':
			return ""
		case c == 0:
			return holdsNUL
		}
		e.take()
	}
}

// isBlank takes a carriage return for a blank, as at the end of lines of another system.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
