package explain

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a link does outside of its process is not done. A file is neither made nor emptied,
// a lock is not taken, nobody is waited for at a FIFO, and messages are kept for the report. The
// link finds what it would find; what it would have done is noted.

// A fileID is a file, by device and inode.
type fileID struct{ device, inode uint64 }

func identify(file string) (id fileID, ok bool) {
	var status unix.Stat_t
	err := unix.Stat(file, &status)
	return fileID{uint64(status.Dev), status.Ino}, err == nil
}

// A substitute is what a link finds opened in place of a file.
type substitute struct {
	name  string // of the file
	about string // why it is not the file
}

// enters looks at a system call before the kernel does it.
func (t *tracer) enters(p *process) {
	if t.leaves(p) {
		return
	}
	a := p.args
	switch p.number {
	case unix.SYS_OPENAT:
		t.opens(p, int32(a[0]), uintptr(a[1]), 2)
	case sysOpen:
		t.opens(p, unix.AT_FDCWD, uintptr(a[0]), 1)
	case unix.SYS_FLOCK:
		t.locks(p, int(int32(a[0])), int(a[1]))
	case unix.SYS_FCNTL:
		t.controls(p, int(int32(a[0])), int(a[1]), uintptr(a[2]))
	case unix.SYS_WRITE:
		t.writes(p, a[0], []piece{{uintptr(a[1]), int(a[2])}})
	case unix.SYS_PWRITE64:
		t.changes(p, int(int32(a[0])), int64(a[2]))
	case unix.SYS_FTRUNCATE:
		t.changes(p, int(int32(a[0])), 0)
	case unix.SYS_WRITEV:
		t.writes(p, a[0], readVector(p.pid, uintptr(a[1]), int(a[2])))
	}
}

func (t *tracer) note(format string, words ...any) {
	s, note := t.steps[len(t.steps)-1], fmt.Sprintf(format, words...)
	if !slices.Contains(s.notes, note) {
		s.notes = append(s.notes, note)
	}
}

// opens deals with open(2). The index is that of the flags among the arguments.
func (t *tracer) opens(p *process, dir int32, at uintptr, index int) {
	flags, path := int(p.args[index]), readString(p.pid, at)
	if flags&unix.O_PATH != 0 || flags&unix.O_TMPFILE == unix.O_TMPFILE {
		return
	}
	info, err := os.Stat(p.here(dir, path))
	name := p.absolute(dir, path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && flags&unix.O_CREAT != 0 && path != "" && !strings.HasSuffix(path, "/"):
		t.makes(p, dir, at, path, index)
	case errors.Is(err, fs.ErrNotExist):
	case err != nil: // explain may see less than the link
		p.setArgument(index, uint64(flags&^(unix.O_CREAT|unix.O_TRUNC)))
	case info.Mode()&fs.ModeNamedPipe != 0 && !isOwnPipe(name):
		p.setArgument(index, uint64(unix.O_PATH|flags&unix.O_CLOEXEC))
		t.note("%s is a FIFO, and is not opened: another process may wait for that", name)
		t.standsFor(p, name, "a FIFO, not opened")
	case flags&unix.O_TRUNC != 0 && info.Mode().IsRegular():
		p.setArgument(index, uint64(flags&^unix.O_TRUNC))
		if info.Size() > 0 {
			t.note("%s has %d bytes, and would be emptied", name, info.Size())
		}
	}
}

// makes has the process open a file without a name in place of one that is not there. So the
// kernel says whether the process may make a file in that folder, and nothing is left of it.
func (t *tracer) makes(p *process, dir int32, at uintptr, path string, index int) {
	folder := filepath.Dir(path)
	flags := int(p.args[index])&^(unix.O_CREAT|unix.O_EXCL|unix.O_TRUNC) | unix.O_TMPFILE
	if flags&unix.O_ACCMODE == unix.O_RDONLY {
		flags |= unix.O_RDWR // or there can be no file without a name
	}
	if !hasNamelessFiles(p.here(dir, folder)) {
		flags = unix.O_PATH | flags&unix.O_CLOEXEC // the folder itself
	}
	// The folder has no more bytes than the path and the NUL.
	was := (path + "\x00")[:len(folder)+1]
	if _, err := unix.PtracePokeData(p.pid, at, []byte(folder+"\x00")); err != nil {
		p.failed = err
		return
	}
	p.setArgument(index, uint64(flags))
	name := p.behindLinks(p.absolute(dir, path))
	t.standsFor(p, name, "not there yet")
	named := p.after
	p.after = func(result int64) {
		unix.PtracePokeData(p.pid, at, []byte(was))
		if named(result); result >= 0 {
			t.note("%s would be made", name)
		}
	}
}

// hasNamelessFiles reports whether the file system of a folder has files without names.
func hasNamelessFiles(folder string) bool {
	fd, err := unix.Open(folder, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	unix.Close(fd)
	return err != unix.EOPNOTSUPP && err != unix.EISDIR
}

// isOwnPipe reports whether a name is that of a descriptor: a pipe that was made for the chain.
func isOwnPipe(name string) bool {
	folder := filepath.Dir(name)
	return folder == "/dev/fd" || folder == "/proc/self/fd" || strings.HasPrefix(name, "/dev/std")
}

// standsFor notes the name of what the process opens now, and what there is to say about it.
func (t *tracer) standsFor(p *process, name, about string) {
	p.after = func(result int64) {
		if id, ok := identify(fmt.Sprintf("/proc/%d/fd/%d", p.pid, result)); ok && result >= 0 {
			t.opened[id] = substitute{name, about}
		}
	}
}

// nameOpened puts the names of files in place of what was opened for them.
func (t *tracer) nameOpened(s *state, pid int) {
	for i, d := range s.Descriptors {
		if is, ok := t.openedAs(pid, d.Number); ok {
			s.Descriptors[i].File = is.name
			s.Descriptors[i].Mode += ", " + is.about
		}
	}
}

func (t *tracer) openedAs(pid, fd int) (substitute, bool) {
	id, _ := identify(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	is, ok := t.opened[id]
	return is, ok
}

// controls deals with fcntl(2), which takes locks of another kind, and changes the flags of a FIFO
// that is not opened.
func (t *tracer) controls(p *process, fd, command int, at uintptr) {
	const setOFD, setOFDWaiting = 37, 38 // F_OFD_SETLK and F_OFD_SETLKW
	switch command {
	case unix.F_SETLK, unix.F_SETLKW, setOFD, setOFDWaiting:
		how := unix.LOCK_EX
		switch kind := readMemory(p.pid, at, 2); {
		case len(kind) < 2 || kind[0] == unix.F_UNLCK:
			return
		case kind[0] == unix.F_RDLCK:
			how = unix.LOCK_SH
		}
		if command == unix.F_SETLK || command == setOFD {
			how |= unix.LOCK_NB
		}
		t.locks(p, fd, how)
	case unix.F_SETFL:
		info, _ := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", p.pid, fd))
		if descriptorFlags(string(info))&unix.O_PATH != 0 {
			p.skip(0)
		}
	}
}

// locks deals with a lock of a file, which is flock(2)'s or fcntl(2)'s. To take a lock, be it for
// an instant, could fail a service that starts just then.
func (t *tracer) locks(p *process, fd, how int) {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.pid, fd))
	if err != nil || how&unix.LOCK_UN != 0 {
		return
	}
	if is, ok := t.openedAs(p.pid, fd); ok {
		name = is.name
	}
	file := lockedFile(p.pid, fd)
	holder := holderOf(file, how&unix.LOCK_EX != 0)
	if mine := t.locked[file]; mine&unix.LOCK_EX != 0 || mine != 0 && how&unix.LOCK_EX != 0 {
		holder = "this chain itself"
	}
	if holder != "" && !t.waits[file] {
		t.note("%s is locked by %s", name, holder)
	}
	switch {
	case holder == "" || t.waits[file]:
		t.locked[file] |= how &^ unix.LOCK_NB
		t.note("%s would be locked", name)
		p.skip(0)
	case how&unix.LOCK_NB != 0:
		p.skip(-int64(unix.EWOULDBLOCK))
	default:
		t.waits[file] = true
		t.note("it would wait for the lock; what follows is so when the lock has come")
		p.skip(0)
	}
}

// lockedFile names a file as /proc/locks does: by the device of its file system, and its inode.
func lockedFile(pid, fd int) string {
	info, _ := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	mounts, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // its number, that of its parent, major:minor
		if len(fields) > 2 && fields[0] == field(string(info), "mnt_id:") {
			var major, minor int
			fmt.Sscanf(fields[2], "%d:%d", &major, &minor)
			return fmt.Sprintf("%02x:%02x:%s", major, minor, field(string(info), "ino:"))
		}
	}
	return ""
}

// holderOf says who holds a lock that keeps out another one, or nothing.
func holderOf(file string, exclusive bool) string {
	list, err := os.Open("/proc/locks")
	if err != nil || file == "" {
		return ""
	}
	defer list.Close()
	for lines := bufio.NewScanner(list); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // 1: FLOCK ADVISORY WRITE pid file from to
		if len(fields) < 6 || fields[1] == "->" || fields[5] != file || fields[1] == "LEASE" {
			continue
		}
		if exclusive || fields[3] == "WRITE" {
			return processName(fields[4])
		}
	}
	return ""
}

func processName(pid string) string {
	if n, err := strconv.Atoi(pid); err != nil || n <= 0 {
		return "a process" // an open file's, or one of another namespace
	}
	name, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "process " + pid
	}
	return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(name)))
}

// A piece of memory of a process.
type piece struct {
	at uintptr
	n  int
}

// writes keeps what a link writes to its standard descriptors.
func (t *tracer) writes(p *process, fd uint64, from []piece) {
	const most = 4096
	if fd != 1 && fd != 2 {
		return
	}
	s, all := t.steps[len(t.steps)-1], 0
	for _, text := range from {
		room := max(most-len(s.says), 0)
		s.says = append(s.says, readMemory(p.pid, text.at, min(text.n, room))...)
		all += text.n
	}
	p.skip(int64(all))
}

// changes deals with what is written into a file at a place, or cut off, as a pidfile is.
func (t *tracer) changes(p *process, fd int, size int64) {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.pid, fd))
	if is, ok := t.openedAs(p.pid, fd); ok {
		name = is.name
	}
	t.note("%s would be written", name)
	p.skip(size)
}

// readVector reads what writev(2) takes.
func readVector(pid int, at uintptr, n int) (list []piece) {
	const word, most = 8, 64
	text := readMemory(pid, at, min(max(n, 0), most)*2*word)
	for ; len(text) >= 2*word; text = text[2*word:] {
		list = append(list, piece{nativeWord(text), int(nativeWord(text[word:]))})
	}
	return list
}
