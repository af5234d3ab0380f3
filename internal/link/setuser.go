package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Setuser takes on everything of an account: supplementary groups, ids, the environment of
// its owner, and the home directory. It is from daemontools-encore, where the variables do
// not reach the child.
var Setuser = execchain.Tool{
	Name:    "setuser",
	Does:    "takes on an account with groups, home and variables",
	Usage:   "setuser: usage: setuser account child",
	Misused: bare.Misused,
	Help: `usage: setuser account child
An account is a name, a number, or user:group with names or numbers.
`,
	Run: setuser,
}

func setuser(p *bare.Process) bare.Exit {
	account, program, exit := accountWords(p, p.Args.From(1), true)
	if exit != bare.Continue {
		return exit
	}
	owner, ok := account.Owner()
	if !ok || !p.Env.Set("HOME", owner.Home) || !p.Env.Set("SHELL", owner.Shell) ||
		!p.Env.Set("USER", owner.Name) || !setIDs(p, account.UID, account.GID) {
		return p.NoMemory()
	}
	if exit := become(p, account, true); exit != bare.Continue {
		return exit
	}
	// This comes last, and so is done as the account. A home that the account cannot enter
	// is no place to run its programs in, and on NFS root may not be able to enter it.
	if err := bare.Chdir(owner.Home); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", owner.Home)
	}
	return p.Run(program)
}
