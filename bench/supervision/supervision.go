//go:build linux && (amd64 || arm64)

// Package supervision measures supervisors beside those of the peers.
package supervision

// Measured: daemons that keep services running, catena's in both of its modes
// beside the peers' with their own tools. The service is bench/c/sleeper.c
// throughout, so what it costs is the same for all.
//
// Not measured: services that do something, logs, machines with little memory.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"catena/bench/figures"
	"catena/bench/machine"
	"catena/bench/stage"
)

// several is how many services most runs have, many how many the one that looks
// for a limit.
const (
	several = 1000
	many    = 10000
)

// An experiment is what happens to one maker's programs in a world of its own.
type experiment struct {
	name  string
	count int  // of services, for programs that want to know
	every int  // it is part of every so many rounds
	warm  bool // the first time does not count
	run   func(*world) error
}

// The experiments that somebody is part of who is not in the others.
const (
	startExperiment   = "start"
	scriptExperiment  = "start with sh"
	memoryExperiment  = "memory"
	restartExperiment = "restart"
	limitExperiment   = "limit"
)

// experiments are done one after the other, each for all its rounds: what one
// leaves in the kernel's caches must not disturb the next one's times.
var experiments = []experiment{
	{startExperiment, several, 1, true, (*world).startStatic},
	{scriptExperiment, several, 1, true, (*world).startScript},
	{restartExperiment, several, 1, false, (*world).restart},
	{"new directory", several, 1, false, (*world).newDirectories},
	{memoryExperiment, several, 1, true, (*world).memory},
	{"idle", several, 8, false, (*world).idle},
	{limitExperiment, many, 8, false, (*world).limit},
}

// trial finds out who can be measured at all, and execs counts their programs.
var (
	trial = experiment{"trial", several, 1, false, (*world).trial}
	execs = experiment{"execs", several, 1, false, (*world).execs}
)

// A bench is the stage of the experiments.
type bench struct{ *stage.Stage }

// Run measures supervision. It returns the summary and the raw results.
func Run(root string, rounds int) (summary, raw string, err error) {
	folder, err := stage.New()
	if err != nil {
		return "", "", err
	}
	defer folder.Remove(root)
	s := &bench{folder}
	err = s.Prepare(
		func() error { return machine.WriteNoop(s.Noop()) }, // StartOf starts it by pgrphack
		func() error {
			return s.CopyTools(filepath.Join(root, "bin"), strings.Fields("svscan supervise svc"))
		},
		func() error { return s.compileSleeper(root) },
		func() error { return os.Mkdir(s.Tmpfs(), 0o755) })
	if err != nil {
		return "", "", err
	}
	// The worlds end with the thread that made them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := s.supervise(rounds)
	if err != nil {
		return "", "", err
	}
	return r.summary(), r.raw(), nil
}

func (s *bench) compileSleeper(root string) error {
	file, err := s.Compile(root, "sleeper")
	if file == "" {
		return errors.New("no C compiler for the service")
	}
	return err
}

// supervise does all experiments.
func (s *bench) supervise(rounds int) (*supervision, error) {
	r := newSupervision(s.supervisors(several))
	makers := s.runnable()
	for _, maker := range makers {
		if err := s.countExecs(r, maker); err != nil {
			return nil, err
		}
	}
	for _, e := range experiments {
		begun := time.Now()
		if err := s.repeat(r, e, slices.Concat(makers, s.extra(e)), rounds); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "bench: %s: %.0f s\n", e.name, time.Since(begun).Seconds())
	}
	start, err := machine.StartOf(append(stage.CommandLine("pgrphack"), s.Noop()), stage.Environment(stage.SystemPath))
	if err != nil {
		s.Notes = append(s.Notes, fmt.Sprintf("CPUID is not counted: the start of a program: daemontools: %v.", err))
	}
	r.facts = append(machine.Facts(strings.Fields("daemontools runit s6 dash musl")),
		figures.Fact{Name: "rounds", Value: fmt.Sprintf("%d, some experiments in fewer", rounds)},
		figures.Fact{Name: "open files", Value: "hard limit " + machine.HardLimit()}, start.Fact())
	r.notes, r.start = s.Notes, start
	r.derive()
	return r, nil
}

// runnable are the makers whose programs keep a service running; the others get a
// note.
func (s *bench) runnable() []string {
	var makers []string
	for _, by := range s.supervisors(several) {
		if by.only != nil {
			continue
		}
		if _, err := s.isolated(trial, by.maker); err != nil {
			s.Notes = append(s.Notes, "Left out: "+by.maker+", which does not keep a service running.")
			fmt.Fprintf(os.Stderr, "bench: left out: %v\n", err)
			continue
		}
		makers = append(makers, by.maker)
	}
	return makers
}

// extra are the makers that only this experiment has.
func (s *bench) extra(e experiment) []string {
	var makers []string
	for _, by := range s.supervisors(e.count) {
		if slices.Contains(by.only, e.name) {
			makers = append(makers, by.maker)
		}
	}
	return makers
}

// countExecs counts the programs that a peer starts for each service.
func (s *bench) countExecs(r *supervision, maker string) error {
	by, err := s.supervisor(maker, several)
	if err != nil || !by.peer {
		return err
	}
	if _, err := exec.LookPath("strace"); err != nil {
		s.Notes = append(s.Notes, "No strace: the programs that "+maker+" starts are not counted.")
		return nil
	}
	samples, err := s.isolated(execs, maker)
	r.Add(maker, samples)
	return err
}

// repeat does an experiment for all makers, in an order that each round has of its
// own.
func (s *bench) repeat(r *supervision, e experiment, makers []string, rounds int) error {
	begin := 0
	if e.warm {
		begin = -1
	}
	for round := begin; round < rounds; round++ {
		if round >= 0 && round%e.every != 0 {
			continue
		}
		rand.Shuffle(len(makers), func(i, j int) { makers[i], makers[j] = makers[j], makers[i] })
		for _, maker := range makers {
			samples, err := s.isolated(e, maker)
			if err != nil {
				s.Notes = append(s.Notes, "Repeated, because it failed: "+e.name+", "+maker+".")
				fmt.Fprintf(os.Stderr, "bench: once more: %v\n", err)
				samples, err = s.isolated(e, maker)
			}
			if err != nil {
				return err
			}
			if round >= 0 {
				r.Add(maker, samples)
			}
		}
	}
	return nil
}
