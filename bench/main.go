//go:build linux && (amd64 || arm64)

// Command bench measures catena's chains side by side with its peers': the time
// from the spawn of the first link to the exit of a static no-op at the chain's
// end, page faults, system calls, executed programs, and sizes of binaries.
//
//	usage: go run ./bench [-n rounds] [-o folder]
//
// It runs as root in the project's folder, after make. The summary goes to
// standard output and to chain.md in the folder, bench/results by default; the
// raw results to chain.csv beside it.
//
// Not measured: memory that a program keeps, the daemons, throughput.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	rounds := flag.Int("n", 2000, "rounds; each runs every chain once")
	folder := flag.String("o", "bench/results", "folder for the results")
	flag.Parse()
	if err := bench(*rounds, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "bench: fatal:", err)
		os.Exit(111)
	}
}

func bench(rounds int, folder string) error {
	if os.Geteuid() != 0 {
		return errors.New("must run as root: setuidgid and its peers drop root")
	}
	if rounds < block {
		return fmt.Errorf("fewer than %d rounds show nothing", block)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	// Made absolute before prepare changes the working directory.
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	s, err := prepare(root)
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)

	r, err := s.measure(rounds)
	if err != nil {
		return err
	}
	return r.write(folder)
}

// measure pins this thread, so that is the last thing that is done on it.
func (s *stage) measure(rounds int) (*report, error) {
	chains := s.present(s.chains())
	runtime.LockOSThread()
	cpu, err := pin()
	if err != nil {
		return nil, err
	}
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
	about := append(facts(cpu, rounds), fact{"CPUID", fmt.Sprintf(
		"%d in the start of a dynamically linked program, %.0f µs in all", start.cpuids, micros(start.time))})
	return &report{about, results, s.sizes(), s.notes, start}, nil
}
