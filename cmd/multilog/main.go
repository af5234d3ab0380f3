// Multilog appends lines to automatically rotated logs.
//
// Usage:
//
//	multilog action ...
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/multilog"
)

var tools = [...]*execchain.Tool{&multilog.Multilog}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
