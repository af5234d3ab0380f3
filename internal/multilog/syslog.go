package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Selected lines for syslog.

// daemon is the socket to the syslog daemon, and what was said of it last.
var daemon struct {
	socket bare.Syslog
	said   bare.Errno
}

// send sends the beginning of a line to the syslog daemon, which puts a time of its own in front.
// Without a daemon the message is lost, which send says once. If the daemon does not read, send
// waits, and TERM ends the waiting.
func (a *action) send(p *bare.Process, text []byte) {
	var room [bare.SyslogHead + lineMax]byte
	for {
		err := daemon.socket.Send(room[:], a.priority, a.text.String(), text, unix.SOCK_NONBLOCK)
		if err == unix.EAGAIN && waitForRoom(daemon.socket.Socket()) {
			continue
		}
		if err != 0 && daemon.said == 0 {
			p.WarnErrno(err, "unable to send to /dev/log")
		}
		daemon.said = err
		return
	}
}
