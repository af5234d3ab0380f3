//go:build linux && (amd64 || arm64)

package chain

// What catena promises about its cost, each figure beside its limit.
//
// Not enforced: a missed limit is shown, and the run is no failure; timings
// belong to the machine they were taken on.

import (
	"fmt"
	"strings"

	"catena/bench/figures"
	"catena/bench/stage"
)

const (
	limitDaemontools = 0.17 // three links fused against daemontools
	limitChpst       = 0.40 // against one chpst
	limitOwnChpst    = 0.35 // catena's chpst against runit's
	limitC           = 1.25 // against a C program that makes the same calls
	limitSingle      = 0.35 // one link against the same of daemontools
	limitShOurs      = 0.35 // a chain file against a script of sh with the same links
	limitShTheirs    = 0.15 // against such a script with daemontools
	limitLink        = 15.0 // microseconds for each further fused link
	limitLinkFloor   = 0.1  // or this share of the floor, whichever is more
	limitNohup       = 10.0 // microseconds for nohup among fused links
	limitSize        = 2 << 20
)

func (r *report) required(b *strings.Builder) {
	b.WriteString("\n## What it must show\n\n| what | limit | measured | deciles | | without CPUID |\n|---|--:|--:|--:|---|--:|\n")
	r.limit(b, threeLinks, stage.Catena, stage.Daemontools, limitDaemontools)
	r.limit(b, threeLinks, stage.Catena, chpst, limitChpst)
	r.limit(b, chpstLink, stage.Catena, chpst, limitOwnChpst)
	r.limit(b, threeLinks, stage.Catena, inC, limitC)
	r.limit(b, runScript, chainFile, shOurs, limitShOurs)
	r.limit(b, runScript, chainFile, shTheirs, limitShTheirs)
	for i := range r.results {
		group := r.results[i].chain.group
		if strings.HasPrefix(group, "1 link") && r.results[i].chain.maker == stage.Catena {
			r.limit(b, group, stage.Catena, stage.Daemontools, limitSingle)
		}
	}
	most := max(limitLink, limitLinkFloor*r.floor())
	for _, group := range []string{cheapGroup, mixedGroup} {
		each := figures.Slope(r.medians(group))
		fmt.Fprintf(b, "| each further fused link; %s | %.0f µs | %.1f µs | | %s | |\n",
			group, most, each, figures.Verdict(each <= most))
	}
	if with, without := r.find(nohupLink, stage.Catena), r.find(nohupLink, noNohup); with != nil && without != nil {
		more := with.median() - without.median()
		fmt.Fprintf(b, "| nohup among fused links | %.0f µs | %.1f µs | | %s | |\n",
			limitNohup, more, figures.Verdict(more <= limitNohup))
	}
	for _, s := range r.sizes {
		if s.name == multiCall {
			fmt.Fprintf(b, "| the multi-call binary | %.1f MiB | %.2f MiB | | %s | |\n",
				figures.Mebi(limitSize), figures.Mebi(s.bytes), figures.Verdict(s.bytes <= limitSize))
		}
	}
}

// limit is a row of the table: one maker's chain against another's.
func (r *report) limit(b *strings.Builder, group, a, over string, most float64) {
	x, y := r.find(group, a), r.find(group, over)
	if x == nil || y == nil {
		fmt.Fprintf(b, "| %s; %s / %s | %.2f | left out | | | |\n", group, a, over, most)
		return
	}
	q := compare(x, y, 0)
	fmt.Fprintf(b, "| %s; %s / %s | %.2f | %.3f | %.3f–%.3f | %s | %.3f |\n",
		group, a, over, most, q.Value, q.Low, q.High, figures.Verdict(q.Value <= most),
		compare(x, y, r.start.Time).Value)
}
