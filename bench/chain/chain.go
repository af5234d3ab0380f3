//go:build linux && (amd64 || arm64)

// Package chain measures chains beside those of the peers.
package chain

// Measured: chains; chains.go says which.
//
// Not measured: memory that a program keeps, the daemons.

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"catena/bench/figures"
	"catena/bench/machine"
	"catena/bench/stage"
)

// Run measures the chains. It returns the summary and the raw results.
func Run(root string, rounds int) (summary, raw string, err error) {
	folder, err := stage.New()
	if err != nil {
		return "", "", err
	}
	defer folder.Remove(root)
	s := &bench{Stage: folder, single: folder.Dir + "/single"}
	err = s.Prepare(
		func() error { return machine.WriteNoop(s.Noop()) },
		s.writeVariables,
		s.writeLock,
		s.writeScripts,
		func() error { return s.CopyTools(filepath.Join(root, "bin"), links) },
		func() error { return s.buildSingles(root) },
		func() error { return s.compileChain(root) })
	if err != nil {
		return "", "", err
	}
	r, err := s.measure(rounds)
	if err != nil {
		return "", "", err
	}
	return r.summary(), r.raw(), nil
}

// compileChain builds the static C program, if it can.
func (s *bench) compileChain(root string) (err error) {
	s.inC, err = s.Compile(root, "chain")
	if s.inC == "" {
		s.Notes = append(s.Notes, "No C compiler: the static C program is left out.")
	}
	return err
}

// measure pins this thread while it runs.
func (s *bench) measure(rounds int) (*report, error) {
	chains := s.present(s.chains())
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpu, unpin, err := machine.Pin()
	if err != nil {
		return nil, err
	}
	defer unpin()
	if err := machine.FixLimits(); err != nil {
		return nil, err
	}
	results, err := measure(chains, rounds)
	if err != nil {
		return nil, err
	}
	traced, err := countAll(results)
	if err != nil {
		return nil, err
	}
	if !traced {
		s.Notes = append(s.Notes, "No strace: system calls and executed programs are not counted.")
	}
	start, err := countStarts(results)
	if err != nil {
		return nil, err
	}
	about := append(machine.Facts(chainPackages),
		figures.Fact{Name: "samples", Value: fmt.Sprintf("%d per chain, all on CPU %d", rounds, cpu)},
		start.Fact())
	return &report{about, results, s.sizes(), s.Notes, start}, nil
}

// chainPackages are those that the chains' programs come from.
var chainPackages = strings.Fields("daemontools runit s6 gosu util-linux coreutils musl")
