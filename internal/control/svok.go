package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Svok tells whether a supervisor is running.
var Svok = execchain.Tool{
	Name:    "svok",
	Usage:   "svok: usage: svok dir",
	Misused: bare.Misused,
	Help: `usage: svok dir
Exits 0 if a supervisor is running in dir, 100 if not.
`,
	Run: svok,
}

func svok(p *bare.Process) bare.Exit {
	if p.Args.Len() < 2 {
		return p.Usage()
	}
	dir := p.Args.At(1)
	if err := bare.Chdir(dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	// Someone reads the other end for as long as a supervisor lives.
	_, err := bare.Open(service.OK, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	switch err {
	case 0:
		return 0
	case unix.ENOENT, unix.ENXIO:
		return bare.Misused
	}
	return p.FatalErrno(err, "unable to open ", dir, "/", service.OK)
}
