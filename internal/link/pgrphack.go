package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Pgrphack starts a session of its own.
var Pgrphack = execchain.Tool{
	Name:    "pgrphack",
	Does:    "starts a session",
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
	bare.Setsid() // fails if the process leads a group already, which will do
	return p.Run(p.Args.From(1))
}
