// Package boot holds the entry point of catena's programs, a few instructions
// that run before the Go runtime has booted.
//
// A program built with -ldflags=-E=_rt0_catena starts in the assembly of this
// package, on the stack that the kernel made, with no heap, no threads and no
// signal handlers. The assembly gives compiled Go code the little that it takes
// for granted and calls the function bare of package main. When bare returns,
// control goes to the Go runtime's own entry as if nothing had happened, and
// main.main runs.
//
// HACKING.md in this folder says what such code may do and how that is enforced.
package boot

import _ "unsafe" // for go:linkname

// Stack is the address of the words that the kernel leaves at the top of a new
// process's stack: the argument count, the arguments, a null, the environment,
// a null, and the auxiliary vector (System V ABI, "Process Initialization").
type Stack uintptr

// bare is the program's own function, run before the runtime. It has no body
// here: each command's package main supplies it.
//
//go:linkname bare main.bare
func bare(stack Stack)

// start is what the assembly calls. It exists because the assembly cannot name
// a function of package main portably.
func start(stack Stack) { bare(stack) }
