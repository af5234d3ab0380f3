//go:build linux && (amd64 || arm64)

package chain

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
	"time"

	"catena/bench/figures"
	"catena/bench/machine"
	"catena/bench/stage"
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

// Block is how many rounds a block has. Ratios are taken per block as well, which shows
// how far they wander; medians of blocks are what the raw results hold.
const Block = 50

// warmUp rounds fill the page cache and are thrown away.
const warmUp = 20

// measure runs all chains for the given number of rounds.
func measure(all []chain, rounds int) ([]measurement, error) {
	commands := make([]machine.Command, len(all))
	results := make([]measurement, len(all))
	faults := make([][]int64, len(all))
	for i, c := range all {
		var err error
		if commands[i], err = machine.NewCommand(c.argv, stage.Environment(c.path)); err != nil {
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
			s, err := commands[i].Run()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].title(), err)
			}
			if round >= 0 {
				results[i].times = append(results[i].times, s.Time)
				faults[i] = append(faults[i], s.Faults)
			}
		}
		if round > 0 && round%(10*Block) == 0 {
			fmt.Fprintf(os.Stderr, "bench: %d of %d rounds\n", round, rounds)
		}
	}
	for i := range results {
		results[i].faults = figures.Median(faults[i])
	}
	return results, nil
}

// median is the chain's result in microseconds.
func (m *measurement) median() float64 { return figures.Micros(figures.Median(m.times)) }

// blocks are the medians of the blocks, in microseconds; rounds that do not
// fill a last block belong to none.
func (m *measurement) blocks() []float64 {
	var all []float64
	for b := Block; b <= len(m.times); b += Block {
		all = append(all, figures.Micros(figures.Median(m.times[b-Block:b])))
	}
	return all
}

// compare is a's time over b's, less some time for each start of a dynamically
// linked program; the deciles are those over the blocks.
func compare(a, b *measurement, start time.Duration) figures.Ratio {
	return figures.Divide(a.less(start, a.median()), b.less(start, b.median()),
		a.blocksLess(start), b.blocksLess(start))
}

// less is a time without that of the starts.
func (m *measurement) less(start time.Duration, took float64) float64 {
	return took - figures.Micros(start)*float64(m.starts)
}

func (m *measurement) blocksLess(start time.Duration) []float64 {
	all := m.blocks()
	for i := range all {
		all[i] = m.less(start, all[i])
	}
	return all
}
