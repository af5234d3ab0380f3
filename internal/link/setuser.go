package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Setuser takes on everything of an account: supplementary groups, ids, the
// environment of its owner, and the home directory. It is from
// daemontools-encore, where the variables do not reach the child.
var Setuser = execchain.Tool{
	Name:    "setuser",
	Usage:   "setuser: usage: setuser account child",
	Misused: bare.Misused,
	Help: `usage: setuser account child
An account is a name, or user:group with names or numbers.
`,
	Run: setuser,
}

func setuser(p *bare.Process) bare.Exit {
	words := p.Args.From(1)
	if words.Len() < 2 {
		return p.Usage()
	}
	account, exit := bare.FindAccount(p, words.At(0))
	if exit != bare.Continue {
		return exit
	}
	if account.Name == "" {
		return p.Fatal("unknown account ", words.At(0)) // a bare number has no home
	}
	if !p.Env.Set("HOME", account.Home) || !p.Env.Set("SHELL", account.Shell) ||
		!p.Env.Set("USER", account.Name) || !setIDs(p, account) {
		return p.NoMemory()
	}
	if exit := become(p, account, true); exit != bare.Continue {
		return exit
	}
	// Last, as the account: a home that the account cannot enter is no place
	// to run its programs in, and root may not enter one on NFS.
	if err := bare.Chdir(account.Home); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", account.Home)
	}
	return p.Run(words.From(1))
}
