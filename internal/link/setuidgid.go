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
	Help: `usage: setuidgid [-s] [-n] account child
  -s  take on the account's supplementary groups as well
  -n  no program gains privileges from here on, as by a set-user-ID file
An account is a name, or user:group with names or numbers.
`,
	Run: setuidgid,
}

func setuidgid(p *bare.Process) bare.Exit {
	words := p.Args.From(1)
	supplementary, forGood := false, false
	for word := words.At(0); word == "-s" && !supplementary || word == "-n" && !forGood; word = words.At(0) {
		supplementary, forGood = supplementary || word == "-s", forGood || word == "-n"
		words = words.From(1)
	}
	account, program, exit := accountWords(p, words, false)
	if exit != bare.Continue {
		return exit
	}
	if exit := become(p, account, supplementary); exit != bare.Continue {
		return exit
	}
	if forGood {
		if err := bare.GainNoPrivileges(); err != 0 {
			return p.FatalErrno(err, "unable to set no_new_privs")
		}
	}
	return p.Run(program)
}
