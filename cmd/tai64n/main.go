// Tai64n puts a TAI64N label in front of each line.
//
// Usage:
//
//	tai64n
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/timestamp"
)

var tools = [...]*execchain.Tool{&timestamp.Tai64n}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
