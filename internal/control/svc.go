// Package control holds the tools that speak to a supervisor: svc, svok, svstat.
// It is bare code.
package control

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Svc sends commands to the supervisors of services.
var Svc = execchain.Tool{
	Name:    "svc",
	Usage:   "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, i interrupt, t term, k kill",
	Misused: bare.Misused,
	Help: `usage: svc [-udoxpchaitkq12w] service ...
  -u  up: start it, and start it again when it ends
  -d  down: TERM and CONT, and do not start it again
  -o  once: start it, and do not start it again
  -x  exit: the supervisor ends when the service is down
  -p  pause: STOP
  -c  continue: CONT
  -h  HUP
  -a  ALRM
  -i  INT
  -t  TERM
  -k  KILL
  -q  QUIT
  -1  USR1
  -2  USR2
  -w  WINCH
`,
	Run: svc,
}

const svcLetters = "udopchaitkxq12w"

func svc(p *bare.Process) bare.Exit {
	var commands [len(svcLetters)]byte
	n := 0
	options := p.Options(svcLetters)
	for options.Next() {
		letter := options.Letter
		if bare.Index(svcLetters, letter) == len(svcLetters) {
			return options.Refuse(p)
		}
		if bare.Index(unsafe.String(&commands[0], n), letter) == n {
			commands[n] = letter
			n++
		}
	}
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	bare.Ignore(unix.SIGPIPE)
	for services, i := options.Rest(), 0; i < services.Len(); i++ {
		send(p, services.At(i), commands[:n])
		if err := bare.Fchdir(origin); err != 0 {
			return p.FatalErrno(err, "unable to set directory")
		}
	}
	return 0
}

// send writes commands to the supervisor of a directory, all or none: a FIFO takes
// so few at once or not at all.
func send(p *bare.Process, dir string, commands []byte) {
	if err := bare.Chdir(dir); err != 0 {
		p.WarnErrno(err, "unable to chdir to ", dir)
		return
	}
	fd, err := service.OpenControl(".")
	switch err {
	case 0:
	case unix.ENXIO:
		p.Warn("unable to control ", dir, ": supervise not running")
		return
	default:
		p.WarnErrno(err, "unable to control ", dir)
		return
	}
	bare.SetBlocking(fd)
	if err := bare.Write(fd, commands); err != 0 {
		p.WarnErrno(err, "error writing commands to ", dir)
	}
	bare.Close(fd)
}
