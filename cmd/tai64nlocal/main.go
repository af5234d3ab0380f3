// Tai64nlocal makes the TAI64N labels at the beginnings of lines readable.
//
// Usage:
//
//	tai64nlocal [-iu]
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/timestamp"
)

var tools = [...]*execchain.Tool{&timestamp.Tai64nlocal}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
