package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Process returns a pidfd of the recorded process, or -1 if it is gone. An error
// means that this cannot be told.
func (r Record) Process() (pidfd int, err bare.Errno) {
	pidfd, err = bare.OpenProcess(int(r.PID))
	// ENOENT, or EINVAL of an older Linux: a thread has that pid by now.
	if err == unix.ESRCH || err == unix.ENOENT || err == unix.EINVAL {
		return -1, 0
	}
	if err != 0 {
		return -1, err
	}
	// Another process may have the pid by now. The pidfd was opened first, so if the
	// one that /proc describes is the right one, the pidfd is its.
	started, err := startTime(int(r.PID))
	other := err == 0 && (started > r.Made || r.Started != 0 && started != r.Started)
	// Its state would not do: a process is a zombie there when its first thread has
	// ended, while others run, or still have its locks.
	gone := bare.WaitFor(pidfd, 0)
	if err == 0 && !other && !gone {
		return pidfd, 0
	}
	bare.Close(pidfd)
	if other || gone {
		return -1, 0
	}
	return -1, err
}

// Runs tells whether the recorded process runs, as it may if this cannot be told.
func (r Record) Runs() bool {
	pidfd, err := r.Process()
	if pidfd >= 0 {
		bare.Close(pidfd)
	}
	return pidfd >= 0 || err != 0
}

// ahead is how much the time since boot is ahead, in the time namespace of this process,
// of what it is for the machine, in nanoseconds. Records have the machine's time.
var ahead int64

// Now is the machine's time since boot, in nanoseconds.
func Now() int64 { return bare.SinceBoot() - ahead }

// Here is a time of the machine as this process has it.
func Here(at int64) int64 { return at + ahead }

// Machine is a time of this process as the machine has it.
func Machine(at int64) int64 { return at - ahead }

// findAhead reads the second line of /proc/self/timens_offsets, of time_namespaces(7):
// "boottime", seconds, nanoseconds.
func findAhead() {
	fd, err := bare.Open("/proc/self/timens_offsets", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return
	}
	var room [256]byte
	n, _ := bare.Read(fd, room[:])
	bare.Close(fd)
	text := bare.TextOf(room[:max(n, 0)])
	text = text[min(bare.Index(text, '\n')+1, len(text)):]
	for _, unit := range [...]int64{1e9, 1} {
		for text != "" && text[0] != '-' && (text[0] < '0' || text[0] > '9') {
			text = text[1:]
		}
		if text != "" && text[0] == '-' {
			unit = -unit
			text = text[1:]
		}
		value, digits := bare.Number(text)
		ahead += int64(value) * unit
		text = text[digits:]
	}
}

// Tick is the unit of start times in /proc, in nanoseconds: USER_HZ is 100.
const Tick = 1e7

// startTime is when a process was started, since boot in nanoseconds, rounded down
// to a tick, from /proc/PID/stat as proc_pid_stat(5) describes it.
func startTime(pid int) (since int64, err bare.Errno) {
	var path [32]byte
	n := copy(path[:], "/proc/")
	n += bare.PutNumber(path[n:], uint64(pid))
	n += copy(path[n:], "/stat")
	fd, err := bare.Open(bare.TextOf(path[:n]), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return 0, err
	}
	var text [1024]byte
	n, err = bare.Read(fd, text[:])
	bare.Close(fd)
	if err != 0 {
		return 0, err
	}
	// The name, in parentheses, may hold anything; the last one ends it.
	at := n
	for at > 0 && text[at-1] != ')' {
		at--
	}
	const nameField, startField = 2, 22
	field := nameField
	for ; at < n; at++ {
		if text[at] == ' ' {
			field++
		} else if field == startField {
			since = since*10 + int64(text[at]-'0')
		}
	}
	return since*Tick - ahead, 0
}

// StartedSince tells whether a process was started after a time since boot in
// nanoseconds, or in the same tick.
func StartedSince(pid int, since int64) bool {
	started, err := startTime(pid)
	return err == 0 && started >= (since-ahead)/Tick*Tick
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
	started, err := startTime(int(s.PID))
	if err != 0 {
		return r, false
	}
	real := bare.Clock(unix.CLOCK_REALTIME)
	since := (s.Since.Unix()-int64(real.Sec))*1e9 - int64(real.Nsec) + Now()
	if started < since-apart || started > since+apart {
		return r, false
	}
	return Record{PID: s.PID, Started: started, Made: Now(), Since: s.Since}, true
}
