// Daemon turns other programs into daemons. It is not one of the tools of catena: it is linked
// by itself, and runs under the Go runtime.
//
// Usage:
//
//	daemon [options] [--] [cmd arg...]
package main

import (
	"os"

	"catena/internal/daemon"
)

func main() { os.Exit(daemon.Main(os.Args)) }
