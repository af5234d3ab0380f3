// Command heap commits, before the runtime, every sin that the call graph test
// must find (see callgraph_test.go). It is built and read, never run.
package main

import (
	"os"
	"strings"

	"catena/internal/boot"
)

func main() { hook = hosted; bare(0) }

func bare(stack boot.Stack) {
	n := int(stack)
	n += len(appends(nil, n)) + reads(nil, n) + defers(n) + len(joins("a", "b")) + *escapes(n) + recurses(n)
	starts(hoards)
	stores(&n)
	n += len(asks("a")) + len(os.Args) + initialised

	n += array[n](n) + slice[n].run(n) + pointer.run(n)
	n += calls(asValue, n)
	n += calls(func(n int) int { return len(make([]int, n)) }, n)
	n += answers(&receiver, n) + answers(iface, n)
	hoards(n)
}

// Reached by a call.

//go:noinline
func appends(a []int, n int) []int { return append(a, n) }

//go:noinline
func reads(m map[int]int, n int) int { return m[n] }

//go:noinline
func defers(n int) int {
	for i := range n {
		defer hoards(i)
	}
	return n
}

//go:noinline
func starts(f func(int)) { go f(1) }

//go:noinline
func joins(a, b string) string { return a + b }

//go:noinline
func escapes(n int) *int { return &n }

//go:noinline
func recurses(n int) int {
	if n == 0 {
		return 0
	}
	return recurses(n-1) + 1
}

// hoards takes more stack than there is to spare.
//
//go:noinline
func hoards(n int) {
	var room [48 << 10]byte
	for i := range n {
		room[i%len(room)]++
		n += int(room[n%len(room)])
	}
	initialised = n
}

var stored *int

//go:noinline
func stores(p *int) { stored = p }

//go:noinline
func asks(s string) string { return strings.ToUpper(s) }

var initialised = len(asks("three"))

// Reached by a value.

type (
	action  func(int) int
	entries []entry
	entry   struct {
		name string
		run  action
	}
)

var (
	array   = [...]func(int) int{nil, inArray, callsAny, callsUnset}
	slice   = entries{{"none", nil}, {"one", inSlice}}
	pointer = &entry{"pointer", behindPointer}
)

//go:noinline
func inArray(n int) int { return len(make([]int, n)) }

//go:noinline
func inSlice(n int) int { return len(make([]int, n)) }

//go:noinline
func behindPointer(n int) int { return len(make([]int, n)) }

//go:noinline
func asValue(n int) int { return len(make([]int, n)) }

//go:noinline
func calls(f func(int) int, n int) int { return f(n) }

//go:noinline
func callsAny(n int) int { return calls(nil, n) + 1 }

type method interface{ method(int) int }

type inInterface struct{ n int }

var receiver inInterface

//go:noinline
func (i *inInterface) method(n int) int { return len(make([]int, n+i.n)) }

//go:noinline
func answers(m method, n int) int { return m.method(n) }

var iface method = &receiver

// Not reached before the runtime: the variable is nil until main sets it.

var hook func(int) int

//go:noinline
func callsUnset(n int) int {
	if hook != nil {
		return hook(n) + 1
	}
	return n
}

//go:noinline
func hosted(n int) int { println(strings.Repeat("x", n)); return n }
