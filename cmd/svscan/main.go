// Svscan starts and watches the supervisors of a directory of services.
//
// Usage:
//
//	svscan [-1s] [-t ms] [dir]
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/svscan"
)

var tools = [...]*execchain.Tool{&svscan.Svscan}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
