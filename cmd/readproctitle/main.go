// Readproctitle shows the end of what it reads in its own command line.
//
// Usage:
//
//	readproctitle L D
package main

import (
	"os"

	"catena/internal/boot"
	"catena/internal/control"
	"catena/internal/execchain"
	"catena/internal/hosted"
)

var tools = [...]*execchain.Tool{&control.Readproctitle}

// bare runs before the Go runtime; main only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { control.HostArgs = os.Args; hosted.Main(tools[:]) }
