package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Svwait waits until services are as they should be. With a program behind "--" it
// is a link.
var Svwait = execchain.Tool{
	Name:    "svwait",
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

// gaveUp is the exit code for a wait that was too long, as s6-svwait's.
const gaveUp = 99

func svwait(p *bare.Process) bare.Exit {
	want, limit := byte('u'), int64(-1)
	options := p.Options("udrxt:")
	for options.Next() {
		switch options.Letter {
		case 'u', 'd', 'r', 'x':
			want = options.Letter
		case 't':
			if !bare.AllDigits(options.Value()) {
				return p.Usage()
			}
			n, _ := bare.Number(options.Value())
			limit = int64(min(n, 1<<40))
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
	if exit := wait(p, words, n, want, limit); exit != bare.Continue || words.Len() == n {
		return max(exit, 0)
	}
	return p.Run(words.From(n + 1))
}

// wait waits until the first n services are as wanted, at most for so many
// milliseconds if that is not negative.
func wait(p *bare.Process, services bare.Words, n int, want byte, limit int64) bare.Exit {
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	watch, err := bare.NewWatch()
	if err != 0 {
		return p.FatalErrno(err, "unable to watch services")
	}
	end := bare.SinceBoot() + limit*1e6
	for done := false; !done; {
		done = true
		for i := 0; i < n; i++ {
			is, err := isAs(watch, services.At(i), want)
			if err != 0 {
				return p.FatalErrno(err, "unable to chdir to ", services.At(i))
			}
			if err := bare.Fchdir(origin); err != 0 {
				return p.FatalErrno(err, "unable to set directory")
			}
			done = done && is
		}
		if done {
			break
		}
		for !changed(watch) {
			left := int64(-1)
			if limit >= 0 {
				if left = (end - bare.SinceBoot() + 1e6 - 1) / 1e6; left <= 0 {
					p.Fatal("timed out")
					return gaveUp
				}
			}
			bare.WaitFor(watch, left)
		}
	}
	bare.Close(watch)
	bare.Close(origin)
	return bare.Continue
}

// changed takes what has happened, and tells whether a service may have changed by
// it. Looking at one opens and closes supervise/ok, which does not count.
func changed(watch int) bool {
	something := false
	changes := bare.ReadChanges(watch)
	for name, ok := changes.Next(); ok; name, ok = changes.Next() {
		something = something || name != "ok"
	}
	return something
}

// isAs tells whether a service is as wanted, and sees to it that its next change is
// noticed: the status comes by a rename, and whoever has the control FIFO open closes
// it as it ends. It becomes the service's directory.
func isAs(watch int, dir string, want byte) (bool, bare.Errno) {
	if err := bare.Chdir(dir); err != 0 {
		return false, err
	}
	bare.Watch(watch, ".", unix.IN_CREATE|unix.IN_MOVED_TO) // for supervise to come
	bare.Watch(watch, service.Folder, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_CREATE)

	c, trouble, why := read(".")
	absent := trouble != "" && (why == 0 || why == unix.ENOENT)
	switch want {
	case 'x':
		return absent, 0
	case 'd':
		if absent {
			status, ok, _ := service.ReadStatus(bare.Cwd)
			return !ok || status.PID == 0, 0
		}
		return trouble == "" && c.PID == 0, 0
	case 'r':
		return trouble == "" && c.PID != 0 && c.Ready, 0
	}
	return trouble == "" && c.PID != 0, 0
}
