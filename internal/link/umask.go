package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Umask sets which permissions new files do not get. It is ours.
var Umask = execchain.Tool{
	Name:    "umask",
	Does:    "sets which permissions new files do not get",
	Usage:   "umask: usage: umask mask child",
	Misused: bare.Misused,
	Help: `usage: umask mask child
The mask is a number in octal, from 0 to 777.
`,
	Run: umask,
}

func umask(p *bare.Process) bare.Exit {
	if p.Args.Len() < 3 {
		return p.Usage()
	}
	mask, ok := octal(p.Args.At(1))
	if !ok || mask > 0o777 {
		return p.Fatal("not a mask: ", p.Args.At(1))
	}
	bare.Umask(mask)
	return p.Run(p.Args.From(2))
}

// octal is a number in octal. What is too large for any use is no number.
func octal(word string) (n int, ok bool) {
	for i := range len(word) {
		if word[i] < '0' || word[i] > '7' || n > 1<<20 {
			return 0, false
		}
		n = n<<3 | int(word[i]-'0')
	}
	return n, word != ""
}
