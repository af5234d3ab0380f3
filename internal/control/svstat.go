package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Svstat prints the status of services, a line each.
var Svstat = execchain.Tool{
	Name:    "svstat",
	Does:    "prints the status of services",
	Usage:   "svstat: usage: svstat [-ljq] service ...",
	Misused: bare.Misused,
	Help: `usage: svstat [-ljq] service ...
  -l  also why it is down and when it is started next, whether it is ready, how
      often it has been started, and how it ended
  -j  all of that as a JSON object on each line
  -q  nothing: exit 0 if every service is up, and ready if it says so; 1 if one is
      not; 111 if one cannot be looked at
`,
	Run: svstat,
}

// How svstat prints a service.
const (
	asDaemontools = iota
	asLongLine
	asJSON
)

// notUp is the exit code of -q for services that are down.
const notUp = 1

func svstat(p *bare.Process) bare.Exit {
	form, quiet := asDaemontools, false
	options := p.OwnOptions("ljq") // 0.76 has no options, and takes such words for services
	for options.Next() {
		switch options.Letter {
		case 'l':
			form = max(form, asLongLine)
		case 'j':
			form = asJSON
		case 'q':
			quiet = true
		default:
			return options.Refuse(p)
		}
	}
	services := options.Rest()
	if services.Len() == 0 {
		return p.Usage()
	}
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	exit := bare.Exit(0)
	for i := range services.Len() {
		if quiet {
			exit = max(exit, check(p, services.At(i)))
		} else if exit = show(p, origin, services.At(i), form); exit != 0 {
			return exit
		}
		if err := bare.Fchdir(origin); err != 0 {
			return p.FatalErrno(err, "unable to set directory")
		}
	}
	return exit
}

// check returns an exit code that says whether a service is up.
func check(p *bare.Process, dir string) bare.Exit {
	if err := enterService(p, dir); err != 0 {
		return p.FatalErrno(err, "unable to chdir to ", dir)
	}
	switch c, wrong := look(); {
	case wrong.isUnsupervised(), wrong.what == "" && (c.Paused || !c.serves()):
		return notUp
	case wrong.what != "":
		return p.FatalErrno(wrong.why, dir, ": ", wrong.what)
	}
	return 0
}

// show prints the line of a service. If something is wrong with the service, the line says
// so; the exit code says only whether the line could be printed. origin is the directory in which
// the name of the service counts.
func show(p *bare.Process, origin int, dir string, form int) bare.Exit {
	var c condition
	wrong := trouble{"unable to chdir", enterService(p, dir)}
	if wrong.why == 0 {
		c, wrong = look()
	}
	waits := form != asDaemontools && wrong.isUnsupervised() && bare.Fchdir(origin) == 0
	var b bare.Buffer
	switch {
	case form == asJSON:
		b.Append(`{"service":`)
		appendQuoted(&b, dir)
		if wrong.what != "" {
			b.Append(`,"error":"`)
			appendTrouble(&b, wrong)
			b.Append(`"`)
			if waits {
				describeWaits(p, &b, dir, true)
			}
		} else {
			describeJSON(&b, c)
		}
		b.Append("}")
		dir = ""
	case wrong.what != "":
		b.Append(": ")
		appendTrouble(&b, wrong)
		if waits {
			describeWaits(p, &b, dir, false)
		}
	default:
		describe(&b, c, form == asLongLine)
	}
	if !b.Append("\n") {
		return p.NoMemory()
	}
	return p.PrintLine(dir, b.String())
}

func appendTrouble(b *bare.Buffer, t trouble) {
	b.Append(t.what)
	if t.why != 0 {
		b.Append(": ")
		b.Append(bare.Reason(t.why))
	}
}
