package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Buffer is text that grows, in memory of the arena. The zero value is empty. Once nobody
// changes the buffer, its text stays valid where it is.
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

func (b *Buffer) appendByte(c byte) bool {
	return b.Append(unsafe.String(&c, 1))
}

// ReadMore reads at most n bytes, by one call, and appends them to the buffer.
func (b *Buffer) ReadMore(fd, n int) (got int, err Errno) {
	if !b.reserve(n) {
		return 0, unix.ENOMEM
	}
	got, err = Read(fd, bytesAt(b.at+uintptr(b.n), n))
	if err == 0 {
		b.n += got
	}
	return got, err
}

// Finish ends the text with a NUL, which does not count, and gives the room behind it back.
// False means that there is no memory. Nothing may be appended afterwards.
func (b *Buffer) Finish() bool {
	if !b.reserve(1) {
		return false
	}
	bytesAt(b.at+uintptr(b.n), 1)[0] = 0
	if b.last() {
		common.arena.next = b.at + (uintptr(b.n)+wordSize)&^(wordSize-1)
	}
	return true
}

// last reports whether the buffer is the newest thing in the arena, and so can grow and
// shrink where it is.
func (b *Buffer) last() bool { return b.cap > 0 && b.at+uintptr(b.cap) == common.arena.next }

// reserve makes room for n more bytes. A small buffer doubles within the arena. A large one
// is a mapping of its own, which the kernel can enlarge without a copy.
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
		addr, _, err := rawSyscall6(unix.SYS_MREMAP, b.at, uintptr(b.cap), uintptr(size), unix.MREMAP_MAYMOVE, 0, 0)
		if err != 0 {
			return false
		}
		b.at, b.cap = addr, size
		return true
	}
	if b.last() && size <= chunkSize && uintptr(size-b.cap) <= common.arena.end-common.arena.next {
		common.arena.next += uintptr(size - b.cap)
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
