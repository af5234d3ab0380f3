package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of the process, as setrlimit(2) has them.

// Getrlimit reads a limit of the process.
func Getrlimit(resource int) (unix.Rlimit, Errno) {
	var limit unix.Rlimit
	_, _, err := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), 0, uintptr(unsafe.Pointer(&limit)), 0, 0)
	return limit, err
}

// Setrlimit sets a limit of the process.
func Setrlimit(resource int, limit unix.Rlimit) Errno {
	_, _, err := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return err
}
