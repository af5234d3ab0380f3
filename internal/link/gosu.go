package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Gosu takes on a user with all groups, and sets HOME. It is gosu by Tianon Gravi, with its
// messages and exit codes.
var Gosu = execchain.Tool{
	Name:    "gosu",
	Does:    "takes on a user with all groups, and sets HOME",
	Usage:   "Usage: gosu user-spec command [args]",
	Misused: switchFailed,
	Help:    gosuHelp,
	NotRun:  switchedNotRun,
	Run:     gosu,
}

// SuExec is the gosu of Alpine Linux. It differs in the look-up of the command, and has the user's
// own group among the supplementary ones.
var SuExec = execchain.Tool{
	Name:    "su-exec",
	Does:    "is gosu under Alpine's name",
	Usage:   "Usage: su-exec user-spec command [args]",
	Misused: switchFailed,
	Help:    "usage: su-exec user-spec command [args]\n" + userSpecs,
	NotRun:  switchedNotRun,
	Run:     suExec,

	ByExecvp: true,
}

const (
	gosuHelp  = "usage: gosu user-spec command [args]\n" + userSpecs
	userSpecs = `A user-spec is user, user:group or :group, with names or numbers.
Without a group, the command gets all groups of the user.
`
)

// switchFailed is the exit code of gosu and su-exec for everything that goes wrong.
const switchFailed bare.Exit = 1

func gosu(p *bare.Process) bare.Exit {
	switch p.Args.At(1) {
	case "-h", "-?":
		return p.Print(gosuHelp)
	case "-v":
		return p.Print(execchain.Version)
	}
	return switchUser(p, false)
}

func suExec(p *bare.Process) bare.Exit { return switchUser(p, true) }

// switchUser does the work of both. With own, the supplementary groups have the gid as well, as
// initgroups(3) would set them.
func switchUser(p *bare.Process, own bool) bare.Exit {
	if p.Args.Len() < 3 {
		return p.Usage()
	}
	account, exit := specified(p, p.Args.At(1))
	if exit != bare.Continue {
		return switchFailed
	}
	gids, exit := account.SupplementaryGroups(p, own)
	if exit != bare.Continue {
		return switchFailed
	}
	p.Env.Remove("HOME")
	if !p.Env.Set("HOME", account.Home) {
		p.NoMemory()
		return switchFailed
	}
	err := bare.Setgroups(gids)
	if err == 0 {
		err = bare.Setgid(account.GID)
	}
	if err == 0 {
		err = bare.Setuid(account.UID)
	}
	if err != 0 {
		return notSwitched(p, reasonOfGo(err), "", "", "")
	}
	return p.Run(p.Args.From(2))
}

// specified is the account that a user-spec means. Any result but Continue is a failure, which has
// been reported.
func specified(p *bare.Process, spec string) (account bare.Account, exit bare.Exit) {
	colon := bare.Index(spec, ':')
	account, exit = entry(p, bare.Accounts, spec[:colon])
	if exit == bare.Continue && colon+1 < len(spec) {
		var group bare.Account
		group, exit = entry(p, bare.Groups, spec[colon+1:])
		account.GID, account.Name = group.GID, "" // and none of the user's groups
	}
	return account, exit
}

// entry is a user or a group by name or number. Without either it is the caller. A uid without an
// entry goes with the gid of the caller.
func entry(p *bare.Process, what int, name string) (account bare.Account, exit bare.Exit) {
	failed, reason := "unable to find user ", "no matching entries in passwd file"
	if what == bare.Groups {
		failed, reason = "unable to find group ", "no matching entries in group file"
	}
	found, why := false, bare.Errno(0)
	number := uint64(bare.Getuid())
	switch {
	case bare.AllDigits(name):
		number, _ = bare.Number(name)
	case name != "":
		account, found, why, exit = bare.LookUp(p, what, name)
		if exit != bare.Continue || found {
			return account, exit
		}
		if why != 0 && why != unix.ENOENT {
			reason = reasonOfGo(why)
		}
		return account, notSwitched(p, failed, name, ": ", reason)
	}
	exit = bare.Continue
	if what == bare.Accounts {
		account, found, exit = bare.FindUID(p, uint32(number))
	}
	const most = 1<<31 - 1 // the largest number without an entry that gosu takes
	switch {
	case exit != bare.Continue:
	case number > most && (!found || number>>32 > 0):
		exit = notSwitched(p, "uids and gids must be in range 0-2147483647", "", "", "")
	case what == bare.Groups:
		account.GID = uint32(number)
	case !found:
		account.GID, account.Home = bare.Getgid(), "/"
	}
	return account, exit
}

// notSwitched says why the process is not who it should be.
func notSwitched(p *bare.Process, failed, name, colon, reason string) bare.Exit {
	bare.Say("error: failed switching to \"", p.Args.At(1), "\": ", failed, name, colon, reason)
	return switchFailed
}

// switchedNotRun says why the command cannot be run.
func switchedNotRun(p *bare.Process, _ string, why bare.Errno) bare.Exit {
	command := p.Args.At(0)
	switch {
	case why == unix.EACCES:
		bare.Say("error: exec: \"", command, "\": permission denied")
	case why != unix.ENOENT || execchain.IsThere(p, command):
		bare.Say("error: exec failed: ", reasonOfGo(why))
	case bare.Index(command, '/') < len(command):
		bare.Say("error: exec: \"", command, "\": stat ", command, ": no such file or directory")
	default:
		bare.Say("error: exec: \"", command, "\": executable file not found in $PATH")
	}
	return switchFailed
}

// reasonOfGo is Go's text for an error: the C library's, with a small letter in front.
func reasonOfGo(why bare.Errno) string {
	var text bare.Buffer
	if !text.Append(reasonOfC(why)) {
		return reasonOfC(why)
	}
	text.Bytes()[0] |= 0x20
	return text.String()
}
