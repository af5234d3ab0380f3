// Package timestamp holds the filters tai64n and tai64nlocal. It is bare code.
package timestamp

import "catena/internal/bare"

// The buffers of a filter. A filter writes what it has read before it reads more, so that a
// line that comes slowly is not held back.
const (
	inputSize  = 64 << 10
	outputSize = 128 << 10
)

var (
	buffers uintptr // address of the input buffer, with the output buffer behind it
	filled  int     // bytes in the output buffer
)

func input() []byte  { return bare.BytesAt(buffers, inputSize) }
func output() []byte { return bare.BytesAt(buffers+inputSize, outputSize) }

// makeBuffers maps the buffers. Any result but Continue is a failure, which has been reported.
func makeBuffers(p *bare.Process) bare.Exit {
	var ok bool
	if buffers, ok = bare.Map(inputSize + outputSize); !ok {
		return p.NoMemory()
	}
	return bare.Continue
}

// read reads more input behind the first n bytes. It returns 0 at the end of the input. If
// ok is false, the error has been reported.
func read(p *bare.Process, n int) (got int, ok bool) {
	if !flush(p) {
		return 0, false
	}
	got, err := bare.ReadStream(0, input()[n:])
	if err != 0 {
		p.FatalErrno(err, "unable to read input")
		return 0, false
	}
	return got, true
}

// room makes room for n more bytes of output. False means an error, which has been
// reported.
func room(p *bare.Process, n int) bool {
	return outputSize-filled >= n || flush(p)
}

func put(b []byte) { filled += copy(output()[filled:], b) }

func flush(p *bare.Process) bool {
	n := filled
	filled = 0
	if err := bare.WriteStream(1, output()[:n]); err != 0 {
		p.FatalErrno(err, "unable to write output")
		return false
	}
	return true
}

// lineEnd is the length of the line that b begins with, newline included, or the length of
// b if b has no newline.
func lineEnd(b []byte) int { return min(bare.Index(bare.TextOf(b), '\n')+1, len(b)) }
