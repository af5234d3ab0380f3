// Chpst changes several things about the process, and runs a program.
//
// Usage:
//
//	chpst [-vVP012] [-u [:]user[:group ...]] [-U [:]user[:group ...]] [-b argv0] [-e dir]
//		[-/ root] [-C dir] [-n inc] [-l lock] [-L lock] [-m bytes] [-d bytes] [-o n] [-p n]
//		[-f bytes] [-c bytes] [-r bytes] [-t seconds] prog
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Chpst}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
