//go:build !amd64

package multilog

import (
	"unsafe"

	"catena/internal/bare"
)

// copyLine copies a line with its newline, which is somewhere in the next most bytes, and
// returns how long it is; 0 if there is none. It may write to all of these.
func copyLine(to, from uintptr, most int) (n int) {
	// Eight bytes at a time, as bare.Index looks at them.
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
