package test

// What holdsocket refuses, and what it says then.
//
// Not tested in this file: what it holds, see supervisord_fastcgi_test.go.

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHoldsocketRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	const usage = "holdsocket: usage: holdsocket [-m mode] [-o uid[:gid]] [-b backlog] address service ..."
	for words, want := range map[string]string{
		"":                         "exit 100 " + usage,
		"unix:///tmp/x":            "exit 100 " + usage,
		"-x unix:///tmp/x a":       "exit 100 holdsocket: illegal option -- x\n" + usage,
		"-b":                       "exit 100 holdsocket: option requires an argument -- b\n" + usage,
		"-m 8 unix:///tmp/x a":     "exit 111 holdsocket: fatal: not a mode: 8",
		"-m17777 unix:///tmp/x a":  "exit 111 holdsocket: fatal: not a mode: 17777",
		"-o root unix:///tmp/x a":  "exit 111 holdsocket: fatal: not an owner: root",
		"-o 0: unix:///tmp/x a":    "exit 111 holdsocket: fatal: not an owner: 0:",
		"-b 0 unix:///tmp/x a":     "exit 111 holdsocket: fatal: not a backlog: 0",
		"-b 65536 unix:///tmp/x a": "exit 111 holdsocket: fatal: not a backlog: 65536",
		"unix://x a":               "exit 111 holdsocket: fatal: not an address: unix://x",
		"-- unix:// a":             "exit 111 holdsocket: fatal: not an address: unix://",
		"tcp://localhost:80 a":     "exit 111 holdsocket: fatal: not an address: tcp://localhost:80",
		"tcp://127.0.0.1 a":        "exit 111 holdsocket: fatal: not an address: tcp://127.0.0.1",
		"tcp://127.0.0.1:0 a":      "exit 111 holdsocket: fatal: not an address: tcp://127.0.0.1:0",
		"tcp://127.0.0.1:65536 a":  "exit 111 holdsocket: fatal: not an address: tcp://127.0.0.1:65536",
		"tcp://[::1]:80 a":         "exit 111 holdsocket: fatal: not an address: tcp://[::1]:80",
		"tcp a":                    "exit 111 holdsocket: fatal: not an address: tcp",
	} {
		cmd := exec.Command(filepath.Join(fused.dir, "holdsocket"), strings.Fields(words)...)
		cmd.Dir = t.TempDir()
		out, end := runInTime(cmd)
		if got := end + " " + strings.TrimSuffix(out, "\n"); got != want {
			t.Errorf("%s: %q, and not %q", words, got, want)
		}
	}
}
