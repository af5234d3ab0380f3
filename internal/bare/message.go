package bare

import "unicode/utf8"

// Messages: what tools print on standard error and standard output.

// line collects a message, so that it leaves in one write unless it is longer. The room is
// static, because a message must not need memory.
var line struct {
	text [4096]byte
	n    int
	out  bool  // the text is for standard output, and no message
	err  Errno // the first error of this output; after an error nothing is written to standard output
	tool Text  // the tool whose message it is
}

// Speaker prints messages that begin with the name of a tool. A process speaks as the tool
// that it is. Code that does the work of another tool takes a Speaker of that tool.
type Speaker struct{ name Text }

// SpeakAs is the Speaker of a tool. The name must be a constant.
func SpeakAs(tool string) Speaker { return Speaker{Keep(tool)} }

// Usage prints how the tool is called, and returns the exit code for a wrong command line.
func (p *Process) Usage() Exit {
	putRaw(p.usage.String()) // a constant, which may have a newline
	flush()
	return p.misused
}

// Fatal prints "TOOL: fatal: " and the parts.
func (s *Speaker) Fatal(parts ...string) Exit {
	s.say(": fatal: ", parts)
	flush()
	return Failed
}

// FatalErrno prints "TOOL: fatal: ", the parts, and the reason in daemontools' words, as in
// "unable to run x: file does not exist". If why is 0, there is no reason to print.
func (s *Speaker) FatalErrno(why Errno, parts ...string) Exit {
	s.say(": fatal: ", parts)
	putReason(why)
	flush()
	return Failed
}

// Warn prints "TOOL: warning: " and the parts.
func (s *Speaker) Warn(parts ...string) {
	s.say(": warning: ", parts)
	flush()
}

// WarnErrno prints "TOOL: warning: ", the parts, and the reason.
func (s *Speaker) WarnErrno(why Errno, parts ...string) {
	s.say(": warning: ", parts)
	putReason(why)
	flush()
}

// Say prints the parts, for a tool whose messages are those of another project. It returns why
// standard error has not taken them.
func Say(parts ...string) Errno {
	for _, part := range parts {
		put(part)
	}
	return flush()
}

// NoMemory prints what daemontools prints when there is no memory left.
//
//go:noinline
func (s *Speaker) NoMemory() Exit { return s.Fatal("out of memory") }

// Print writes the parts to standard output. If that fails, it says so on standard error.
func (s *Speaker) Print(parts ...string) Exit {
	line.out = true
	for _, part := range parts {
		putRaw(part)
	}
	write(true)
	err := line.err
	line.out, line.err = false, 0
	if err != 0 {
		return s.FatalErrno(err, "unable to write output")
	}
	return 0
}

// PrintLine writes a name to standard output, escaped as in messages, and then a text as it
// is.
func (s *Speaker) PrintLine(name, text string) Exit {
	line.out = true
	put(name)
	line.out = false
	return s.Print(text)
}

func (s *Speaker) say(kind string, parts []string) {
	line.tool = s.name
	put(s.name.String())
	put(kind)
	for _, part := range parts {
		put(part)
	}
}

// putReason adds why something has failed, unless nobody knows.
func putReason(why Errno) {
	if why != 0 {
		put(": ")
		put(Reason(why))
	}
}

// put adds text to the line. A name may hold any byte but a NUL. put escapes the bytes that
// could break the line or drive a terminal.
func put(text string) {
	for i := 0; i < len(text); {
		c := text[i]
		size := 1
		switch {
		case c == '\n':
			putRaw(`\n`)
		case c == '\t':
			putRaw(`\t`)
		case c == '\r':
			putRaw(`\r`)
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
	if line.n == len(line.text)-1 { // flush needs the last place for its newline
		write(false)
	}
	line.text[line.n] = c
	line.n++
}

// flush ends the line and writes it. It returns why standard error has not taken the line.
func flush() (err Errno) {
	line.text[line.n] = '\n'
	line.n++
	write(true)
	err, line.err = line.err, 0
	return err
}

// write writes what is in the line. Last says that the message ends here. If another
// process has made the file non-blocking, write waits for room, unless messages do not
// wait.
//
// If standard error takes no message, there is nobody else to tell: the tool goes on, and its
// exit code says what has failed. Each piece of a long message is tried, whatever became of
// the pieces before it.
func write(last bool) {
	text := line.text[:line.n]
	line.n = 0
	switch {
	case line.out:
		if line.err == 0 {
			line.err = WriteStream(1, text)
		}
	case unwaiting.on:
		offer(text, last)
	default:
		if err := WriteStream(2, text); line.err == 0 {
			line.err = err
		}
	}
}
