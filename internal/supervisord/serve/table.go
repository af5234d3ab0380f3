package serve

import (
	"context"
	"syscall"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/rpc"
)

// A Mood is the state of the server itself.
type Mood int64

// The moods that a client can see.
const (
	ShuttingDown Mood = -1
	Restarting   Mood = 0
	Up           Mood = 1
)

func (m Mood) String() string {
	switch m {
	case ShuttingDown:
		return "SHUTDOWN"
	case Restarting:
		return "RESTARTING"
	}
	return "RUNNING"
}

// A Table is what a server knows of its programs, and does to them. Its functions are called from
// many goroutines. Errors that a client is to know are those that [rpc.Code.Fault] makes.
type Table interface {
	// Mood is the state of the server. It takes no more calls when it is not Up.
	Mood() Mood
	// Identification is the identifier of the configuration.
	Identification() string
	// PID is the process that people take for the server: svscan.
	PID() int
	// LogFile is the log of the server, or empty if there is none.
	LogFile() string
	// ClearLog empties the log of the server.
	ClearLog() error
	// End ends the server, or starts it again. It returns before that has happened.
	End(restart bool)

	// Groups are those that are in use, in the order of their starts.
	Groups() []Group
	// Configured are the groups of the configuration as it was read last.
	Configured() []config.Group
	// Reload reads the configuration, and returns the groups that differ from those in use.
	Reload() (added, changed, removed []string, err error)
	// Add takes a group of the configuration into use.
	Add(group string) error
	// Remove takes a group, none of whose processes runs, out of use.
	Remove(group string) error

	// Notify passes an event on to whoever listens for it.
	Notify(kind, data string)
}

// A Group is what is started and stopped together.
type Group struct {
	Name      string
	Processes []Process // in the order of their starts
}

// A Process is one that is in use, whether it runs or not.
type Process interface {
	// Name is the name in its group.
	Name() string
	// Info is how the process is at this moment.
	Info() Info
	// Executable tells why the process cannot be started: NoFile or NotExecutable.
	Executable() error
	// Start starts the process, and forgets its SpawnError. It returns before the process is
	// Running.
	Start() error
	// Stop stops the process. It returns before the process is Stopped.
	Stop() error
	// Await waits until something holds of the process.
	Await(ctx context.Context, holds func(Info) bool) (Info, error)
	// Signal sends a signal.
	Signal(signal syscall.Signal) error
	// Write writes to the standard input of the process. EPIPE says that nobody reads there.
	Write(data []byte) error
	// ClearLogs empties both logs.
	ClearLogs() error
}

// Info is what a process does. Times are in seconds since 1970, and 0 if it was never so.
type Info struct {
	State      rpc.State
	Starts     int64 // how often it was started
	Start      int64 // when it was started last
	Stop       int64 // when it ended last
	PID        int
	ExitStatus int64  // 0 also if it was up for too short a time
	SpawnError string // why it could not be started, or was up for too short a time
	Stdout     string // the file of its log, or empty
	Stderr     string
	Stopping   bool // it is to end, and takes no more input
}
