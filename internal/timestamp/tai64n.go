package timestamp

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/tai64"
)

// Tai64n puts a label in front of each line.
var Tai64n = execchain.Tool{
	Name:    "tai64n",
	Does:    "puts a time stamp in front of each line",
	Usage:   "tai64n: usage: tai64n",
	Misused: bare.Misused,
	Help: `usage: tai64n
`,
	Run:   tai64n,
	Stays: true,
}

func tai64n(p *bare.Process) bare.Exit {
	options := p.OwnOptions("")
	for options.Next() {
		return options.Refuse(p) // 0.76 ignores all words; an option is meant for another program
	}
	var label [tai64.TextSize + 1]byte
	label[tai64.TextSize] = ' '
	if exit := makeBuffers(p); exit != bare.Continue {
		return exit
	}
	input := input()
	begins := true // the next byte begins a line
	for {
		n, ok := read(p, 0)
		if !ok {
			return bare.Failed
		}
		if n == 0 {
			return 0
		}
		tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME)).PutText(label[:])
		for at := 0; at < n; {
			end := at + lineEnd(input[at:n])
			if !room(p, len(label)+end-at) {
				return bare.Failed
			}
			if begins {
				put(label[:])
			}
			put(input[at:end])
			begins = input[end-1] == '\n'
			at = end
		}
	}
}
