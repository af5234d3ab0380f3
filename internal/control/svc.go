// Package control holds the tools that speak to a supervisor: svc, svok, svstat.
// It is bare code.
package control

import (
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
	Help: `usage: svc [-udoxpchaitkq12wlL+=] service ...
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
  -+  the signals that follow are for the process group
  -=  the signals that follow are for the process, as at first
  -L  what follows is for the log
  -l  what follows is for the service, as at first
`,
	Run: svc,
}

const svcLetters = "udopchaitkxq12w+=lL"

// orders is what is written to a supervisor, each letter once, but for those that were
// given before a change of whom it is for.
type orders struct {
	text     [32]byte
	n, since int
}

func (o *orders) add(letter byte) (ok bool) {
	group := letter == '+' || letter == '='
	if !group && bare.Index(bare.TextOf(o.text[o.since:o.n]), letter) < o.n-o.since {
		return true
	}
	if o.n == len(o.text) {
		return false
	}
	o.text[o.n] = letter
	o.n++
	if group {
		o.since = o.n
	}
	return true
}

// end takes a + back.
func (o *orders) end() (ok bool) {
	for i := o.n; i > 0; i-- {
		switch o.text[i-1] {
		case '+':
			return o.add('=')
		case '=':
			return true
		}
	}
	return true
}

func svc(p *bare.Process) bare.Exit {
	var toMain, toLog orders
	to := &toMain
	options := p.Options(svcLetters)
	for options.Next() {
		switch letter := options.Letter; {
		case bare.Index(svcLetters, letter) == len(svcLetters):
			return options.Refuse(p)
		case letter == 'L':
			to = &toLog
		case letter == 'l':
			to = &toMain
		case !to.add(letter):
			return p.Fatal("too many options")
		}
	}
	// What the next svc writes may be read together with this.
	if !toMain.end() || !toLog.end() {
		return p.Fatal("too many options")
	}
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	bare.Ignore(unix.SIGPIPE)
	for services, i := options.Rest(), 0; i < services.Len(); i++ {
		dir := services.At(i)
		if err := bare.Chdir(dir); err != 0 {
			p.WarnErrno(err, "unable to chdir to ", dir)
			continue
		}
		if toMain.n > 0 || toLog.n == 0 {
			send(p, dir, "", toMain.text[:toMain.n])
		}
		if toLog.n > 0 {
			if err := bare.Chdir(service.Log); err != 0 {
				p.WarnErrno(err, "unable to chdir to ", dir, "/log")
			} else {
				send(p, dir, "/log", toLog.text[:toLog.n])
			}
		}
		if err := bare.Fchdir(origin); err != 0 {
			return p.FatalErrno(err, "unable to set directory")
		}
	}
	return 0
}

// send writes commands to the supervisor of the working directory, which is called dir
// and more, all or none: a FIFO takes so few at once or not at all.
func send(p *bare.Process, dir, more string, commands []byte) {
	fd, err := service.OpenControl(".")
	switch err {
	case 0:
	case unix.ENXIO:
		p.Warn("unable to control ", dir, more, ": supervise not running")
		return
	default:
		p.WarnErrno(err, "unable to control ", dir, more)
		return
	}
	bare.SetBlocking(fd)
	if err := bare.Write(fd, commands); err != 0 {
		p.WarnErrno(err, "error writing commands to ", dir, more)
	}
	bare.Close(fd)
}
