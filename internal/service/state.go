package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// A State is what a supervisor publishes besides the status, for svstat -l, for svc and for
// the next supervisor. It stands in the lock file behind the records.
type State struct {
	Starts  uint32          // starts of run, those under killed supervisors included
	Last    uint32          // the pid of the last start
	Ended   unix.WaitStatus // how run ended the last time, if Known
	Known   bool            // Ended is known
	Ready   bool            // the service has said that it is ready
	Asked   bool            // svc has asked for a start that is still to come
	AskedUp bool            // and has done so by -u
	Exit    bool            // the supervisor is to exit once the service is down
	Kill    int64           // when run or finish is killed, since boot in ns; 0 is never
	Due     int64           // when run is started next, likewise; 0 if it is not, or is at once
	Why     Why             // why the service is down
	Errno   bare.Errno      // why run could not be started; 0 if it could
	Ending  uint32          // the number of the last start that svc has told to end, by -d, -i, -k, -q or -t

	// What the supervisor has decided at a death.
	Decided uint32 // the number of the last start whose end the supervisor has decided on
	Rests   bool   // the service is not started again: it is wanted down
	Failed  uint32 // how many starts have failed in a row
	Delay   uint32 // the delay between starts, if it has grown; in ms

	// Refused is how many signals could not be sent, modulo 256; Refusal is why the last of
	// them could not. svc compares Refused before and after its command.
	Refused uint8
	Refusal bare.Errno
}

// Why says why a service is down. It is NotKnown if the service is up.
type Why uint8

// The numbers are in lock files: new ones come last.
const (
	NotKnown      Why = iota // or the service is up
	NeverStarted             // there is a file down, and nobody has asked for a start
	Told                     // svc -d or -x, or TERM to the supervisor
	Ended                    // run has ended, by itself or by a signal
	CannotRun                // run cannot be executed, for Errno
	NoInterpreter            // run is there, but not the program that its first line or its ELF header names
	CannotStart              // something failed before run could be executed, such as the fork, for Errno
	GaveUp                   // finish exited 125
	EndedWell                // run has ended as success-exit says, and is not to be started again
	CannotStay               // as many starts have failed as max-failed-starts says
)

const (
	stateMagic = "state  3"
	stateSize  = 68

	// Older formats are the first bytes of the same format.
	olderMagic  = "state  2"
	olderSize   = 52
	oldestMagic = "state  1"
	oldestSize  = 32

	stateAt = 2 * recordSize

	askedUp = 2 // Asked is 1 or this
)

// WriteState writes the state into an open lock file.
func WriteState(lock int, s State) bare.Errno {
	var b [stateSize]byte
	copy(b[:], stateMagic)
	bare.PutLittle(b[8:12], uint64(s.Starts))
	bare.PutLittle(b[12:16], uint64(s.Ended))
	b[16], b[17], b[18], b[19] = asByte(s.Known), asByte(s.Ready), asByte(s.Asked), asByte(s.Exit)
	if s.Asked && s.AskedUp {
		b[18] = askedUp
	}
	bare.PutLittle(b[20:24], uint64(s.Last))
	putTime(b[24:32], s.Kill)
	putTime(b[32:40], s.Due)
	bare.PutLittle(b[40:44], uint64(s.Errno))
	b[44], b[45] = byte(s.Why), s.Refused
	bare.PutLittle(b[46:48], uint64(s.Refusal))
	bare.PutLittle(b[48:52], uint64(s.Ending))
	bare.PutLittle(b[52:56], uint64(s.Decided))
	bare.PutLittle(b[56:60], uint64(s.Failed))
	bare.PutLittle(b[60:64], uint64(s.Delay))
	b[64] = asByte(s.Rests)
	return bare.WriteAt(lock, b[:], stateAt)
}

// ReadState reads the state of an open lock file; ok is false if there is none.
func ReadState(lock int) (s State, ok bool) {
	var b [stateSize]byte
	n, err := bare.ReadAt(lock, b[:], stateAt)
	size := 0
	switch string(b[:8]) {
	case stateMagic:
		size = stateSize
	case olderMagic:
		size = olderSize
	case oldestMagic:
		size = oldestSize
	}
	if err != 0 || size == 0 || n < size {
		return s, false
	}
	if size >= olderSize {
		s.Due = timeAt(b[32:40])
		s.Errno = bare.Errno(bare.Little(b[40:44]))
		s.Why, s.Refused = Why(b[44]), b[45]
		s.Refusal = bare.Errno(bare.Little(b[46:48]))
		s.Ending = uint32(bare.Little(b[48:52]))
	}
	if size >= stateSize {
		s.Decided, s.Failed = uint32(bare.Little(b[52:56])), uint32(bare.Little(b[56:60]))
		s.Delay, s.Rests = uint32(bare.Little(b[60:64])), b[64] != 0
	}
	s.Starts = uint32(bare.Little(b[8:12]))
	s.Ended = unix.WaitStatus(bare.Little(b[12:16]))
	s.Known, s.Ready, s.Asked, s.Exit = b[16] != 0, b[17] != 0, b[18] != 0, b[19] != 0
	s.AskedUp = b[18] == askedUp
	s.Last = uint32(bare.Little(b[20:24]))
	s.Kill = timeAt(b[24:32])
	return s, true
}

// putTime writes a time since boot in nanoseconds, as the machine's time. 0 stays 0.
func putTime(b []byte, at int64) {
	if at != 0 {
		bare.PutLittle(b, uint64(Machine(at)))
	}
}

// timeAt reads what putTime has written.
func timeAt(b []byte) int64 {
	at := int64(bare.Little(b))
	if at != 0 {
		at = Here(at)
	}
	return at
}

func asByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
