package test

// Not tested in this file: what the examples' chain does to its server, which the
// scripts in testdata test for each link.

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The examples are run as "make run" runs them, and README.md shows what that prints.
func TestExamplesRunAndTheLogHasEachLineOnce(t *testing.T) {
	cmd := exec.Command("make", "-s", "run")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make run: %v\n%s", err, out)
	}
	_, log, _ := strings.Cut(string(out), "\n$ tai64nlocal <ticker/log/main/current\n")
	ticks := submatches(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} (.*)$`, log)
	if len(ticks) < 3 || len(ticks) != strings.Count(log, "\n") || !slices.Equal(ticks[:3], []string{"tick 1", "tick 2", "tick 3"}) {
		t.Errorf("the log is\n%s", log)
	}
	masked := regexp.MustCompile(`\d+-\d\d-\d\d \d\d:\d\d:\d\d\.\d+`)
	printed := strings.Split(masked.ReplaceAllString(string(out), "TIME"), "\n")
	readme := read(t, filepath.Join(root, "README.md"))
	_, shown, _ := strings.Cut(readme, "```console\n$ cat ticker/log/run\n")
	shown, _, ok := strings.Cut(shown, "```")
	if !ok {
		t.Fatal("README.md does not show the log")
	}
	for line := range strings.Lines(masked.ReplaceAllString(shown, "TIME")) {
		if !slices.Contains(printed, strings.TrimSuffix(line, "\n")) {
			t.Errorf("make run does not print %s", line)
		}
	}
}
