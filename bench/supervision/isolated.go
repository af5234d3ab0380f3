//go:build linux && (amd64 || arm64)

package supervision

// Each run of an experiment is a process of its own, in a pid and a mount
// namespace of its own. It is their process 1: when it ends, by itself or not,
// all that it has started ends, and its tmpfs goes.

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/bench/machine"
	"catena/bench/stage"
)

// Inside is the word that makes the bench such a process.
const Inside = "inside"

// longest is how long a run may take.
const longest = 5 * time.Minute

// An outcome is what a run found, by figure, or why it could not.
type outcome struct {
	Samples map[string][]float64
	Failure string
}

func (s *bench) outcome() string  { return s.Dir + "/outcome" }
func (s *bench) messages() string { return s.Dir + "/messages" }

// isolated runs an experiment for one maker.
func (s *bench) isolated(e experiment, maker string) (map[string][]float64, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	messages, err := os.Create(s.messages())
	if err != nil {
		return nil, err
	}
	defer messages.Close()
	os.Remove(s.outcome())
	limited, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(limited, self, Inside, s.Dir, e.name, maker)
	cmd.Stdout, cmd.Stderr = messages, messages
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = cmd.Run()
	var found outcome
	if text, unread := os.ReadFile(s.outcome()); unread == nil {
		err = json.Unmarshal(text, &found)
	}
	if err == nil && found.Failure != "" {
		err = fmt.Errorf("%s", found.Failure)
	}
	said := s.said()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w%s", maker, e.name, err, said)
	}
	if said != "" {
		fmt.Fprintf(os.Stderr, "bench: %s: %s%s\n", maker, e.name, said)
	}
	return found.Samples, nil
}

// said is what the programs had to say, most of it left out.
func (s *bench) said() string {
	text, _ := os.ReadFile(s.messages())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if lines[0] == "" {
		return ""
	}
	const most = 3
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d lines more", len(lines)-most))
	}
	return "\n\t" + strings.Join(lines, "\n\t")
}

// RunInside is the process in the namespaces. Its words are the stage, the
// experiment and the maker.
func RunInside(args []string) {
	s := &bench{stage.At(args[0])}
	found := outcome{}
	w, err := s.enter(args[1], args[2])
	if err == nil {
		err = w.experiment.run(w)
		found.Samples = w.samples
	}
	if err != nil {
		found.Failure = err.Error()
	}
	text, err := json.Marshal(found)
	if err == nil {
		err = os.WriteFile(s.outcome(), text, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(111)
	}
}

// enter makes the world that an experiment is done in: the namespaces' own /proc
// and tmpfs, and the limits as they were.
func (s *bench) enter(name, maker string) (*world, error) {
	w := &world{dir: s.Tmpfs(), samples: map[string][]float64{}}
	for _, e := range append(experiments, trial, execs) {
		if e.name == name {
			w.experiment = e
		}
	}
	var err error
	if w.by, err = s.supervisor(maker, w.experiment.count); err != nil {
		return nil, err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("unable to leave the mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return nil, fmt.Errorf("unable to mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", w.dir, "tmpfs", 0, "mode=755"); err != nil {
		return nil, fmt.Errorf("unable to mount a tmpfs: %w", err)
	}
	if err := machine.FixLimits(); err != nil {
		return nil, err
	}
	return w, w.furnish(s)
}
