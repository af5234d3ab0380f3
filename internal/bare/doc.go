// Package bare is the toolbox of programs that run before the Go runtime has
// booted: arguments and environment, files, numbers, accounts, limits, signals,
// messages. A file per subject.
//
// What must hold for every function here, and for all code that calls them:
//
//   - no heap: nothing escapes, nothing is boxed into an interface, no append,
//     map, closure, defer or error value made on the fly;
//   - no pointer is stored in memory that outlives the function, because the
//     compiler guards such stores with a call into the collector. What lives
//     longer is held as an address (uintptr) of memory that Go does not manage:
//     the kernel's stack, the arena of memory.go;
//   - one thread, raw system calls only, no signal handlers;
//   - package variables are initialised statically or not at all.
//
// Tests check all of it on the built binaries (see internal/boot/HACKING.md).
// The same code also runs under the runtime, in a build without the entry flag
// and in unit tests; host.go lists the few places that differ.
package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Errno is the kernel's error number; 0 is success.
type Errno = unix.Errno

// pointer makes a pointer of an address that Go does not manage. Adding to nil
// says just that, and go vet can tell it from a slip.
func pointer(addr uintptr) unsafe.Pointer { return unsafe.Add(nil, addr) }

// word reads the machine word at an address.
func word(addr uintptr) uintptr { return *(*uintptr)(pointer(addr)) }

// setWord writes the machine word at an address.
func setWord(addr, value uintptr) { *(*uintptr)(pointer(addr)) = value }

// wordSize is the size of a pointer in bytes.
const wordSize = unsafe.Sizeof(uintptr(0))

// address is where the bytes of s stand. Hold it only for memory that Go does
// not move: constants, package variables, the arena, the kernel's stack.
func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// bytesAt is the n bytes at an address.
func bytesAt(addr uintptr, n int) []byte { return unsafe.Slice((*byte)(pointer(addr)), n) }

// textAt is the C string at an address, without its NUL.
func textAt(addr uintptr) string {
	n := 0
	for *(*byte)(pointer(addr + uintptr(n))) != 0 {
		n++
	}
	return unsafe.String((*byte)(pointer(addr)), n)
}
