// Gosu takes on a user with all groups, and sets HOME.
//
// Usage:
//
//	gosu user-spec command [args]
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Gosu}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
