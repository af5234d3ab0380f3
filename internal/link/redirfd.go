package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Redirfd redirects a descriptor to a file. It is execline's.
var Redirfd = execchain.Tool{
	Name:    "redirfd",
	Does:    "redirects a descriptor to a file",
	Usage:   "redirfd: usage: redirfd -[ r | w | u | a | x ] [ -n ] [ -b ] fd file prog...",
	Misused: bare.Misused,
	Help: `usage: redirfd [-rwuacxnb] fd file program [arg ...]
  -r  for reading
  -w  for writing; the file is emptied, or made
  -u  for reading and writing
  -a  for appending; the file is made if it is not there
  -c  for appending; the file must be there
  -x  for writing; the file is made, and must not be there
  -n  without waiting: open the file non-blocking
  -b  then change that: make it blocking with -n, and non-blocking without -n
`,
	Run: redirfd,
}

func redirfd(p *bare.Process) bare.Exit {
	const none = -1
	how, nonblock := none, 0
	var change bool
	options := p.OwnOptions("rwuacxnb")
	for options.Next() {
		switch options.Letter {
		case 'r':
			how = unix.O_RDONLY
		case 'w':
			how = unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
		case 'u':
			how = unix.O_RDWR
		case 'a':
			how = unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND
		case 'c':
			how = unix.O_WRONLY | unix.O_APPEND
		case 'x':
			how = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL
		case 'n':
			nonblock = unix.O_NONBLOCK
		case 'b':
			change = true
		default:
			return p.Usage()
		}
	}
	words := options.Rest()
	number, ok := descriptor(words.At(0))
	if how == none || words.Len() < 3 || !ok {
		return p.Usage()
	}
	fd, exit := openWithReader(p, words.At(1), how|nonblock)
	if exit != bare.Continue {
		return exit
	}
	var digits [20]byte
	from := bare.TextOf(digits[:bare.PutNumber(digits[:], uint64(fd))])
	if exit := move(p, fd, number, from, words.At(0)); exit != bare.Continue {
		return exit
	}
	if change {
		if err := bare.SetWaiting(number, nonblock != 0); err != 0 {
			return p.FatalErrno(err, "unable to change blocking mode")
		}
	}
	return p.Run(words.From(2))
}

// openWithReader opens a file. A FIFO without a reader cannot be opened for writing unless
// the opener waits. So openWithReader is its reader for the moment.
func openWithReader(p *bare.Process, file string, flags int) (fd int, exit bare.Exit) {
	const mode = 0o666
	fd, err := bare.Open(file, flags, mode)
	if err == unix.ENXIO && flags&unix.O_WRONLY != 0 {
		reader, failed := bare.Open(file, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		if failed != 0 {
			return fd, p.FatalErrno(failed, "unable to open_read ", file)
		}
		fd, err = bare.Open(file, flags, mode)
		bare.Close(reader)
	}
	if err != 0 {
		return fd, p.FatalErrno(err, "unable to open ", file)
	}
	return fd, bare.Continue
}

// descriptor is the number of a descriptor. Whether the process may have such a descriptor is
// for the kernel to say, which has none above 2147483647.
func descriptor(word string) (fd int, ok bool) {
	n, _ := bare.Number(word)
	return int(min(n, 1<<31-1)), bare.AllDigits(word) && n <= 1<<32-1
}

// move makes a number the descriptor of an open file, in place of fd. The names of both are
// for the message.
func move(p *bare.Process, fd, number int, from, to string) bare.Exit {
	if fd == number {
		return bare.Continue
	}
	if err := bare.Replace(number, fd); err != 0 {
		return notMoved(p, err, from, to)
	}
	bare.Close(fd)
	return bare.Continue
}

func notMoved(p *bare.Process, why bare.Errno, from, to string) bare.Exit {
	return p.FatalErrno(why, "unable to move fd ", from, " to fd ", to)
}
