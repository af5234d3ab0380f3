package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pipes and FIFOs: how they are made, and what is in them.

// Pipe makes a pipe. The flags are those of pipe2(2).
func Pipe(flags int) (r, w int, err Errno) {
	var fds [2]int32
	_, _, err = rawSyscall(unix.SYS_PIPE2, uintptr(unsafe.Pointer(&fds)), uintptr(flags), 0)
	return int(fds[0]), int(fds[1]), named(err, noPipe2)
}

// PipeSize is how many bytes a pipe has room for; 0 if it is no pipe.
func PipeSize(pipe int) int {
	n, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(pipe), unix.F_GETPIPE_SZ, 0)
	if err != 0 {
		return 0
	}
	return int(n)
}

// SetPipeSize asks for room for n bytes in a pipe. The kernel refuses more than the account
// may have in all its pipes, and less than what is in this pipe.
func SetPipeSize(pipe, n int) Errno {
	_, _, err := rawSyscall(unix.SYS_FCNTL, uintptr(pipe), unix.F_SETPIPE_SZ, uintptr(n))
	return err
}

// Unread is how many bytes are in a pipe.
func Unread(pipe int) (n int32) {
	_, _, err := rawSyscall(unix.SYS_IOCTL, uintptr(pipe), unix.TIOCINQ, uintptr(unsafe.Pointer(&n)))
	if isRefusal(err) && WaitFor(pipe, 0) {
		return 1 // at least
	}
	return n
}

// HasWriter reports whether anybody has a pipe open for writing. fd is the end of the pipe
// for reading.
func HasWriter(fd int) bool {
	poll := unix.PollFd{Fd: int32(fd)}
	waitForSome(unsafe.Slice(&poll, 1), &unix.Timespec{})
	return poll.Revents&unix.POLLHUP == 0
}

// Tee duplicates at most n bytes of a pipe to another pipe. It takes none out of the first,
// and waits for none. 0 is the end of the pipe; EINVAL means that it is no pipe.
func Tee(pipe, to, n int) (there int, err Errno) {
	for {
		r, _, err := rawSyscall6(unix.SYS_TEE, uintptr(pipe), uintptr(to), uintptr(n), unix.SPLICE_F_NONBLOCK, 0, 0)
		if err != unix.EINTR {
			return int(r), named(err, noTee)
		}
	}
}

// Splice moves at most n bytes from a pipe to an open file, and waits for nothing. at is where in
// the file they go; it is negative if the file has no places. What has been moved is not in the
// pipe any more, and what is not in the pipe any more has been moved, whatever kills the process.
// EINVAL means that the file system cannot do this.
func Splice(pipe, to int, at int64, n int) (moved int, err Errno) {
	place := &at
	if at < 0 {
		place = nil
	}
	for {
		r, _, err := rawSyscall6(unix.SYS_SPLICE, uintptr(pipe), 0, uintptr(to), uintptr(unsafe.Pointer(place)), uintptr(n), unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(r), named(err, noSplice)
		}
	}
}

// ReadApart reads at most n bytes in one call. The first byte goes to one address, and the
// others go to another. If the kernel cannot write to the first of these addresses that it
// needs, the error is EFAULT and nothing has been read.
func ReadApart(fd int, first, rest uintptr, n int) (got int, err Errno) {
	parts := [2]struct{ at, n uintptr }{{first, 1}, {rest, uintptr(n - 1)}}
	for {
		r, _, err := rawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&parts)), uintptr(min(n, len(parts))))
		if err != unix.EINTR {
			return int(r), named(err, noReadv)
		}
	}
}
