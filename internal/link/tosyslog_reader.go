package link

import (
	"catena/internal/bare"
)

// The reader of tosyslog: a process that sends each line of the streams to the syslog daemon, and
// ends when nobody has the other ends of the pipes. connect has put it into a session of its own, so
// that signals for the program's process group do not cost lines.

// lineMax is the longest text of a message. Longer lines are several messages.
const lineMax = 8 << 10

// syslog is the socket to the syslog daemon.
var syslog bare.Syslog

// readerRoom is the address of the memory of the reader: for what was read of either stream and
// not sent, and for one message. It is mapped, because all variables of the binary count for the
// limits on memory of all other tools.
var readerRoom uintptr

const (
	messageMax     = bare.SyslogHead + lineMax
	readerRoomSize = 2*lineMax + messageMax
)

// unsent is the room for what was read of standard output or standard error.
func unsent(fd int) []byte { return bare.BytesAt(readerRoom+uintptr(fd-1)*lineMax, lineMax) }

func readStreams(tag string) {
	for fd := range streams {
		if streams[fd].end >= 0 && streams[fd].sent {
			bare.Replace(fd, streams[fd].end)
		} else {
			streams[fd].sent = false
			bare.Close(fd)
		}
	}
	bare.CloseFrom(len(streams))
	bare.Chdir("/")
	for streams[1].sent || streams[2].sent {
		wait := [3]int{1: -1, 2: -1}
		for fd := 1; fd < len(streams); fd++ {
			if streams[fd].sent {
				wait[fd] = fd
			}
		}
		one, two, err := bare.WaitForTwo(wait[1], wait[2], bare.Never)
		if err != 0 {
			break
		}
		if one {
			readStream(1, tag)
		}
		if two {
			readStream(2, tag)
		}
	}
	bare.Quit(0)
}

// readStream reads of a stream what there is and sends the lines of it.
func readStream(fd int, tag string) {
	s := &streams[fd]
	text := unsent(fd)
	n, err := bare.Read(fd, text[s.held:])
	if err != 0 || n <= 0 {
		if s.held > 0 {
			sendLine(s.priority, tag, text[:s.held])
		}
		s.sent, s.held = false, 0
		bare.Close(fd)
		return
	}
	n += s.held
	at := 0
	for {
		end := at + bare.Index(bare.TextOf(text[at:n]), '\n')
		if end == n {
			break
		}
		sendLine(s.priority, tag, text[at:end])
		at = end + 1
	}
	if at == 0 && n == len(text) {
		sendLine(s.priority, tag, text)
		at = n
	}
	s.held = copy(text, text[at:n])
}

// sendLine sends a message. Without a syslog daemon the message is lost, as those of syslog(3) are.
func sendLine(priority int, tag string, line []byte) {
	syslog.Send(bare.BytesAt(readerRoom+2*lineMax, messageMax), priority, tag, line, 0)
}
