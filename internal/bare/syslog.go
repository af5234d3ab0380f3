package bare

import "golang.org/x/sys/unix"

// Messages for the syslog daemon, in the form that syslog(3) gives them, but without a time: the
// daemon puts one in front.

// SyslogPriority is the number of a FACILITY.PRIORITY, by the names of syslog(3).
func SyslogPriority(text string) (n int, ok bool) {
	dot := Index(text, '.')
	if dot == len(text) {
		return 0, false
	}
	facility := placeOf(text[:dot], facilities[:])
	priority := placeOf(text[dot+1:], priorities[:])
	return facility<<3 | priority, facility >= 0 && priority >= 0
}

func placeOf(word string, names []string) int {
	for i, name := range names {
		if name != "" && Equal(word, name) {
			return i
		}
	}
	return -1
}

var facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
	16: "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

var priorities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// SyslogHead is how many bytes a message has besides the line, at most. No more than TagMax bytes
// of a tag are sent.
const (
	TagMax     = 100
	SyslogHead = len("<191>") + TagMax + len(": ")
)

// Syslog is a socket to the syslog daemon. The zero value has none yet.
type Syslog struct {
	fd   int
	open bool
}

// Send sends a line, and makes the message in room, which is as long as the line and SyslogHead.
// If the daemon was started anew, the socket is made anew as well. EAGAIN means that a socket with
// SOCK_NONBLOCK, one of the flags of socket(2), has no room.
func (s *Syslog) Send(room []byte, priority int, tag string, line []byte, flags int) (err Errno) {
	room[0] = '<'
	n := 1 + PutNumber(room[1:], uint64(priority))
	n += copy(room[n:], ">")
	n += copy(room[n:], tag[:min(len(tag), TagMax)])
	n += copy(room[n:], ": ")
	n += copy(room[n:], line)
	for range 2 {
		if s.open {
			if err = Write(s.fd, room[:n]); err == 0 || err == unix.EAGAIN {
				return err
			}
			Close(s.fd)
			s.open = false
		}
		if s.fd, err = ConnectDatagrams("/dev/log", flags); err != 0 {
			return err
		}
		s.open = true
	}
	Close(s.fd)
	s.open = false
	return err
}

// Socket is the descriptor of the socket that Send has made.
func (s *Syslog) Socket() int { return s.fd }
