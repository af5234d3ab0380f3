package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Envdir sets a variable for each file in a directory.
var Envdir = execchain.Tool{
	Name:    "envdir",
	Does:    "sets variables from files",
	Usage:   "envdir: usage: envdir dir child",
	Misused: bare.Failed, // envdir.c exits 111 here; every other tool exits 100
	Help: `usage: envdir [-ifn] [-p prefix] dir child
  -i         start from an empty environment
  -f         the whole file is the value, but for one newline at its end
  -n         keep the newline at the end, or, without -f, the blanks there
  -p prefix  put prefix before the name of each variable
`,
	Run: envdir,
}

// envdirOptions are ours. 0.76 takes the first word for the directory, whatever it is.
type envdirOptions struct {
	prefix             string
	empty, whole, kept bool
	unknown            byte // an unknown letter in a word behind an option
	skips, warns       bool // no option: directories are skipped, with a warning
}

func envdir(p *bare.Process) bare.Exit {
	options, rest := envdirWords(p)
	if options.unknown != 0 {
		return p.IllegalOption(options.unknown)
	}
	if rest.Len() < 2 {
		return p.Usage()
	}
	says := envdirSays{
		origin: "unable to switch to current directory",
		enter:  "unable to switch to directory ",
		open:   "unable to read directory ",
		list:   "unable to read directory ",
	}
	if exit := setVariables(p, rest.At(0), options, says); exit != bare.Continue {
		return exit
	}
	return p.Run(rest.From(1))
}

// envdirSays is what a link says when something of the directory fails.
type envdirSays struct{ origin, enter, open, list string }

// setVariables sets the variables of a directory. Any result but Continue is a failure, which
// has been reported.
func setVariables(p *bare.Process, dir string, o envdirOptions, says envdirSays) bare.Exit {
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return p.FatalErrno(err, says.origin)
	}
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, says.enter, dir)
	}
	fd, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != 0 {
		return p.FatalErrno(err, says.open, dir)
	}
	if o.empty {
		p.Env.Clear()
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 {
			return p.FatalErrno(err, says.list, dir)
		}
		if name == "" {
			break
		}
		if name[0] == '.' {
			continue
		}
		err = setFromFile(p, o, name)
		switch {
		case err == unix.ENOMEM:
			return p.NoMemory()
		case err == unix.EISDIR && o.skips:
			if o.warns {
				p.WarnErrno(err, "unable to read ", dir, "/", name)
			}
		case err != 0:
			return p.FatalErrno(err, "unable to read ", dir, "/", name)
		}
	}
	bare.Close(fd)
	if err := bare.Fchdir(origin); err != 0 {
		return p.FatalErrno(err, "unable to switch to starting directory")
	}
	bare.Close(origin)
	return bare.Continue
}

// envdirWords reads the options, and returns the directory and what follows. The first word
// is an option only if it is made of our letters. Otherwise it is the directory, as in
// 0.76.
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
		for flags < len(word) && (word[flags] == 'i' || word[flags] == 'f' || word[flags] == 'n') {
			flags++
		}
		if flags < len(word) && word[flags] != 'p' {
			if options {
				found.unknown = word[flags]
			}
			return found, rest
		}
		options = true
		found.empty = found.empty || bare.Index(word[:flags], 'i') < flags
		found.whole = found.whole || bare.Index(word[:flags], 'f') < flags
		found.kept = found.kept || bare.Index(word[:flags], 'n') < flags
		if flags < len(word) {
			if found.prefix = word[flags+1:]; found.prefix == "" {
				rest = rest.From(1)
				found.prefix = rest.At(0)
			}
		}
	}
}

// setFromFile makes an entry of the environment from a file. The value is the first line,
// without blanks at its end, or the whole file, without a newline at its end. An empty file
// unsets the variable. A NUL cannot be in an environment, and becomes a newline.
func setFromFile(p *bare.Process, o envdirOptions, name string) bare.Errno {
	// 0.76 goes on if a file cannot be found any more, as with a dangling link, and uses
	// the text of the file before it. Ours: this is an error.
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
		trim(&entry, start, o)
	}
	if !p.Env.Put(&entry) {
		return unix.ENOMEM
	}
	return 0
}

// readValue reads a file to its end, appends it to the entry, and returns the size of the
// file. Unless the value is the whole file, readValue keeps only the first line, without
// its newline.
func readValue(entry *bare.Buffer, fd int, whole bool) (size int, err bare.Errno) {
	const chunk = 512 // so that the entries of a usual chain fit on the first page of the arena
	line := false     // the end of the first line has been read
	for {
		start := entry.Len()
		n, err := entry.ReadMore(fd, max(chunk, 2*start)-start)
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

// trim cuts blanks or a newline off the end of the value, which begins at start, as the
// options say. It makes each NUL in the value a newline.
func trim(entry *bare.Buffer, start int, o envdirOptions) {
	value := entry.Bytes()[start:]
	n := len(value)
	switch {
	case o.kept:
	case o.whole:
		if n > 0 && value[n-1] == '\n' {
			n--
		}
	default:
		for n > 0 && (value[n-1] == ' ' || value[n-1] == '\t') {
			n--
		}
	}
	entry.Cut(start + n)
	for i := range n {
		if value[i] == 0 {
			value[i] = '\n'
		}
	}
}
