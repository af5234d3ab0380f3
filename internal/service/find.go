package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// What a supervisor finds in a service directory when it has taken the lock, and what of it
// counts.

// A Finding is what Find finds.
type Finding struct {
	Record Record // of the process of the service
	What   int    // NoRecord, Elsewhere, ThisOne or OfStatus: where Record is from
	Status Status
	OK     bool // there is a Status, and it counts

	Unfit bare.Errno // why the lock file cannot be used; 0 if it can
	Links uint32     // how many names the lock file has; 0 if it has been removed or replaced
	Owner uint32     // the uid that owns the lock file

	claimed bool        // the lock file says that it belongs here
	file    bare.Status // of the lock file
}

// Find reads the lock file and the status of a directory. It ignores what is of another boot
// or PID namespace, and what is of another service, because the directory is a copy of the
// other service's. It fills in f.
func Find(dir, lock int, now Epoch, f *Finding) bare.Errno {
	*f = Finding{}
	var l ledger
	if err := l.read(lock, now); err != 0 {
		return err
	}
	f.Unfit, f.Links, f.Owner = judge(dir, l.file), l.file.Links, l.file.Owner
	f.claimed, f.file = l.origin == thisOrigin, l.file
	var old bool
	f.Record, old, f.What = l.record(OfRun, now)
	if f.Unfit != 0 { // anybody may have written the record
		f.Record, f.What = Record{}, Elsewhere
		return 0
	}
	status, file, ok := findStatus(dir)
	switch {
	case f.What == Elsewhere && l.origin == otherFile:
		// Somebody may have restored the directory from a backup while its service runs. If
		// so, the process works in this directory.
		if f.Record.PID != 0 && f.Record.Runs() && worksIn(dir, f.Record.PID) {
			f.What = ThisOne
		}
	case f.What == ThisOne && old && !belongs(dir, f.Record.PID, l.file):
		f.What = Elsewhere
	case f.What == NoRecord && ok:
		if r, is := fromStatus(status); is && belongs(dir, r.PID, file) {
			f.Record, f.What = r, OfStatus
		}
	}
	if pid := f.Record.PID; pid == 1 || pid != 0 && int(pid) == bare.Getpid() {
		f.What = Elsewhere // these are no services, whatever the record says
	}
	if f.OK = ok && f.What != Elsewhere; f.OK {
		f.Status = status
	}
	if f.What == Elsewhere {
		f.Record = Record{}
	}
	return 0
}

// Claim writes the record of the supervisor, mine, into a lock file after Find. If the file
// does not say that it belongs here, Claim writes that too, and erases what does not count.
func Claim(lock int, f *Finding, mine Record, now Epoch) bare.Errno {
	if f.claimed {
		return WriteRecord(lock, OfSupervise, mine, now)
	}
	if err := begin(lock, f.file, f.Record, mine, f.What == ThisOne, now); err != 0 {
		return err
	}
	f.claimed = true
	return 0
}

// Begin writes a whole lock file, after Claim has failed: both records, an empty state, and
// the origin.
func Begin(lock int, r, mine Record, now Epoch) bare.Errno {
	file, err := bare.StatOpen(lock)
	if err != 0 {
		return err
	}
	return begin(lock, file, r, mine, false, now)
}

// begin writes a whole lock file. With keep the state stays as it is.
func begin(lock int, file bare.Status, r, mine Record, keep bool, now Epoch) bare.Errno {
	var b [originAt + originSize]byte
	if keep {
		if _, err := bare.ReadAt(lock, b[:], 0); err != 0 {
			return err
		}
		clear(b[:stateAt])
	}
	if r.PID != 0 || r.Made != 0 {
		r.pack(b[:recordSize], now)
	}
	mine.pack(b[recordSize:stateAt], now)
	packOrigin(b[originAt:], file, now)
	return put(lock, b[:], 0)
}

// findStatus reads a status, and the status file's metadata. ok is false unless a supervisor
// has written the file.
func findStatus(dir int) (s Status, file bare.Status, ok bool) {
	fd, file, err := open(dir, StatusNow, unix.O_RDONLY, 0)
	if err != 0 {
		return s, file, false
	}
	var b [StatusSize]byte
	n := 0
	if judge(dir, file) == 0 {
		n, err = bare.Read(fd, b[:])
	}
	bare.Close(fd)
	return UnpackStatus(b), file, err == 0 && n == StatusSize
}

// belongs reports whether a process is the service of a directory although no origin says so.
// A file there names the process; it may be a copy of another service's file.
func belongs(dir int, pid uint32, file bare.Status) bool {
	switch {
	case pid != 0 && worksIn(dir, pid):
		return true
	case isCopy(file):
		return false
	}
	return pid == 0 || !isOthers(pid)
}

// isCopy reports whether a file was made later than it was last written. Such a file is a
// copy that has kept the time of its original.
func isCopy(file bare.Status) bool {
	const bits = 56 // that Born has
	later := (file.Born - uint64(file.Written)) & (1<<bits - 1)
	return file.Born != 0 && 0 < later && later < 1<<(bits-1)
}

// worksIn reports whether a directory is the working directory of a process. It needs /proc,
// and returns false without.
func worksIn(dir int, pid uint32) bool {
	var room [64]byte
	its, err := bare.Stat(bare.Cwd, inProc(room[:], int(pid), "/cwd"))
	if err != 0 || otherProc {
		return false
	}
	here, err := bare.Stat(dir, ".")
	return err == 0 && its.File == here.File
}

// isOthers reports whether a process is the service of another directory: whether the status
// below its working directory names it.
func isOthers(pid uint32) bool {
	var room [64]byte
	fd, err := bare.Open(inProc(room[:], int(pid), "/cwd/"+StatusNow), unix.O_RDONLY|safely, 0)
	if err != 0 || otherProc {
		return false
	}
	var b [StatusSize]byte
	n, _ := bare.Read(fd, b[:])
	bare.Close(fd)
	return n == StatusSize && UnpackStatus(b).PID == pid
}

// inProc returns the path /proc/PID followed by what.
func inProc(room []byte, pid int, what string) string {
	n := copy(room, "/proc/")
	n += bare.PutNumber(room[n:], uint64(pid))
	n += copy(room[n:], what)
	return bare.TextOf(room[:n])
}
