// Tosyslog runs a program and sends what it prints to syslog.
//
// Usage:
//
//	tosyslog [-t tag] [-1 facility.priority] [-2 facility.priority] child
package main

import (
	"catena/internal/boot"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
)

var tools = [...]*execchain.Tool{&link.Tosyslog}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
