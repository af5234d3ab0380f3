package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Setuidgid takes on an account's ids.
var Setuidgid = execchain.Tool{
	Name:    "setuidgid",
	Does:    "takes on the ids of an account",
	Usage:   "setuidgid: usage: setuidgid account child",
	Misused: bare.Misused,
	Help: `usage: setuidgid [-s] account child
  -s  take on the account's supplementary groups as well
An account is a name, or user:group with names or numbers.
`,
	Run: setuidgid,
}

func setuidgid(p *bare.Process) bare.Exit {
	words := p.Args.From(1)
	supplementary := words.At(0) == "-s"
	if supplementary {
		words = words.From(1)
	}
	account, program, exit := accountWords(p, words)
	if exit != bare.Continue {
		return exit
	}
	if exit := become(p, account, supplementary); exit != bare.Continue {
		return exit
	}
	return p.Run(program)
}
