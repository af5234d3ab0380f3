//go:build linux && (amd64 || arm64)

package logging

// What catena promises about logging, each figure beside its limit.
//
// Not enforced: a missed limit is shown, and the run is no failure.

import (
	"fmt"
	"strings"

	"catena/bench/figures"
	"catena/bench/stage"
)

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
		{speed + usual.String(), stage.S6, 4, ""},
		{speed + usual.String(), stage.Daemontools, 6, ""},
		{speed + plain.String(), stage.S6, 2.5, ""},
		{cost + usual.String(), "", 2.5, "s/GB"},
		{lostOnTerm, "", 0, "in all"},
		{idleBefore, "", 100, "kB"},
		{idleAfter, "", 100, "kB"},
		{speed + tai64nLines, stage.S6, 1.5, ""},
		{speed + tai64nlocalLines, stage.S6, 2, ""},
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
	s, other := l.Results[p.figure][stage.Catena], l.Results[p.figure][p.over]
	what, limit := p.figure, strings.TrimSpace(fmt.Sprintf("at most %g %s", p.limit, p.unit))
	if p.over != "" {
		what += "; " + stage.Catena + " / " + p.over
		limit = fmt.Sprintf("at least %g", p.limit)
	}
	switch {
	case s == nil || p.over != "" && other == nil:
		fmt.Fprintf(b, "| %s | %s | left out | | |\n", what, limit)
	case p.over != "":
		q := figures.Divide(s.Median(), other.Median(), s.Medians(), other.Medians())
		fmt.Fprintf(b, "| %s | %s | %.2f | %.2f–%.2f | %s |\n",
			what, limit, q.Value, q.Low, q.High, figures.Verdict(q.Value >= p.limit))
	default:
		value := s.Median()
		if p.unit == "in all" {
			value = s.Sum()
		}
		fmt.Fprintf(b, "| %s | %s | %.4g | %.4g–%.4g | %s |\n", what, limit, value,
			figures.Quantile(s.All(), 0.1), figures.Quantile(s.All(), 0.9), figures.Verdict(value <= p.limit))
	}
}
