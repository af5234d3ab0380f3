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
	Help: `usage: envuidgid [-s] account child
  -s  put the account's supplementary groups into GIDLIST
An account is a name, or user:group with names or numbers.
`,
	Run: envuidgid,
}

func envuidgid(p *bare.Process) bare.Exit {
	words := p.Args.From(1)
	supplementary := words.At(0) == "-s"
	if supplementary {
		words = words.From(1)
	}
	account, program, exit := accountWords(p, words, false)
	if exit != bare.Continue {
		return exit
	}
	if !setIDs(p, account.UID, account.GID) {
		return p.NoMemory()
	}
	if supplementary {
		gids, exit := account.SupplementaryGroups(p, false)
		if exit != bare.Continue {
			return exit
		}
		if !setGIDList(p, gids) {
			return p.NoMemory()
		}
	}
	return p.Run(program)
}

// setGIDList puts gids into the variable that s6-applyuidgid -G reads. False means that there is
// no memory.
func setGIDList(p *bare.Process, gids []uint32) bool {
	var entry bare.Buffer
	ok := entry.Append("GIDLIST=")
	for i, gid := range gids {
		ok = ok && (i == 0 || entry.Append(",")) && entry.AppendNumber(uint64(gid))
	}
	return ok && p.Env.Put(&entry)
}
