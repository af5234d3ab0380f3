package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Setuidgid takes on an account's ids.
var Setuidgid = execchain.Tool{
	Name:    "setuidgid",
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
	if words.Len() < 2 {
		return p.Usage()
	}
	account, exit := bare.FindAccount(p, words.At(0))
	if exit != bare.Continue {
		return exit
	}
	if exit := become(p, account, supplementary); exit != bare.Continue {
		return exit
	}
	return p.Run(words.From(1))
}

// become takes on an account's ids, the uid last, because it is what allows the
// others.
func become(p *bare.Process, account bare.Account, supplementary bool) bare.Exit {
	if supplementary {
		gids, exit := account.SupplementaryGroups(p)
		if exit != bare.Continue {
			return exit
		}
		if err := bare.Setgroups(gids); err != 0 {
			return p.FatalErrno(err, "unable to set supplementary groups")
		}
	} else if err := bare.Setgroups([]uint32{account.GID}); err != 0 {
		return p.FatalErrno(err, "unable to setgid")
	}
	if err := bare.Setgid(account.GID); err != 0 {
		return p.FatalErrno(err, "unable to setgid")
	}
	if err := bare.Setuid(account.UID); err != 0 {
		return p.FatalErrno(err, "unable to setuid")
	}
	return bare.Continue
}
