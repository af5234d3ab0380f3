package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Process returns a pidfd of the recorded process, or -1 if it is gone. An error
// means that this cannot be told.
func (r Record) Process() (pidfd int, err bare.Errno) {
	pidfd, err = bare.OpenProcess(int(r.PID))
	if err == unix.ESRCH || err == unix.EINVAL {
		return -1, 0
	}
	if err != 0 {
		return -1, err
	}
	// Another process may have the pid by now. The pidfd was opened first, so if the
	// one that /proc describes is the right one, the pidfd is its.
	started, state, err := startTime(int(r.PID))
	if err == 0 && state != 'Z' && state != 'X' && started <= r.Made && (started == r.Started || r.Started == 0) {
		return pidfd, 0
	}
	gone := err == 0 || bare.Signal(pidfd, 0) == unix.ESRCH
	bare.Close(pidfd)
	if gone {
		return -1, 0
	}
	return -1, err
}

// tick is the unit of start times in /proc, in nanoseconds: USER_HZ is 100.
const tick = 1e7

// startTime is when a process was started, since boot in nanoseconds, rounded down
// to a tick, and its state, from /proc/PID/stat as proc_pid_stat(5) describes it.
func startTime(pid int) (since int64, state byte, err bare.Errno) {
	var path [32]byte
	n := copy(path[:], "/proc/")
	n += bare.PutNumber(path[n:], uint64(pid))
	n += copy(path[n:], "/stat")
	fd, err := bare.Open(bare.TextOf(path[:n]), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return 0, 0, err
	}
	var text [1024]byte
	n, err = bare.Read(fd, text[:])
	bare.Close(fd)
	if err != 0 {
		return 0, 0, err
	}
	// The name, in parentheses, may hold anything; the last one ends it.
	at := n
	for at > 0 && text[at-1] != ')' {
		at--
	}
	const stateField, startField = 3, 22
	field := stateField - 1
	for ; at < n; at++ {
		if text[at] == ' ' {
			field++
			continue
		}
		switch field {
		case stateField:
			state = text[at]
		case startField:
			since = since*10 + int64(text[at]-'0')
		}
	}
	return since * tick, state, 0
}

// StartedSince tells whether a process was started after a time since boot in
// nanoseconds, or in the tick before it.
func StartedSince(pid int, since int64) bool {
	started, _, err := startTime(pid)
	return err == 0 && started >= since-tick
}

// FromStatus is the record of the process that a status names, where nobody has made
// one: a supervisor of daemontools was killed, or somebody has removed the lock. That
// process is the service if it was started when the service was, by the system's
// clock; otherwise, and if it is gone, there is none.
func FromStatus(s Status) (r Record, ok bool) {
	const apart = 2e9
	if s.PID == 0 {
		return r, false
	}
	started, _, err := startTime(int(s.PID))
	if err != 0 {
		return r, false
	}
	real := bare.Clock(unix.CLOCK_REALTIME)
	since := (s.Since.Unix()-int64(real.Sec))*1e9 - int64(real.Nsec) + bare.SinceBoot()
	if started < since-apart || started > since+apart {
		return r, false
	}
	return Record{PID: s.PID, Started: started, Made: bare.SinceBoot(), Since: s.Since}, true
}
