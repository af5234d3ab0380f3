package execchain

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// A chain without a shell. The multi-call binary, called as run or finish, reads a file of
// words in the working directory, and becomes the chain that these words are. parse says
// what the lines of the file mean.

// maxFile is how large a chain file may be, in bytes. The kernel takes as much as that for
// sure, in all and in a single word.
const maxFile = bare.StringMax

// fromFile is the chain file that this process is the chain of, if there is one.
func fromFile() *bare.ChainFile { return &bare.This().FromFile }

// asIs stands for the chain file itself, where that is what runs the next program.
var asIs Tool

// ownTool is the tool that a word of a chain file names, or nil. There the name of a tool is
// enough: which folders are in PATH, and which names are installed, does not matter.
func ownTool(word string) *Tool {
	if fromFile().Tools == 0 {
		return nil
	}
	table := (**Tool)(unsafe.Add(nil, fromFile().Tools))
	return find(unsafe.Slice(table, fromFile().N), word)
}

// begin notes that the process is the chain of a chain file. The table of tools is static.
func begin(p *bare.Process, tools []*Tool) {
	fromFile().Tools, fromFile().N = uintptr(unsafe.Pointer(unsafe.SliceData(tools))), len(tools)
	identify(p)
}

// chainFile is the chain file that the multi-call binary reads if it is called so, or empty.
func chainFile(program string) string {
	switch bare.Base(program) {
	case "run":
		return "chain"
	case "finish":
		return "finish.chain"
	}
	return ""
}

// becomeChain makes the words of a chain file the command line, and runs it.
func becomeChain(p *bare.Process, file string, tools []*Tool) bare.Exit {
	var text bare.Buffer
	if exit := readFile(p, file, &text); exit != bare.Continue {
		return exit
	}
	words, line, wrong := parse(text.Bytes(), p.Args.From(1))
	switch {
	case wrong == noRoom:
		return p.NoMemory()
	case wrong != "":
		var room [40]byte
		return p.Fatal(place(&room, file, line), wrong)
	case words.Len() == 0:
		return p.Fatal("no words in ", file)
	}
	p.Become(words)
	fromFile().Name, fromFile().Text = bare.Keep(file), bare.Keep(text.String())
	begin(p, tools)
	path := searchPath(p)
	tool, err := proceed(p, &asIs, path, tools)
	if err != 0 {
		return notRun(p, &asIs, err, path)
	}
	return run(p, tool, tools, true)
}

// goesOn reports whether the chain of a chain file goes on here: it has execed this very file
// under the name of a tool. The kernel was asked for one of the names of ownFile then.
func goesOn(p *bare.Process, tools []*Tool) bool {
	executable := p.Executable()
	if chainFile(executable) == "" && executable != procSelf {
		return false
	}
	for i := range p.Args.Len() {
		if bare.Equal(p.Args.At(i), executable) { // a script, and this program is its interpreter
			return false
		}
	}
	begin(p, tools)
	return true
}

// readFile reads a chain file, and puts a newline at its end. Whoever may write to the file
// decides what this process does. So the file must belong to root or to the account that
// the process runs as, and nobody else may write to it: else a mistaken chmod or chown would
// give that account, root for most services, to others.
func readFile(p *bare.Process, file string, text *bare.Buffer) bare.Exit {
	fd, err := bare.Open(file, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return p.Fatal("unable to read ", file, ": ", bare.Reason(err), " (catena reads it if it is called as ", p.Args.At(0), ")")
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to read ", file)
	}
	status, err := bare.StatOpen(fd)
	switch {
	case err != 0:
		return p.FatalErrno(err, "unable to read ", file)
	case status.Kind() != unix.S_IFREG:
		return p.FatalErrno(bare.NotFile, "unable to read ", file)
	case status.Owner != 0 && status.Owner != p.EUID():
		return p.FatalErrno(bare.NotOwn, "refusing to read ", file)
	case status.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0:
		return p.Fatal("refusing to read ", file, ": its group or others may write to it")
	}
	const spare = 64 // so that the read which finds the end needs no more room
	for room := int(min(status.Size, maxFile)) + spare; ; room = spare {
		n, err := text.ReadMore(fd, room)
		switch {
		case err == unix.ENOMEM:
			return p.NoMemory()
		case err != 0:
			return p.FatalErrno(err, "unable to read ", file)
		case text.Len() > maxFile:
			return p.Fatal("more than 131072 bytes in ", file)
		case n == 0:
			bare.Close(fd)
			if !text.Append("\n") || !text.Finish() {
				return p.NoMemory()
			}
			return bare.Continue
		}
	}
}

// What parse finds wrong.
const (
	noRoom         = "out of memory"
	holdsNUL       = "holds a NUL"
	endsInCR       = "ends in a carriage return"
	meantForAShell = "begins as a shell's quotes and variables do: put | in front"
)

// parse makes a command line of the text of a chain file, which ends with a newline:
//
//   - A line is a word. Blanks and tabs at both ends do not belong to the word.
//   - An empty line, and one that begins with "#", is none.
//   - Of a line that begins with "|" everything behind the "|" is the word, as it stands. If
//     the next line begins with "|" too, the word goes on with a newline and that line.
//   - A line "$@" stands for the arguments of the process.
//   - A word that begins as a shell's quotes and variables do is refused: it would not be
//     what its writer thinks.
//
// The words stay where they are in the text, with a NUL in place of the newline: so where
// can count the lines later. If something is wrong, parse says what, and in which line.
func parse(text []byte, arguments bare.Words) (words bare.Words, line int, wrong string) {
	words, ok := bare.RoomForWords(mostWords(text, arguments))
	if !ok {
		return words, 0, noRoom
	}
	open := -1 // the end of the word that the next line may go on with
	for at, next := 0, 0; at < len(text); at = next {
		line++
		end := at + bare.Index(bare.TextOf(text[at:]), '\n')
		next = end + 1
		from, to := at, end
		for from < to && isBlank(text[from]) {
			from++
		}
		for from < to && isBlank(text[to-1]) {
			to--
		}
		switch {
		case bare.Index(bare.TextOf(text[at:end]), 0) < end-at:
			return words, line, holdsNUL
		case end > at && text[end-1] == '\r':
			return words, line, endsInCR
		case from == to || text[from] == '#':
			open = -1
		case text[from] == '|' && open >= 0:
			open = join(text, open, from+1, end)
		case text[from] == '|':
			text[end], open = 0, end
			words.Append(text[from+1 : end+1])
		case bare.TextOf(text[from:to]) == "$@":
			open = -1
			words.AppendAll(arguments)
		case text[from] == '"' || text[from] == '\'' || text[from] == '$':
			return words, line, meantForAShell
		default:
			text[end], text[to], open = ' ', 0, -1
			words.Append(text[from : to+1])
		}
	}
	return words, line, ""
}

// join adds a line, text[from:to], to the word that ends at end, and returns the new end.
// What is left of the line becomes blanks.
func join(text []byte, end, from, to int) (newEnd int) {
	text[end] = '\n'
	newEnd = end + 1 + copy(text[end+1:], text[from:to])
	text[newEnd] = 0
	for i := newEnd + 1; i <= to; i++ {
		text[i] = ' '
	}
	return newEnd
}

// mostWords is how many words there may be in a text.
func mostWords(text []byte, arguments bare.Words) (n int) {
	for at := 0; at < len(text); n++ {
		at += bare.Index(bare.TextOf(text[at:]), '\n') + 1
	}
	return n * max(1, arguments.Len())
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// where is the place of a word in the chain file, or empty for a word that is from elsewhere.
func where(room *[40]byte, word string) string {
	text := fromFile().Text.String()
	offset := bare.Offset(text, word)
	if offset < 0 {
		return ""
	}
	line := 1
	for i := range offset {
		if text[i] == '\n' || text[i] == 0 { // a NUL was a newline
			line++
		}
	}
	return place(room, fromFile().Name.String(), line)
}

// place is "chain:3: ", in room.
func place(room *[40]byte, file string, line int) string {
	n := copy(room[:], file)
	n += copy(room[n:], ":")
	n += bare.PutNumber(room[n:], uint64(line))
	n += copy(room[n:], ": ")
	return bare.TextOf(room[:n])
}
