// Softlimit runs a program with resource limits.
//
// Usage:
//
//	softlimit [-H] [-a bytes] [-c bytes] [-d bytes] [-f bytes] [-l bytes] [-m bytes] [-o n] [-p n] [-r bytes] [-s bytes] [-t seconds] [-R name=soft[:hard]] child
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Softlimit}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
