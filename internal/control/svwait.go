package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Svwait waits until services are as they should be. With a program behind "--" it
// is a link.
var Svwait = execchain.Tool{
	Name:    "svwait",
	Does:    "waits for services",
	Usage:   "svwait: usage: svwait [-udrx] [-t ms] service ... [-- child]",
	Misused: bare.Misused,
	Help: `usage: svwait [-udrx] [-t ms] service ... [-- child]
  -u     until it is up (default)
  -d     until it is down
  -r     until it is up and has said that it is ready
  -x     until no supervisor is running
  -t ms  give up after so many milliseconds, and exit 99
`,
	Run: svwait,
}

func svwait(p *bare.Process) bare.Exit {
	want, limit := byte('u'), int64(-1)
	options := p.OwnOptions("udrxt:")
	for options.Next() {
		switch options.Letter {
		case 'u', 'd', 'r', 'x':
			want = options.Letter
		case 't':
			var ok bool
			if limit, ok = milliseconds(options.Value()); !ok {
				return p.Usage()
			}
		default:
			return options.Refuse(p)
		}
	}
	words := options.Rest()
	n := 0
	for n < words.Len() && words.At(n) != "--" {
		n++
	}
	if n == 0 || words.Len() == n+1 {
		return p.Usage()
	}
	if exit := waitForAll(p, words, n, want, deadline(limit)); exit != bare.Continue || words.Len() == n {
		return max(exit, 0)
	}
	return p.Run(words.From(n + 1))
}

// waitForAll waits until the first n services are as wanted, all at the same time. It waits at
// most until a time since boot in nanoseconds.
func waitForAll(p *bare.Process, services bare.Words, n int, want byte, until int64) bare.Exit {
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	w := newWatch()
	for good, i := 0, 0; good < n; {
		is, exit := isAs(p, &w, services.At(i), want)
		if exit != bare.Continue {
			return exit
		}
		if err := bare.Fchdir(origin); err != 0 {
			return p.FatalErrno(err, "unable to set directory")
		}
		if is {
			good, i = good+1, (i+1)%n
			continue
		}
		good = 0
		if bare.SinceBoot() >= until {
			p.Fatal("timed out")
			return timedOut
		}
		w.wait(until)
	}
	w.close()
	bare.Close(origin)
	return bare.Continue
}

// isAs reports whether a service is as wanted, and makes sure that its next change is
// noticed. It makes the service's directory the working directory. Exit is Continue, or a
// failure, which has been reported: if the service cannot be looked at, it will never be as
// wanted.
func isAs(p *bare.Process, w *watch, dir string, want byte) (is bool, exit bare.Exit) {
	if err := enterService(p, dir); err != 0 {
		return false, p.FatalErrno(err, "unable to chdir to ", dir)
	}
	w.add()
	c, wrong := look()
	supervised := !wrong.isUnsupervised()
	if !supervised && want == 'd' {
		down, stale := false, false
		down, stale, wrong = lookAtRest()
		is = down || stale
	}
	switch {
	case wrong.lasts():
		return false, p.FatalErrno(wrong.why, dir, ": ", wrong.what)
	case !supervised:
		return want == 'x' || is, bare.Continue
	case wrong.what != "":
		return false, bare.Continue
	}
	switch want {
	case 'd':
		is = c.PID == 0
	case 'r':
		is = c.runs() && c.Ready
	case 'u':
		is = c.runs()
	}
	return is, bare.Continue
}
