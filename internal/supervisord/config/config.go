// Package config reads a supervisord.conf, with every check that Supervisor 4.2.5 makes, in its
// order and with its words. What is wrong is collected, so that all of it can be said at once.
//
// The names in JSON are those that Supervisor has for its settings.
package config

import (
	"fmt"

	"catena/internal/supervisord/python"
)

// Version is that of the Supervisor whose behaviour this is.
const Version = "4.2.5"

// A Config is what a configuration file says, with the files that it includes.
type Config struct {
	File    string   `json:"file"`
	Server  Server   `json:"supervisord"`
	Sockets []Socket `json:"server_configs"`
	Groups  []Group  `json:"process_group_configs"` // in the order of their starts
	RPC     bool     `json:"rpcinterface"`          // there is the section for XML-RPC

	Warnings []string `json:"warnings"` // what Supervisor logs as a warning when it starts
	Notes    []string `json:"notes"`    // and what it logs for information
}

// Server is the section supervisord.
type Server struct {
	LogFile     string     `json:"logfile"` // or "syslog"
	LogMaxBytes int64      `json:"logfile_maxbytes"`
	LogBackups  int64      `json:"logfile_backups"`
	LogLevel    string     `json:"loglevel"`
	PIDFile     string     `json:"pidfile"`
	Identifier  string     `json:"identifier"`
	ChildLogDir string     `json:"childlogdir"`
	Directory   string     `json:"directory"` // empty if there is none
	User        string     `json:"user"`      // likewise
	UMask       int64      `json:"umask"`
	MinFDs      int64      `json:"minfds"`
	MinProcs    int64      `json:"minprocs"`
	NoDaemon    bool       `json:"nodaemon"`
	Silent      bool       `json:"silent"`
	NoCleanup   bool       `json:"nocleanup"`
	StripANSI   bool       `json:"strip_ansi"`
	Environment []Variable `json:"environment"`

	RunDir string `json:"rundir,omitempty"` // where the service directories are; ours
}

// A Variable is an entry of an environment.
type Variable = python.Pair

// A Place is a line of a file.
type Place = python.Place

// The kinds of groups, by the sections that they come from.
const (
	OfPrograms  = "program" // a program with all its processes, or a group
	OfListeners = "eventlistener"
	OfFastCGI   = "fcgi-program"
)

// A Group is what is started and stopped together.
type Group struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Priority int64     `json:"priority"`
	Programs []Program `json:"process_configs"` // in the order of their starts; each is one process

	// Of event listeners.
	BufferSize int64    `json:"buffer_size,omitempty"`
	Events     []string `json:"pool_events,omitempty"` // sorted

	Socket *FastCGI `json:"socket_config,omitempty"` // of FastCGI programs

	At Place `json:"-"` // of its heading
}

// What becomes of a stream, if it is not appended to a file.
const (
	Auto = "auto" // a file is made for it
	None = "none" // it is discarded
)

// A Log is what becomes of standard output or standard error.
type Log struct {
	File            string `json:"logfile"` // Auto, None, or a path
	MaxBytes        int64  `json:"logfile_maxbytes"`
	Backups         int64  `json:"logfile_backups"`
	CaptureMaxBytes int64  `json:"capture_maxbytes"`
	Events          bool   `json:"events_enabled"`
	Syslog          bool   `json:"syslog"`

	Path string `json:"path,omitempty"` // of the file, as soon as somebody has decided which one Auto is
}

// When a process is started again after it has run long enough.
const (
	Always     = "true"
	Never      = "false"
	Unexpected = "unexpected" // if its exit code is none of ExitCodes
)

// A Program is a process of a group: a section with numprocs has several.
type Program struct {
	Name           string     `json:"name"`
	Command        string     `json:"command"`
	Directory      string     `json:"directory"`    // empty if there is none
	UMask          *int64     `json:"umask"`        // nil if there is none
	User           string     `json:"user"`         // the account of UID, or empty
	UID            *int64     `json:"uid"`          // nil if there is none
	Priority       int64      `json:"priority"`     // in its group
	AutoStart      bool       `json:"autostart"`    //
	AutoRestart    string     `json:"autorestart"`  // Always, Never or Unexpected
	StartSecs      int64      `json:"startsecs"`    //
	StartRetries   int64      `json:"startretries"` //
	StopSignal     int        `json:"stopsignal"`   //
	StopWaitSecs   int64      `json:"stopwaitsecs"` //
	StopAsGroup    bool       `json:"stopasgroup"`  //
	KillAsGroup    bool       `json:"killasgroup"`  //
	ExitCodes      []int64    `json:"exitcodes"`    //
	RedirectStderr bool       `json:"redirect_stderr"`
	Stdout         Log        `json:"stdout"`
	Stderr         Log        `json:"stderr"`
	Environment    []Variable `json:"environment"`
	ServerURL      string     `json:"serverurl"` // empty if the server's own is meant

	DependsOn []string `json:"depends_on,omitempty"` // names of groups and processes; ours

	At Place `json:"-"` // of its command
}

// The families of sockets.
const (
	Unix = "unix"
	Inet = "inet"
)

// A Socket is where the server listens.
type Socket struct {
	Section  string  `json:"section"`
	Family   string  `json:"family"` // Unix or Inet
	File     string  `json:"file,omitempty"`
	Mode     int64   `json:"chmod"`
	Owner    *IDs    `json:"chown,omitempty"`
	Host     string  `json:"host,omitempty"` // empty if it is all interfaces
	Port     int64   `json:"port,omitempty"`
	Username *string `json:"username"`
	Password *string `json:"password"` // or "{SHA}" and the digest in hex

	At Place `json:"-"` // of its heading
}

// IDs are those of an owner. A gid of -1 stays as it is.
type IDs struct {
	UID int64 `json:"uid"`
	GID int64 `json:"gid"`
}

// A FastCGI is the socket that the processes of a group accept connections from.
type FastCGI struct {
	URL     string `json:"url"` // unix:///path or tcp://host:port
	Owner   *IDs   `json:"owner,omitempty"`
	Mode    *int64 `json:"mode,omitempty"`    // of a socket in the file system
	Backlog *int64 `json:"backlog,omitempty"` // nil if there is none
}

// A Problem is why a configuration cannot be used.
type Problem struct {
	At   Place // the line is 0 if it is none of a file
	Text string
}

func (p Problem) Error() string {
	switch {
	case p.At.File == "":
		return p.Text
	case p.At.Line == 0:
		return p.At.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.At.File, p.At.Line, p.Text)
}

// FullName is what a process of a group is called: group:name, or name where both are one.
func FullName(group, process string) string {
	if group == process {
		return group
	}
	return group + ":" + process
}
