package daemon

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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

// tag is the name of the program in records about a daemon in the background. In the foreground
// it is that of the daemon.
const tag = "daemon"

// write writes a message of a daemon.
func (o output) write(name, message string) { o.writeAs(tag, name, message) }

func (o output) writeAs(tag, name, message string) {
	text := name + ": " + message
	if !o.IsFile {
		sendRecord(record(o.Priority, tag, text))
		return
	}
	file, err := openLog(filepath.Clean(o.Spec))
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintf(file, "%s %s\n", time.Now().Format("20060102 15:04:05"), text)
}

// openLog opens a log to write at its end. A FIFO without a reader does not make it wait.
func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, 0o666)
}

// open opens a log for the output of a client.
func (o output) open(tag string) (io.Writer, error) {
	if o.IsFile {
		return openLog(o.Spec)
	}
	return &lineSender{priority: o.Priority, tag: tag}, nil
}

// A lineSender sends lines to syslog.
type lineSender struct {
	priority int
	tag      string
	held     []byte // of a line whose end is still to come
}

func (l *lineSender) Write(text []byte) (int, error) {
	l.held = append(l.held, text...)
	for {
		line, rest, has := bytes.Cut(l.held, []byte("\n"))
		if !has {
			return len(text), nil
		}
		sendRecord(record(l.priority, l.tag, string(line)))
		l.held = rest
	}
}

// flush sends a line without an end.
func (l *lineSender) flush() {
	if len(l.held) > 0 {
		sendRecord(record(l.priority, l.tag, string(l.held)))
		l.held = nil
	}
}
