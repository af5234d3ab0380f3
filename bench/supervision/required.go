//go:build linux && (amd64 || arm64)

package supervision

// What catena promises about supervision, each figure beside its limit.
//
// Not enforced: a missed limit is shown, and the run is no failure.

import (
	"fmt"
	"strings"

	"catena/bench/figures"
	"catena/bench/stage"
)

// bestPeer stands for the peer with the lowest median.
const bestPeer = "the best peer"

// quiet is how long svscan waits before it acts on a link, in milliseconds: ln -sfn makes the
// link under another name and renames it.
const quiet = 50

// A demand is what a maker's figure must be at most, or its ratio to another's.
type demand struct {
	figure, maker, over string
	most                float64
}

var demands = []demand{
	{privateDirty, stage.Catena, "", 40},
	{memoryEach, stage.Catena, "", 0.10},
	{memoryEach, oneProcess, "", 10.0 / several},
	{threads, stage.Catena, "", 1},
	{threads, oneProcess, "", 1},
	{wakeUps, stage.Catena, "", 0},
	{wakeUps, oneProcess, "", 0},
	{startStatic, stage.Catena, bestPeer, 0.7},
	{startStatic, oneProcess, bestPeer, 0.4},
	{startScript, stage.Catena, bestPeer, 0.7},
	{startScript, oneProcess, bestPeer, 0.4},
	{arrivedByRename, stage.Catena, "", 3},
	{arrivedByRename, oneProcess, "", 3},
	{arrivedByLink, stage.Catena, "", quiet + 3},
	{arrivedByLink, oneProcess, "", quiet + 3},
	{restarted, stage.Catena, stage.Daemontools, 0.7},
	{restarted, oneProcess, stage.Daemontools, 0.7},
	{restarted, withPolicy, stage.Catena, 1.05},
	{signalled, stage.Catena, "", 5},
	{signalled, oneProcess, "", 5},
}

func (r *supervision) required(b *strings.Builder) {
	b.WriteString("\n## What it must show\n\n| what | at most | measured | deciles | |\n|---|--:|--:|--:|---|\n")
	for _, d := range demands {
		r.demand(b, d)
	}
	for _, maker := range []string{stage.Catena, oneProcess} {
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
	s, t := r.Results[d.figure][d.maker], r.Results[d.figure][over]
	switch {
	case d.over != "" && (s == nil || t == nil):
		fmt.Fprintf(b, "| %s / %s | %.2f | left out | | |\n", what, over, d.most)
	case s == nil:
		fmt.Fprintf(b, "| %s | %s | left out | | |\n", what, f.Show(d.most))
	case d.over != "":
		q := figures.Divide(s.Median(), t.Median(), s.Medians(), t.Medians())
		fmt.Fprintf(b, "| %s / %s | %.2f | %.3f | %.3f–%.3f | %s |\n",
			what, over, d.most, q.Value, q.Low, q.High, figures.Verdict(q.Value <= d.most))
	default:
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", what, f.Show(d.most), f.Show(s.Median()),
			f.Deciles(s), figures.Verdict(s.Median() <= d.most))
	}
}

// allUp is the one row in which more is better.
func (r *supervision) allUp(b *strings.Builder, maker string) {
	s := r.Results[servicesUp][maker]
	if s == nil {
		fmt.Fprintf(b, "| %s; %s | all | left out | | |\n", servicesUp, maker)
		return
	}
	f := describe(servicesUp)
	least := figures.Quantile(s.All(), 0)
	fmt.Fprintf(b, "| %s; %s | all | %s | %s | %s |\n", servicesUp, maker, f.Show(least), f.Deciles(s),
		figures.Verdict(least == many))
}

// best is the peer with the lowest median; empty if there is none.
func (r *supervision) best(figure string) string {
	best := ""
	for _, by := range r.makers {
		s := r.Results[figure][by.maker]
		if by.peer && s != nil && (best == "" || s.Median() < r.Results[figure][best].Median()) {
			best = by.maker
		}
	}
	return best
}
