//go:build linux && (amd64 || arm64)

package main

// Measured: chains; chains.go says which.
//
// Not measured: memory that a program keeps, the daemons.

import (
	"fmt"
	"path/filepath"
	"runtime"
)

func benchChains(root string, rounds int) (summary, raw string, err error) {
	s, err := prepare(
		func(s *stage) error { return writeNoop(s.noop) },
		(*stage).writeVariables,
		(*stage).writeLock,
		func(s *stage) error { return s.copyTools(filepath.Join(root, "bin"), links) },
		func(s *stage) error { return s.buildSingles(root) },
		func(s *stage) error { return s.compileChain(root) })
	if err != nil {
		return "", "", err
	}
	defer s.remove(root)
	r, err := s.measure(rounds)
	if err != nil {
		return "", "", err
	}
	return r.summary(), r.raw(), nil
}

// compileChain builds the static C program, if it can.
func (s *stage) compileChain(root string) (err error) {
	s.inC, err = s.compile(root, "chain")
	if s.inC == "" {
		s.notes = append(s.notes, "No C compiler: the static C program is left out.")
	}
	return err
}

// measure pins this thread while it runs.
func (s *stage) measure(rounds int) (*report, error) {
	chains := s.present(s.chains())
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpu, unpin, err := pin()
	if err != nil {
		return nil, err
	}
	defer unpin()
	if err := fixLimits(); err != nil {
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
		s.notes = append(s.notes, "No strace: system calls and executed programs are not counted.")
	}
	start, err := countStarts(results)
	if err != nil {
		return nil, err
	}
	about := append(facts(chainPackages),
		fact{"samples", fmt.Sprintf("%d per chain, all on CPU %d", rounds, cpu)},
		start.fact())
	return &report{about, results, s.sizes(), s.notes, start}, nil
}

// chainPackages are those that the chains' programs come from.
var chainPackages = words("daemontools runit s6 gosu util-linux coreutils musl")
