// Setlock runs a program while holding a lock on a file.
//
// Usage:
//
//	setlock [-nNxXrseo] [-t ms] [-w seconds] [-E code] file program [arg ...]
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Setlock}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
