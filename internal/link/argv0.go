package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Argv0 runs a program under another name. It is that of ucspi-tcp.
var Argv0 = execchain.Tool{
	Name:    "argv0",
	Does:    "runs a program under another name",
	Usage:   "argv0: usage: argv0 realname child",
	Misused: bare.Misused,
	Help: `usage: argv0 realname child
The first word of child is what the program realname is called as.
`,
	Run: argv0,
}

func argv0(p *bare.Process) bare.Exit {
	options := p.OwnOptions("")
	if options.Next() {
		return options.Refuse(p)
	}
	words := options.Rest()
	if words.Len() < 2 {
		return p.Usage()
	}
	return p.RunAs(words.At(0), words.From(1))
}
