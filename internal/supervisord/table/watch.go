package table

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
	"catena/internal/supervisord/journal"
)

// inotify tells when a supervisor has published something: a new status comes by a rename, and the
// first one of all is closed. A service that has no folder supervise yet is watched itself until
// there is one.

const (
	ofFolder = unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE | unix.IN_ONLYDIR
	ofDir    = unix.IN_CREATE | unix.IN_DELETE | unix.IN_ONLYDIR
)

// lookAgain is how often all services are looked at if inotify cannot watch them.
const lookAgain = time.Second

// watch begins to read what inotify tells.
func (t *Table) watch() {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.inotify = -1
		t.goBlind(err)
		return
	}
	t.inotify = fd
	go t.readWatches(os.NewFile(uintptr(fd), "inotify"))
}

// goBlind has all services looked at again and again.
func (t *Table) goBlind(why error) {
	if t.blind {
		return
	}
	t.blind = true
	t.log.Say(journal.Warning, "unable to watch the services, looking every second: "+why.Error())
	var again func()
	again = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, p := range t.processes {
			p.look()
		}
		time.AfterFunc(lookAgain, again)
	}
	time.AfterFunc(lookAgain, again)
}

// follow has inotify tell of a process.
func (t *Table) follow(p *process) {
	if t.inotify < 0 {
		return
	}
	watch := func(path string, events uint32) (int32, error) {
		which, err := unix.InotifyAddWatch(t.inotify, path, events)
		return int32(which), err
	}
	folder, err := watch(filepath.Join(p.dir, service.Folder), ofFolder)
	if err == unix.ENOENT {
		if folder, err = watch(p.dir, ofDir); err == nil {
			p.waits = true
			if made, there := watch(filepath.Join(p.dir, service.Folder), ofFolder); there == nil { // by now
				unix.InotifyRmWatch(t.inotify, uint32(folder))
				folder, p.waits = made, false
			}
		}
	}
	if err != nil && err != unix.ENOENT { // a service that has gone
		t.goBlind(err)
		return
	}
	t.watched[folder], p.watching = p, folder
}

// unfollow ends that.
func (t *Table) unfollow(p *process) {
	if t.inotify >= 0 && p.watching != 0 {
		unix.InotifyRmWatch(t.inotify, uint32(p.watching))
		delete(t.watched, p.watching)
	}
	if p.timer != nil {
		p.timer.Stop()
	}
}

// readWatches looks at the processes that inotify names.
func (t *Table) readWatches(inotify *os.File) {
	room := make([]byte, 16<<10)
	for {
		n, err := inotify.Read(room)
		if err != nil {
			t.mu.Lock()
			t.goBlind(err)
			t.mu.Unlock()
			return
		}
		t.readEvents(room[:n])
	}
}

// readEvents looks once at each process that a batch of events is about.
func (t *Table) readEvents(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var due []*process
	for len(b) >= unix.SizeofInotifyEvent {
		which, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
		length := int(binary.NativeEndian.Uint32(b[12:]))
		name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+length]), "\x00")
		b = b[unix.SizeofInotifyEvent+length:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			due = append(due[:0], t.processes...)
			break
		}
		p := t.watched[which]
		if p == nil || p.isDue || !p.waits && name != filepath.Base(service.StatusNow) {
			continue
		}
		p.isDue = true
		due = append(due, p)
	}
	for _, p := range due {
		if p.isDue = false; p.waits {
			t.unfollow(p)
			p.waits, p.watching = false, 0
			t.follow(p)
		}
		p.look()
	}
}
