package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Envuidgid puts an account's ids into GID and UID.
var Envuidgid = execchain.Tool{
	Name:    "envuidgid",
	Usage:   "envuidgid: usage: envuidgid account child",
	Misused: bare.Misused,
	Help: `usage: envuidgid account child
An account is a name, or user:group with names or numbers.
`,
	Run: envuidgid,
}

func envuidgid(p *bare.Process) bare.Exit {
	words := p.Args.From(1)
	if words.Len() < 2 {
		return p.Usage()
	}
	account, exit := bare.FindAccount(p, words.At(0))
	if exit != bare.Continue {
		return exit
	}
	if !setIDs(p, account) {
		return p.NoMemory()
	}
	return p.Run(words.From(1))
}

// setIDs puts an account's ids into the environment; false means that there is no
// memory.
func setIDs(p *bare.Process, account bare.Account) bool {
	return p.Env.SetNumber("GID", uint64(account.GID)) && p.Env.SetNumber("UID", uint64(account.UID))
}
