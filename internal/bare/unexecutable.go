package bare

import "golang.org/x/sys/unix"

// Why a program could not be executed, in words that help.

// FatalExec is FatalErrno for a file in a directory that could not be executed, with the
// command line argv and the environment env. If the kernel's answer alone sends people to
// the wrong place, FatalExec adds the real reason in parentheses: for instance that the file
// exists, and its interpreter does not.
func (s *Speaker) FatalExec(why Errno, dir int, file string, argv Words, env *Environment, parts ...string) Exit {
	s.say(": fatal: ", parts)
	putReason(why)
	if why == unix.E2BIG {
		hintLongest(argv, env)
	} else {
		hintProgram(why, dir, file)
	}
	flush()
	return Failed
}

// hint adds parts to the message, in parentheses.
func hint(parts ...string) {
	put(" (")
	for _, part := range parts {
		put(part)
	}
	put(")")
}

// StringMax is the most bytes that the kernel takes for an argument or a variable, the NUL
// included: MAX_ARG_STRLEN, with pages of 4096 bytes.
const StringMax = 32 * 4096

// hintLongest names the longest argument or variable, if it is longer than that.
func hintLongest(argv Words, env *Environment) {
	most, kind, name := StringMax-1, "", ""
	for i := range argv.Len() {
		if word := argv.At(i); len(word) > most {
			most, kind, name = len(word), "an argument of ", ""
		}
	}
	for i := range env.Len() {
		if entry := env.At(i); len(entry) > most {
			most, kind, name = len(entry), ": ", entry[:Index(entry, '=')]
		}
	}
	if kind == "" {
		return
	}
	var digits [20]byte
	size := TextOf(digits[:PutNumber(digits[:], uint64(most))])
	if name == "" {
		hint(kind, size, " bytes")
	} else {
		hint("the variable ", name, " has ", size, " bytes")
	}
}

// head is the beginning of a program, as much as the kernel reads to know what the program
// is. Later it is the name of the interpreter.
var head [256]byte

// hintProgram finds out what is wrong with a program that exists.
func hintProgram(why Errno, dir int, file string) {
	fd, err := OpenAt(dir, file, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return // the file does not exist, or cannot be read
	}
	n, err := ReadAt(fd, head[:], 0)
	text, interpreter := TextOf(head[:max(n, 0)]), ""
	script := n > 2 && text[:2] == "#!"
	binary := n > 4 && text[:4] == "\x7fELF"
	switch {
	case err != 0: // the file is a directory
	case script:
		interpreter = firstWord(text[2:])
	case binary:
		interpreter = loader(fd)
	}
	switch {
	case err != 0:
	case interpreter != "" && (why == unix.ENOENT || why == unix.EACCES) && access(dir, interpreter) == why:
		hint("its interpreter ", interpreter)
	case why == unix.EACCES && isNoexec(fd):
		hint("no program may be executed in its file system")
	case why == unix.ENOEXEC && n == 0:
		hint("it is empty")
	case why == unix.ENOEXEC && !script && !binary:
		hint("its first line does not begin with #!")
	case why == unix.ETXTBSY:
		hint("it is open for writing")
	}
	Close(fd)
}

// firstWord is the interpreter in the first line of a script, as the kernel reads it.
func firstWord(line string) string {
	for line != "" && (line[0] == ' ' || line[0] == '\t') {
		line = line[1:]
	}
	for i := range len(line) {
		if c := line[i]; c == ' ' || c == '\t' || c == '\n' || c == 0 {
			return line[:i]
		}
	}
	return line
}

// loader is the interpreter of a dynamically linked program: its program header of type
// PT_INTERP says where the name stands, see elf(5). loader reads the program's head, and
// then puts the name there.
func loader(fd int) string {
	const wide, interp = 2, 3 // ELFCLASS64, PT_INTERP
	big := head[5] == 2       // ELFDATA2MSB
	at, size, count := number(head[28:32], big), number(head[42:44], big), number(head[44:46], big)
	offset, length, word := 4, 16, 4
	if head[4] == wide {
		at, size, count = number(head[32:40], big), number(head[54:56], big), number(head[56:58], big)
		offset, length, word = 8, 32, 8
	}
	var header [56]byte
	for i := range min(count, 64) {
		n, err := ReadAt(fd, header[:], int64(at+i*size))
		if err != 0 || n < length+word {
			return ""
		}
		if number(header[:4], big) != interp {
			continue
		}
		from, bytes := number(header[offset:offset+word], big), number(header[length:length+word], big)
		n, err = ReadAt(fd, head[:min(bytes, uint64(len(head)))], int64(from))
		if err != 0 {
			return ""
		}
		name := TextOf(head[:n])
		return name[:Index(name, 0)]
	}
	return ""
}

// number is a number in an ELF file.
func number(b []byte, big bool) (n uint64) {
	if !big {
		return Little(b)
	}
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}
