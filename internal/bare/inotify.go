package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// NewInotify returns a descriptor of inotify(7), closed on exec. It is readable when
// something has happened that WatchFile was asked for.
func NewInotify() (fd int, err Errno) {
	r, _, err := rawSyscall(unix.SYS_INOTIFY_INIT1, unix.IN_CLOEXEC|unix.IN_NONBLOCK, 0, 0)
	return int(r), named(err, noInotifyInit)
}

// WatchFile adds events of inotify(7) to those that are reported for the file at a path. The
// events have the number which.
func WatchFile(fd int, path string, events uint32) (which int32, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return 0, err
	}
	r, _, err := rawSyscall(unix.SYS_INOTIFY_ADD_WATCH, uintptr(fd), at, uintptr(events|unix.IN_MASK_ADD))
	return int32(r), named(err, noInotifyWatch)
}

// UnwatchFile ends the events of a file.
func UnwatchFile(fd int, which int32) {
	rawSyscall(unix.SYS_INOTIFY_RM_WATCH, uintptr(fd), uintptr(which), 0)
}

// Changes are events of watched files.
type Changes struct {
	Which int32  // what WatchFile has returned for the file of the last event
	Mask  uint32 // the bits of the last event

	fd       int // -1 after the read
	at, have int
}

// changed holds the events that are being read. One Changes is used at a time.
var changed [4096]byte

// ReadChanges begins to read events. It stops after one read(2), so that other work has its
// turn before the next.
func ReadChanges(fd int) Changes { return Changes{fd: fd} }

// Next is the next event. The name is that of the file in a directory that the event is
// about, or empty. Ok is false at the end.
func (c *Changes) Next() (name string, ok bool) {
	if c.at == c.have {
		if c.fd < 0 {
			return "", false
		}
		n, err := Read(c.fd, changed[:])
		c.fd = -1
		if err != 0 || n <= 0 {
			return "", false
		}
		c.have = n
	}
	event := (*unix.InotifyEvent)(unsafe.Pointer(&changed[c.at]))
	text := uintptr(unsafe.Pointer(&changed[c.at])) + unix.SizeofInotifyEvent
	c.at += unix.SizeofInotifyEvent + int(event.Len)
	c.Which, c.Mask = event.Wd, event.Mask
	if event.Len == 0 {
		return "", true
	}
	return textAt(text), true
}
