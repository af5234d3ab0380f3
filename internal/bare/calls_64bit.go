//go:build !386 && !arm

package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls that have other names on 32-bit machines.
const (
	sysMmap      = unix.SYS_MMAP
	sysSetgroups = unix.SYS_SETGROUPS
	sysSetgid    = unix.SYS_SETGID
	sysSetuid    = unix.SYS_SETUID
	sysGetuid    = unix.SYS_GETUID
	sysGetgid    = unix.SYS_GETGID
	sysGeteuid   = unix.SYS_GETEUID
	sysStatfs    = unix.SYS_STATFS
	sysFstatat   = unix.SYS_NEWFSTATAT
)

// WriteAt writes p at an offset in one call. To write a part of p only is an error.
func WriteAt(fd int, p []byte, offset int64) Errno {
	n, _, err := rawSyscall6(unix.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(offset), 0, 0)
	if err == 0 && int(n) < len(p) {
		return unix.ENOSPC
	}
	return namedWrite(err, deniedPwrite, noPwrite)
}

// Truncate sets the size of an open file in bytes.
func Truncate(fd int, size int64) Errno {
	_, _, err := rawSyscall(unix.SYS_FTRUNCATE, uintptr(fd), uintptr(size), 0)
	return err
}

// ReadAt reads into p from an offset in one call.
func ReadAt(fd int, p []byte, offset int64) (n int, err Errno) {
	r, _, err := rawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(offset), 0, 0)
	return int(r), named(err, noPread)
}
