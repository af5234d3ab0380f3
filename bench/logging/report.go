//go:build linux && (amd64 || arm64)

package logging

// The results of logging as a summary, and the raw figures: all samples.

import (
	"fmt"
	"slices"
	"strings"

	"catena/bench/figures"
	"catena/bench/stage"
)

// The figures. Of speed and cost there is one for each job and each filter.
const (
	speed         = "speed, "
	cost          = "CPU time, "
	idleBefore    = "private dirty memory, idle, before the first line"
	idleAfter     = "private dirty memory, idle, after a flood"
	peak          = "peak resident memory"
	lostOnTerm    = "lines lost on TERM in a flood"
	doubledOnTerm = "lines doubled on TERM in a flood"
	tornOnTerm    = "lines torn on TERM in a flood"
	lostOnKill    = "lines lost on KILL in a flood"
	doubledOnKill = "lines doubled on KILL in a flood"
	tornOnKill    = "lines torn on KILL in a flood"
)

var fixedFigures = []figures.Figure{
	{Name: idleBefore, Unit: "kB"}, {Name: idleAfter, Unit: "kB"}, {Name: peak, Unit: "kB"},
	{Name: lostOnTerm}, {Name: doubledOnTerm}, {Name: tornOnTerm},
	{Name: lostOnKill}, {Name: doubledOnKill}, {Name: tornOnKill},
}

// whatIsFed lists the jobs and the filters.
func whatIsFed() []string {
	var all []string
	for _, j := range jobs() {
		all = append(all, j.String())
	}
	for _, f := range filterings {
		all = append(all, f.name)
	}
	return all
}

const method = `Every program runs alone, with a pipe as its standard input that is as the kernel
makes it and into which another thread writes lines from memory, a million bytes at
a time. A round runs every maker once, in random order, for each combination. The
time is from the spawn to the exit; the CPU time is the user's and the system's of
the program, as wait4 reports it. TZ is not set. Lines are numbered, and patterns
are tried on each and match none. svlogd has the larger buffer that its manual
advises for much data, s6-log runs with -b.

A log has ten files of a million bytes, each written to disk when it is full. On
tmpfs that is nothing; on a disk all loggers wait for the disk, and what is measured
is the disk as well. So the limits are those for a tmpfs.

For losses a flood of 200,000 lines with labels goes to a logger on a tmpfs, and the
signal comes after a random part of it. After KILL the logger is started again, and
has the rest. What is in the logs, and after TERM what is still in the pipe, is
compared with the flood: a line is lost if it is whole nowhere, doubled if it is there
again, and torn if it is none of the flood's. Filters write to /dev/null.

Shown are medians, in parentheses by how much catena is better; losses are sums over
the rounds. The deciles are the first and the last of the rounds' ratios or values.
The raw file has all samples.
`

func (l *logging) summary() string {
	var b strings.Builder
	figures.Head(&b, "Logging", l.facts, method, l.Notes)
	l.required(&b)
	l.fed(&b, "Speed", "In MB of input per second.", speed, 0)
	l.fed(&b, "CPU time", "In seconds per GB of input.", cost, 2)
	l.memories(&b)
	l.losses(&b)
	return b.String()
}

// logMakers are the columns of the tables.
var logMakers = []string{stage.Catena, stage.Daemontools, stage.S6, svlogd, moreutils}

func columns(b *strings.Builder, title, about string) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| | %s |\n|---%s|\n", title, about,
		strings.Join(logMakers, " | "), strings.Repeat("|--:", len(logMakers)))
}

// fed shows a figure of all that was fed.
func (l *logging) fed(b *strings.Builder, title, about, what string, digits int) {
	columns(b, title, about)
	for _, fed := range whatIsFed() {
		l.row(b, fed, what+fed, digits, what == speed)
	}
}

// row shows all makers' medians, and their ratio to catena's, so that more than 1 is
// better for catena.
func (l *logging) row(b *strings.Builder, name, figure string, digits int, moreIsBetter bool) {
	fmt.Fprintf(b, "| %s |", name)
	ours := l.Results[figure][stage.Catena].All()
	for _, maker := range logMakers {
		s := l.Results[figure][maker].All()
		if len(s) == 0 {
			b.WriteString(" |")
			continue
		}
		fmt.Fprintf(b, " %.*f", digits, figures.Median(s))
		if maker != stage.Catena && len(ours) > 0 {
			times := figures.Median(s) / figures.Median(ours)
			if moreIsBetter {
				times = 1 / times
			}
			fmt.Fprintf(b, " (%.1f)", times)
		}
		b.WriteString(" |")
	}
	b.WriteByte('\n')
}

func (l *logging) memories(b *strings.Builder) {
	columns(b, "Memory", "Of a logger, in kB; the resident memory has what programs share.")
	for _, what := range []string{idleBefore, idleAfter, peak} {
		l.row(b, what, what, 0, false)
	}
}

// losses shows sums.
func (l *logging) losses(b *strings.Builder) {
	rounds := len(l.Results[lostOnTerm][stage.Catena])
	columns(b, "Losses", fmt.Sprintf("Of %d lines in %d floods for each signal.",
		rounds*(floodSize/usual.size), rounds))
	for _, what := range []string{lostOnTerm, doubledOnTerm, tornOnTerm, lostOnKill, doubledOnKill, tornOnKill} {
		fmt.Fprintf(b, "| %s |", what)
		for _, maker := range logMakers {
			if s := l.Results[what][maker]; s != nil {
				fmt.Fprintf(b, " %.0f", s.Sum())
			}
			b.WriteString(" |")
		}
		b.WriteByte('\n')
	}
}

// raw is all samples.
func (l *logging) raw() string {
	var b strings.Builder
	figures.RawHead(&b, l.facts)
	b.WriteString(figures.RowNames)
	all := fixedFigures
	for _, fed := range whatIsFed() {
		all = append(all, figures.Figure{Name: speed + fed, Unit: "MB/s", Digits: 1}, figures.Figure{Name: cost + fed, Unit: "s/GB", Digits: 3})
	}
	for _, f := range all {
		l.Rows(&b, f, l.measured(f.Name))
	}
	return b.String()
}

// measured are the makers that have samples of a figure.
func (l *logging) measured(figure string) []string {
	return slices.DeleteFunc(slices.Clone(logMakers), func(maker string) bool { return l.Results[figure][maker] == nil })
}
