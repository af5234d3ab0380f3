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
	Help: `usage: setlock [-nNxXrseo] [-t ms] [-w seconds] [-E code] file program [arg ...]
  -n          give up if the lock is held
  -N          wait for the lock (default)
  -x          if there is no lock to be had, exit 0 without a word
  -X          if there is no lock to be had, complain and exit 111 (default)
  -r          a shared lock
  -s          the same as -r
  -e          an exclusive lock (default)
  -t ms       wait for so many milliseconds at most
  -w seconds  the same in seconds
  -E code     the exit code if the lock is held by others
  -o          keep the lock from the program: another process holds it
`,
	Run: setlock,
}

// lockWish is the lock that a command line asks for.
type lockWish struct {
	shared, silent, apart bool // -r, -x, -o
	wait, bounded         bool // not -n; -t or -w
	milliseconds          uint64
	held                  bare.Exit // -E, or Continue
}

func setlock(p *bare.Process) bare.Exit {
	w := lockWish{wait: true, held: bare.Continue}
	options := p.Options("nNxXrseot:w:E:")
	for options.Next() {
		known, ok := w.note(options.Letter, options.Value())
		switch {
		case !known:
			return options.Refuse(p)
		case !ok:
			return p.Usage()
		}
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	file := words.At(0)

	how, access := unix.LOCK_EX, unix.O_WRONLY
	if w.shared {
		how, access = unix.LOCK_SH, unix.O_RDONLY // on NFS a shared lock needs a file that is open for reading
	}
	fd, err := openLock(file, access)
	if isReadOnly(err) {
		if readable, failed := bare.Open(file, unix.O_RDONLY|unix.O_NONBLOCK, 0); failed == 0 {
			fd, err = readable, 0
		}
	}
	if err != 0 {
		return w.failed(p, err, bare.Continue, "unable to open ", file)
	}
	switch {
	case !w.wait:
		err = bare.Flock(fd, how|unix.LOCK_NB)
	case w.bounded:
		err = bare.FlockWithin(fd, how, w.milliseconds)
	default:
		err = bare.Flock(fd, how)
	}
	switch {
	case err == unix.EAGAIN || err == unix.ETIMEDOUT:
		return w.failed(p, err, w.held, "unable to lock ", file)
	case err != 0:
		return w.failed(p, err, bare.Continue, "unable to lock ", file)
	case !w.apart:
		return p.Run(words.From(1)) // the descriptor, and with it the lock, stays open
	case bare.UnderRuntime():
		return p.Fatal(execchain.NoEntry)
	}
	if err := bare.HoldOpen(fd); err != 0 {
		return p.FatalErrno(err, "unable to have another process hold ", file)
	}
	return p.Run(words.From(1))
}

// note notes an option. Ok is false if the value cannot be one.
func (w *lockWish) note(letter byte, value string) (known, ok bool) {
	switch letter {
	case 'n':
		w.wait = false
	case 'N':
		w.wait, w.bounded = true, false
	case 'x', 'X':
		w.silent = letter == 'x'
	case 'r', 's', 'e':
		w.shared = letter != 'e'
	case 'o':
		w.apart = true
	case 't':
		w.wait, w.bounded = true, true
		w.milliseconds, _ = bare.Number(value)
		return true, bare.AllDigits(value)
	case 'w':
		w.wait, w.bounded = true, true
		w.milliseconds, ok = inMilliseconds(value)
		return true, ok
	case 'E':
		code, _ := bare.Number(value)
		w.held = bare.Exit(code)
		return true, bare.AllDigits(value) && code <= 255
	default:
		return false, false
	}
	return true, true
}

// inMilliseconds reads a number of seconds, which may have a fraction.
func inMilliseconds(seconds string) (n uint64, ok bool) {
	n, digits := bare.Number(seconds)
	n = min(n, 1<<50) * 1000 // so that nothing overflows
	if digits == len(seconds) {
		return n, digits > 0
	}
	fraction := seconds[digits+1:]
	thousandths, places := bare.Number(fraction[:min(3, len(fraction))])
	for ; places < 3; places++ {
		thousandths *= 10
	}
	return n + thousandths, seconds[digits] == '.' && (bare.AllDigits(fraction) || fraction == "" && digits > 0)
}

// failed ends a setlock that has no lock. Code is the exit code that -E asks for, or Continue.
func (w *lockWish) failed(p *bare.Process, why bare.Errno, code bare.Exit, what, file string) bare.Exit {
	exit := bare.Exit(0)
	if !w.silent {
		exit = p.FatalErrno(why, what, file)
	}
	if code != bare.Continue {
		exit = code
	}
	return exit
}

// isReadOnly reports whether a file that cannot be opened for writing may be opened for reading:
// that is enough for a lock. Directories are among such files.
func isReadOnly(why bare.Errno) bool {
	switch why {
	case unix.EISDIR, unix.EACCES, unix.EROFS, unix.EPERM, unix.ETXTBSY:
		return true
	}
	return false
}

// openLock opens a file to be locked, and makes it if it is missing.
func openLock(file string, access int) (fd int, err bare.Errno) {
	return bare.Open(file, access|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT, 0o600)
}
