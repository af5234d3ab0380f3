//go:build linux && (amd64 || arm64)

package machine

// Not tested: any timing, and the peers.

import (
	"path/filepath"
	"testing"

	"catena/bench/stage"
)

func TestNoopIsSpawnedAndExitsWithZero(t *testing.T) {
	file := filepath.Join(t.TempDir(), "noop")
	if err := WriteNoop(file); err != nil {
		t.Fatal(err)
	}
	c, err := NewCommand([]string{file}, stage.Environment(stage.SystemPath))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Run()
	if err != nil {
		t.Fatal(err)
	}
	if s.Time <= 0 || s.Faults <= 0 {
		t.Errorf("a spawn took %v and %d page faults", s.Time, s.Faults)
	}
}

func TestFailureToExecuteIsAnError(t *testing.T) {
	c, err := NewCommand([]string{"/nonexistent"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Run(); err == nil {
		t.Error("a program that is not there was run")
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
	if calls, execs := CountCalls([]byte(trace)); calls != 5 || execs != 2 {
		t.Errorf("%d calls and %d execs, not 5 and 2", calls, execs)
	}
}
func TestFieldsAreTheNumbersOfAFile(t *testing.T) {
	got := parseFields("Name:\tsleeper\nThreads:\t3\nVmRSS:\t   12 kB\nGroups:\t \n")
	if len(got) != 2 || got["Threads"] != 3 || got["VmRSS"] != 12 {
		t.Errorf("fields are %v", got)
	}
}
