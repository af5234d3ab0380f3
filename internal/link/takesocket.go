package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Takesocket makes the socket that holdsocket holds standard input. It is ours.
var Takesocket = execchain.Tool{
	Name:    "takesocket",
	Does:    "takes a socket that holdsocket holds",
	Usage:   "takesocket: usage: takesocket [-2] dir child",
	Misused: bare.Misused,
	Help: `usage: takesocket [-2] dir child
  -2  standard output as well, of who hands out two descriptors; waits for ever
The socket that holdsocket holds in dir becomes standard input.
`,
	Run: takesocket,
}

// handle is the socket in the directory of a holder by which the shared socket is asked for, with
// one byte. The answer is a byte, an error number or 0, with two descriptors.
const handle = "handle"

var toUse = [1]byte{'u'} // internal/holdsocket has it as well

// patience is how long takesocket waits for a holder that is about to start, in nanoseconds.
const patience = 10e9

func takesocket(p *bare.Process) bare.Exit {
	two, until := false, bare.SinceBoot()+patience
	options := p.OwnOptions("2")
	for options.Next() {
		if options.Letter != '2' {
			return options.Refuse(p)
		}
		two, until = true, bare.Never
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	bare.OccupyStandard() // so that no descriptor that comes is one of them
	here, err := bare.OpenDirectory(bare.Cwd, ".")
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	dir := words.At(0)
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	first, second, err := take(until)
	if err != 0 {
		return p.FatalErrno(err, "unable to take the socket of ", dir)
	}
	if err := bare.Fchdir(here); err != 0 {
		return p.FatalErrno(err, "unable to set directory")
	}
	err = bare.Replace(0, first)
	if two && err == 0 {
		err = bare.Replace(1, second)
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to move fd")
	}
	bare.Close(here)
	bare.Close(first)
	bare.Close(second)
	return p.Run(words.From(1))
}

// take asks the holder whose directory is the working directory for its descriptors, until a time
// since boot in nanoseconds. A holder that was killed has another process in its place, and one
// that is about to start has none yet.
func take(until int64) (first, second int, err bare.Errno) {
	for {
		connection, err := bare.ConnectUnix(handle)
		if err == 0 {
			bare.SetBlocking(connection)
			var why byte
			if err = bare.Write(connection, toUse[:]); err == 0 {
				why, first, second, err = bare.ReceiveDescriptors(connection)
			}
			bare.Close(connection)
			if err == 0 && first >= 0 {
				return first, second, 0
			}
			if why != 0 {
				return -1, -1, bare.Errno(why)
			}
		}
		if bare.SinceBoot() > until {
			return -1, -1, err
		}
		bare.Sleep(20e6)
	}
}
