package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Whether the process of a record still runs.

// What Process returns in place of a pidfd.
const (
	Gone    = -1 // the process has ended
	NoPidfd = -2 // the process runs, but the system refuses pidfds
)

// Process returns a pidfd of the recorded process, or Gone, or NoPidfd. With an error nobody
// knows whether the process still runs.
func (r Record) Process() (pidfd int, err bare.Errno) {
	pidfd, err = bare.OpenProcess(int(r.PID))
	// ENOENT, or EINVAL of an older Linux, means that a thread has the pid by now.
	if err == unix.ESRCH || err == unix.ENOENT || err == unix.EINVAL {
		return -1, 0
	}
	if bare.IsRefused(err) {
		return r.withoutPidfd(err)
	}
	if err != 0 {
		return -1, err
	}
	// Another process may have the pid by now. The pidfd was opened first: if /proc describes
	// the recorded process after that, the pidfd is of the recorded process.
	other, inode := false, uint64(0)
	if r.Inode != 0 && hasInodes {
		inode = inodeOf(pidfd)
	}
	if inode != 0 {
		other = inode != r.Inode
	} else {
		var started int64
		started, err = startTime(int(r.PID))
		other = err == 0 && (started > r.Made || r.Started != 0 && started != r.Started)
	}
	// The state in /proc would not do: it says zombie when the first thread has ended, while
	// others may run and hold locks.
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

// withoutPidfd is Process by /proc alone. why is the error that pidfd_open was refused with.
func (r Record) withoutPidfd(why bare.Errno) (pidfd int, err bare.Errno) {
	started, dead, err := lookUp(int(r.PID))
	switch {
	case otherProc:
		return -1, why
	case err == unix.ENOENT && bare.Exists(bare.Cwd, "/proc/self/stat") == 0 || err == unix.ESRCH:
		return Gone, 0
	case err != 0:
		return -1, why
	case dead || started > r.Made || r.Started != 0 && started != r.Started:
		return Gone, 0
	}
	return NoPidfd, 0
}

// Runs reports whether the recorded process runs. It returns true if nobody knows.
func (r Record) Runs() bool {
	pidfd, err := r.Process()
	if pidfd >= 0 {
		bare.Close(pidfd)
	}
	return pidfd != Gone || err != 0
}

// ahead is the offset of the time namespace of this process: how much its time since boot is
// ahead of the machine's, in nanoseconds. Lock files have the machine's time.
var ahead int64

// Now returns the machine's time since boot, in nanoseconds.
func Now() int64 { return bare.SinceBoot() - ahead }

// Here converts the machine's time into this process's.
func Here(at int64) int64 { return at + ahead }

// Machine converts this process's time into the machine's.
func Machine(at int64) int64 { return at - ahead }

// findAhead adds to ahead what the second line of /proc/self/timens_offsets says, in the format
// of time_namespaces(7): "boottime", seconds, nanoseconds.
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

// startTime returns when a process was started, in the machine's nanoseconds since boot,
// rounded down to a tick.
func startTime(pid int) (since int64, err bare.Errno) {
	since, _, err = lookUp(pid)
	return since, err
}

// lookUp reads /proc/PID/stat, in the format of proc_pid_stat(5). It returns the start time,
// as startTime does, and whether all threads of the process have ended.
func lookUp(pid int) (since int64, dead bool, err bare.Errno) {
	if otherProc {
		return 0, false, unix.ENOENT
	}
	var path [48]byte
	fd, err := bare.Open(inProc(path[:], pid, "/stat"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return 0, false, err
	}
	var text [512]byte // 22 fields, of which the name has at most 64 bytes, and a number 20
	n, err := bare.Read(fd, text[:])
	bare.Close(fd)
	if err != 0 {
		return 0, false, err
	}
	// The name is in parentheses and may hold any byte. The last parenthesis ends it.
	at := n
	for at > 0 && text[at-1] != ')' {
		at--
	}
	const nameField, stateField, threadsField, startField = 2, 3, 20, 22
	field, threads := nameField, 0
	for ; at < n; at++ {
		switch {
		case text[at] == ' ':
			field++
		case field == stateField:
			dead = text[at] == 'Z' || text[at] == 'X'
		case field == threadsField:
			threads = threads*10 + int(text[at]-'0')
		case field == startField:
			since = since*10 + int64(text[at]-'0')
		}
	}
	return since*Tick - ahead, dead && threads <= 1, 0
}

// StartedSince reports whether a process was started after since, a time since boot in
// nanoseconds, or in the same tick.
func StartedSince(pid int, since int64) bool {
	started, err := startTime(pid)
	return err == 0 && started >= (since-ahead)/Tick*Tick
}

// fromStatus makes a record of the process that a status names, where there is no record: a
// supervisor of daemontools' was killed, or somebody has removed the lock file. The process
// is the service if /proc says that it was started when the service was, give or take two
// seconds. ok is false if it is not, or has gone.
func fromStatus(s Status) (r Record, ok bool) {
	const apart = 2e9
	if s.PID == 0 {
		return r, false
	}
	started, err := startTime(int(s.PID))
	if err != 0 {
		return r, false
	}
	real := bare.Clock(unix.CLOCK_REALTIME)
	since := (s.Since.Unix()-int64(real.Sec))*1e9 + int64(s.Since.Nanoseconds) - int64(real.Nsec) + Now()
	if started < since-apart || started > since+apart {
		return r, false
	}
	// If the container was restarted a moment ago, the status may be from before the restart.
	if began, err := startTime(1); err == 0 && since+Tick < began {
		return r, false
	}
	return Record{PID: s.PID, Started: started, Inode: ProcessInode(int(s.PID)), Made: Now(), Since: s.Since}, true
}
