//go:build linux && (amd64 || arm64)

// Command bench measures catena side by side with its peers, in one run.
//
//	usage: go run ./bench [-n rounds] [-o folder] [chain | supervision | logging]
//
// Without a word, all are measured:
//
//   - chain: the time from the spawn of a chain's first link to the exit of a
//     static no-op at its end, page faults, system calls, executed programs, and
//     sizes of binaries;
//   - supervision: the memory of supervisors, how long they take to start
//     services, to see new ones and to start one again, and how often they wake
//     up for nothing;
//   - logging: the throughput, CPU time and memory of loggers and of the filters for
//     time stamps, and the lines that loggers lose when they are stopped or killed.
//
// It runs as root in the project's folder, after make. Each summary goes to
// standard output and to a file in the folder, bench/results by default, such as
// chain.md; the raw results to chain.csv beside it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"catena/bench/chain"
	"catena/bench/logging"
	"catena/bench/supervision"
)

// A bench is one set of figures.
type bench struct {
	name   string
	rounds int // unless -n says otherwise
	least  int // rounds below which nothing can be seen
	run    func(root string, rounds int) (summary, raw string, err error)
}

var benches = []bench{
	{"chain", 2000, chain.Block, chain.Run},
	{"supervision", 15, 1, supervision.Run},
	{"logging", 5, 1, logging.Run},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == supervision.Inside {
		supervision.RunInside(os.Args[2:])
		return
	}
	rounds := flag.Int("n", 0, "rounds, instead of each bench's own number")
	folder := flag.String("o", "bench/results", "folder for the results")
	flag.Parse()
	if err := runAll(flag.Args(), *rounds, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "bench: fatal:", err)
		os.Exit(111)
	}
}

// runAll runs the benches that are named, or all.
func runAll(names []string, rounds int, folder string) error {
	for _, name := range names {
		if !slices.ContainsFunc(benches, func(b bench) bool { return b.name == name }) {
			return fmt.Errorf("there is no bench %s", name)
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("must run as root: setuidgid drops it, and namespaces need it")
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	// Made absolute before a bench changes the working directory.
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	for _, b := range benches {
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		if rounds != 0 {
			b.rounds = rounds
		}
		if b.rounds < b.least {
			return fmt.Errorf("%s: fewer than %d rounds show nothing", b.name, b.least)
		}
		summary, raw, err := b.run(root, b.rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if err := write(folder, b.name, summary, raw); err != nil {
			return err
		}
	}
	return nil
}
