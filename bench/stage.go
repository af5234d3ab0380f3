//go:build linux && (amd64 || arm64)

package main

// What the chains need, prepared in a temporary folder: a copy of the built
// tools as an installation would lay them out, the tools as separate files, the
// no-op, the C program, the env directory.
//
// Not measured: where the files lie. The folder is on the file system that
// TMPDIR names; the peers lie where their packages put them.

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A stage is the prepared folder. Everything in it can be read by the account
// that the chains change to.
type stage struct {
	dir    string
	bin    string // the multi-call binary and its links
	single string // a file per tool
	noop   string
	inC    string // the C program; empty if there is no C compiler
	notes  []string
}

func newStage(dir string) *stage {
	return &stage{dir: dir, bin: dir + "/bin", single: dir + "/single", noop: dir + "/noop"}
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

// environment is what each chain starts with: twenty variables, PATH first.
func environment(path string) []string {
	env := []string{"PATH=" + path, "HOME=/", "LANG=C", "TERM=dumb", "SHELL=/bin/sh"}
	for n := len(env); n < 20; n++ {
		env = append(env, fmt.Sprintf("VARIABLE_%02d=value %02d", n, n))
	}
	return env
}

// links are catena's tools in the chains.
var links = words("envdir envuidgid setuidgid softlimit setlock pgrphack fghack")

// prepare fills a new temporary folder, in steps, and makes it the working
// directory. The caller removes it.
func prepare(steps ...func(*stage) error) (*stage, error) {
	unix.Umask(0o022) // the account that the chains change to must read it all
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	s := newStage(dir)
	steps = append(steps, (*stage).forget, func(s *stage) error { return os.Chdir(s.dir) })
	err = os.Chmod(dir, 0o755)
	for _, step := range steps {
		if err == nil {
			err = step(s)
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// remove goes back to where the bench was started and removes the folder.
func (s *stage) remove(root string) {
	os.Chdir(root)
	os.RemoveAll(s.dir)
}

func (s *stage) writeVariables() error {
	env := s.dir + "/env"
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
func (s *stage) writeLock() error {
	if err := os.WriteFile(s.dir+"/lock", nil, 0o666); err != nil {
		return err
	}
	return os.Chmod(s.dir+"/lock", 0o666)
}

// copyTools takes over what make built: one file and a symbolic link per tool.
func (s *stage) copyTools(from string, tools []string) error {
	if _, err := os.Stat(filepath.Join(from, "catena")); err != nil {
		return fmt.Errorf("%w (make comes first, and this runs in the project's folder)", err)
	}
	if err := os.Mkdir(s.bin, 0o755); err != nil {
		return err
	}
	if err := must("cp", filepath.Join(from, "catena"), s.bin); err != nil {
		return err
	}
	for _, tool := range tools {
		if err := os.Symlink("catena", filepath.Join(s.bin, tool)); err != nil {
			return err
		}
	}
	return nil
}

// buildSingles builds each tool as a file of its own, with the early entry.
func (s *stage) buildSingles(root string) error {
	args := []string{"build", "-C", root, "-trimpath",
		"-ldflags=-s -w -E=_rt0_catena", "-o", s.single + "/"}
	for _, tool := range links {
		args = append(args, "./cmd/"+tool)
	}
	if err := os.Mkdir(s.single, 0o755); err != nil {
		return err
	}
	return must("go", args...)
}

// compile builds a C program, with musl if it can: the smallest start-up that a C
// program can have without leaving out its library. It returns the file's name,
// which is empty if there is no C compiler.
func (s *stage) compile(root, name string) (file string, err error) {
	for _, cc := range []string{"musl-gcc", "cc"} {
		if _, err := exec.LookPath(cc); err != nil {
			continue
		}
		file = filepath.Join(s.dir, name)
		s.notes = append(s.notes, "The C program was compiled with `"+cc+" -static -O2 -s`.")
		return file, must(cc, "-static", "-O2", "-s", "-Wall", "-o", file,
			filepath.Join(root, "bench", "c", name+".c"))
	}
	return "", nil
}

// forget drops the prepared files from the page cache, so that they get there as
// the peers' have since the machine booted: by being executed. How the pages of
// a file that was just written lie in memory depends on who wrote it, and shows
// in the time.
func (s *stage) forget() error {
	return filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		// Only what is on the disk can be dropped.
		if err := file.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// must runs a command that has to succeed; its messages go to standard error.
func must(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	return nil
}

// peers are the programs that chains of other makers are built from.
var peers = words(`envdir envuidgid setuidgid softlimit setlock pgrphack fghack
	chpst gosu env setpriv prlimit flock setsid
	s6-envdir s6-envuidgid s6-setuidgid s6-softlimit s6-setlock s6-setsid s6-fghack`)

// programs are the words of a command line that name a peer's program.
func programs(line string) []string {
	var all []string
	for _, w := range words(line) {
		if slices.Contains(peers, w) {
			all = append(all, w)
		}
	}
	return all
}

// installed is the path of a peer's program, looked for where distributions put
// them and nowhere else: another PATH may well begin with catena's own tools.
func installed(name string) (string, bool) {
	for _, dir := range words("/usr/bin /bin /usr/sbin /sbin") {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, true
		}
	}
	return "", false
}

// present drops the chains whose programs are missing, notes each, and gives
// the others the absolute path of their first program.
func (s *stage) present(all []chain) []chain {
	var kept []chain
	for _, c := range all {
		missing := ""
		for _, name := range c.needs {
			if _, ok := installed(name); !ok {
				missing += " " + name
			}
		}
		if missing != "" {
			s.notes = append(s.notes, fmt.Sprintf("Left out: %s; not installed:%s.", c.title(), missing))
			continue
		}
		if len(c.needs) > 0 {
			c.argv[0], _ = installed(c.argv[0])
		}
		kept = append(kept, c)
	}
	return kept
}
