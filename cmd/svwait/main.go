// Svwait waits until services are as they should be.
//
// Usage:
//
//	svwait [-udrx] [-t ms] service ... [-- child]
package main

import (
	"catena/internal/boot"
	"catena/internal/control"
	"catena/internal/execchain"
	"catena/internal/hosted"
)

var tools = [...]*execchain.Tool{&control.Svwait}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
