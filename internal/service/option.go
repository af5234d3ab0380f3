package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// The files that say how a service is supervised, under the names that s6 gave them,
// but for the last two. None of them needs to be there.
const (
	Finish          = "./finish"              // run when the service has died
	TimeoutFinish   = "timeout-finish"        // milliseconds until finish is killed; 0 is never
	TimeoutKill     = "timeout-kill"          // milliseconds from svc -d to KILL; 0 is never
	DownSignal      = "down-signal"           // what svc -d sends in place of TERM
	NotificationFD  = "notification-fd"       // where the service writes a newline when it is ready
	MaxDeathTally   = "max-death-tally"       // how many deaths are kept; none without the file
	TimeoutKillPG   = "flag-timeout-killpg"   // if it is there, timeout-kill is for the process group
	MaxRestartDelay = "max-restart-delay"     // milliseconds that the delay may grow to
	KillDescendants = "flag-kill-descendants" // if it is there, a service leaves nothing behind
)

// optionRoom holds what Option returns.
var optionRoom [64]byte

// Option reads the first line of a file that says how a service is supervised, at
// most 64 bytes of it, without blanks at its end. It is good until the next call.
// ENOENT is the error where there is no such file.
func Option(dir int, name string) (value string, err bare.Errno) {
	fd, err := bare.OpenAt(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return "", err
	}
	n, err := bare.Read(fd, optionRoom[:])
	bare.Close(fd)
	if err != 0 {
		return "", err
	}
	value = bare.TextOf(optionRoom[:n])
	value = value[:bare.Index(value, '\n')]
	for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return value, 0
}

// A State is what a supervisor publishes besides the status, for svstat -l and for the
// next supervisor: in the lock file, behind the records.
type State struct {
	Starts uint32          // since the supervisor began
	Last   uint32          // the process of the last of these
	Ended  unix.WaitStatus // how the service ended the last time
	Known  bool            // whether that is known
	Ready  bool            // whether the service has said that it is
	Asked  bool            // svc has asked for a start, which is still to come
	Exit   bool            // the supervisor is to end once the service is down
	Kill   int64           // when the process is killed, since boot in ns; 0 is never
}

const (
	stateMagic = "state  1"
	stateSize  = 32
	stateAt    = 2 * recordSize
)

// WriteState puts the state into an open lock file.
func WriteState(lock int, s State) bare.Errno {
	var b [stateSize]byte
	copy(b[:], stateMagic)
	bare.PutLittle(b[8:12], uint64(s.Starts))
	bare.PutLittle(b[12:16], uint64(s.Ended))
	b[16], b[17], b[18], b[19] = asByte(s.Known), asByte(s.Ready), asByte(s.Asked), asByte(s.Exit)
	bare.PutLittle(b[20:24], uint64(s.Last))
	if s.Kill != 0 {
		bare.PutLittle(b[24:32], uint64(Machine(s.Kill)))
	}
	return bare.WriteAt(lock, b[:], stateAt)
}

// ReadState reads the state of an open lock file; ok is false if there is none.
func ReadState(lock int) (s State, ok bool) {
	var b [stateSize]byte
	n, err := bare.ReadAt(lock, b[:], stateAt)
	if err != 0 || n != stateSize || string(b[:8]) != stateMagic {
		return s, false
	}
	s.Starts = uint32(bare.Little(b[8:12]))
	s.Ended = unix.WaitStatus(bare.Little(b[12:16]))
	s.Known, s.Ready, s.Asked, s.Exit = b[16] != 0, b[17] != 0, b[18] != 0, b[19] != 0
	s.Last = uint32(bare.Little(b[20:24]))
	if kill := int64(bare.Little(b[24:32])); kill != 0 {
		s.Kill = Here(kill)
	}
	return s, true
}

func asByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
