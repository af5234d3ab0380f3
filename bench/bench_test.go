//go:build linux && (amd64 || arm64)

package main

// Not tested: any timing, and the peers.

import (
	"path/filepath"
	"testing"
	"time"
)

func TestNoopIsSpawnedAndExitsWithZero(t *testing.T) {
	file := filepath.Join(t.TempDir(), "noop")
	if err := writeNoop(file); err != nil {
		t.Fatal(err)
	}
	c, err := newCommand([]string{file}, environment(systemPath))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	if s.time <= 0 || s.faults <= 0 {
		t.Errorf("a spawn took %v and %d page faults", s.time, s.faults)
	}
}

func TestFailureToExecuteIsAnError(t *testing.T) {
	c, err := newCommand([]string{"/nonexistent"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.run(); err == nil {
		t.Error("a program that is not there was run")
	}
}

func TestQuantilesAreOfTheSortedValues(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 3, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("the values themselves were sorted")
	}
}

func TestSlopeOfALine(t *testing.T) {
	if got := slope([]float64{10, 13, 16, 19}); got != 3 {
		t.Errorf("slope is %v, not 3", got)
	}
}

func TestRatioLeavesOutWhatStartsCost(t *testing.T) {
	one := func(µs, starts int) *measurement {
		m := &measurement{starts: starts}
		for range block {
			m.times = append(m.times, time.Duration(µs)*time.Microsecond)
		}
		return m
	}
	if got := compare(one(100, 0), one(400, 2), 100*time.Microsecond); got != (ratio{0.5, 0.5, 0.5}) {
		t.Errorf("ratio is %v, not 0.5 throughout", got)
	}
}

func TestCallsAndExecsAreCountedOnce(t *testing.T) {
	const trace = `10 execve("/a", ["a"], 0x7ff /* 1 var */) = 0
10 execve("/x/b", ["b"], 0x7ff /* 1 var */) = -1 ENOENT (No such file or directory)
10 wait4(-1,  <unfinished ...>
11 execve("/b", ["b"], 0x7ff /* 1 var */ <unfinished ...>
10 <... wait4 resumed>0x1, 0, NULL) = 11
11 <... execve resumed>)                = 0
11 exit_group(0)                     = ?
11 +++ exited with 0 +++
10 --- SIGCHLD {si_signo=SIGCHLD} ---
`
	if calls, execs := countCalls([]byte(trace)); calls != 5 || execs != 2 {
		t.Errorf("%d calls and %d execs, not 5 and 2", calls, execs)
	}
}
