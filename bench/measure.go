//go:build linux && (amd64 || arm64)

package main

// Measured: all chains side by side. A round runs each chain once, in an order
// of its own, so that whatever else the machine does falls on all alike, and
// no chain profits from always following the same other one.
//
// Not measured: a chain that runs alone, over and over, with warm caches; it
// would be faster.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// A measurement is what came out for one chain.
type measurement struct {
	chain  chain
	times  []time.Duration // in the order of the rounds
	faults int64           // page faults, median
	calls  int             // system calls, as strace counts them; 0 if unknown
	execs  int             // successful execve calls among them
	starts int             // of dynamically linked programs; see starting
}

// A block is this many rounds. Ratios are taken per block as well, which shows
// how far they wander; medians of blocks are what the raw results hold.
const block = 50

// warmUp rounds fill the page cache and are thrown away.
const warmUp = 20

// measure runs all chains for the given number of rounds.
func measure(all []chain, rounds int) ([]measurement, error) {
	commands := make([]command, len(all))
	results := make([]measurement, len(all))
	faults := make([][]int64, len(all))
	for i, c := range all {
		var err error
		if commands[i], err = newCommand(c.argv, environment(c.path)); err != nil {
			return nil, err
		}
		results[i] = measurement{chain: c, times: make([]time.Duration, 0, rounds)}
		faults[i] = make([]int64, 0, rounds)
	}
	// All memory is there; a collection would only disturb.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	for round := -warmUp; round < rounds; round++ {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			s, err := commands[i].run()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].title(), err)
			}
			if round >= 0 {
				results[i].times = append(results[i].times, s.time)
				faults[i] = append(faults[i], s.faults)
			}
		}
		if round > 0 && round%(10*block) == 0 {
			fmt.Fprintf(os.Stderr, "bench: %d of %d rounds\n", round, rounds)
		}
	}
	for i := range results {
		results[i].faults = median(faults[i])
	}
	return results, nil
}

// quantile is the value below which the share q of the values lies.
func quantile[T int64 | float64 | time.Duration](values []T, q float64) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func median[T int64 | float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

func micros(d time.Duration) float64 { return float64(d) / 1000 }

// median is the chain's result in microseconds.
func (m *measurement) median() float64 { return micros(median(m.times)) }

// blocks are the medians of the blocks, in microseconds; rounds that do not
// fill a last block belong to none.
func (m *measurement) blocks() []float64 {
	var all []float64
	for b := block; b <= len(m.times); b += block {
		all = append(all, micros(median(m.times[b-block:b])))
	}
	return all
}

// A ratio is between two medians; low and high are its first and last decile
// over the blocks.
type ratio struct{ value, low, high float64 }

// compare is a's time over b's, less some time for each start of a dynamically
// linked program.
func compare(a, b *measurement, start time.Duration) ratio {
	lessA, lessB := micros(start)*float64(a.starts), micros(start)*float64(b.starts)
	over := b.blocks()
	var each []float64
	for i, v := range a.blocks() {
		each = append(each, (v-lessA)/(over[i]-lessB))
	}
	r := ratio{value: (a.median() - lessA) / (b.median() - lessB)}
	r.low, r.high = quantile(each, 0.1), quantile(each, 0.9)
	return r
}

// slope is the least-squares slope of values at 1, 2, 3 …
func slope(values []float64) float64 {
	n := float64(len(values))
	middle, mean := (n+1)/2, 0.0
	for _, v := range values {
		mean += v / n
	}
	var above, below float64
	for i, v := range values {
		d := float64(i+1) - middle
		above += d * (v - mean)
		below += d * d
	}
	return above / below
}
