package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Envfile sets variables from a file of lines. Its words are execline's; the format of the
// file is what execline and systemd read alike.
var Envfile = execchain.Tool{
	Name:    "envfile",
	Does:    "sets variables from a file of lines",
	Usage:   "envfile: usage: envfile [ -i | -I ] file prog...",
	Misused: bare.Misused,
	Help: `usage: envfile [-iI] file program [arg ...]
  -i  a file that is not there is an error (default)
  -I  without the file, set no variables
A line is NAME=VALUE, a comment after #, or empty. A file - is standard input.
`,
	Run: envfile,
}

// maxEnvfile is how large an env file may be, in bytes: what comes without end, as from
// /dev/zero, must be noticed.
const maxEnvfile = 1 << 20

func envfile(p *bare.Process) bare.Exit {
	loose := false
	options := p.OwnOptions("iI")
	for options.Next() {
		if options.Letter != 'i' && options.Letter != 'I' {
			return p.Usage()
		}
		loose = options.Letter == 'I'
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	file, fd := words.At(0), 0
	if file == "-" {
		file = "standard input"
	} else {
		var err bare.Errno
		fd, err = bare.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == unix.ENOENT && loose {
			return p.Run(words.From(1))
		}
		if err != 0 {
			return p.FatalErrno(err, "unable to open ", file)
		}
	}
	var text bare.Buffer
	if exit := readEnvfile(p, fd, file, &text); exit != bare.Continue {
		return exit
	}
	if fd != 0 {
		bare.Close(fd)
	}
	if exit := setFromLines(p, file, text.String()); exit != bare.Continue {
		return exit
	}
	return p.Run(words.From(1))
}

// readEnvfile reads a file, or what comes through a pipe, to its end.
func readEnvfile(p *bare.Process, fd int, file string, text *bare.Buffer) bare.Exit {
	const chunk = 1024
	for {
		n, err := text.ReadMore(fd, max(chunk, text.Len()))
		switch {
		case err == unix.ENOMEM:
			return p.NoMemory()
		case err != 0:
			return p.FatalErrno(err, "unable to read ", file)
		case text.Len() > maxEnvfile:
			return p.Fatal("unable to read ", file, ": more than 1048576 bytes")
		case n == 0:
			return bare.Continue
		}
	}
}

// setFromLines sets the variables of a text.
func setFromLines(p *bare.Process, file, text string) bare.Exit {
	e := envText{text: bare.Keep(text), line: 1}
	for {
		var entry bare.Buffer
		line, wrong := e.next(&entry)
		switch {
		case wrong == noRoom:
			return p.NoMemory()
		case wrong != "":
			var digits [20]byte
			return p.Fatal("unable to read ", file, ":", bare.TextOf(digits[:bare.PutNumber(digits[:], uint64(line))]), ": ", wrong)
		case entry.Len() == 0:
			return bare.Continue
		case !p.Env.Put(&entry):
			return p.NoMemory()
		}
	}
}
