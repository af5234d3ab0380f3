//go:build linux && (amd64 || arm64)

// Package stage prepares what a bench needs, and finds the programs of the peers.
package stage

// What a bench needs, prepared in a temporary folder: a copy of the built tools as an
// installation would lay them out, and what the bench adds to that.
//
// Not measured: where the files lie. The folder is on the file system that
// TMPDIR names; the peers lie where their packages put them.

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A Stage is the prepared folder. Everything in it can be read by the account that chains
// change to.
type Stage struct {
	Dir   string
	Bin   string   // the multi-call binary and its links
	Notes []string // for the report
}

// At is the stage in a folder.
func At(dir string) *Stage { return &Stage{Dir: dir, Bin: dir + "/bin"} }

// Noop is where the stage has the no-op, if its bench wants a no-op.
func (s *Stage) Noop() string { return s.Dir + "/noop" }

// Tmpfs is where the stage has a tmpfs, if its bench mounts one.
func (s *Stage) Tmpfs() string { return s.Dir + "/tmpfs" }

// Environment is what each chain starts with: twenty variables, PATH first.
func Environment(path string) []string {
	env := []string{"PATH=" + path, "HOME=/", "LANG=C", "TERM=dumb", "SHELL=/bin/sh"}
	for n := len(env); n < 20; n++ {
		env = append(env, fmt.Sprintf("VARIABLE_%02d=value %02d", n, n))
	}
	return env
}

// New is a new stage, in a temporary folder. Remove removes the folder.
func New() (*Stage, error) {
	unix.Umask(0o022) // the account that the chains change to must read it all
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	return At(dir), os.Chmod(dir, 0o755)
}

// Prepare fills the folder, in steps, and makes it the working directory.
func (s *Stage) Prepare(steps ...func() error) error {
	steps = append(steps, s.forget, func() error { return os.Chdir(s.Dir) })
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Remove goes back to where the bench was started and removes the folder.
func (s *Stage) Remove(root string) {
	os.Chdir(root)
	os.RemoveAll(s.Dir)
}

// CopyTools takes over what make built: one file and a symbolic link per tool.
func (s *Stage) CopyTools(from string, tools []string) error {
	if _, err := os.Stat(filepath.Join(from, "catena")); err != nil {
		return fmt.Errorf("%w (make comes first, and this runs in the project's folder)", err)
	}
	if err := os.Mkdir(s.Bin, 0o755); err != nil {
		return err
	}
	if err := Run("cp", filepath.Join(from, "catena"), s.Bin); err != nil {
		return err
	}
	for _, tool := range tools {
		if err := os.Symlink("catena", filepath.Join(s.Bin, tool)); err != nil {
			return err
		}
	}
	return nil
}

// Compile builds a C program, with musl if it can: the smallest start-up that a C
// program can have without leaving out its library. It returns the file's name,
// which is empty if there is no C compiler.
func (s *Stage) Compile(root, name string) (file string, err error) {
	for _, cc := range []string{"musl-gcc", "cc"} {
		if _, err := exec.LookPath(cc); err != nil {
			continue
		}
		file = s.InC(name)
		s.Notes = append(s.Notes, "The C program was compiled with `"+cc+" -static -O2 -s`.")
		return file, Run(cc, "-static", "-O2", "-s", "-Wall", "-o", file,
			filepath.Join(root, "bench", "c", name+".c"))
	}
	return "", nil
}

// InC is the file that Compile makes of a program in C.
func (s *Stage) InC(name string) string { return filepath.Join(s.Dir, name+"-in-C") }

// forget drops the prepared files from the page cache, so that they get there as
// the peers' have since the machine booted: by being executed. How the pages of
// a file that was just written lie in memory depends on who wrote it, and shows
// in the time.
func (s *Stage) forget() error {
	return filepath.WalkDir(s.Dir, func(name string, d fs.DirEntry, err error) error {
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

// Run runs a command that has to succeed; its messages go to standard error.
func Run(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	return nil
}
