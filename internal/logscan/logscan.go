// Package logscan writes the output of all services of a directory to files, in one process. It is
// bare code.
//
// What must hold: whenever logscan is killed, a line that was written to a FIFO gets into its
// file, and gets there once. The kernel moves text from the FIFO to the file by one system call,
// splice(2), which takes out of the FIFO as much as it has written. No signal comes between the
// two, so nothing has to be remembered: where a file ends is where the next logscan goes on.
package logscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
)

// Logscan writes the output of services to files.
var Logscan = execchain.Tool{
	Name:    "logscan",
	Does:    "writes the output of all services to files that rotate",
	Usage:   "logscan: usage: logscan [dir]",
	Misused: bare.Misused,
	Help: `usage: logscan [dir]
Writes what the services of dir write to their FIFOs stdout and stderr to the
files that their stdout-log and stderr-log name.
`,
	Run:      logscan,
	Stays:    true,
	BareOnly: true,
}

// The kinds of events.
const (
	ofStream = iota // Which is its place in the table
	ofSignals
	ofDirectories
)

// again is when logscan tries again what has failed, in nanoseconds.
const again = 5e9

// scan is what logscan knows. Times are since boot, in nanoseconds.
var scan struct {
	poll    bare.Poll
	signals int
	watch   int   // the inotify descriptor; -1 if there is none
	here    int32 // the number of the watch of this directory

	streams bare.Table[stream]
	round   uint32 // how often look has looked
	due     int64  // when look is to look; bare.Never if nothing has changed
	looked  int64  // when it has looked last
	retry   int64  // when the first stream that waits is to be tried again

	room              uintptr // the address of textSize bytes, for text that was copied from a FIFO
	syslog            bare.Syslog
	unsent            bare.Errno // why the last line could not be sent, or 0
	copyIn, copyOut   int        // a pipe for copies of text: its ends for writing and reading
	calm              bool       // no FIFO was half full the last time: there is time to wait
	unmovable, ending bool       // splice is refused; TERM has come
}

// textSize is how much text logscan looks at, at once.
const textSize = 64 << 10

func text() []byte { return bare.BytesAt(scan.room, textSize) }

func logscan(p *bare.Process) bare.Exit {
	options := p.OwnOptions("")
	for options.Next() {
		return options.Refuse(p)
	}
	words := options.Rest()
	if words.Len() > 1 {
		return p.Usage()
	}
	if dir := words.At(0); dir != "" {
		if err := bare.Chdir(dir); err != 0 {
			return p.FatalErrno(err, "unable to switch to directory ", dir)
		}
	}
	if exit := begin(p); exit != bare.Continue {
		return exit
	}
	look(p)
	for !scan.ending {
		n := scan.poll.Wait(bare.Until(min(scan.due, scan.retry)))
		scan.calm = n > 0
		for i := range n {
			switch e := scan.poll.At(i); e.Kind {
			case ofSignals:
				readSignals()
			case ofDirectories:
				readChanges()
			default:
				if s := at(int(e.Which)); s.used {
					s.empty(p)
				}
			}
		}
		if scan.calm {
			// So one look is for all lines of the next moment. To look for each line would slow
			// the service down, which waits for the FIFO meanwhile.
			const moment = 1e6
			bare.Sleep(moment)
		}
		now := bare.SinceBoot()
		if now >= scan.retry {
			tryAgain(p, now)
		}
		if now >= scan.due {
			look(p)
		}
	}
	for i := range scan.streams.Len() {
		if s := at(i); s.used {
			s.empty(p)
		}
	}
	return 0
}

// begin prepares the process: its lock, its descriptors and its memory.
func begin(p *bare.Process) bare.Exit {
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	bare.MessagesDoNotWait()
	if limit, err := bare.Getrlimit(unix.RLIMIT_NOFILE); err == 0 && limit.Cur < limit.Max {
		limit.Cur = limit.Max
		bare.Setrlimit(unix.RLIMIT_NOFILE, limit)
	}
	// Two of them would write to the same places of the files. The lock is the directory itself,
	// which needs no other file.
	lock, err := bare.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open directory")
	}
	const patience = 1000
	switch err = bare.FlockWithin(lock, unix.LOCK_EX, patience); {
	case err == unix.ETIMEDOUT || err == unix.EWOULDBLOCK:
		return p.Fatal("another logscan runs in this directory")
	case err != 0:
		return p.FatalErrno(err, "unable to lock directory")
	}
	const heard, unheard = 1<<(unix.SIGTERM-1) | 1<<(unix.SIGINT-1) | 1<<(unix.SIGHUP-1), 1<<(unix.SIGPIPE-1) | 1<<(unix.SIGXFSZ-1)
	signals := bare.BlockSignals(heard | unheard)
	if err = signals.Refused(); err == 0 {
		if scan.signals, err = bare.OpenSignalsOf(heard); err == 0 {
			err = bare.CanRead(scan.signals)
		}
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	if scan.poll, err = bare.NewPoll(); err == 0 {
		err = scan.poll.Add(scan.signals, bare.Event{Kind: ofSignals})
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to wait for events")
	}
	scan.watch = -1
	if watch, err := bare.NewInotify(); err == 0 && scan.poll.Add(watch, bare.Event{Kind: ofDirectories}) == 0 {
		scan.watch = watch
	}
	if scan.copyOut, scan.copyIn, err = bare.Pipe(unix.O_NONBLOCK | unix.O_CLOEXEC); err != 0 {
		return p.FatalErrno(err, "unable to create pipe")
	}
	var ok bool
	if scan.room, ok = bare.Map(textSize); !ok {
		return p.NoMemory()
	}
	scan.retry = bare.Never
	return bare.Continue
}

// readSignals notes what signals ask for: HUP to look at all services again, the others to end.
func readSignals() {
	for {
		switch signal, _ := bare.ReadSignal(scan.signals); unix.Signal(signal) {
		case 0:
			return
		case unix.SIGHUP:
			scan.due = 0
		default:
			scan.ending = true
		}
	}
}

// readChanges reads what inotify tells of. In a directory of a service only the files of streams
// matter.
func readChanges() {
	changed := false
	changes := bare.ReadChanges(scan.watch)
	for name, more := changes.Next(); more; name, more = changes.Next() {
		changed = changed || changes.Which == scan.here || changes.Mask&unix.IN_Q_OVERFLOW != 0
		for i := range service.Streams {
			changed = changed || bare.Equal(name, service.Streams[i].FIFO) || bare.Equal(name, service.Streams[i].Settings)
		}
	}
	if !changed {
		return
	}
	const pause = 50e6 // a thousand services that come one by one are not looked at a thousand times
	scan.due = min(scan.due, max(bare.SinceBoot(), scan.looked+pause))
}

// tryAgain has the streams that have waited for long enough be read again.
func tryAgain(p *bare.Process, now int64) {
	scan.retry = bare.Never
	for i := range scan.streams.Len() {
		s := at(i)
		if !s.used || s.retry == 0 {
			continue
		}
		if now < s.retry {
			scan.retry = min(scan.retry, s.retry)
			continue
		}
		s.retry = 0
		s.listen(p)
	}
}
