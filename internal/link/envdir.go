package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Envdir sets variables as the files in a directory say.
var Envdir = execchain.Tool{
	Name:    "envdir",
	Usage:   "envdir: usage: envdir dir child",
	Misused: bare.Failed, // as envdir.c has it, unlike every other tool
	Help: `usage: envdir [-if] [-p prefix] dir child
  -i         start from an empty environment
  -f         the whole file is the value, newlines and trailing blanks included
  -p prefix  put prefix before the name of each variable
`,
	Run: envdir,
}

// envdirOptions are ours. 0.76 takes any first word for the directory.
type envdirOptions struct {
	prefix       string
	empty, whole bool
}

func envdir(p *bare.Process) bare.Exit {
	options, rest := envdirWords(p)
	if rest.Len() < 2 {
		return p.Usage()
	}
	dir := rest.At(0)

	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to switch to current directory")
	}
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, "unable to switch to directory ", dir)
	}
	fd, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to read directory ", dir)
	}
	if options.empty {
		p.Env.Clear()
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 {
			return p.FatalErrno(err, "unable to read directory ", dir)
		}
		if name == "" {
			break
		}
		if name[0] == '.' {
			continue
		}
		if err := setFromFile(p, options, name); err == unix.ENOMEM {
			return p.NoMemory()
		} else if err != 0 {
			return p.FatalErrno(err, "unable to read ", dir, "/", name)
		}
	}
	bare.Close(fd)
	if err := bare.Fchdir(origin); err != 0 {
		return p.FatalErrno(err, "unable to switch to starting directory")
	}
	bare.Close(origin)
	return p.Run(rest.From(1))
}

// envdirWords reads the options and returns the directory and what follows. Only
// a word made of our letters is an option: 0.76 takes any other for the directory,
// and so does this.
func envdirWords(p *bare.Process) (found envdirOptions, rest bare.Words) {
	options := false
	for rest = p.Args.From(1); ; rest = rest.From(1) {
		word := rest.At(0)
		if word == "--" && options {
			return found, rest.From(1)
		}
		if len(word) < 2 || word[0] != '-' {
			return found, rest
		}
		flags := 1
		for flags < len(word) && (word[flags] == 'i' || word[flags] == 'f') {
			flags++
		}
		if flags < len(word) && word[flags] != 'p' {
			return found, rest
		}
		options = true
		found.empty = found.empty || bare.Index(word[:flags], 'i') < flags
		found.whole = found.whole || bare.Index(word[:flags], 'f') < flags
		if flags < len(word) {
			if found.prefix = word[flags+1:]; found.prefix == "" {
				rest = rest.From(1)
				found.prefix = rest.At(0)
			}
		}
	}
}

// setFromFile makes a file an entry of the environment: its first line, without
// blanks at the end. An empty file unsets the variable. What cannot be in an
// environment, a NUL, becomes a newline.
func setFromFile(p *bare.Process, o envdirOptions, name string) bare.Errno {
	// 0.76 takes a file that is gone by now, a dangling link say, for a copy of
	// the file before it. Ours: it is an error.
	fd, err := bare.Open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return err
	}
	var entry bare.Buffer
	if !entry.Append(o.prefix) || !entry.Append(name) || !entry.Append("=") {
		return unix.ENOMEM
	}
	start := entry.Len()
	size, err := readValue(&entry, fd, o.whole)
	bare.Close(fd)
	if err != 0 {
		return err
	}
	if size == 0 {
		entry.Cut(start - 1)
	} else {
		trim(&entry, start, o.whole)
	}
	if !p.Env.Put(&entry) {
		return unix.ENOMEM
	}
	return 0
}

// readValue reads a file to its end onto the entry and returns its size. Unless
// it is wanted whole, only the first line is kept, without its newline.
func readValue(entry *bare.Buffer, fd int, whole bool) (size int, err bare.Errno) {
	const chunk = 1024
	line := false // its end has been read
	for {
		start := entry.Len()
		n, err := entry.ReadMore(fd, max(chunk, start))
		if n == 0 || err != 0 {
			return size, err
		}
		size += n
		switch {
		case whole:
		case line:
			entry.Cut(start)
		default:
			end := bare.Index(entry.String()[start:], '\n')
			line = end < n
			entry.Cut(start + end)
		}
	}
}

// trim takes blanks off the end of the value that begins at start, unless it is
// wanted whole, and makes each NUL in it a newline.
func trim(entry *bare.Buffer, start int, whole bool) {
	value := entry.Bytes()[start:]
	n := len(value)
	for !whole && n > 0 && (value[n-1] == ' ' || value[n-1] == '\t') {
		n--
	}
	entry.Cut(start + n)
	for i := range n {
		if value[i] == 0 {
			value[i] = '\n'
		}
	}
}
