// Package timestamp holds the filters tai64n and tai64nlocal. It is bare code.
package timestamp

import (
	"unsafe"

	"catena/internal/bare"
)

// The buffers of a filter. What has been read is written before more is read, so a line
// that comes slowly is not held back.
var (
	input  [64 << 10]byte
	output [128 << 10]byte
	filled int // bytes of output
)

// read reads more behind the first n bytes of input. 0 is the end; an error has been
// said.
func read(p *bare.Process, n int) (got int, ok bool) {
	if !flush(p) {
		return 0, false
	}
	got, err := bare.Read(0, input[n:])
	if err != 0 {
		p.FatalErrno(err, "unable to read input")
		return 0, false
	}
	return got, true
}

// room makes room for n more bytes of output; false is an error, which has been said.
func room(p *bare.Process, n int) bool {
	return len(output)-filled >= n || flush(p)
}

func put(b []byte) { filled += copy(output[filled:], b) }

func flush(p *bare.Process) bool {
	n := filled
	filled = 0
	if err := bare.Write(1, output[:n]); err != 0 {
		p.FatalErrno(err, "unable to write output")
		return false
	}
	return true
}

// lineEnd is where the line ends that b begins with, its newline included, or the length
// of b if it has none: eight bytes at a time.
func lineEnd(b []byte) int {
	const ones, tops, newlines = 0x0101010101010101, 0x8080808080808080, 0x0a0a0a0a0a0a0a0a
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := *(*uint64)(unsafe.Pointer(&b[i])) ^ newlines
		if (x-ones)&^x&tops != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		if b[i] == '\n' {
			return i + 1
		}
	}
	return len(b)
}
