//go:build linux && (amd64 || arm64)

package chain

// What the chains need beyond the built tools: the tools as separate files, the C program,
// the env directory, the file that is locked.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"catena/bench/stage"
)

// A bench is the stage of the chains.
type bench struct {
	*stage.Stage
	single string // a file per tool
	inC    string // the C program; empty if there is no C compiler
}

// variables is what the env directory holds.
var variables = [][2]string{
	{"CATALOG", "/srv/catalog"}, {"LISTEN", "127.0.0.1:8080"},
	{"MODE", "production"}, {"TOKEN", "0123456789abcdef"}, {"WORKERS", "4"},
}

// envWords are the same variables for env(1), which has no env directory.
func envWords() string {
	var all []string
	for _, v := range variables {
		all = append(all, v[0]+"="+v[1])
	}
	return strings.Join(all, " ")
}

// links are catena's tools in the chains.
var links = strings.Fields("envdir envuidgid setuidgid softlimit setlock pgrphack fghack chpst")

func (s *bench) writeVariables() error {
	env := s.Dir + "/env"
	if err := os.Mkdir(env, 0o755); err != nil {
		return err
	}
	for _, v := range variables {
		if err := os.WriteFile(filepath.Join(env, v[0]), []byte(v[1]+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeLock makes the file that chains lock. It is writable for everyone: chpst
// locks after it has dropped root.
func (s *bench) writeLock() error {
	if err := os.WriteFile(s.Dir+"/lock", nil, 0o666); err != nil {
		return err
	}
	return os.Chmod(s.Dir+"/lock", 0o666)
}

// buildSingles builds each tool as a file of its own, with the early entry.
func (s *bench) buildSingles(root string) error {
	args := []string{"build", "-C", root, "-trimpath",
		"-tags=bare", "-ldflags=-s -w -E=_rt0_catena", "-o", s.single + "/"}
	for _, tool := range links {
		args = append(args, "./cmd/"+tool)
	}
	if err := os.Mkdir(s.single, 0o755); err != nil {
		return err
	}
	return stage.Run("go", args...)
}

// peers are the programs that chains of other makers are built from.
var peers = strings.Fields(`envdir envuidgid setuidgid softlimit setlock pgrphack fghack
	nohup chpst gosu env setpriv prlimit flock setsid
	s6-envdir s6-envuidgid s6-setuidgid s6-softlimit s6-setlock s6-setsid s6-fghack`)

// programs are the words of a command line that name a peer's program.
func programs(line string) []string {
	var all []string
	for _, w := range strings.Fields(line) {
		if slices.Contains(peers, w) {
			all = append(all, w)
		}
	}
	return all
}

// present drops the chains whose programs are missing, notes each, and gives
// the others the absolute path of their first program.
func (s *bench) present(all []chain) []chain {
	var kept []chain
	for _, c := range all {
		missing := ""
		for _, name := range c.needs {
			if _, ok := stage.Installed(name); !ok {
				missing += " " + name
			}
		}
		if missing != "" {
			s.Notes = append(s.Notes, fmt.Sprintf("Left out: %s; not installed:%s.", c.title(), missing))
			continue
		}
		if name, ok := stage.Installed(c.argv[0]); ok && len(c.needs) > 0 {
			c.argv[0] = name
		}
		kept = append(kept, c)
	}
	return kept
}
