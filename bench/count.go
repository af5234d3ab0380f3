//go:build linux && (amd64 || arm64)

package main

// Measured apart from the timed runs: the system calls of a chain, the programs
// that it executed, from the first execve to the no-op's exit, both by strace;
// and the CPUID instructions that its programs' start-up takes.
//
// Not measured here: how long they take.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
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
		trace, err := traced(strace, m.chain)
		if err != nil {
			return true, fmt.Errorf("%s: strace: %w", m.chain.title(), err)
		}
		m.calls, m.execs = countCalls(trace)
	}
	return true, nil
}

// A starting is what the start of one dynamically linked program executes in
// CPUIDs, and how long those take.
type starting struct {
	cpuids int
	time   time.Duration
}

// startOf is the start of a chain of one dynamically linked program.
func startOf(c chain) (start starting, err error) {
	if start.cpuids, start.time, err = startCPUID(c); err != nil {
		return starting{}, fmt.Errorf("%s: %w", c.title(), err)
	}
	return start, nil
}

func (s starting) fact() fact {
	return fact{"CPUID", fmt.Sprintf("%d in the start of a dynamically linked program, %.0f µs in all",
		s.cpuids, micros(s.time))}
}

// countStarts fills in how often a chain starts a dynamically linked program.
// One of daemontools' stands for all of them, since it is the C library that
// executes the CPUIDs. Catena's and the C program's have none; gosu's, a
// static Go program's, are not counted. It returns what the CPUIDs of one such
// start are.
func countStarts(results []measurement) (start starting, err error) {
	model := -1
	for i := range results {
		if results[i].chain.maker == daemontools {
			model = i
			break
		}
	}
	if model < 0 {
		return starting{}, nil
	}
	if start, err = startOf(results[model].chain); err != nil {
		return starting{}, err
	}
	for i := range results {
		m := &results[i]
		if c := &m.chain; len(c.needs) > 0 && c.maker != static {
			m.starts = max(len(c.needs), m.execs-1)
		}
	}
	return start, nil
}

func traced(strace string, c chain) ([]byte, error) {
	file, err := os.CreateTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	args := []string{"-f", "-qq", "-o", file.Name()}
	cmd := exec.Command(strace, append(args, c.argv...)...)
	cmd.Env = environment(c.path)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(file.Name())
}

// countCalls reads strace's lines. Each begins with a process id; a call that
// another process interrupts takes two lines, the second marked as resumed.
func countCalls(trace []byte) (calls, execs int) {
	for line := range bytes.Lines(trace) {
		text := strings.TrimSpace(string(line))
		_, text, _ = strings.Cut(text, " ")
		text = strings.TrimSpace(text)
		resumed := strings.HasPrefix(text, "<... ")
		isCall := !resumed && text != "" && text[0] != '+' && text[0] != '-'
		if isCall {
			calls++
		}
		isExec := strings.HasPrefix(text, "execve(") || strings.HasPrefix(text, "<... execve resumed")
		if isExec && strings.HasSuffix(text, " = 0") {
			execs++
		}
	}
	return calls, execs
}
