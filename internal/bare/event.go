package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poll is an epoll instance.
type Poll struct{ fd int }

// Event is what Wait returns: what was given to Add, twice as it likes it.
type Event struct {
	Which, Kind int32
}

// NewPoll makes an epoll instance, closed on exec.
func NewPoll() (Poll, Errno) {
	fd, _, err := unix.RawSyscall(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0)
	return Poll{int(fd)}, err
}

// Add waits for input on a descriptor from now on, until it is closed.
func (p Poll) Add(fd int, e Event) Errno {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: e.Which, Pad: e.Kind}
	_, _, err := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	return err
}

// WaitForHangUp waits on a descriptor no more for input, but for its end only: on a pidfd
// for the process to have been reaped, from Linux 6.9 on.
func (p Poll) WaitForHangUp(fd int, e Event) {
	event := unix.EpollEvent{Fd: e.Which, Pad: e.Kind}
	unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_MOD, uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
}

// Remove waits no more for input on a descriptor. Closing it does the same, but only
// once no child has a copy of it.
func (p Poll) Remove(fd int) {
	unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_DEL, uintptr(fd), 0, 0, 0)
}

var ready [64]unix.EpollEvent

// Wait waits for input, at most for so many milliseconds, or forever if that is
// negative. It returns how many events there are; At has them until the next call.
func (p Poll) Wait(milliseconds int) int {
	n, _, err := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&ready)), uintptr(len(ready)), uintptr(milliseconds), 0, 0)
	if err != 0 {
		return 0
	}
	return int(n)
}

// Until is how many milliseconds are left until a time since boot in nanoseconds,
// rounded up, as Wait takes it: negative is for ever, and so is Never.
func Until(at int64) (milliseconds int) {
	if at == Never {
		return -1
	}
	return int(max(0, at-SinceBoot()+1e6-1) / 1e6)
}

// Never is a time that does not come.
const Never = 1<<63 - 1

// At is an event of the last Wait.
func (p Poll) At(i int) Event { return Event{ready[i].Fd, ready[i].Pad} }

// WaitForTwo waits for input on two descriptors, or its end, and tells on which there
// is some; until is as for Until.
func WaitForTwo(first, second int, until int64) (one, other bool) {
	poll := [...]unix.PollFd{{Fd: int32(first), Events: unix.POLLIN}, {Fd: int32(second), Events: unix.POLLIN}}
	limit, at := unix.Timespec{}, uintptr(0)
	if until != Never {
		limit = unix.NsecToTimespec(max(until-SinceBoot(), 0))
		at = uintptr(unsafe.Pointer(&limit))
	}
	unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), uintptr(len(poll)), at, 0, 0, 0)
	return poll[0].Revents != 0, poll[1].Revents != 0
}

// WaitFor waits for input on one descriptor, at most for so many milliseconds, or
// forever if that is negative; it tells whether there is some, or its end.
func WaitFor(fd int, milliseconds int64) bool {
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	limit := unix.NsecToTimespec(max(milliseconds, 0) * 1e6)
	at := uintptr(unsafe.Pointer(&limit))
	if milliseconds < 0 {
		at = 0
	}
	unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, at, 0, 0, 0)
	return poll.Revents != 0
}
