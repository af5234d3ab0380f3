//go:build linux && (amd64 || arm64)

package main

// What catena promises about supervision, each figure beside its limit.
//
// Not enforced: a missed limit is shown, and the run is no failure.

import (
	"fmt"
	"strings"
)

// bestPeer stands for the peer with the lowest median.
const bestPeer = "the best peer"

// A demand is what a maker's figure must be at most, or its ratio to another's.
type demand struct {
	figure, maker, over string
	most                float64
}

var demands = []demand{
	{privateDirty, fused, "", 40},
	{memoryEach, fused, "", 0.10},
	{memoryEach, oneProcess, "", 10.0 / several},
	{threads, fused, "", 1},
	{threads, oneProcess, "", 1},
	{wakeUps, fused, "", 0},
	{wakeUps, oneProcess, "", 0},
	{startStatic, fused, bestPeer, 0.7},
	{startStatic, oneProcess, bestPeer, 0.4},
	{startScript, fused, bestPeer, 0.7},
	{startScript, oneProcess, bestPeer, 0.4},
	{arrivedByRename, fused, "", 3},
	{arrivedByRename, oneProcess, "", 3},
	{arrivedByLink, fused, "", 3},
	{arrivedByLink, oneProcess, "", 3},
	{restarted, fused, daemontools, 0.7},
	{restarted, oneProcess, daemontools, 0.7},
	{signalled, fused, "", 5},
	{signalled, oneProcess, "", 5},
}

func (r *supervision) required(b *strings.Builder) {
	b.WriteString("\n## What it must show\n\n| what | at most | measured | deciles | |\n|---|--:|--:|--:|---|\n")
	for _, d := range demands {
		r.demand(b, d)
	}
	for _, maker := range []string{fused, oneProcess} {
		r.allUp(b, maker)
	}
}

// demand is a row of the table.
func (r *supervision) demand(b *strings.Builder, d demand) {
	f := describe(d.figure)
	over := d.over
	if over == bestPeer {
		over = r.best(d.figure)
	}
	what := d.figure + "; " + d.maker
	s, t := r.results[d.figure][d.maker], r.results[d.figure][over]
	switch {
	case d.over != "" && (s == nil || t == nil):
		fmt.Fprintf(b, "| %s / %s | %.2f | left out | | |\n", what, over, d.most)
	case s == nil:
		fmt.Fprintf(b, "| %s | %s | left out | | |\n", what, f.show(d.most))
	case d.over != "":
		q := divide(s.median(), t.median(), s.medians(), t.medians())
		fmt.Fprintf(b, "| %s / %s | %.2f | %.3f | %.3f–%.3f | %s |\n",
			what, over, d.most, q.value, q.low, q.high, verdict(q.value <= d.most))
	default:
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", what, f.show(d.most), f.show(s.median()),
			f.deciles(s), verdict(s.median() <= d.most))
	}
}

// allUp is the one row in which more is better.
func (r *supervision) allUp(b *strings.Builder, maker string) {
	s := r.results[servicesUp][maker]
	if s == nil {
		fmt.Fprintf(b, "| %s; %s | all | left out | | |\n", servicesUp, maker)
		return
	}
	f := describe(servicesUp)
	least := quantile(s.all(), 0)
	fmt.Fprintf(b, "| %s; %s | all | %s | %s | %s |\n", servicesUp, maker, f.show(least), f.deciles(s),
		verdict(least == many))
}

// best is the peer with the lowest median; empty if there is none.
func (r *supervision) best(figure string) string {
	best := ""
	for _, by := range r.makers {
		s := r.results[figure][by.maker]
		if by.peer && s != nil && (best == "" || s.median() < r.results[figure][best].median()) {
			best = by.maker
		}
	}
	return best
}
