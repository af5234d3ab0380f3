package bare

import "unicode/utf8"

// line collects a message, so that it leaves in one write unless it is longer
// than this. Static: a message must not need memory.
var line struct {
	text [4096]byte
	n    int
	out  bool // it is output, and no message
}

// Usage prints how the tool is called and returns its exit code for that.
func (p *Process) Usage() Exit {
	put(p.usage.String())
	flush()
	return p.misused
}

// Fatal prints "TOOL: fatal: " and the parts.
func (p *Process) Fatal(parts ...string) Exit {
	p.begin(": fatal: ", parts)
	flush()
	return Failed
}

// FatalErrno prints "TOOL: fatal: ", the parts and why in daemontools' words,
// as in "unable to run x: file does not exist".
func (p *Process) FatalErrno(why Errno, parts ...string) Exit {
	p.begin(": fatal: ", parts)
	put(": ")
	put(Reason(why))
	flush()
	return Failed
}

// Warn prints "TOOL: warning: " and the parts.
func (p *Process) Warn(parts ...string) {
	p.begin(": warning: ", parts)
	flush()
}

// WarnErrno prints "TOOL: warning: ", the parts and why.
func (p *Process) WarnErrno(why Errno, parts ...string) {
	p.begin(": warning: ", parts)
	put(": ")
	put(Reason(why))
	flush()
}

// NoMemory prints what daemontools prints when there is no memory left.
func (p *Process) NoMemory() Exit { return p.Fatal("out of memory") }

// Print writes the parts to standard output. What cannot be written is said on
// standard error.
func (p *Process) Print(parts ...string) Exit {
	line.out = true
	for _, part := range parts {
		putRaw(part)
	}
	err := write()
	line.out = false
	if err != 0 {
		return p.FatalErrno(err, "unable to write output")
	}
	return 0
}

func (p *Process) begin(kind string, parts []string) {
	put(p.name.String())
	put(kind)
	for _, part := range parts {
		put(part)
	}
}

// put adds text to the line. A name may hold anything but a NUL: what could
// break the line or drive a terminal is shown escaped, the rest as it is.
func put(text string) {
	for i := 0; i < len(text); {
		c := text[i]
		size := 1
		switch {
		case c == '\n':
			putRaw(`\n`)
		case c == '\t':
			putRaw(`\t`)
		case c < ' ' || c == 0x7f:
			putEscape(c)
		case c < utf8.RuneSelf:
			putByte(c)
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 || r < 0xa0 { // not UTF-8, or a C1 control
				for k := range size {
					putEscape(text[i+k])
				}
			} else {
				putRaw(text[i : i+size])
			}
		}
		i += size
	}
}

func putEscape(c byte) {
	const hex = "0123456789abcdef"
	putRaw(`\x`)
	putByte(hex[c>>4])
	putByte(hex[c&15])
}

func putRaw(text string) {
	for i := range len(text) {
		putByte(text[i])
	}
}

func putByte(c byte) {
	if line.n == len(line.text)-1 { // the last place is kept for flush's newline
		write()
	}
	line.text[line.n] = c
	line.n++
}

// flush writes the line, ended by a newline. Nothing can be done about a
// standard error that takes no message.
func flush() {
	line.text[line.n] = '\n'
	line.n++
	write()
}

func write() Errno {
	n := line.n
	line.n = 0
	if line.out {
		return Write(1, line.text[:n])
	}
	return Write(2, line.text[:n])
}
