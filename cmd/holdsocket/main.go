// Holdsocket holds a socket for services that accept connections from it. It is not one of the
// tools of catena: it is linked by itself, and runs under the Go runtime.
//
// Usage:
//
//	holdsocket [-m mode] [-o uid[:gid]] [-b backlog] address service ...
package main

import (
	"os"

	"catena/internal/holdsocket"
)

func main() { os.Exit(holdsocket.Main(os.Args[1:])) }
