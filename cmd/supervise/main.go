// Supervise starts the service of a directory and keeps it running.
//
// Usage:
//
//	supervise [-s] dir
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/supervise"
)

var tools = [...]*execchain.Tool{&supervise.Supervise}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
