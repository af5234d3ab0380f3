package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Table is an array that grows, in memory of its own. Its elements hold no Go pointers, and
// are zero at first. Grow moves the elements: a pointer to one is valid until the next
// Grow.
//
// A place is the index of an element. Whoever uses places one by one asks FreePlace for
// each, and gives it back to Free.
type Table[T any] struct{ table }

// table is what all tables have, whatever their elements are. The functions of Table are so
// short that the compiler inlines them: it would write others once more for each T.
type table struct {
	at     uintptr
	n, cap int
	free   int // every place below it is used
}

// Len is the number of elements.
func (t *table) Len() int { return t.n }

// At is the element at i.
func (t *Table[T]) At(i int) *T {
	var element T
	return (*T)(pointer(t.address(i, unsafe.Sizeof(element))))
}

// address is that of the element at i, of a size in bytes.
//
//go:noinline
func (t *table) address(i int, size uintptr) uintptr {
	if i < 0 || i >= t.n {
		missing()
	}
	return t.at + uintptr(i)*size
}

// missing ends the process, as an index out of range ends other code, but says so.
func missing() {
	put("bug: a table has no such place")
	flush()
	Quit(Failed)
}

// Grow makes the table n elements long, unless it is longer. False means that there is no
// memory.
func (t *Table[T]) Grow(n int) bool {
	var element T
	return t.grow(n, int(unsafe.Sizeof(element)))
}

// FreePlace is the lowest place that is not used: isUsed says so of an element. If all
// places are used, FreePlace is the length of the table. FreePlace is no method, because
// every Table in the binary would have that method's types.
func FreePlace[T any](t *Table[T], isUsed func(*T) bool) int {
	var element T
	for t.free < t.n && isUsed((*T)(pointer(t.at+uintptr(t.free)*unsafe.Sizeof(element)))) {
		t.free++
	}
	return t.free
}

// Free notes that the element of a place is used no more.
func (t *table) Free(place int) { t.free = min(t.free, place) }

// grow is Grow for elements of a size in bytes.
func (t *table) grow(n, size int) bool {
	if n > t.cap {
		room, old := max(n, 2*t.cap), t.cap*size
		at, ok := zeroed(room * size)
		if !ok {
			return false
		}
		copy(bytesAt(at, old), bytesAt(t.at, old))
		if old > pageSize {
			rawSyscall(unix.SYS_MUNMAP, t.at, uintptr(old), 0)
		}
		t.at, t.cap = at, room
	}
	t.n = max(t.n, n)
	return true
}

// zeroed is memory for a table. For a small table it comes from the arena: a page is a lot
// for the table of a program that needs one element.
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
