//go:build linux && (amd64 || arm64)

package chain

// Measured apart from the timed runs: the system calls of a chain, the programs
// that it executed, from the first execve to the no-op's exit, both by strace;
// and the CPUID instructions that its programs' start-up takes.
//
// Not measured here: how long they take.

import (
	"fmt"
	"os/exec"

	"catena/bench/machine"
	"catena/bench/stage"
)

// countAll fills in the system calls and executed programs of each chain, and
// reports whether there is an strace to do so.
func countAll(results []measurement) (bool, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return false, nil
	}
	for i := range results {
		m := &results[i]
		trace, err := machine.Trace(strace, m.chain.argv, stage.Environment(m.chain.path))
		if err != nil {
			return true, fmt.Errorf("%s: strace: %w", m.chain.title(), err)
		}
		m.calls, m.execs = machine.CountCalls(trace)
	}
	return true, nil
}

// countStarts fills in how often a chain starts a dynamically linked program.
// One of daemontools' stands for all of them, since it is the C library that
// executes the CPUIDs. Catena's and the C program's have none; gosu's, a
// static Go program's, are not counted. It returns what the CPUIDs of one such
// start are.
func countStarts(results []measurement) (start machine.Starting, err error) {
	model := -1
	for i := range results {
		if results[i].chain.maker == stage.Daemontools {
			model = i
			break
		}
	}
	if model < 0 {
		return machine.Starting{}, nil
	}
	c := &results[model].chain
	if start, err = machine.StartOf(c.argv, stage.Environment(c.path)); err != nil {
		return machine.Starting{}, fmt.Errorf("%s: %w", c.title(), err)
	}
	for i := range results {
		m := &results[i]
		switch c := &m.chain; {
		case c.dynamic > 0:
			m.starts = c.dynamic
		case len(c.needs) > 0 && c.maker != static:
			m.starts = max(len(c.needs), m.execs-1)
		}
	}
	return start, nil
}
