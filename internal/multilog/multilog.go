// Package multilog reads lines and appends them to automatically rotated logs. It is bare
// code, and takes no memory once it has started.
//
// What must hold: whenever multilog is killed, a line that was written to the pipe gets
// into its log, and gets there once. See journal.go.
package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Multilog writes lines to logs.
var Multilog = execchain.Tool{
	Name:    "multilog",
	Does:    "appends lines to logs that rotate",
	Usage:   "multilog: usage: multilog script",
	Misused: bare.Misused,
	Help: `usage: multilog action ...
  t, T, i  first: a time stamp, TAI64N, in seconds, or ISO 8601
  -<pattern>, +<pattern>  deselect the lines that match, select them
  F, S  patterns that follow are those of fnmatch(3), or simple ones
  e  print a selected line on standard error
  =<file>  write it over the beginning of a file
  y<facility.priority>:<tag>  send it to syslog
  .<dir>, /<dir>  append it to a log
  f<file>  append it to a file, old ones of which are <file>.1 and so on
  x  ANSI sequences are taken out of lines
for the logs that follow:
  s<size>  current is big enough: bytes, or with K, M, G
  n<number>  so many old files
  S<size>  so many bytes of old files
  a<time>  old files for so long: seconds, or with m, h, d
  R<time>  current is old enough
  !<command>  old files are fed through it
  w<code>  old files end in that
  p<prefix>  a text before each line, behind the time stamp
`,
	Run:      multilog,
	Stays:    true,
	BareOnly: true,
}

func multilog(p *bare.Process) (exit bare.Exit) {
	if err := bare.OccupyStandard(); err != 0 {
		return p.FatalErrno(err, "unable to open /dev/null")
	}
	bare.MessagesDoNotWait() // while multilog waits for a reader, the service waits for multilog
	if err := catchSignals(); err != 0 {
		return p.FatalErrno(err, "unable to catch signals")
	}
	bare.Umask(0o022)
	if exit := parse(p, p.Args.From(1)); exit != bare.Continue {
		return exit
	}
	if exit := openStatuses(p); exit != bare.Continue {
		return exit
	}
	if exit := openLogs(p); exit != bare.Continue {
		return exit
	}
	if exit = run(p); exit != 0 {
		return exit
	}
	for i := range script.logs.Len() {
		for l := script.logs.At(i); !l.sync(p) && !l.broken; {
		}
	}
	input.pipe.shrink()
	input.journal.end(p) // first: once current is marked as complete, another multilog may append to it
	for i := range script.logs.Len() {
		if l := script.logs.At(i); l.broken {
			exit = l.sayLost(p)
		} else {
			l.markComplete(p)
		}
	}
	return exit
}

// openLogs opens every log. It takes all locks first, so that no log has been changed if
// one of them is held by another process.
func openLogs(p *bare.Process) bare.Exit {
	var ok bool
	if input.at, ok = bare.Map(readMax); !ok {
		return p.NoMemory()
	}
	n := script.logs.Len()
	for i := range n {
		l := script.logs.At(i)
		if exit := l.lockDirectory(p); exit != bare.Continue {
			return exit
		}
		if l.out, ok = bare.Map(outSize); !ok {
			return p.NoMemory()
		}
	}
	if n > 0 {
		input.pipe.measure(p)
		if exit := input.journal.open(p); exit != bare.Continue {
			return exit
		}
	}
	limit, err := bare.Getrlimit(unix.RLIMIT_FSIZE)
	for i := range n {
		l := script.logs.At(i)
		if err == 0 && limit.Cur >= leastSize && !l.isFile() {
			l.size = int64(min(uint64(l.size), uint64(limit.Cur))) // or SIGXFSZ would kill this multilog and the next
		}
		if exit := l.openCurrent(p); exit != bare.Continue {
			return exit
		}
	}
	script.opened = true
	return bare.Continue
}

// run reads lines and writes them until the input ends, or until TERM has come and the line
// that was begun has ended.
func run(p *bare.Process) bare.Exit {
	left := input.journal.left()
	input.n, input.inside = left.fragment, left.inside
	input.journal.writeBothHeads(p)
	input.stamp.setToNow()
	if input.n > 0 {
		input.older, input.oldEnd = input.stamp, 1
	}
	if left.text > 0 || left.ends && (input.n > 0 || input.inside) {
		add(p, left.text, left.ends)
	}
	if !input.journal.on {
		input.journal.end(p)
	}
	for {
		if exit := wait(p); exit != bare.Continue {
			return exit
		}
		if done() {
			return 0
		}
		checkFiles(p)
		n, err := readInput(p)
		if err == unix.EAGAIN {
			continue
		}
		input.stamp.setToNow()
		if err != 0 {
			p.WarnErrno(err, "unable to read input")
		}
		if err != 0 || n == 0 {
			writeLines(p, true)
			return 0
		}
		add(p, n, false)
	}
}

// add takes n bytes that have just been read into the input, and writes the lines in them.
// If ends is true, the last line ends there even without a newline.
func add(p *bare.Process, n int, ends bool) {
	input.idleAt = 0
	input.block = input.n + readBlock
	settleAll(p)
	input.n += n
	writeLines(p, ends)
}

// leaveFragment ends multilog when TERM has come and nobody finishes the line that was
// begun. With a journal the beginning of the line stays there, and the next multilog goes
// on with it if it has the same pipe. Without a journal the line ends where it is.
func leaveFragment(p *bare.Process) bare.Exit {
	if input.journal.on {
		return input.journal.abandon(p)
	}
	writeLines(p, true)
	return 0
}

// done reports whether TERM has come, and everything is written up to the end of a line.
func done() bool { return signals.term && input.n == 0 && !input.inside }
