package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Open files: how they are opened, read and written.

// Open opens a file, relative to the working directory. The flags are those of open(2), and
// the mode is for a file that is created.
func Open(path string, flags int, mode uint32) (fd int, err Errno) {
	return OpenAt(Cwd, path, flags, mode)
}

// OpenAt is Open relative to an open directory.
//
// It always adds two flags. Somebody may have put a link to a terminal there, which must
// not become the controlling terminal of the process: O_NOCTTY. And without O_LARGEFILE a
// 32-bit process opens no file of more than 2 GiB.
func OpenAt(dir int, path string, flags int, mode uint32) (fd int, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return -1, err
	}
	r, _, err := rawSyscall6(unix.SYS_OPENAT, uintptr(dir), at, uintptr(flags|unix.O_NOCTTY|unix.O_LARGEFILE), uintptr(mode), 0, 0)
	if err != 0 {
		return -1, err
	}
	return int(r), 0
}

// OpenDirectory opens a directory as a place to find names in. This needs no permission to
// read it.
func OpenDirectory(in int, name string) (fd int, err Errno) {
	return OpenAt(in, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Reopen opens an open file again, with flags that it does not share. It needs /proc.
func Reopen(fd, flags int) (again int, err Errno) {
	var room [32]byte
	n := copy(room[:], "/proc/self/fd/")
	n += PutNumber(room[n:], uint64(fd))
	return Open(TextOf(room[:n]), flags|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

// Close closes a descriptor.
//
//go:noinline
func Close(fd int) { rawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// CloseOpen is Close for a descriptor that may not be open, which is an error.
func CloseOpen(fd int) Errno {
	_, _, err := rawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return err
}

// Read reads into p by one call, which it makes again if a signal came first. 0 is the end
// of the file.
func Read(fd int, p []byte) (n int, err Errno) {
	for {
		r, _, err := rawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if err != unix.EINTR {
			return int(r), named(err, noRead)
		}
	}
}

// Write writes all of p, whether signals come or not. For a file that takes nothing the
// error is ENOSPC.
func Write(fd int, p []byte) Errno {
	for len(p) > 0 {
		n, _, err := rawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch {
		case err == unix.EINTR:
		case err != 0:
			return namedWrite(err, deniedWrite, noWrite)
		case n == 0:
			return unix.ENOSPC
		default:
			p = p[n:]
		}
	}
	return 0
}

// WriteSome writes p by one call, and returns how many bytes were taken. It makes the call
// again if a signal came first.
func WriteSome(fd int, p []byte) (n int, err Errno) {
	for {
		r, _, err := rawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if err != unix.EINTR {
			return int(r), namedWrite(err, deniedWrite, noWrite)
		}
	}
}

// Fsync writes an open file, or directory, to disk.
func Fsync(fd int) Errno {
	for {
		_, _, err := rawSyscall(unix.SYS_FSYNC, uintptr(fd), 0, 0)
		if err != unix.EINTR {
			return named(err, noFsync)
		}
	}
}

// Umask sets the mode bits that new files do not get, and returns those that they did not get
// before.
func Umask(mask int) (was int) {
	r, _, _ := rawSyscall(unix.SYS_UMASK, uintptr(mask), 0, 0)
	return int(r)
}
