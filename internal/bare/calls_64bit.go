//go:build !386 && !arm

package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls whose plain names are those of old, narrow ones on 32-bit machines.
const (
	sysMmap      = unix.SYS_MMAP
	sysSetgroups = unix.SYS_SETGROUPS
	sysSetgid    = unix.SYS_SETGID
	sysSetuid    = unix.SYS_SETUID
	sysGeteuid   = unix.SYS_GETEUID
)

// WriteAt writes p at an offset in one call; a part is an error.
func WriteAt(fd int, p []byte, offset int64) Errno {
	n, _, err := unix.RawSyscall6(unix.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(offset), 0, 0)
	if err == 0 && int(n) < len(p) {
		return unix.ENOSPC
	}
	return err
}

// Truncate sets the size of an open file in bytes.
func Truncate(fd int, size int64) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_FTRUNCATE, uintptr(fd), uintptr(size), 0)
	return err
}

// ReadAt reads into p from an offset in one call.
func ReadAt(fd int, p []byte, offset int64) (n int, err Errno) {
	r, _, err := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(offset), 0, 0)
	return int(r), err
}

// BeginWriting begins to write n bytes of an open file to the disk, and does not wait.
func BeginWriting(fd int, offset, n int64) {
	const begin = 2 // SYNC_FILE_RANGE_WRITE
	unix.RawSyscall6(unix.SYS_SYNC_FILE_RANGE, uintptr(fd), uintptr(offset), uintptr(n), begin, 0, 0)
}
