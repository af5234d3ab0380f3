// Envuidgid runs a program with the ids of an account in GID and UID.
//
// Usage:
//
//	envuidgid [-s] account child
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Envuidgid}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
