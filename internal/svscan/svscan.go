// Package svscan keeps a supervisor running for each service of a directory, and one for its
// log, with a pipe between the two. It is bare code.
//
// What must hold: svscan starts no second supervisor where one runs, and no line in a pipe is
// lost. svscan finds and watches supervisors that have outlived a killed svscan. The pipe is a
// FIFO in the service directory; what is in it is kept as long as anybody has it open.
package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
	"catena/internal/supervise"
)

// Svscan starts and watches the supervisors of a directory of services.
var Svscan = execchain.Tool{
	Name:    "svscan",
	Does:    "keeps a directory of services running",
	Usage:   "svscan: usage: svscan [ -1s ] [ -t ms ] [ dir ]",
	Misused: bare.Misused,
	Help: `usage: svscan [-1s] [-t ms] [dir]
  -1     one process for all: no supervise for each service
  -s     each service has a session of its own; -1 includes that
  -t ms  when it is stopped: kill what has not ended after so many milliseconds
`,
	Run:      svscan,
	Stays:    true,
	BareOnly: true,
}

const second = 1e9

// again is how often svscan looks at what nobody tells it of: a directory that inotify does not
// watch, a supervisor that is not catena's.
const again = 5 * second

// The kinds of svscan's own events, behind those of package supervise.
const (
	aChange = supervise.OtherEvent + iota // inotify has something to read
	anEnd                                 // a supervisor that is not a child has ended; Which is a key
)

// scan is what svscan knows of its directory. Times are since boot, in ns; a time that has passed,
// as 0 has, means at once.
var scan struct {
	one     bool         // option -1: svscan itself is the supervisor of all
	speaker bare.Speaker // for messages of package supervise

	watch  int        // the inotify descriptor; -1 if there is none, and rescan is never far then
	here   int32      // the number of the watch of svscan's own directory, if there is a watch
	far    bool       // inotify may miss changes of the directory: a file server has it
	blind  bool       // svscan has said that there are too few watches
	unread bare.Errno // why the directory could not be read the last time
	rescan int64      // when readAll is due

	hasRead bool  // the directory has been read once: names that come now are new
	added   bool  // look has added an entry during the present tend
	from    int   // where in the order the next tend starts; 0 unless the last one ran out of time
	due     int64 // when tend is due

	// The last file system that isFar was asked about: of a directory there, and whether inotify
	// may miss changes there.
	filesystem struct {
		of  bare.Identity
		far bool
	}
}

// halt is the stop. Until svscan is told to stop, at is 0 and the rest does not count. at never
// goes back to 0: svscan starts nothing from then on but what ends what runs.
var halt struct {
	at    int64    // when svscan was told to stop, since boot in ns; or 0
	limit int64    // option -t: how long the stop may take, in ns; bare.Never if there is no limit
	say   int64    // when sayWaiting writes next, since boot in ns; 0 before it was called
	path  [32]byte // room for inProc
}

func svscan(p *bare.Process) bare.Exit {
	words, exit := readOptions(p)
	if exit == bare.Continue {
		exit = goTo(p, words)
	}
	if exit != bare.Continue {
		return exit
	}
	if exit := supervise.BeginMany(p); exit != bare.Continue {
		return become(p, crash, exit)
	}
	watchDirectory(p)
	scan.far = !bare.IsLocal(".")
	scan.speaker = bare.SpeakAs("supervise")
	for {
		now := bare.SinceBoot()
		if now >= scan.rescan {
			scan.due = 0
			readAll(p)
		}
		if now >= scan.due {
			next, left := tend(p, now)
			if halt.at != 0 {
				if left == 0 {
					return become(p, finish, 0)
				}
				sayWaiting(p, now)
			}
			scan.due = next
		}
		inside := supervise.Act(&scan.speaker, scan.from != 0)
		if inside == 0 {
			scan.due = 0
		}
		handle(p, supervise.Wait(min(scan.due, scan.rescan, inside)))
	}
}

// handle deals with n events: first signals, so that the dead are reaped before what else there
// is, and then all others.
func handle(p *bare.Process, n int) {
	for i := range n {
		if supervise.Event(i).Kind == supervise.SignalEvent {
			obey()
		}
	}
	reap(&scan.speaker)
	for i := range n {
		switch e := supervise.Event(i); e.Kind {
		case supervise.SignalEvent:
		case aChange:
			readChanges(p)
			scan.due = 0
		case anEnd:
			ended(supervisorOf(uint32(e.Which)))
		default:
			supervise.Handle(&scan.speaker, e)
			scan.due = 0 // svc -x may have ended a supervisor inside
		}
	}
}

// readOptions reads the options, and returns the words behind them.
func readOptions(p *bare.Process) (words bare.Words, exit bare.Exit) {
	halt.limit = bare.Never
	options := p.OwnOptions("1st:")
	for options.Next() {
		switch options.Letter {
		case '1':
			scan.one = true
			supervise.UseSessions()
		case 's':
			supervise.UseSessions()
		case 't':
			if !bare.AllDigits(options.Value()) {
				return words, p.Usage()
			}
			n, _ := bare.Number(options.Value())
			halt.limit = int64(min(n, 1<<40)) * 1e6
		default:
			return words, options.Refuse(p)
		}
	}
	return options.Rest(), bare.Continue
}

// goTo changes to the directory of services. As with daemontools, further words are ignored, but
// said. An option there is refused: it would do nothing, and the first word there names a log
// in daemontools-encore.
func goTo(p *bare.Process, words bare.Words) bare.Exit {
	for i := 1; i < words.Len(); i++ {
		if word := words.At(i); len(word) > 1 && word[0] == '-' {
			p.Fatal("options go before the directory: ", word)
			return p.Usage()
		}
		p.Warn("ignoring ", words.At(i), ": there is one directory only")
	}
	if words.Len() > 0 {
		if err := bare.Chdir(words.At(0)); err != 0 {
			return p.FatalErrno(err, "unable to chdir to ", words.At(0))
		}
	}
	return bare.Continue
}

// signals is a link to the service that gets HUP, USR1 and USR2 when svscan gets them.
const signals = ".svscan/signals"

// obey does what signals ask for. TERM, and what others send in its place, stops the services,
// then their logs, then svscan. HUP has the directory read again.
func obey() {
	var list [4]bare.Arrived
	for _, a := range list[:supervise.Signals(&list)] {
		switch a.Signal {
		case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGPWR, minimum + 3:
			if halt.at == 0 {
				halt.at = bare.SinceBoot()
			}
			scan.due = 0
		case unix.SIGHUP:
			scan.rescan = 0
			service.Tell(signals, "h") // if nobody is there, nobody wants it
		case unix.SIGUSR1:
			service.Tell(signals, "1")
		case unix.SIGUSR2:
			service.Tell(signals, "2")
		case unix.SIGTSTP:
			supervise.Suspend()
		}
	}
}

// minimum is SIGRTMIN as C libraries have it. To stop process 1 of a container, systemd sends
// SIGRTMIN+3, LXC sends SIGPWR, and STOPSIGNAL of an image often is SIGQUIT.
const minimum = 34

// reap reaps children that have ended. As PID 1 svscan has children that it does not know.
func reap(p *bare.Speaker) {
	for pid, how := supervise.NextDead(); pid != 0; pid, how = supervise.NextDead() {
		scan.due = 0
		if supervise.Ended(p, pid, how) {
			continue
		}
		for i := range table.services.Len() {
			e := table.services.At(i)
			for which := range e.of {
				if s := &e.of[which]; int(s.pid) == pid && s.process < 0 {
					s.pid = 0
					// A supervisor that was told to exit and exits 0 has left nothing. It may be a
					// foreign supervisor, which writes no record that could be asked.
					if s.stop.phase == toldToEnd && how == 0 {
						s.stop.phase = isOver
					}
				}
			}
		}
	}
}

// ended notes that a supervisor has ended that is not a child.
func ended(s *supervisor) {
	if s.process >= 0 {
		supervise.Unwatch(int(s.process))
		s.process, s.pid = -1, 0
		scan.due = 0
	}
}
