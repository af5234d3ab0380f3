package supervise

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Supervise starts the service of a directory and keeps it running.
var Supervise = execchain.Tool{
	Name:    "supervise",
	Usage:   "supervise: usage: supervise dir",
	Misused: bare.Misused,
	Help: `usage: supervise dir
`,
	Run:   supervise,
	Stays: true,
}

var single [1]Service

func supervise(p *bare.Process) bare.Exit {
	if p.Args.Len() != 2 {
		return p.Usage()
	}
	if bare.HostSpawn != nil {
		return p.Fatal("built without the early entry: build with go build -ldflags=-E=_rt0_catena")
	}
	dir := p.Args.At(1)
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	single[0] = Service{name: bare.Keep(dir), dir: bare.Cwd}
	return run(p, single[:])
}
