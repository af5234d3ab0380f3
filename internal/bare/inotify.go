package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// NewWatch returns a descriptor, closed on exec, that is readable when something has
// happened that Watch was asked for.
func NewWatch() (fd int, err Errno) {
	r, _, err := unix.RawSyscall(unix.SYS_INOTIFY_INIT1, unix.IN_CLOEXEC|unix.IN_NONBLOCK, 0, 0)
	return int(r), err
}

// Watch waits for events of inotify(7) at a path from now on.
func Watch(fd int, path string, events uint32) Errno {
	at, err := cpath(path)
	if err == 0 {
		_, _, err = unix.RawSyscall(unix.SYS_INOTIFY_ADD_WATCH, uintptr(fd), at, uintptr(events))
	}
	return err
}

// Changes is what has happened in watched directories.
type Changes struct {
	fd       int
	at, have int
	mask     uint32
}

// changed is the events that are being read; one directory is watched at a time.
var changed [4096]byte

// ReadChanges begins to take what has happened.
func ReadChanges(fd int) Changes { return Changes{fd: fd} }

// Made tells whether the last event was a directory that was made in place.
func (c *Changes) Made() bool {
	return c.mask&unix.IN_CREATE != 0 && c.mask&unix.IN_ISDIR != 0
}

// Next is the next name that has come or gone; ok is false at the end. The name is
// empty when the kernel has lost count: then any may have changed.
func (c *Changes) Next() (name string, ok bool) {
	if c.at == c.have {
		n, err := Read(c.fd, changed[:])
		if err != 0 || n <= 0 {
			return "", false
		}
		c.at, c.have = 0, n
	}
	event := (*unix.InotifyEvent)(unsafe.Pointer(&changed[c.at]))
	text := uintptr(unsafe.Pointer(&changed[c.at])) + unix.SizeofInotifyEvent
	c.at += unix.SizeofInotifyEvent + int(event.Len)
	c.mask = event.Mask
	if event.Len == 0 {
		return "", true
	}
	return textAt(text), true
}
