//go:build amd64 || arm64

package bare

import "golang.org/x/sys/unix"

// rawSyscall and rawSyscall6 call the kernel, as the functions of x/sys do that have these
// names. The functions of x/sys end in a package that lies in front of the whole Go runtime in
// the binary. These two lie beside the code that calls them, so that a process touches a page,
// and often a page table, less.

func rawSyscall(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err unix.Errno)

func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno)
