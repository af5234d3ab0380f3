package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Waiting for several descriptors: an epoll instance for many, poll(2) for one or two.

// Poll is an epoll instance.
type Poll struct{ fd int }

// Event is the two numbers given to Add, which Wait returns. They mean what the caller
// likes.
type Event struct {
	Which, Kind int32
}

// NewPoll makes an epoll instance, closed on exec.
func NewPoll() (Poll, Errno) {
	fd, _, err := rawSyscall(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0)
	if err != 0 {
		return Poll{-1}, named(err, noEpollCreate)
	}
	p := Poll{int(fd)}
	_, err = p.wait(0) // if waiting is refused, callers of Wait would spin
	return p, err
}

// Add makes Wait report input on a descriptor, until that is closed.
func (p Poll) Add(fd int, e Event) Errno {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: e.Which, Pad: e.Kind}
	_, _, err := rawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	return named(err, noEpollCtl)
}

// WaitForHangUp makes Wait report no input on a descriptor any more, but only its end. The
// end of a pidfd is that the process has been reaped, from Linux 6.9 on.
func (p Poll) WaitForHangUp(fd int, e Event) {
	event := unix.EpollEvent{Fd: e.Which, Pad: e.Kind}
	rawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_MOD, uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
}

// Remove makes Wait report nothing of a descriptor any more. Closing the descriptor does
// the same, but only once no child has a copy of it.
func (p Poll) Remove(fd int) {
	rawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_DEL, uintptr(fd), 0, 0, 0)
}

var ready [64]unix.EpollEvent

// Wait waits for input, at most for so many milliseconds, or for ever if that is negative.
// It returns how many events have come. At returns each of them, until the next call of
// Wait.
func (p Poll) Wait(milliseconds int) int {
	n, err := p.wait(milliseconds)
	if err != 0 {
		return 0 // a signal, as after SIGSTOP and SIGCONT
	}
	return n
}

func (p Poll) wait(milliseconds int) (n int, err Errno) {
	r, _, err := rawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&ready)), uintptr(len(ready)), uintptr(milliseconds), 0, 0)
	if isRefusal(err) {
		time := unix.NsecToTimespec(int64(milliseconds) * 1e6)
		limit := &time
		if milliseconds < 0 {
			limit = nil
		}
		r, _, err = rawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&ready)), uintptr(len(ready)), uintptr(unsafe.Pointer(limit)), 0, 0)
	}
	return int(r), named(err, noEpollWait)
}

// Until is how many milliseconds are left until a time, rounded up, in the form that Wait
// takes. The time is in nanoseconds since boot. For Never the result is negative, which is
// for ever.
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

// WaitForTwo waits until one of two descriptors has input or has ended, and reports which
// has. It waits until a time since boot in nanoseconds, or Never.
func WaitForTwo(first, second int, until int64) (one, other bool, err Errno) {
	return waitForTwo(first, unix.POLLIN, second, until)
}

// WaitForRoom is WaitForTwo, but waits until the first descriptor has room to write.
func WaitForRoom(first, second int, until int64) (one, other bool, err Errno) {
	return waitForTwo(first, unix.POLLOUT, second, until)
}

func waitForTwo(first int, events int16, second int, until int64) (one, other bool, err Errno) {
	poll := [...]unix.PollFd{{Fd: int32(first), Events: events}, {Fd: int32(second), Events: unix.POLLIN}}
	var left unix.Timespec
	var limit *unix.Timespec
	if until != Never {
		left = unix.NsecToTimespec(max(until-SinceBoot(), 0))
		limit = &left
	}
	err = waitForSome(poll[:], limit)
	if err == unix.EINTR {
		err = 0
	}
	return poll[0].Revents != 0, poll[1].Revents != 0, err
}

// WaitFor waits until a descriptor has input or has ended, and reports whether it has. It
// waits for at most so many milliseconds, or for ever if that is negative.
func WaitFor(fd int, milliseconds int64) bool {
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	time := unix.NsecToTimespec(max(milliseconds, 0) * 1e6)
	limit := &time
	if milliseconds < 0 {
		limit = nil
	}
	waitForSome(unsafe.Slice(&poll, 1), limit)
	return poll.Revents != 0
}

// waitForSome is ppoll(2) with pselect6(2) in reserve. Limit is nil for no limit.
func waitForSome(poll []unix.PollFd, limit *unix.Timespec) Errno {
	_, _, err := rawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(poll))), uintptr(len(poll)), uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	if !isRefusal(err) {
		return err
	}
	const most = 1024
	var readable, writable [most / 64]uint64
	for _, p := range poll {
		if p.Fd < 0 || p.Fd >= most { // ppoll(2) ignores a negative one
			Sleep(10e6) // callers look again
			return 0
		}
		if p.Events&unix.POLLOUT != 0 {
			writable[p.Fd/64] |= 1 << (p.Fd % 64)
		} else {
			readable[p.Fd/64] |= 1 << (p.Fd % 64)
		}
	}
	_, _, err = rawSyscall6(unix.SYS_PSELECT6, most, uintptr(unsafe.Pointer(&readable)), uintptr(unsafe.Pointer(&writable)), 0, uintptr(unsafe.Pointer(limit)), 0)
	for i := range poll {
		if p := &poll[i]; err == 0 && (readable[p.Fd/64]|writable[p.Fd/64])&(1<<(p.Fd%64)) != 0 {
			p.Revents = p.Events
		}
	}
	return named(err, noPpoll)
}
