package daemon

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// Where messages and output go: to a file, or to syslog.

// The numbers of syslog(3).
var facilities = map[string]int{
	"kern": 0 << 3, "user": 1 << 3, "mail": 2 << 3, "daemon": 3 << 3, "auth": 4 << 3,
	"syslog": 5 << 3, "lpr": 6 << 3, "news": 7 << 3, "uucp": 8 << 3, "cron": 9 << 3,
	"local0": 16 << 3, "local1": 17 << 3, "local2": 18 << 3, "local3": 19 << 3,
	"local4": 20 << 3, "local5": 21 << 3, "local6": 22 << 3, "local7": 23 << 3,
}

var priorities = map[string]int{
	"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7,
}

// An output is what a spec of --output and the like names.
type output struct {
	Spec     string // empty if there was none
	Priority int    // for syslog
	IsFile   bool
}

// outputOf understands a spec, the argument of an option. One that begins as a syslog
// destination does is no file: libslack's writes to a file of that name if it does not know the
// priority.
func (s *settings) outputOf(option, value string) (o output, err error) {
	o.Spec = s.expand(value)
	facility, priority, dotted := strings.Cut(o.Spec, ".")
	f, knowsFacility := facilities[facility]
	p, knowsPriority := priorities[priority]
	switch {
	case !dotted || !knowsFacility || strings.Contains(o.Spec, "/"):
		o.IsFile = true
	case knowsPriority:
		o.Priority = f | p
	default:
		return o, misused("Invalid --%s argument: '%s' (Unknown priority %s; a file is ./%s)", option, o.Spec, priority, o.Spec)
	}
	return o, nil
}

// A record is a message for syslog(3), with the name of the program in front.
func record(priority int, tag, text string) string {
	return fmt.Sprintf("<%d>%s %s: %s", priority, time.Now().Format(time.Stamp), tag, text)
}

// sendRecord sends a record to the syslog daemon. Nobody can be told that there is none.
func sendRecord(text string) {
	socket, err := net.Dial("unixgram", "/dev/log")
	if err != nil {
		return
	}
	defer socket.Close()
	socket.Write([]byte(text))
}
