package control

import (
	"unsafe"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Readproctitle shows the end of what it reads in its own command line. It speaks to
// no supervisor, but belongs to those who look after them. As 0.76 it says nothing of
// what is wrong with its words or its input.
var Readproctitle = execchain.Tool{
	Name:    "readproctitle",
	Misused: bare.Misused,
	Help: `usage: readproctitle L D
Shows the end of its input in place of D, at least five dots, behind the words L.
`,
	Run:   readproctitle,
	Stays: true,
}

// HostArgs is the command line in the memory that the kernel shows, where it is not
// in Process.Args: package os has it so, under the runtime. Before it is nil.
var HostArgs []string

func readproctitle(p *bare.Process) bare.Exit {
	const dots, least = 3, 5
	if p.Args.Len() < 2 {
		return bare.Misused
	}
	d := p.Args.At(p.Args.Len() - 1)
	if HostArgs != nil {
		d = HostArgs[len(HostArgs)-1]
	}
	title := unsafe.Slice(unsafe.StringData(d), len(d)) // the memory is ours
	for i := range title {
		title[i] = '.'
	}
	if len(title) < least {
		return bare.Misused
	}
	// As large as a pipe, so that whoever fills one has it empty at once. Only the pages
	// that are read into take memory.
	const inputSize = 64 << 10
	memory, ok := bare.Map(inputSize)
	if !ok {
		return bare.Failed
	}
	input := bare.BytesAt(memory, inputSize)
	for {
		n, err := bare.Read(0, input)
		if err != 0 {
			return bare.Failed
		}
		if n == 0 {
			return 0
		}
		shift(title[dots:], input[:n])
	}
}

// shift moves title to the left and text in from the right, without its NULs, which
// would end the argument. Of text only the end is looked at, and edited.
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
