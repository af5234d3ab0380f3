//go:build linux && (amd64 || arm64)

package machine

import (
	"fmt"
	"time"

	"catena/bench/figures"
)

// A Starting is what the start of one dynamically linked program executes in CPUIDs, and
// how long those take.
type Starting struct {
	CPUIDs int
	Time   time.Duration
}

// StartOf is the start of a command that executes one dynamically linked program.
func StartOf(argv, env []string) (start Starting, err error) {
	start.CPUIDs, start.Time, err = startCPUID(argv, env)
	if err != nil {
		return Starting{}, err
	}
	return start, nil
}

// Fact is the start as a line of a report's head.
func (s Starting) Fact() figures.Fact {
	return figures.Fact{Name: "CPUID", Value: fmt.Sprintf("%d in the start of a dynamically linked program, %.0f µs in all",
		s.CPUIDs, figures.Micros(s.Time))}
}
