package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Setlock holds a lock on a file as long as the program runs.
var Setlock = execchain.Tool{
	Name:    "setlock",
	Does:    "holds a lock on a file",
	Usage:   "setlock: usage: setlock [ -nNxX ] file program [ arg ... ]",
	Misused: bare.Misused,
	Help: `usage: setlock [-nNxXr] [-t ms] file program [arg ...]
  -n     give up if the lock is held
  -N     wait for the lock (default)
  -x     if there is no lock to be had, exit 0 without a word
  -X     if there is no lock to be had, complain and exit 111 (default)
  -r     a shared lock
  -t ms  wait for so many milliseconds at most
`,
	Run: setlock,
}

func setlock(p *bare.Process) bare.Exit {
	how, access := unix.LOCK_EX, unix.O_WRONLY
	var wait, bounded, silent = true, false, false
	var milliseconds uint64

	options := p.Options("nNxXrt:")
	for options.Next() {
		switch options.Letter {
		case 'n':
			wait = false
		case 'N':
			wait, bounded = true, false
		case 'x':
			silent = true
		case 'X':
			silent = false
		case 'r':
			how, access = unix.LOCK_SH, unix.O_RDONLY // on NFS a shared lock needs a file that is open for reading
		case 't':
			if !bare.AllDigits(options.Value()) {
				return p.Usage()
			}
			milliseconds, _ = bare.Number(options.Value())
			wait, bounded = true, true
		default:
			return options.Refuse(p)
		}
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	file := words.At(0)

	fd, err := openLock(file, access)
	if err != 0 {
		if silent {
			return 0
		}
		return p.FatalErrno(err, "unable to open ", file)
	}
	switch {
	case !wait:
		err = bare.Flock(fd, how|unix.LOCK_NB)
	case bounded:
		err = bare.FlockWithin(fd, how, milliseconds)
	default:
		err = bare.Flock(fd, how)
	}
	if err != 0 {
		if silent {
			return 0
		}
		return p.FatalErrno(err, "unable to lock ", file)
	}
	return p.Run(words.From(1)) // the descriptor, and with it the lock, stays open
}

// openLock opens a file to be locked, and makes it if it is missing.
func openLock(file string, access int) (fd int, err bare.Errno) {
	return bare.Open(file, access|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT, 0o600)
}
