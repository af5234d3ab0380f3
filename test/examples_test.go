package test

// The examples run as they are, and where they are copied to.
//
// Not tested in this file: what the examples' chain does to its server, which the
// scripts in testdata test for each link.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The examples are run as "make run" runs them, and docs/tools.md shows what that prints.
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
	page := read(t, filepath.Join(root, "docs", "tools.md"))
	_, shown, _ := strings.Cut(page, "```text\n$ cat ticker/log/run\n")
	shown, _, ok := strings.Cut(shown, "```")
	if !ok {
		t.Fatal("docs/tools.md does not show the log")
	}
	for line := range strings.Lines(masked.ReplaceAllString(shown, "TIME")) {
		if !slices.Contains(printed, strings.TrimSuffix(line, "\n")) {
			t.Errorf("make run does not print %s", line)
		}
	}
}

// Each example may be copied anywhere, and then does what it does here.
func TestExamplesOfServicesCanBeCopied(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	for _, name := range []string{"failing", "ticker", "web"} {
		from := filepath.Join(root, "examples", "service", name)
		if out, err := exec.Command("cp", "-R", from, filepath.Join(y.top, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, state := range []string{"supervise", "log/supervise", "log/main"} {
			must(os.RemoveAll(filepath.Join(y.top, name, state)))
		}
		must(os.Symlink(filepath.Join(y.top, name), filepath.Join(y.scan, name)))
	}
	y.svscan()
	y.await("the server", func() bool {
		for _, p := range y.named("sleep") {
			if p.cwd == filepath.Join(y.top, "web") {
				return true
			}
		}
		return false
	})
	y.await("a line of the log", func() bool {
		return strings.Contains(textOf(filepath.Join(y.top, "ticker/log/main/current")), " tick 1\n")
	})
	y.await("the exit code of the one that fails", func() bool {
		return strings.Contains(y.do("svstat", "-l", filepath.Join(y.scan, "failing")), "last exited 1")
	})
}
