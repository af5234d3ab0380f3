package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"catena/internal/service"
)

// The run directory. A service directory is made under a name that begins with a dot, and gets
// its own name when it is complete. A file that has changed is replaced, by a rename. So whoever
// reads these files, and whenever the writer is killed, finds every file as it was or as it is to be.
const (
	Services = "svc"  // the service directories
	Scan     = "scan" // a link to each of them, for svscan
)

// A Change is what is different about a service.
type Change struct {
	Name  string
	Kind  string   // Added, Removed, Changed or Adjusted
	Files []string // those that are not as they were, sorted
}

// The kinds of changes.
const (
	Added    = "added"
	Removed  = "removed"  // it is no longer wanted
	Changed  = "changed"  // the next start of the program is another one
	Adjusted = "adjusted" // svscan and supervise read the new settings when they count
)

// ofProgram are the files that make a program another one. The others are for who supervises it.
var ofProgram = []string{run, chain, env, stdin}

// Compare returns what Write would change. A run directory that is not there has no services.
func Compare(dir string, services []Service) (changes []Change, err error) {
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	for _, s := range services {
		if !slices.Contains(names, s.Name) {
			changes = append(changes, Change{Name: s.Name, Kind: Added})
			continue
		}
		write, remove, err := differences(filepath.Join(dir, Services, s.Name), s)
		if err != nil {
			return nil, err
		}
		if change := changeOf(s.Name, write, remove); len(change.Files) > 0 {
			changes = append(changes, change)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(services, func(s Service) bool { return s.Name == name }) {
			changes = append(changes, Change{Name: name, Kind: Removed})
		}
	}
	return changes, nil
}

// changeOf says what it means that some files are written, and others removed.
func changeOf(name string, write []File, remove []string) Change {
	change := Change{Name: name, Kind: Adjusted, Files: slices.Clone(remove)}
	for _, f := range write {
		change.Files = append(change.Files, f.Name)
	}
	slices.Sort(change.Files)
	if slices.ContainsFunc(change.Files, func(file string) bool { return slices.Contains(ofProgram, file) }) {
		change.Kind = Changed
	}
	return change
}

// Write makes a run directory as the services are to be. What is the same is not touched, and
// what is no longer wanted is left to Remove.
func Write(dir string, services []Service) error {
	if err := prepare(dir); err != nil {
		return err
	}
	for _, s := range services {
		at := filepath.Join(dir, Services, s.Name)
		_, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = create(dir, s)
		case err == nil:
			err = update(at, s)
		}
		if err == nil {
			err = link(dir, s.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the run directory if it is not there. Whoever can write in it decides what the
// server runs, so it must be the server's own.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case owner != uint32(os.Geteuid()) && owner != 0:
		return fmt.Errorf("%s belongs to another account", dir)
	case info.Mode()&0o022 != 0:
		return fmt.Errorf("the group or others may write to %s", dir)
	}
	for _, below := range []string{Services, Scan} {
		if err := os.Mkdir(filepath.Join(dir, below), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// list lists the services that are there. A name that begins with a dot is not complete.
func list(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, Services))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if name := entry.Name(); name[0] != '.' {
			names = append(names, name)
		}
	}
	return names, err
}

// create makes a service directory.
func create(dir string, s Service) error {
	unfinished := filepath.Join(dir, Services, "."+s.Name)
	if err := os.RemoveAll(unfinished); err != nil { // which a killed writer has left
		return err
	}
	if err := os.Mkdir(unfinished, 0o755); err != nil {
		return err
	}
	for _, f := range s.Files {
		if err := f.write(filepath.Join(unfinished, f.Name)); err != nil {
			return err
		}
	}
	return os.Rename(unfinished, filepath.Join(dir, Services, s.Name))
}

// link has svscan see a service.
func link(dir, name string) error {
	err := os.Symlink("../"+Services+"/"+name, filepath.Join(dir, Scan, name))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// write makes a file that is not there.
func (f *File) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch f.Kind {
	case Link:
		return os.Symlink(f.Text, path)
	case FIFO:
		return syscall.Mkfifo(path, f.Mode)
	}
	return os.WriteFile(path, []byte(f.Text), fs.FileMode(f.Mode))
}

// isThere reports whether a file is as it is to be.
func (f *File) isThere(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	switch f.Kind {
	case Link:
		to, err := os.Readlink(path)
		return err == nil && to == f.Text
	case FIFO:
		return info.Mode().Type() == fs.ModeNamedPipe
	}
	text, err := os.ReadFile(path)
	return info.Mode().IsRegular() && err == nil && string(text) == f.Text
}

// differences lists the files that a service directory lacks, or has otherwise, and those that it
// is not to have.
func differences(at string, s Service) (write []File, remove []string, err error) {
	for _, f := range s.Files {
		if !f.isThere(filepath.Join(at, f.Name)) {
			write = append(write, f)
		}
	}
	remove, err = stale(at, s)
	return write, remove, err
}

// update makes the files of a service that is there as they are to be.
func update(at string, s Service) error {
	write, remove, err := differences(at, s)
	if err != nil {
		return err
	}
	for _, f := range write {
		path, unfinished := filepath.Join(at, f.Name), filepath.Join(at, ".new")
		if err := os.RemoveAll(unfinished); err != nil {
			return err
		}
		if err := f.write(unfinished); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.Rename(unfinished, path); err != nil {
			return err
		}
	}
	for _, name := range remove {
		if err := os.Remove(filepath.Join(at, name)); err != nil {
			return err
		}
	}
	return nil
}

// stale lists the files of ours that a service directory has and is not to have.
func stale(at string, s Service) (names []string, err error) {
	wanted := func(name string) bool {
		return slices.ContainsFunc(s.Files, func(f File) bool { return f.Name == name })
	}
	for _, name := range managed {
		if name == service.Needs {
			needs, err := os.ReadDir(filepath.Join(at, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for _, entry := range needs {
				if below := name + "/" + entry.Name(); !wanted(below) {
					names = append(names, below)
				}
			}
			continue
		}
		if _, err := os.Lstat(filepath.Join(at, name)); err == nil && !wanted(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Hide has svscan start a service no more.
func Hide(dir, name string) error {
	err := os.Remove(filepath.Join(dir, Scan, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Remove removes a service that is over.
func Remove(dir, name string) error {
	if err := Hide(dir, name); err != nil {
		return err
	}
	unfinished := filepath.Join(dir, Services, "."+name)
	if err := os.Rename(filepath.Join(dir, Services, name), unfinished); err != nil {
		return err
	}
	return os.RemoveAll(unfinished)
}
