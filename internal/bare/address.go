package bare

import "unsafe"

// Addresses, which take the place of pointers.

// pointer makes a pointer of the address of memory that Go does not manage. It adds the
// address to nil, because go vet takes a plain conversion for a mistake.
func pointer(addr uintptr) unsafe.Pointer { return unsafe.Add(nil, addr) }

// word reads the machine word at an address.
func word(addr uintptr) uintptr { return *(*uintptr)(pointer(addr)) }

// setWord writes the machine word at an address.
func setWord(addr, value uintptr) { *(*uintptr)(pointer(addr)) = value }

// wordSize is the size of a pointer in bytes.
const wordSize = unsafe.Sizeof(uintptr(0))

// address is where the bytes of s stand. Keep it only for memory that Go does not move:
// constants, package variables, the arena, the kernel's stack.
func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// bytesAt is the n bytes at an address.
func bytesAt(addr uintptr, n int) []byte { return unsafe.Slice((*byte)(pointer(addr)), n) }

// textAt is the C string at an address, without its NUL.
//
//go:noinline
func textAt(addr uintptr) string {
	n := 0
	for *(*byte)(pointer(addr + uintptr(n))) != 0 {
		n++
	}
	return unsafe.String((*byte)(pointer(addr)), n)
}
