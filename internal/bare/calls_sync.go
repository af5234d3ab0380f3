//go:build !386 && !arm && !ppc64 && !ppc64le

package bare

import "golang.org/x/sys/unix"

// BeginWriting begins to write n bytes of an open file to the disk, and does not wait.
func BeginWriting(fd int, offset, n int64) {
	const begin = 2 // SYNC_FILE_RANGE_WRITE
	rawSyscall6(unix.SYS_SYNC_FILE_RANGE, uintptr(fd), uintptr(offset), uintptr(n), begin, 0, 0)
}
