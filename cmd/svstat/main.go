// Svstat prints the status of services.
//
// Usage:
//
//	svstat [-ljq] service ...
package main

import (
	"catena/internal/boot"
	"catena/internal/control"
	"catena/internal/execchain"
	"catena/internal/hosted"
)

var tools = [...]*execchain.Tool{&control.Svstat}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
