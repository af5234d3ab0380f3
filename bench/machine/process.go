//go:build linux && (amd64 || arm64)

package machine

// What /proc says of processes, and the time that they have in common.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Fields are the numbers of a file of lines such as "Threads:	1", in which
// others may stand as well.
func Fields(file string) (map[string]int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseFields(string(text)), nil
}

func parseFields(text string) map[string]int {
	numbers := map[string]int{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if all := strings.Fields(value); len(all) > 0 {
			if n, err := strconv.Atoi(all[0]); err == nil {
				numbers[name] = n
			}
		}
	}
	return numbers
}

// ProcessFile is the name of a file of a process in /proc.
func ProcessFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// Runs tells whether a process executes a file, whatever name that has.
func Runs(pid int, file string) bool {
	a, errA := os.Stat(ProcessFile(pid, "exe"))
	b, errB := os.Stat(file)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// Processes are all that there are in the namespace.
func Processes() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all, err
}

// Now is the time by the monotonic clock.
func Now() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return time.Duration(t.Nano())
}
