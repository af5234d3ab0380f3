package table

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
	"catena/internal/tai64"
)

// Facts are what the supervisor of a service has published.
type facts struct {
	supervised bool           // there is a supervisor on record
	pid        int            // of run; 0 if it is not up
	record     service.Record // of the process, if it is up
	begun      tai64.Label    // the last start; zero if nobody knows
	died       tai64.Label    // the last death, if the service is down; zero if nobody knows
	want       byte
	state      service.State
	down       bool // there is the file down
}

// decided reports whether the end of the last start has been dealt with.
func (f *facts) decided() bool { return f.state.Starts != 0 && f.state.Decided == f.state.Starts }

// read reads the facts of a service. Package service is bare code for one thread, so the caller
// must hold the lock of the table.
func read(dir string, epoch service.Epoch) (f facts) {
	f.down = unix.Access(filepath.Join(dir, service.Down), unix.F_OK) == nil
	lock, err := open(filepath.Join(dir, service.Lock))
	if err != nil {
		return f
	}
	defer unix.Close(lock)
	_, found := service.ReadRecord(lock, service.OfSupervise, epoch)
	f.supervised = found == service.ThisOne
	f.state, _ = service.ReadState(lock)
	f.want = wanted(dir)
	record, found := service.ReadRecord(lock, service.OfRun, epoch)
	switch {
	case found != service.ThisOne:
	case record.PID != 0 && !record.Finish:
		f.begun, f.record = record.Since, record
		if f.state.Why == service.NotKnown && f.state.Last == record.PID && !f.decided() {
			f.pid = int(record.PID)
		}
	case record.Made != 0 && f.state.Starts != 0:
		f.begun, f.died = labelOf(record.Made), record.Since
	}
	return f
}

// open opens a file of a supervise folder for reading.
func open(name string) (fd int, err error) {
	return unix.Open(name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

// deaths are the last deaths of a service after a time, the oldest first.
func deaths(dir string, after time.Time) (list []service.Death) {
	fd, err := open(filepath.Join(dir, service.TallyFile))
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	b := make([]byte, mostDeaths*service.TallySize)
	n, err := unix.Read(fd, b)
	if err != nil {
		return nil
	}
	for b = b[:n]; len(b) >= service.TallySize; b = b[service.TallySize:] {
		if d := service.UnpackDeath(b); timeOf(d.When).After(after) {
			list = append(list, d)
		}
	}
	return list
}

// mostDeaths is more than compile has supervise keep.
const mostDeaths = 128

// wanted is what the status says is wanted of a service.
func wanted(dir string) byte {
	fd, err := open(filepath.Join(dir, service.StatusNow))
	if err != nil {
		return service.WantUp
	}
	defer unix.Close(fd)
	var b [service.StatusSize]byte
	if n, err := unix.Read(fd, b[:]); err != nil || n != len(b) {
		return service.WantUp
	}
	return service.UnpackStatus(b).Want
}

// labelOf is the label of a time since boot, as the machine has it.
func labelOf(since int64) tai64.Label {
	at := time.Now().Add(time.Duration(since - service.Now()))
	return tai64.FromUnix(unix.NsecToTimespec(at.UnixNano()))
}

// timeOf is the time of a label; the zero time if the label is zero.
func timeOf(l tai64.Label) time.Time {
	if l == (tai64.Label{}) {
		return time.Time{}
	}
	return time.Unix(l.Unix(), int64(l.Nanoseconds))
}

// seconds is a time in seconds since 1970, and 0 if there is none.
func seconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Unix()
}
