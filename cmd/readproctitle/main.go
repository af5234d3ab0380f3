// Readproctitle shows the end of what it reads in its own command line.
//
// Usage:
//
//	readproctitle L D
package main

import (
	"catena/internal/boot"
	"catena/internal/control"
	"catena/internal/execchain"
	"catena/internal/hosted"
)

var tools = [...]*execchain.Tool{&control.Readproctitle}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
