package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Fdmove moves or copies a descriptor. It is execline's.
var Fdmove = execchain.Tool{
	Name:    "fdmove",
	Does:    "moves a descriptor",
	Usage:   "fdmove: usage: fdmove [ -c ] to from prog...",
	Misused: bare.Misused,
	Help: `usage: fdmove [-c] to from program [arg ...]
  -c  copy it: from stays open
`,
	Run: fdmove,
}

func fdmove(p *bare.Process) bare.Exit {
	copies := false
	options := p.OwnOptions("c")
	for options.Next() {
		if options.Letter != 'c' {
			return p.Usage()
		}
		copies = true
	}
	words := options.Rest()
	to, ok := descriptor(words.At(0))
	from, also := descriptor(words.At(1))
	if words.Len() < 3 || !ok || !also {
		return p.Usage()
	}
	if !copies {
		if exit := move(p, from, to, words.At(1), words.At(0)); exit != bare.Continue {
			return exit
		}
		return p.Run(words.From(2))
	}
	err := bare.Errno(unix.EINVAL) // as execline: a descriptor is no copy of itself
	if from != to {
		err = bare.Replace(to, from)
	}
	if err != 0 {
		return notMoved(p, err, words.At(1), words.At(0))
	}
	return p.Run(words.From(2))
}
