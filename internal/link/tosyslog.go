package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Tosyslog sends what a program prints to syslog. It is ours.
var Tosyslog = execchain.Tool{
	Name:    "tosyslog",
	Does:    "sends what a program prints to syslog",
	Usage:   "tosyslog: usage: tosyslog [-t tag] [-1 facility.priority] [-2 facility.priority] child",
	Misused: bare.Misused,
	Help: `usage: tosyslog [-t tag] [-1 facility.priority] [-2 facility.priority] child
  -1      standard output, a message for each line
  -2      standard error
  -t tag  what messages begin with; without it, child
`,
	Stays:    true,
	Run:      tosyslog,
	BareOnly: true,
}

// A stream is an output of the program.
type stream struct {
	sent     bool // it goes to syslog
	priority int  // the facility is in it
	end      int  // the end of the pipe that the reader has; -1 if the other stream's is used
	held     int  // bytes of a line whose end is still to come
}

// streams has the streams by their descriptors; 0 is unused.
var streams [3]stream

func tosyslog(p *bare.Process) bare.Exit {
	options, tag := p.OwnOptions("t:1:2:"), ""
	for options.Next() {
		switch letter := options.Letter; letter {
		case 't':
			tag = options.Value()
		case '1', '2':
			priority, ok := bare.SyslogPriority(options.Value())
			if !ok {
				return p.Fatal("not a facility and a priority: ", options.Value())
			}
			streams[letter-'0'] = stream{sent: true, priority: priority, end: -1}
		default:
			return options.Refuse(p)
		}
	}
	words := options.Rest()
	if words.Len() == 0 || !streams[1].sent && !streams[2].sent {
		return p.Usage()
	}
	if tag == "" {
		tag = bare.Base(words.At(0))
	}
	if exit := connect(p, tag); exit != bare.Continue {
		return exit
	}
	return p.Run(words)
}

// connect makes the streams pipes to a reader, which it starts. If both are to be the same
// messages, they are one pipe, and lines stay in their order.
func connect(p *bare.Process, tag string) bare.Exit {
	var mapped bool
	if readerRoom, mapped = bare.Map(readerRoomSize); !mapped {
		return p.NoMemory()
	}
	var writers [3]int
	for fd := 1; fd < len(streams); fd++ {
		s := &streams[fd]
		switch {
		case !s.sent:
		case fd == 2 && streams[1].sent && streams[1].priority == s.priority:
			writers[fd] = writers[1]
		default:
			r, w, err := bare.Pipe(unix.O_CLOEXEC)
			if err == 0 && (r < 3 || w < 3) { // a standard descriptor was closed
				if r, err = bare.CopyAbove(r, 3); err == 0 {
					w, err = bare.CopyAbove(w, 3)
				}
			}
			if err != 0 {
				return p.FatalErrno(err, "unable to create pipe")
			}
			s.end, writers[fd] = r, w
		}
	}
	// The reader is no child of the program, which may wait for any child. It begins in a session of
	// its own: a signal for the program's group may come before the reader has run at all.
	between, err := bare.ForkUnheard()
	if err != 0 {
		return p.FatalErrno(err, "unable to fork")
	}
	if between == 0 {
		bare.Setsid()
		pid, err := bare.ForkUnheard()
		if pid == 0 && err == 0 {
			readStreams(tag)
		}
		bare.Quit(bare.Exit(err))
	}
	status, err := bare.Wait(between)
	if err == 0 {
		err = bare.Errno(status.ExitStatus())
	}
	if err != 0 {
		return p.FatalErrno(err, "unable to fork")
	}
	for fd := 1; fd < len(streams); fd++ {
		if !streams[fd].sent {
			continue
		}
		if err := bare.Replace(fd, writers[fd]); err != 0 {
			return p.FatalErrno(err, "unable to move fd")
		}
		bare.Close(streams[fd].end)
	}
	for fd := 1; fd < len(streams); fd++ {
		if streams[fd].sent {
			bare.Close(writers[fd])
		}
	}
	return bare.Continue
}
