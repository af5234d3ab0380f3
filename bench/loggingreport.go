//go:build linux && (amd64 || arm64)

package main

// The results of logging as a summary, what catena promises of them, and the raw
// figures: all samples.

import (
	"fmt"
	"slices"
	"strings"
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

var loggingFigures = []figure{
	{idleBefore, "kB", 0, ""}, {idleAfter, "kB", 0, ""}, {peak, "kB", 0, ""},
	{lostOnTerm, "", 0, ""}, {doubledOnTerm, "", 0, ""}, {tornOnTerm, "", 0, ""},
	{lostOnKill, "", 0, ""}, {doubledOnKill, "", 0, ""}, {tornOnKill, "", 0, ""},
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

const loggingMethod = `Every program runs alone, with a pipe as its standard input that is as the kernel
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
	begin(&b, "Logging", l.facts, loggingMethod, l.notes)
	l.required(&b)
	l.fed(&b, "Speed", "In MB of input per second.", speed, 0)
	l.fed(&b, "CPU time", "In seconds per GB of input.", cost, 2)
	l.memories(&b)
	l.losses(&b)
	return b.String()
}

// logMakers are the columns of the tables.
var logMakers = []string{fused, daemontools, skarnet, svlogd, moreutils}

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
	ours := l.results[figure][fused].all()
	for _, maker := range logMakers {
		s := l.results[figure][maker].all()
		if len(s) == 0 {
			b.WriteString(" |")
			continue
		}
		fmt.Fprintf(b, " %.*f", digits, median(s))
		if maker != fused && len(ours) > 0 {
			times := median(s) / median(ours)
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
	rounds := len(l.results[lostOnTerm][fused])
	columns(b, "Losses", fmt.Sprintf("Of %d lines in %d floods for each signal.",
		rounds*(floodSize/usual.size), rounds))
	for _, what := range []string{lostOnTerm, doubledOnTerm, tornOnTerm, lostOnKill, doubledOnKill, tornOnKill} {
		fmt.Fprintf(b, "| %s |", what)
		for _, maker := range logMakers {
			if s := l.results[what][maker]; s != nil {
				fmt.Fprintf(b, " %.0f", s.sum())
			}
			b.WriteString(" |")
		}
		b.WriteByte('\n')
	}
}

// A promise is what catena's figure must be: at most so much, or at least so many times
// another's.
type promise struct {
	figure string
	over   string
	limit  float64
	unit   string
}

func promises() []promise {
	plain := job{1000, false, 0, inMemory}
	return []promise{
		{speed + usual.String(), skarnet, 4, ""},
		{speed + usual.String(), daemontools, 6, ""},
		{speed + plain.String(), skarnet, 2.5, ""},
		{cost + usual.String(), "", 2.5, "s/GB"},
		{lostOnTerm, "", 0, "in all"},
		{idleBefore, "", 100, "kB"},
		{idleAfter, "", 100, "kB"},
		{speed + tai64nLines, skarnet, 1.5, ""},
		{speed + tai64nlocalLines, skarnet, 2, ""},
		{lostOnKill, "", 0, "in all"},
		{doubledOnKill, "", 0, "in all"},
		{tornOnKill, "", 0, "in all"},
	}
}

func (l *logging) required(b *strings.Builder) {
	b.WriteString("\n## What it must show\n\n| what | limit | measured | deciles | |\n|---|--:|--:|--:|---|\n")
	for _, p := range promises() {
		l.promise(b, p)
	}
}

// promise is a row of the table.
func (l *logging) promise(b *strings.Builder, p promise) {
	s, other := l.results[p.figure][fused], l.results[p.figure][p.over]
	what, limit := p.figure, strings.TrimSpace(fmt.Sprintf("at most %g %s", p.limit, p.unit))
	if p.over != "" {
		what += "; " + fused + " / " + p.over
		limit = fmt.Sprintf("at least %g", p.limit)
	}
	switch {
	case s == nil || p.over != "" && other == nil:
		fmt.Fprintf(b, "| %s | %s | left out | | |\n", what, limit)
	case p.over != "":
		q := divide(s.median(), other.median(), s.medians(), other.medians())
		fmt.Fprintf(b, "| %s | %s | %.2f | %.2f–%.2f | %s |\n",
			what, limit, q.value, q.low, q.high, verdict(q.value >= p.limit))
	default:
		value := s.median()
		if p.unit == "in all" {
			value = s.sum()
		}
		fmt.Fprintf(b, "| %s | %s | %.4g | %.4g–%.4g | %s |\n", what, limit, value,
			quantile(s.all(), 0.1), quantile(s.all(), 0.9), verdict(value <= p.limit))
	}
}

// raw is all samples.
func (l *logging) raw() string {
	var b strings.Builder
	beginRaw(&b, l.facts)
	b.WriteString(rowNames)
	all := loggingFigures
	for _, fed := range whatIsFed() {
		all = append(all, figure{speed + fed, "MB/s", 1, ""}, figure{cost + fed, "s/GB", 3, ""})
	}
	for _, f := range all {
		l.rows(&b, f, l.measured(f.name))
	}
	return b.String()
}

// measured are the makers that have samples of a figure.
func (l *logging) measured(figure string) []string {
	return slices.DeleteFunc(slices.Clone(logMakers), func(maker string) bool { return l.results[figure][maker] == nil })
}
