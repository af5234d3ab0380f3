package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Pidfile writes the process id into a file, for those who look there. It is ours.
var Pidfile = execchain.Tool{
	Name:    "pidfile",
	Does:    "writes the process id into a file",
	Usage:   "pidfile: usage: pidfile file child",
	Misused: bare.Misused,
	Help: `usage: pidfile file child
The file may be no symbolic link, and must belong to the account.
`,
	Run: pidfile,
}

func pidfile(p *bare.Process) bare.Exit {
	options := p.OwnOptions("")
	if options.Next() {
		return options.Refuse(p)
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	var room [21]byte
	n := bare.PutNumber(room[:], uint64(bare.Getpid()))
	room[n] = '\n'
	if err := writeOwn(words.At(0), room[:n+1]); err != 0 {
		return p.FatalErrno(err, "unable to write ", words.At(0))
	}
	return p.Run(words.From(1))
}

// writeOwn makes a text all that is in a file, if nobody else can have put the file there: the
// folder may be one in which everybody makes files. Whoever reads the file meanwhile finds the
// whole text first.
func writeOwn(file string, text []byte) bare.Errno {
	fd, err := bare.Open(file, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
	if err == unix.ELOOP {
		return bare.IsLink
	}
	if err != 0 {
		return err
	}
	status, err := bare.StatOpen(fd)
	switch {
	case err != 0:
	case status.Kind() != unix.S_IFREG:
		err = bare.NotFile
	case status.Owner != bare.Geteuid():
		err = bare.NotOwn
	case status.Links > 1:
		err = unix.EMLINK
	default:
		if err = bare.WriteAt(fd, text, 0); err == 0 {
			err = bare.Truncate(fd, int64(len(text)))
		}
	}
	bare.Close(fd)
	return err
}
