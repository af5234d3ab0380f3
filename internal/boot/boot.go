// Package boot holds the entry point of catena's programs: a few instructions
// that run before the Go runtime has booted.
//
// A program that was built with -ldflags=-E=_rt0_catena starts in the assembly of
// this package, on the stack that the kernel made, with no heap, no threads and no
// signal handlers. The assembly sets up the little that compiled Go code takes for
// granted, and calls the function bare of package main. If bare returns, the
// assembly jumps to the Go runtime's own entry, as if nothing had happened, and
// main.main runs.
//
// HACKING.md in this folder says what such code may do, and which tests check it.
package boot

import _ "unsafe" // for go:linkname

// Stack is the address of the words that the kernel leaves at the top of the stack
// of a new process: the argument count, the arguments, a null, the environment,
// a null, and the auxiliary vector (System V ABI, "Process Initialization").
type Stack uintptr

// bare is the function that a program runs before the runtime. It has no body
// here: the package main of each command has it.
//
//go:linkname bare main.bare
func bare(stack Stack)

// start calls bare for the assembly, which cannot name a function of package main
// portably.
func start(stack Stack) { bare(stack) }
