// Package rpc has the interface that Supervisor's clients call: its faults, states and methods.
package rpc

import (
	"strconv"
	"strings"

	"catena/internal/xmlrpc"
)

// A Code says what is wrong with a call, or how one program of many has fared.
type Code int64

// The codes of Supervisor. Success stands in lists of results only.
const (
	UnknownMethod        Code = 1
	IncorrectParameters  Code = 2
	BadArguments         Code = 3
	SignatureUnsupported Code = 4
	ShutdownState        Code = 6
	BadName              Code = 10
	BadSignal            Code = 11
	NoFile               Code = 20
	NotExecutable        Code = 21
	Failed               Code = 30
	AbnormalTermination  Code = 40
	SpawnError           Code = 50
	AlreadyStarted       Code = 60
	NotRunning           Code = 70
	Success              Code = 80
	AlreadyAdded         Code = 90
	StillRunning         Code = 91
	CantReread           Code = 92
)

var names = map[Code]string{
	UnknownMethod: "UNKNOWN_METHOD", IncorrectParameters: "INCORRECT_PARAMETERS", BadArguments: "BAD_ARGUMENTS",
	SignatureUnsupported: "SIGNATURE_UNSUPPORTED", ShutdownState: "SHUTDOWN_STATE", BadName: "BAD_NAME",
	BadSignal: "BAD_SIGNAL", NoFile: "NO_FILE", NotExecutable: "NOT_EXECUTABLE", Failed: "FAILED",
	AbnormalTermination: "ABNORMAL_TERMINATION", SpawnError: "SPAWN_ERROR", AlreadyStarted: "ALREADY_STARTED",
	NotRunning: "NOT_RUNNING", Success: "SUCCESS", AlreadyAdded: "ALREADY_ADDED", StillRunning: "STILL_RUNNING",
	CantReread: "CANT_REREAD",
}

// String is the name that stands in the text of a fault.
func (c Code) String() string {
	if name := names[c]; name != "" {
		return name
	}
	return strconv.FormatInt(int64(c), 10)
}

// Fault makes the fault of a code, with a detail if there is one.
func (c Code) Fault(detail ...string) *xmlrpc.Fault {
	text := strings.Join(append([]string{c.String()}, detail...), ": ")
	return &xmlrpc.Fault{Code: int64(c), Text: text}
}

// Version is the version of the interface.
const Version = "3.0"

// A State is what a program does.
type State int64

// The states of Supervisor.
const (
	Stopped  State = 0
	Starting State = 10
	Running  State = 20
	Backoff  State = 30
	Stopping State = 40
	Exited   State = 100
	Fatal    State = 200
	Unknown  State = 1000
)

var stateNames = map[State]string{Stopped: "STOPPED", Starting: "STARTING", Running: "RUNNING", Backoff: "BACKOFF",
	Stopping: "STOPPING", Exited: "EXITED", Fatal: "FATAL", Unknown: "UNKNOWN"}

func (s State) String() string { return stateNames[s] }

// IsStopped tells whether a program is down and stays so.
func (s State) IsStopped() bool {
	return s == Stopped || s == Exited || s == Fatal || s == Unknown
}

// IsRunning tells whether a program is up, or is about to be. It cannot be started then.
func (s State) IsRunning() bool { return s == Running || s == Backoff || s == Starting }

// TakesSignals tells whether a program has a process.
func (s State) TakesSignals() bool { return s == Running || s == Starting || s == Stopping }

// Split splits the name of a process into its group and the process, which is empty if the whole
// group is meant.
func Split(name string) (group, process string) {
	group, process, found := strings.Cut(name, ":")
	if !found {
		return name, name
	}
	if process == "*" {
		process = ""
	}
	return group, process
}
