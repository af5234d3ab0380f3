// This file asks the compiler what it would put on the heap in code that runs
// before the Go runtime, where there is no heap.
//
// Not tested in this file:
//   - what needs the heap and is no value of the program, as a map's table:
//     callgraph_test.go finds that;
//   - package hosted, which is ordinary Go.
package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// heapUse is how the compiler's -m says that something needs the heap:
// "internal/link/x.go:12:6: moved to heap: n".
var heapUse = regexp.MustCompile(`(?m)^(\S+?\.go):\d+:\d+: (moved to heap: .*|.* escapes to heap.*)$`)

func TestNothingEscapesInCodeBeforeTheRuntime(t *testing.T) {
	packages := []string{"./internal/boot", "./internal/bare", "./internal/execchain", "./internal/link",
		"./internal/tai64", "./internal/service", "./internal/supervise", "./internal/svscan", "./internal/control"}
	packages = append(packages, strings.Fields(inCmd(append(tools(), "catena")))...)
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			said := escapes(t, arch, packages...)
			for _, m := range heapUse.FindAllStringSubmatch(said, -1) {
				if filepath.Dir(m[1]) != "internal/hosted" {
					t.Error(m[0])
				}
			}
		})
	}
}

// The compiler's words may change: it must still say them of testdata/heap.
func TestTheEscapeCheckerKnowsTheCompilersWords(t *testing.T) {
	said := escapes(t, "amd64", "./test/testdata/heap")
	for _, want := range []string{"moved to heap: n", "a + b escapes to heap"} {
		if !strings.Contains(said, want) || !heapUse.MatchString(said) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
}

// escapes compiles packages and returns what the compiler says of the project's
// code, from its cache if it has said so before.
func escapes(t *testing.T, arch string, packages ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-gcflags=catena/...=-m"}, packages...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, said)
	}
	return string(said)
}
