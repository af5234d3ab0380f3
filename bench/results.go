//go:build linux && (amd64 || arm64)

package main

// Samples of many figures, and how the raw file has them: all of them.

import (
	"fmt"
	"slices"
	"strings"
)

// A series are the samples of a figure, by round.
type series [][]float64

func (s series) all() []float64  { return slices.Concat(s...) }
func (s series) median() float64 { return median(s.all()) }
func (s series) sum() (sum float64) {
	for _, v := range s.all() {
		sum += v
	}
	return sum
}
func (s series) medians() []float64 {
	var each []float64
	for _, round := range s {
		each = append(each, median(round))
	}
	return each
}

// results are series by figure and maker.
type results map[string]map[string]series

// add takes a maker's samples of a round.
func (r results) add(maker string, samples map[string][]float64) {
	for figure, values := range samples {
		if r[figure] == nil {
			r[figure] = map[string]series{}
		}
		r[figure][maker] = append(r[figure][maker], values)
	}
}

const rowNames = "figure,unit,maker,first decile,median,last decile,samples\n"

// rows are a line for each of some makers: a figure's samples, a round after the other,
// behind the overall figures.
func (r results) rows(b *strings.Builder, f figure, makers []string) {
	for _, maker := range makers {
		values := r[f.name][maker].all()
		fmt.Fprintf(b, "%q,%q,%q", f.name, f.unit, maker)
		for _, v := range append([]float64{quantile(values, 0.1), median(values), quantile(values, 0.9)}, values...) {
			fmt.Fprintf(b, ",%.*f", f.digits, v)
		}
		b.WriteByte('\n')
	}
}
