//go:build !amd64

package multilog

import (
	"unsafe"

	"catena/internal/bare"
)

// copyLine copies the line at from, with its newline, to to, and returns the length of the
// line. If the newline is not among the next most bytes, it returns 0. In both cases it may
// write as many as most bytes.
func copyLine(to, from uintptr, most int) (n int) {
	// Eight bytes at a time, up to eight that have a newline; bare.Index explains the test.
	const ones, tops, newlines = 0x0101010101010101, 0x8080808080808080, 0x0a0a0a0a0a0a0a0a
	out, text := bare.BytesAt(to, most), bare.BytesAt(from, most)
	for ; n+8 <= most; n += 8 {
		eight := *(*uint64)(unsafe.Pointer(&text[n]))
		*(*uint64)(unsafe.Pointer(&out[n])) = eight
		if x := eight ^ newlines; (x-ones)&^x&tops != 0 {
			break
		}
	}
	for ; n < most; n++ {
		out[n] = text[n]
		if text[n] == '\n' {
			return n + 1
		}
	}
	return 0
}
