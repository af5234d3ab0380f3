package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The memory of bare code: an arena, and mappings.
//
// A program that limits its own memory must not need the kernel for more. So the first 20
// KiB are part of the binary, and only what goes beyond comes from mmap. Apart from Mark and
// Release nothing is given back: the program ends or execs.
const (
	pageSize  = 4 << 10
	firstSize = 3500
	nextSize  = 16 << 10
	chunkSize = 64 << 10 // of one mmap for small requests; a larger request gets an mmap of its own
)

// common is what every program uses. To touch a page costs as much as several system calls, so
// this lies together, and what a chain usually needs fits on one page with it. The linker sorts
// variables by size: common is small enough to lie among the small ones.
var common struct {
	arena    Space
	process  Process
	entries  uintptr    // the address of the buffer of all directories; see Directory
	lines    uintptr    // the address of the buffer of all readers
	oneWord  [2]uintptr // the vector that OneWord returns
	newID    newID
	nextUsed bool    // nextBlock has been given to the arena
	noPath   [1]byte // an empty path
	block    [firstSize]byte
}

var nextBlock [nextSize]byte

// This is the process of this program.
func This() *Process { return &common.process }

// Space is a block of memory, and the place in it where what is left begins.
type Space struct{ begin, next, end uintptr }

// Mark notes which memory of the arena is in use.
func Mark() Space { return common.arena }

// Release gives back the memory that was taken since the mark. A block that was mapped
// meanwhile is used from its beginning.
func (mark Space) Release() {
	if common.arena.end == mark.end || mark.end == 0 {
		common.arena = mark
	} else {
		common.arena.next = common.arena.begin
	}
}

// allocate returns the address of n bytes, aligned to a word. Their content is not defined.
// False means that the kernel has no memory for this process.
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
	common.arena.next += size
	return addr, true
}

// scratch returns the address of n bytes, at most chunkSize, which nobody else uses until
// the next call of allocate or scratch.
func scratch(n uintptr) (uintptr, bool) {
	if common.arena.end == 0 {
		common.arena.use(uintptr(unsafe.Pointer(&common.block)), firstSize)
	}
	if n <= common.arena.end-common.arena.next {
		return common.arena.next, true
	}
	if n <= nextSize && !common.nextUsed {
		common.nextUsed = true
		common.arena.use(uintptr(unsafe.Pointer(&nextBlock)), nextSize)
		return common.arena.next, true
	}
	chunk, ok := mapped(chunkSize)
	if ok {
		common.arena.use(chunk, chunkSize)
	}
	return chunk, ok
}

func (s *Space) use(at, n uintptr) { s.begin, s.next, s.end = at, at, at+n }

// Map is the address of n bytes in a mapping of their own, for BytesAt. False means that
// there is no memory.
func Map(n int) (at uintptr, ok bool) { return mapped(n) }

// MapShared is the address of the first n bytes of a file.
func MapShared(fd, n int) (at uintptr, err Errno) {
	at, _, err = rawSyscall6(sysMmap, 0, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, uintptr(fd), 0)
	return at, err
}

// Unmap gives n bytes of MapShared or Map back.
func Unmap(at uintptr, n int) { rawSyscall(unix.SYS_MUNMAP, at, uintptr(n), 0) }

// BytesAt is n bytes of memory from Map.
func BytesAt(at uintptr, n int) []byte { return bytesAt(at, n) }

// ReleasePages gives whole pages back to the kernel. They are zero from then on.
func ReleasePages(at uintptr, n int) {
	rawSyscall(unix.SYS_MADVISE, at, uintptr(n), unix.MADV_DONTNEED)
}

// mapped asks the kernel for a mapping of n bytes.
func mapped(n int) (uintptr, bool) {
	addr, _, err := rawSyscall6(sysMmap, 0, uintptr(n),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0)
	return addr, err == 0
}
