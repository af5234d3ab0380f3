package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A program that sets its own memory limits must not depend on them: the first
// 20 KiB are part of the binary. What a chain, or a supervisor, usually needs fits on the
// first page: a page costs as much as several system calls when it is touched. More comes
// from mmap. Nothing is ever given back: the program ends or execs.
//
// The linker sorts variables by size. So first stands among the small ones, within the
// first 2 MiB of the program: behind that a page of page tables would be needed for it
// alone. TestIdlePagesAreOnOneTable looks.
const (
	pageSize  = 4 << 10
	firstSize = 4000
	blockSize = 16 << 10
	chunkSize = 64 << 10 // of one mmap for small requests; larger ones get their own
)

var (
	first     [firstSize]byte
	block     [blockSize]byte
	blockUsed bool
	arena     Space
)

// Space is a piece of memory, and what is left of it.
type Space struct{ begin, next, end uintptr }

// Mark notes what memory has been taken so far.
func Mark() Space { return arena }

// Release gives back what has been taken since the mark. A piece that has come since then
// is what is used from now on.
func (mark Space) Release() {
	if arena.end == mark.end || mark.end == 0 {
		arena = mark
	} else {
		arena.next = arena.begin
	}
}

// allocate returns the address of n bytes, aligned to a word, or false when the
// kernel has no memory for this process. What is in them is not defined.
func allocate(n int) (uintptr, bool) {
	if n < 0 {
		return 0, false
	}
	if n > chunkSize {
		return mapped(n)
	}
	size := (uintptr(n) + wordSize - 1) &^ (wordSize - 1)
	addr, ok := scratch(size)
	if !ok {
		return 0, false
	}
	arena.next += size
	return addr, true
}

// scratch returns the address of n bytes, at most chunkSize, that are free until
// the next call of allocate or scratch.
func scratch(n uintptr) (uintptr, bool) {
	if arena.end == 0 {
		arena.use(uintptr(unsafe.Pointer(&first)), firstSize)
	}
	if n <= arena.end-arena.next {
		return arena.next, true
	}
	if n <= blockSize && !blockUsed {
		blockUsed = true
		arena.use(uintptr(unsafe.Pointer(&block)), blockSize)
		return arena.next, true
	}
	chunk, ok := mapped(chunkSize)
	if ok {
		arena.use(chunk, chunkSize)
	}
	return chunk, ok
}

func (s *Space) use(at, n uintptr) { s.begin, s.next, s.end = at, at, at+n }

// Scratch is room for n bytes, at most 64 KiB, that is good until the next call of
// anything in this package that needs memory or takes a path. A path built in it
// may be given to one of those. It is nil when there is no memory.
func Scratch(n int) []byte {
	addr, ok := scratch(uintptr(n))
	if !ok {
		return nil
	}
	return bytesAt(addr, n)
}

// Map is the address of n bytes of their own, for BytesAt; false means that there is no
// memory.
func Map(n int) (at uintptr, ok bool) { return mapped(n) }

// MapShared is the address of the first n bytes of a file.
func MapShared(fd, n int) (at uintptr, err Errno) {
	at, _, err = unix.RawSyscall6(sysMmap, 0, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, uintptr(fd), 0)
	return at, err
}

// BytesAt is n bytes of memory from Map.
func BytesAt(at uintptr, n int) []byte { return bytesAt(at, n) }

// Release gives the pages of whole pages of memory back; they are zero from then on.
func Release(at uintptr, n int) {
	unix.RawSyscall(unix.SYS_MADVISE, at, uintptr(n), unix.MADV_DONTNEED)
}

// mapped asks the kernel for n bytes of their own.
func mapped(n int) (uintptr, bool) {
	addr, _, err := unix.RawSyscall6(sysMmap, 0, uintptr(n),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0)
	return addr, err == 0
}

// Buffer is text that grows, in memory of the arena. The zero value is empty.
// Its text stays valid, and in place, once the buffer is left alone.
type Buffer struct {
	at     uintptr
	n, cap int
}

// Len is the number of bytes in the buffer.
func (b *Buffer) Len() int { return b.n }

// String is the text so far, without a copy: it changes with the buffer.
func (b *Buffer) String() string { return unsafe.String((*byte)(pointer(b.at)), b.n) }

// Bytes is the text so far, to be edited in place.
func (b *Buffer) Bytes() []byte { return bytesAt(b.at, b.n) }

// Cut shortens the text to its first n bytes.
func (b *Buffer) Cut(n int) { b.n = n }

// Append adds text; false means that there is no memory.
func (b *Buffer) Append(text string) bool {
	if !b.reserve(len(text)) {
		return false
	}
	copy(bytesAt(b.at+uintptr(b.n), len(text)), text)
	b.n += len(text)
	return true
}

// AppendNumber adds n in decimal; false means that there is no memory.
func (b *Buffer) AppendNumber(n uint64) bool {
	var digits [20]byte
	size := PutNumber(digits[:], n)
	return b.Append(unsafe.String(&digits[0], size))
}

// Finish ends the text with a NUL that is not counted and gives the unused room
// behind it back; false means that there is no memory. Nothing may be appended
// afterwards.
func (b *Buffer) Finish() bool {
	if !b.reserve(1) {
		return false
	}
	bytesAt(b.at+uintptr(b.n), 1)[0] = 0
	if b.last() {
		arena.next = b.at + (uintptr(b.n)+wordSize)&^(wordSize-1)
	}
	return true
}

// last tells whether the buffer is the newest thing in the arena, so that it can
// grow and shrink where it stands.
func (b *Buffer) last() bool { return b.cap > 0 && b.at+uintptr(b.cap) == arena.next }

// reserve makes room for n more bytes. Small buffers double within the arena;
// large ones are mappings of their own, which the kernel can grow without a copy.
func (b *Buffer) reserve(n int) bool {
	if n <= b.cap-b.n {
		return true
	}
	size := max(2*b.cap, b.n+n, 128)
	size = (size + int(wordSize) - 1) &^ int(wordSize-1)
	if size < n { // overflow
		return false
	}
	if b.cap > chunkSize {
		addr, _, err := unix.RawSyscall6(unix.SYS_MREMAP, b.at, uintptr(b.cap), uintptr(size), unix.MREMAP_MAYMOVE, 0, 0)
		if err != 0 {
			return false
		}
		b.at, b.cap = addr, size
		return true
	}
	if b.last() && size <= chunkSize && uintptr(size-b.cap) <= arena.end-arena.next {
		arena.next += uintptr(size - b.cap)
		b.cap = size
		return true
	}
	addr, ok := allocate(size)
	if !ok {
		return false
	}
	copy(bytesAt(addr, b.n), bytesAt(b.at, b.n))
	b.at, b.cap = addr, size
	return true
}
