package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Nice lets other processes go first. It takes the words of POSIX. Where the nice value
// cannot be set nothing runs: POSIX would run the program all the same.
var Nice = execchain.Tool{
	Name:    "nice",
	Does:    "lets other processes go first",
	Usage:   "nice: usage: nice [ -n increment ] child",
	Misused: bare.Misused,
	Help: `usage: nice [-n increment] child
  -n increment  add so much to the nice value, or take it away if it is negative;
                10 by default
`,
	Run: nice,
}

func nice(p *bare.Process) bare.Exit {
	increment, ok := 10, true
	options := p.OwnOptions("n:")
	for options.Next() {
		if options.Letter != 'n' {
			return options.Refuse(p)
		}
		if increment, ok = signed(options.Value()); !ok {
			return p.Fatal("not a number: ", options.Value())
		}
	}
	words := options.Rest()
	if words.Len() == 0 {
		return p.Usage()
	}
	switch err := addNice(increment); err {
	case 0:
		return p.Run(words)
	case unix.EPERM:
		return p.FatalErrno(err, "unable to lower the nice value")
	default:
		return p.FatalErrno(err, "unable to set the nice value")
	}
}

// addNice adds to the nice value. Whoever may not lower the value gets EPERM, as by nice(3).
func addNice(increment int) bare.Errno {
	was, err := bare.Nice()
	if err == 0 {
		err = bare.SetNice(was + increment)
	}
	if err == unix.EACCES {
		return unix.EPERM
	}
	return err
}

// signed is a decimal number with or without a sign. Beyond the range of nice values one is
// as good as the other.
func signed(word string) (n int, ok bool) {
	digits := word
	if word != "" && (word[0] == '-' || word[0] == '+') {
		digits = word[1:]
	}
	size, _ := bare.Number(digits)
	if n = int(min(size, 1000)); !bare.Equal(word, digits) && word[0] == '-' {
		n = -n
	}
	return n, bare.AllDigits(digits)
}
