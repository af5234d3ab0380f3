// Logscan writes the output of the services of a directory to files.
//
// Usage:
//
//	logscan [dir]
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/logscan"
)

var tools = [...]*execchain.Tool{&logscan.Logscan}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
