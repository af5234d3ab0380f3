// Su-exec is gosu under the name that Alpine Linux has for it.
//
// Usage:
//
//	su-exec user-spec command [args]
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.SuExec}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
