//go:build !amd64 && !arm64

package bare

import "golang.org/x/sys/unix"

// On a machine without the early entry, x/sys has the system calls. The functions here are
// nosplit, because an address of a local variable is only good while no stack moves.

//go:nosplit
func rawSyscall(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err unix.Errno) {
	return unix.RawSyscall(trap, a1, a2, a3)
}

//go:nosplit
func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno) {
	return unix.RawSyscall6(trap, a1, a2, a3, a4, a5, a6)
}
