// Fghack keeps a program in the foreground that would put itself into the background.
//
// Usage:
//
//	fghack [-s] child
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Fghack}

// bare runs before the Go runtime; main only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
