package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Pgrphack begins a session of its own.
var Pgrphack = execchain.Tool{
	Name:    "pgrphack",
	Usage:   "pgrphack: usage: pgrphack child",
	Misused: bare.Misused,
	Help: `usage: pgrphack child
`,
	Run: pgrphack,
}

func pgrphack(p *bare.Process) bare.Exit {
	if p.Args.Len() < 2 {
		return p.Usage()
	}
	bare.Setsid() // fails for the leader of a group, which is what was wanted
	return p.Run(p.Args.From(1))
}
