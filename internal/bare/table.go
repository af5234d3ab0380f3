package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Table is an array that grows, in memory of its own. Its elements hold no Go
// pointers, and are zero at first. Growing moves them: a pointer to one is good
// until the next call of Grow.
type Table[T any] struct {
	at     uintptr
	n, cap int
}

// Len is the number of elements.
func (t *Table[T]) Len() int { return t.n }

// At is the element at i.
func (t *Table[T]) At(i int) *T {
	if i < 0 || i >= t.n {
		Quit(Failed) // as an index out of range would end it
	}
	var element T
	return (*T)(pointer(t.at + uintptr(i)*unsafe.Sizeof(element)))
}

// Grow makes the table longer; false means that there is no memory.
func (t *Table[T]) Grow(n int) bool {
	if n > t.cap {
		var element T
		room, old := max(n, 2*t.cap), t.cap*int(unsafe.Sizeof(element))
		at, ok := zeroed(room * int(unsafe.Sizeof(element)))
		if !ok {
			return false
		}
		copy(bytesAt(at, old), bytesAt(t.at, old))
		if old > pageSize {
			unix.RawSyscall(unix.SYS_MUNMAP, t.at, uintptr(old), 0)
		}
		t.at, t.cap = at, room
	}
	t.n = max(t.n, n)
	return true
}

// zeroed is memory for a table: in the arena if it is small, because a page of its own
// is much for the table of a program that needs one element.
func zeroed(n int) (uintptr, bool) {
	if n > pageSize {
		return mapped(n)
	}
	at, ok := allocate(n)
	if ok {
		clear(bytesAt(at, n))
	}
	return at, ok
}
