package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Envuidgid puts the ids of an account into GID and UID.
var Envuidgid = execchain.Tool{
	Name:    "envuidgid",
	Does:    "puts the ids of an account into the environment",
	Usage:   "envuidgid: usage: envuidgid account child",
	Misused: bare.Misused,
	Help: `usage: envuidgid account child
An account is a name, or user:group with names or numbers.
`,
	Run: envuidgid,
}

func envuidgid(p *bare.Process) bare.Exit {
	account, program, exit := accountWords(p, p.Args.From(1))
	if exit != bare.Continue {
		return exit
	}
	if !setIDs(p, account.UID, account.GID) {
		return p.NoMemory()
	}
	return p.Run(program)
}
