// Svc sends commands to the supervisors of services.
//
// Usage:
//
//	svc [-udoxpchaitkq12wlLW+=] [-T ms] service ...
package main

import (
	"catena/internal/boot"
	"catena/internal/control"
	"catena/internal/execchain"
	"catena/internal/hosted"
)

var tools = [...]*execchain.Tool{&control.Svc}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }
