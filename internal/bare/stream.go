package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Streams that other processes share, and may have made non-blocking.

// IsTerminal reports whether a descriptor is that of a terminal, or why not.
func IsTerminal(fd int) (bool, Errno) {
	var settings unix.Termios
	_, _, err := rawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.TCGETS, uintptr(unsafe.Pointer(&settings)))
	return err == 0, err
}

// ReadStream is Read, but waits for input even if the stream is non-blocking.
func ReadStream(fd int, p []byte) (n int, err Errno) {
	for {
		n, err = Read(fd, p)
		if err != unix.EAGAIN {
			return n, err
		}
		if err = await(fd, unix.POLLIN); err != 0 {
			return 0, err
		}
	}
}

// WriteStream is Write, but waits for room even if the stream is non-blocking.
func WriteStream(fd int, p []byte) Errno {
	for len(p) > 0 {
		n, err := WriteSome(fd, p)
		switch {
		case err == unix.EAGAIN:
			if err = await(fd, unix.POLLOUT); err != 0 {
				return err
			}
		case err != 0:
			return err
		case n == 0:
			return unix.ENOSPC
		default:
			p = p[n:]
		}
	}
	return 0
}

// await waits for one of the events of poll(2) on a descriptor, or for its end.
func await(fd int, events int16) Errno {
	poll := unix.PollFd{Fd: int32(fd), Events: events}
	for {
		if err := waitForSome(unsafe.Slice(&poll, 1), nil); err != unix.EINTR {
			return err
		}
	}
}
