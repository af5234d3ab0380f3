package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Svok reports whether supervisors are running.
var Svok = execchain.Tool{
	Name:    "svok",
	Does:    "tells whether a service has a supervisor",
	Usage:   "svok: usage: svok dir",
	Misused: bare.Misused,
	Help: `usage: svok dir ...
Exits 0 if a supervisor is running in each dir, 100 if not.
`,
	Run: svok,
}

func svok(p *bare.Process) bare.Exit {
	if p.Args.Len() < 2 {
		return p.Usage()
	}
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 && p.Args.Len() > 2 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	for i := 1; i < p.Args.Len(); i++ {
		if i > 1 {
			if err := bare.Fchdir(origin); err != 0 {
				return p.FatalErrno(err, "unable to set directory")
			}
		}
		if exit := isSupervised(p, p.Args.At(i)); exit != 0 {
			return exit
		}
	}
	return 0
}

func isSupervised(p *bare.Process, dir string) bare.Exit {
	if err := enterService(p, dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	// A supervisor reads the other end of ok as long as it lives.
	ok, err := service.OpenFIFO(bare.Cwd, service.OK, unix.O_WRONLY)
	switch err {
	case 0:
		bare.Close(ok)
		return 0
	case unix.ENOENT, unix.ENXIO:
		return bare.Misused
	}
	return p.FatalErrno(err, "unable to open ", dir, "/", service.OK)
}
