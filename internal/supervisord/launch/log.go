package launch

import (
	"fmt"
	"io"
	"os"
	"time"

	"catena/internal/supervisord/config"
)

// A journal is the log of supervisord: a file, and standard output in the foreground.
type journal struct {
	file  *os.File
	out   io.Writer
	level level
}

// A level says how much a message matters.
type level int

const (
	info     level = 20
	warning  level = 30
	critical level = 50
)

// levels are Supervisor's numbers.
var levels = map[string]level{"blather": 3, "trace": 5, "debug": 10, "info": info, "warn": warning, "error": 40, "critical": critical}

// tags are what Supervisor calls a level in its log.
var tags = map[level]string{info: "INFO", warning: "WARN", critical: "CRIT"}

// openJournal opens the log.
func openJournal(s config.Server) (*journal, error) {
	j := &journal{level: levels[s.LogLevel]}
	if s.NoDaemon && !s.Silent {
		j.out = os.Stdout
	}
	if s.LogFile == "syslog" {
		return j, nil
	}
	file, err := os.OpenFile(s.LogFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	j.file = file
	return j, err
}

// say writes a line as Supervisor has it.
func (j *journal) say(l level, text string) {
	if j == nil || l < j.level {
		return
	}
	now := time.Now()
	line := fmt.Sprintf("%s,%03d %s %s\n", now.Format("2006-01-02 15:04:05"), now.Nanosecond()/1e6, tags[l], text)
	if j.out != nil {
		io.WriteString(j.out, line)
	}
	if j.file != nil {
		io.WriteString(j.file, line)
	}
}
