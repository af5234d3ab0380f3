//go:build linux && (amd64 || arm64)

package chain

// The chains' results as a summary, and the raw figures: the median of each
// block of rounds for each chain.

import (
	"fmt"
	"strings"

	"catena/bench/figures"
	"catena/bench/machine"
)

type report struct {
	facts   []figures.Fact
	results []measurement
	sizes   []size
	notes   []string
	start   machine.Starting
}

// find is the measurement of a chain, nil if it was left out.
func (r *report) find(group, maker string) *measurement {
	for i := range r.results {
		if c := &r.results[i].chain; c.group == group && c.maker == maker {
			return &r.results[i]
		}
	}
	return nil
}

// floor is the median of the no-op alone, in microseconds.
func (r *report) floor() float64 { return r.results[0].median() }

const method = `Each sample is one vfork, execve and wait4, from before the vfork to after the
wait4, on one CPU, by the monotonic clock. A round runs every chain once, in
random order. Every chain starts with the same twenty environment variables and
the same working directory. Its first program is executed by its absolute path,
each further one is looked up in a PATH that has it in the first folder. At the
end stands a static no-op, an ELF file of two headers and three instructions.
Shown are medians, in microseconds; the deciles are the first and the last. The
deciles of a ratio are those over blocks of 50 rounds. The raw file has the
median of each block.

"Without CPUID" is the median less the time of the CPUID instructions that the
chain's dynamically linked programs execute as they start. On a virtual machine
the host traps each of them; on bare hardware they cost next to nothing, so there
the peers come off about as well as that column says.
`

func (r *report) summary() string {
	var b strings.Builder
	figures.Head(&b, "Chains", r.facts, method, r.notes)
	r.required(&b)
	for i, m := range r.results {
		group := m.chain.group
		if i > 0 && r.results[i-1].chain.group == group {
			continue
		}
		if group != cheapGroup && group != mixedGroup {
			r.table(&b, group)
		}
	}
	r.growth(&b, cheapGroup)
	r.growth(&b, mixedGroup)
	writeSizes(&b, r.sizes)
	return b.String()
}

// table shows the chains of one group, each against the group's first.
func (r *report) table(b *strings.Builder, group string) {
	fmt.Fprintf(b, "\n## %s\n\n", group)
	b.WriteString("| | µs | deciles | above the floor | ratio | system calls | page faults | execs | without CPUID |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	var first *measurement
	for i := range r.results {
		m := &r.results[i]
		if m.chain.group != group {
			continue
		}
		if first == nil {
			first = m
		}
		fmt.Fprintf(b, "| %s | %.0f | %.0f–%.0f | %.0f | %.2f | %s | %d | %s | %.0f |\n",
			m.chain.maker, m.median(), figures.Micros(figures.Quantile(m.times, 0.1)), figures.Micros(figures.Quantile(m.times, 0.9)),
			m.median()-r.floor(), m.median()/first.median(),
			known(m.calls), m.faults, known(m.execs),
			m.less(r.start.Time, m.median()))
	}
}

// known prints a count that is 0 when nobody could count.
func known(n int) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprint(n)
}

// growth shows a chain that grows by a link at a time.
func (r *report) growth(b *strings.Builder, group string) {
	fmt.Fprintf(b, "\n## %s\n\n", group)
	b.WriteString("| links | µs | added | system calls | page faults |\n|---|--:|--:|--:|--:|\n")
	before := 0.0
	for i := range r.results {
		m := &r.results[i]
		if m.chain.group != group {
			continue
		}
		added := ""
		if before > 0 {
			added = fmt.Sprintf("%.1f", m.median()-before)
		}
		before = m.median()
		fmt.Fprintf(b, "| %s | %.1f | %s | %s | %d |\n",
			m.chain.maker, m.median(), added, known(m.calls), m.faults)
	}
	fmt.Fprintf(b, "\nEach further link: %.1f µs (least squares).\n", figures.Slope(r.medians(group)))
}

func (r *report) medians(group string) []float64 {
	var all []float64
	for i := range r.results {
		if m := &r.results[i]; m.chain.group == group {
			all = append(all, m.median())
		}
	}
	return all
}

// raw is a line per chain: its medians by block, after the overall figures.
func (r *report) raw() string {
	var b strings.Builder
	figures.RawHead(&b, r.facts)
	fmt.Fprintf(&b, "# microseconds; each block is the median of %d rounds\n", Block)
	b.WriteString("group,chain,system calls,page faults,execs,dynamic starts,first decile,median,last decile,blocks\n")
	for i := range r.results {
		m := &r.results[i]
		fmt.Fprintf(&b, "%q,%q,%d,%d,%d,%d,%.1f,%.1f,%.1f", m.chain.group, m.chain.maker,
			m.calls, m.faults, m.execs, m.starts, figures.Micros(figures.Quantile(m.times, 0.1)), m.median(),
			figures.Micros(figures.Quantile(m.times, 0.9)))
		for _, v := range m.blocks() {
			fmt.Fprintf(&b, ",%.1f", v)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
