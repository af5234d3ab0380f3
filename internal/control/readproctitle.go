package control

import (
	"unsafe"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Readproctitle shows the end of what it reads in its own command line. It does not speak
// to a supervisor, but belongs to those who look after supervisors. Like 0.76 it is silent
// if something is wrong with its words or its input.
var Readproctitle = execchain.Tool{
	Name:    "readproctitle",
	Does:    "shows the latest messages to ps(1)",
	Misused: bare.Misused,
	Help: `usage: readproctitle L D
Shows the end of its input in place of D, at least five dots, behind the words L.
`,
	Run:   readproctitle,
	Stays: true,
}

func readproctitle(p *bare.Process) bare.Exit {
	const dots, least = 3, 5
	if p.Args.Len() < 2 {
		return bare.Misused
	}
	d := p.Args.At(p.Args.Len() - 1)
	if args := bare.Hosted.Args; args != nil {
		d = args[len(args)-1]
	}
	title := unsafe.Slice(unsafe.StringData(d), len(d)) // the memory is ours
	for i := range title {
		title[i] = '.'
	}
	if len(title) < least {
		return bare.Misused
	}
	// As large as a pipe, so that a read empties a pipe that is full. Only pages that are
	// read into take memory.
	const inputSize = 64 << 10
	memory, ok := bare.Map(inputSize)
	if !ok {
		return bare.Failed
	}
	input := bare.BytesAt(memory, inputSize)
	for {
		n, err := bare.ReadStream(0, input)
		if err != 0 {
			return bare.Failed
		}
		if n == 0 {
			return 0
		}
		shift(title[dots:], input[:n])
	}
}

// shift moves title to the left, and text in from the right. It leaves out NULs, which
// would end the argument. It looks only at the end of text, and edits it.
func shift(title, text []byte) {
	from := len(text)
	for i := len(text) - 1; i >= 0 && len(text)-from < len(title); i-- {
		if text[i] != 0 {
			from--
			text[from] = text[i]
		}
	}
	text = text[from:]
	copy(title, title[len(text):])
	copy(title[len(title)-len(text):], text)
}
