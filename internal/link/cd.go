package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Cd changes the working directory. It is ours.
var Cd = execchain.Tool{
	Name:    "cd",
	Does:    "changes the working directory",
	Usage:   "cd: usage: cd dir child",
	Misused: bare.Misused,
	Help: `usage: cd dir child
`,
	Run: cd,
}

func cd(p *bare.Process) bare.Exit {
	options := p.OwnOptions("")
	if options.Next() {
		return options.Refuse(p)
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	if err := bare.Chdir(words.At(0)); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", words.At(0))
	}
	return p.Run(words.From(1))
}
