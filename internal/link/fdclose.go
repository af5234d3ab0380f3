package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Fdclose closes a descriptor. It is execline's.
var Fdclose = execchain.Tool{
	Name:    "fdclose",
	Does:    "closes a descriptor",
	Usage:   "fdclose: usage: fdclose fd prog...",
	Misused: bare.Misused,
	Help: `usage: fdclose fd program [arg ...]
`,
	Run: fdclose,
}

func fdclose(p *bare.Process) bare.Exit {
	fd, ok := descriptor(p.Args.At(1))
	if p.Args.Len() < 3 || !ok {
		return p.Usage()
	}
	bare.Close(fd) // one that is closed will do
	return p.Run(p.Args.From(2))
}
