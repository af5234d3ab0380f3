package link

import "catena/internal/bare"

// What the links that take an account have in common.

// accountWords reads the words of such a link: an account, and the program with its
// arguments. It looks the account up, which may be a number alone if numbers is true. Any result
// but Continue is a failure, which has been reported.
func accountWords(p *bare.Process, words bare.Words, numbers bool) (account bare.Account, program bare.Words, exit bare.Exit) {
	if words.Len() < 2 {
		return account, words, p.Usage()
	}
	if numbers && bare.AllDigits(words.At(0)) {
		account, exit = bare.FindNumber(p, words.At(0))
	} else {
		account, exit = bare.FindAccount(p, words.At(0))
	}
	return account, words.From(1), exit
}

// setIDs puts ids into the environment. False means that there is no memory.
func setIDs(p *bare.Process, uid, gid uint32) bool {
	return p.Env.SetNumber("GID", uint64(gid)) && p.Env.SetNumber("UID", uint64(uid))
}

// become takes on the ids of an account.
func become(p *bare.Process, account bare.Account, supplementary bool) bare.Exit {
	gids, unable := []uint32{account.GID}, "unable to setgid"
	if supplementary {
		var exit bare.Exit
		if gids, exit = account.SupplementaryGroups(p, true); exit != bare.Continue {
			return exit
		}
		unable = "unable to set supplementary groups"
	}
	return takeIDs(p, account.UID, gids, unable)
}

// takeIDs takes on a user, its groups, and the first of these as its own. The uid comes last,
// because with another uid the process may not set the others. Unable is what to say if the
// groups cannot be set.
func takeIDs(p *bare.Process, uid uint32, gids []uint32, unable string) bare.Exit {
	if err := bare.Setgroups(gids); err != 0 {
		return p.FatalErrno(err, unable)
	}
	if err := bare.Setgid(gids[0]); err != 0 {
		return p.FatalErrno(err, "unable to setgid")
	}
	if err := bare.Setuid(uid); err != 0 {
		return p.FatalErrno(err, "unable to setuid")
	}
	return bare.Continue
}
