// Catena-explain says what each link of a chain changes, and what its program would get.
//
// Usage:
//
//	catena-explain [-j] [-l name] [-t seconds] program [arg ...]
package main

import (
	"os"

	"catena/internal/explain"
)

func main() { os.Exit(explain.Main(os.Args[1:])) }
