package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of the process, as setrlimit(2) has them, and its nice value.

// Getrlimit reads a limit of the process.
func Getrlimit(resource int) (unix.Rlimit, Errno) {
	var limit unix.Rlimit
	_, _, err := rawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), 0, uintptr(unsafe.Pointer(&limit)), 0, 0)
	return limit, err
}

// Setrlimit sets a limit of the process.
func Setrlimit(resource int, limit unix.Rlimit) Errno {
	_, _, err := rawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return err
}

// Nice is the nice value of the process: the higher it is, the less the process gets of a
// processor that others want as well.
func Nice() (int, Errno) {
	r, _, err := rawSyscall(unix.SYS_GETPRIORITY, unix.PRIO_PROCESS, 0, 0)
	return 20 - int(r), err // the call itself knows no negative results
}

// SetNice sets the nice value. The kernel takes the nearest one that exists.
func SetNice(n int) Errno {
	_, _, err := rawSyscall(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(n))
	return err
}
