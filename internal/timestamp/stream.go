// Package timestamp holds the filters tai64n and tai64nlocal. It is bare code.
package timestamp

import "catena/internal/bare"

// The buffers of a filter. What has been read is written before more is read, so a line
// that comes slowly is not held back.
const (
	inputSize  = 64 << 10
	outputSize = 128 << 10
)

var (
	buffers uintptr // the input, and the output behind it
	filled  int     // bytes of output
)

func input() []byte  { return bare.BytesAt(buffers, inputSize) }
func output() []byte { return bare.BytesAt(buffers+inputSize, outputSize) }

// begin makes the buffers. Anything but Continue is a failure, which has been said.
func begin(p *bare.Process) bare.Exit {
	var ok bool
	if buffers, ok = bare.Map(inputSize + outputSize); !ok {
		return p.NoMemory()
	}
	return bare.Continue
}

// read reads more behind the first n bytes of input. 0 is the end; an error has been
// said.
func read(p *bare.Process, n int) (got int, ok bool) {
	if !flush(p) {
		return 0, false
	}
	got, err := bare.Read(0, input()[n:])
	if err != 0 {
		p.FatalErrno(err, "unable to read input")
		return 0, false
	}
	return got, true
}

// room makes room for n more bytes of output; false is an error, which has been said.
func room(p *bare.Process, n int) bool {
	return outputSize-filled >= n || flush(p)
}

func put(b []byte) { filled += copy(output()[filled:], b) }

func flush(p *bare.Process) bool {
	n := filled
	filled = 0
	if err := bare.Write(1, output()[:n]); err != 0 {
		p.FatalErrno(err, "unable to write output")
		return false
	}
	return true
}

// lineEnd is where the line ends that b begins with, its newline included, or the length
// of b if it has none.
func lineEnd(b []byte) int { return min(bare.Index(bare.TextOf(b), '\n')+1, len(b)) }
