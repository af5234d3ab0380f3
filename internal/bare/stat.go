package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Status is what statx(2) says of a file.
type Status struct {
	Mode    uint16
	Links   uint32
	Size    int64 // in bytes
	File    Identity
	Written int64  // when it was changed, in nanoseconds since the beginning of 1970
	Born    uint64 // when it was made, in nanoseconds, the low 7 bytes; 0 if nobody knows
}

// Stat is the status of the file of a name in an open directory, or Cwd.
func Stat(dir int, path string) (s Status, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return s, err
	}
	return stat(dir, at, 0)
}

// StatOpen is the status of an open file.
func StatOpen(fd int) (Status, Errno) {
	return stat(fd, uintptr(unsafe.Pointer(&noPath)), unix.AT_EMPTY_PATH)
}

func stat(dir int, path, flags uintptr) (Status, Errno) {
	var x unix.Statx_t
	_, _, err := unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, uintptr(unsafe.Pointer(&x)), 0)
	born := (uint64(x.Btime.Sec)*1e9 + uint64(x.Btime.Nsec)) & (1<<56 - 1)
	written := int64(x.Mtime.Sec)*1e9 + int64(x.Mtime.Nsec)
	return Status{x.Mode, x.Nlink, int64(x.Size), identity(&x), written, born}, err
}

// Link gives a file another name.
func Link(dir int, from, to string) Errno {
	return twoPaths(unix.SYS_LINKAT, dir, from, to)
}

// Unlink removes a name.
func Unlink(dir int, path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall(unix.SYS_UNLINKAT, uintptr(dir), at, 0)
	return err
}

// Chmod sets the mode of a file.
func Chmod(dir int, path string, mode uint32) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall(unix.SYS_FCHMODAT, uintptr(dir), at, uintptr(mode))
	return err
}

// Fchmod sets the mode of an open file.
func Fchmod(fd int, mode uint32) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_FCHMOD, uintptr(fd), uintptr(mode), 0)
	return err
}

// Fsync writes an open file, or directory, to disk.
func Fsync(fd int) Errno {
	for {
		_, _, err := unix.RawSyscall(unix.SYS_FSYNC, uintptr(fd), 0, 0)
		if err != unix.EINTR {
			return err
		}
	}
}

// Umask sets the mode bits that new files do not get.
func Umask(mask int) { unix.RawSyscall(unix.SYS_UMASK, uintptr(mask), 0, 0) }

// WriteSome writes p once, again if a signal came first, and returns how much of it was
// taken.
func WriteSome(fd int, p []byte) (n int, err Errno) {
	for {
		r, _, err := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if err != unix.EINTR {
			return int(r), err
		}
	}
}

var noPath [1]byte
