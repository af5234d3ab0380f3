//go:build bare

package hosted

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Main says that the program was built wrongly. The tag bare leaves out what runs tools under
// the Go runtime, for programs that start at the early entry and never get here. Without os,
// os/signal and time the multi-call binary is a tenth smaller.
func Main([]*execchain.Tool) {
	bare.Write(2, []byte("catena: fatal: built with -tags=bare, but without the early entry: add -ldflags=-E=_rt0_catena\n"))
	bare.Quit(bare.Failed)
}
