// Package journal is the log of supervisord, in Supervisor's words and form: a file, and standard
// output in the foreground.
package journal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"catena/internal/supervisord/config"
)

// A Journal is the log of supervisord. A nil one says nothing.
type Journal struct {
	out   io.Writer // in the foreground
	level Level
	name  string // of the file, or empty

	mu   sync.Mutex
	file *os.File
}

// A Level says how much a message matters.
type Level int

// The levels are Supervisor's numbers.
const (
	Debug    Level = 10
	Info     Level = 20
	Warning  Level = 30
	Critical Level = 50
)

// levels are the words of loglevel.
var levels = map[string]Level{"blather": 3, "trace": 5, "debug": Debug, "info": Info, "warn": Warning, "error": 40, "critical": Critical}

// tags are what Supervisor calls a level in its log.
var tags = map[Level]string{Debug: "DEBG", Info: "INFO", Warning: "WARN", Critical: "CRIT"}

// Open opens the log.
func Open(s config.Server) (*Journal, error) {
	j := &Journal{level: levels[s.LogLevel]}
	if s.NoDaemon && !s.Silent {
		j.out = os.Stdout
	}
	if s.LogFile != "syslog" {
		j.name = s.LogFile
	}
	return j, j.Reopen()
}

// Reopen opens the file anew, for it may have been renamed. If that fails, the log goes on in the
// file that it has.
func (j *Journal) Reopen() error {
	if j.name == "" {
		return nil
	}
	file, err := os.OpenFile(j.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		j.file.Close()
	}
	j.file = file
	return nil
}

// Says reports whether messages of a level are written.
func (j *Journal) Says(l Level) bool { return l >= j.level }

// File is the open file, or nil.
func (j *Journal) File() *os.File { return j.file }

// Name is the name of the file, or empty if there is none.
func (j *Journal) Name() string { return j.name }

// Clear empties the file.
func (j *Journal) Clear() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return os.ErrNotExist
	}
	return j.file.Truncate(0)
}

// Say writes a line.
func (j *Journal) Say(l Level, text string) { j.SayOf(time.Now(), l, text) }

// SayOf writes a line about something that happened at a time.
func (j *Journal) SayOf(at time.Time, l Level, text string) {
	if j == nil || l < j.level {
		return
	}
	line := fmt.Sprintf("%s,%03d %s %s\n", at.Format("2006-01-02 15:04:05"), at.Nanosecond()/1e6, tags[l], text)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		io.WriteString(j.file, line)
	}
	if j.out != nil {
		io.WriteString(j.out, line)
	}
}
