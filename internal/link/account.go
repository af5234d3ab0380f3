package link

import "catena/internal/bare"

// What the links that take an account have in common.

// accountWords reads the words of such a link: an account, and the program with its
// arguments. It looks the account up. Any result but Continue is a failure, which has been
// reported.
func accountWords(p *bare.Process, words bare.Words) (account bare.Account, program bare.Words, exit bare.Exit) {
	if words.Len() < 2 {
		return account, words, p.Usage()
	}
	account, exit = bare.FindAccount(p, words.At(0))
	return account, words.From(1), exit
}

// setIDs puts the ids of an account into the environment. False means that there is no
// memory.
func setIDs(p *bare.Process, account bare.Account) bool {
	return p.Env.SetNumber("GID", uint64(account.GID)) && p.Env.SetNumber("UID", uint64(account.UID))
}

// become takes on the ids of an account. The uid comes last, because with another uid the
// process may not set the others.
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
