package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// The options of a service: files in its directory, none of which needs to be there. These
// have s6's names and meanings.
const (
	Finish         = "./finish"            // run when the service has died
	TimeoutFinish  = "timeout-finish"      // milliseconds until finish is killed; 0 is never
	TimeoutKill    = "timeout-kill"        // milliseconds from svc -d to KILL; 0 is never
	DownSignal     = "down-signal"         // the signal that svc -d sends in place of TERM
	NotificationFD = "notification-fd"     // the descriptor on which the service writes a newline when it is ready
	MaxDeathTally  = "max-death-tally"     // how many deaths are kept; without the file none
	TimeoutKillPG  = "flag-timeout-killpg" // if it is there, timeout-kill is for the process group
)

// These are ours, or daemontools-encore's.
const (
	MaxRestartDelay = "max-restart-delay"     // milliseconds that the delay may grow to
	KillDescendants = "flag-kill-descendants" // if it is there, a service leaves nothing behind
	NewSession      = "flag-newsession"       // if it is there, the service leads a session
	NoSession       = "no-setsid"             // if it is there, the service leads none, even if all others do
	SignalGroup     = "flag-signal-group"     // if it is there, signals are for the process group
	DownKillPG      = "flag-down-killpg"      // if it is there, the signals of svc -d are for the process group

	Restart         = "restart"           // whether the service is started again: always, on-failure or never
	SuccessExit     = "success-exit"      // exit codes and signals that are no failure; without the file 0
	FailedStartExit = "failed-start-exit" // exit codes and signals: a life of a second at most that ends so is a failed start
	MinUptime       = "min-uptime"        // milliseconds; a shorter life is a failed start
	MaxFailedStarts = "max-failed-starts" // after so many in a row the supervisor gives up; 0 is never
	RestartDelay    = "restart-delay"     // milliseconds from the end of a short life to the next start
	RestartGrowth   = "restart-growth"    // how the delay grows up to max-restart-delay: double or add
	RestartBurst    = "restart-burst"     // so many failed starts come at once, and then the delay
)

// OptionMax is longer than the value of an option may be. A value of that length is cut off.
const OptionMax = 256

// optionRoom holds the value that Option returns.
var optionRoom [OptionMax]byte

// Option returns the first line of an option file, at most OptionMax bytes of it, without
// blanks at its end. The value is good until the next call. ENOENT means that there is no such file.
func Option(dir int, name string) (value string, err bare.Errno) {
	fd, err := bare.OpenAt(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return "", err
	}
	n, err := bare.Read(fd, optionRoom[:])
	bare.Close(fd)
	if err != 0 {
		return "", err
	}
	value = bare.TextOf(optionRoom[:n])
	end := bare.Index(value, '\n')
	if end == OptionMax {
		return value, 0
	}
	value = value[:end]
	for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return value, 0
}
