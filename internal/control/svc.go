// Package control holds the tools that speak to a supervisor: svc, svok, svstat and svwait.
// It also holds readproctitle. It is bare code.
package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Svc sends commands to the supervisors of services.
var Svc = execchain.Tool{
	Name:    "svc",
	Does:    "controls services",
	Usage:   "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, i interrupt, t term, k kill",
	Misused: bare.Misused,
	Help: `usage: svc [-udoxpchaitkq12wlLW+=] [-T ms] service ...
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
  -W  wait until it has happened: up, down, or a new process after -i, -k, -q, -t
  -T ms  -W, but give up after so many milliseconds, and exit 99
`,
	Run: svc,
}

// The letters of svc: those that are sent to supervisors, those of them that send a signal,
// and all.
const (
	commandLetters = "udopchaitkxq12w+="
	signalLetters  = "dpcahiktq12w"
	svcLetters     = commandLetters + "lLWT:"
)

// nothing is a command that does nothing.
const nothing = "="

// has reports whether a letter is among others.
func has(letters string, letter byte) bool { return bare.Index(letters, letter) < len(letters) }

// sends reports whether one of the commands sends a signal.
func sends(commands string) bool {
	for i := range len(commands) {
		if has(signalLetters, commands[i]) {
			return true
		}
	}
	return false
}

// orders is the text that is written to a supervisor. A letter stands in it once for each
// stretch between + and =, which change whom the signals are for.
type orders struct {
	text     [32]byte
	n, since int
}

// add adds a letter, unless the stretch has it. False means that there are too many.
func (o *orders) add(letter byte) (ok bool) {
	group := letter == '+' || letter == '='
	if !group && has(bare.TextOf(o.text[o.since:o.n]), letter) {
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

func (o *orders) String() string { return bare.TextOf(o.text[:o.n]) }

// end adds a = if the last stretch began with +, so that the commands of others mean the
// process again.
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
	waits, limit := false, int64(-1)
	options := p.OwnOptions(svcLetters) // a word such as --bogus is refused; 0.76 takes it for --
	for options.Next() {
		switch letter := options.Letter; letter {
		case 'L':
			to = &toLog
		case 'l':
			to = &toMain
		case 'W':
			waits = true
		case 'T':
			var ok bool
			if limit, ok = milliseconds(options.Value()); !ok {
				return p.Usage()
			}
			waits = true
		default:
			if !has(commandLetters, letter) {
				return options.Refuse(p)
			}
			if !to.add(letter) {
				return p.Fatal("too many options")
			}
		}
	}
	services := options.Rest()
	if services.Len() == 0 {
		return p.Usage()
	}
	// A supervisor may read this and what the next svc writes together.
	if !toMain.end() || !toLog.end() {
		return p.Fatal("too many options")
	}
	bare.Ignore(unix.SIGPIPE)
	c := client{services: services, waits: waits, until: deadline(limit)}
	return c.run(p, toMain.String(), toLog.String())
}
