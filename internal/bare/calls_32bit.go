//go:build 386 || arm

package bare

import "golang.org/x/sys/unix"

// 32-bit machines have two of each of these system calls. Those with plain names are old,
// and take numbers that are too narrow.
const (
	sysMmap      = unix.SYS_MMAP2
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetgid    = unix.SYS_SETGID32
	sysSetuid    = unix.SYS_SETUID32
	sysGetuid    = unix.SYS_GETUID32
	sysGetgid    = unix.SYS_GETGID32
	sysGeteuid   = unix.SYS_GETEUID32
	sysStatfs    = unix.SYS_STATFS64
	sysFstatat   = unix.SYS_FSTATAT64
)

// WriteAt writes p at an offset. To write a part of p only is an error. pwrite64(2) takes
// its offset in registers that differ between 32-bit machines, so this seeks and writes.
func WriteAt(fd int, p []byte, offset int64) Errno {
	if _, _, err := rawSyscall(unix.SYS_LSEEK, uintptr(fd), uintptr(offset), unix.SEEK_SET); err != 0 {
		return err
	}
	return Write(fd, p)
}

// Truncate sets the size of an open file in bytes. A size that a word cannot hold is an
// error.
func Truncate(fd int, size int64) Errno {
	if size != int64(uintptr(size)) {
		return unix.EFBIG
	}
	_, _, err := rawSyscall(unix.SYS_FTRUNCATE, uintptr(fd), uintptr(size), 0)
	return err
}

// ReadAt reads into p from an offset: it seeks and reads.
func ReadAt(fd int, p []byte, offset int64) (n int, err Errno) {
	if _, _, err := rawSyscall(unix.SYS_LSEEK, uintptr(fd), uintptr(offset), unix.SEEK_SET); err != 0 {
		return 0, err
	}
	return Read(fd, p)
}
