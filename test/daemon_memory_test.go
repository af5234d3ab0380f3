package test

// A named daemon of ours takes less memory than one of libslack's. The log says how much.
//
// Not tested in this file: memory that the kernel has for processes.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMemoryOfNamedDaemons(t *testing.T) {
	t.Parallel()
	const daemons = 50
	for _, words := range []string{"", "-r", "-r -o /srv/here/log", "-r -o daemon.info"} {
		used := map[string]int{}
		for _, s := range []side{libslack(t), ourDaemon()} {
			t.Run(strings.TrimSpace(s.name+" "+words), func(t *testing.T) { // whose box ends with it: processes share memory
				c := newBox(t, s)
				c.run(fmt.Sprintf("for n in $(seq %d); do d -n web$n %s sleep 1000; done; for n in $(seq %d); do await runs web$n; done; sleep 1", daemons, words, daemons))
				processes := 0
				used[s.name], processes = c.memory()
				t.Logf("daemon %s: %s: %d kB PSS for each named daemon, %.2f processes", words, s.name, used[s.name]/daemons, float64(processes)/daemons)
			})
		}
		if used["ours"] > used["libslack's"] {
			t.Errorf("daemon %s: ours takes more", words)
		}
	}
}

// memory is the PSS of all processes of the program, in kB, and how many they are.
func (c *box) memory() (kB, processes int) {
	files, _ := filepath.Glob(c.outside("/proc/[0-9]*/exe"))
	for _, exe := range files {
		program, _ := os.Readlink(exe)
		if !strings.HasPrefix(program, "/srv/bin/") {
			continue
		}
		var pss int
		for line := range strings.Lines(textOf(filepath.Join(filepath.Dir(exe), "smaps_rollup"))) {
			if n, _ := fmt.Sscanf(line, "Pss: %d kB", &pss); n == 1 {
				kB += pss
			}
		}
		processes++
	}
	return kB, processes
}
