//go:build 386 || arm

package bare

import "golang.org/x/sys/unix"

// The system calls whose plain names are those of old, narrow ones here.
const (
	sysMmap      = unix.SYS_MMAP2
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetgid    = unix.SYS_SETGID32
	sysSetuid    = unix.SYS_SETUID32
	sysGeteuid   = unix.SYS_GETEUID32
)

// WriteAt writes p at an offset; a part is an error. The one call for that takes its
// offset in registers that differ between 32-bit machines.
func WriteAt(fd int, p []byte, offset int64) Errno {
	if _, _, err := unix.RawSyscall(unix.SYS_LSEEK, uintptr(fd), uintptr(offset), unix.SEEK_SET); err != 0 {
		return err
	}
	return Write(fd, p)
}

// ReadAt reads into p from an offset.
func ReadAt(fd int, p []byte, offset int64) (n int, err Errno) {
	if _, _, err := unix.RawSyscall(unix.SYS_LSEEK, uintptr(fd), uintptr(offset), unix.SEEK_SET); err != 0 {
		return 0, err
	}
	return Read(fd, p)
}

// BeginWriting is for the sake of speed; here its arguments differ from machine to machine.
func BeginWriting(fd int, offset, n int64) {}
