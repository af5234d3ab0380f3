//go:build linux && (amd64 || arm64)

package figures

// Samples of many figures, and how the raw file has them: all of them.

import (
	"fmt"
	"slices"
	"strings"
)

// A Series is the samples of a figure, by round.
type Series [][]float64

// All is every sample.
func (s Series) All() []float64 { return slices.Concat(s...) }

// Median is the median of all samples.
func (s Series) Median() float64 { return Median(s.All()) }

// Sum is the sum of all samples.
func (s Series) Sum() (sum float64) {
	for _, v := range s.All() {
		sum += v
	}
	return sum
}

// Medians are the medians of the rounds.
func (s Series) Medians() []float64 {
	var each []float64
	for _, round := range s {
		each = append(each, Median(round))
	}
	return each
}

// Results are series by figure and maker.
type Results map[string]map[string]Series

// Add takes a maker's samples of a round.
func (r Results) Add(maker string, samples map[string][]float64) {
	for figure, values := range samples {
		if r[figure] == nil {
			r[figure] = map[string]Series{}
		}
		r[figure][maker] = append(r[figure][maker], values)
	}
}

// RowNames are the columns of what Rows writes.
const RowNames = "figure,unit,maker,first decile,median,last decile,samples\n"

// Rows writes a line for each of some makers: a figure's samples, a round after the other,
// behind the overall figures.
func (r Results) Rows(b *strings.Builder, f Figure, makers []string) {
	for _, maker := range makers {
		values := r[f.Name][maker].All()
		fmt.Fprintf(b, "%q,%q,%q", f.Name, f.Unit, maker)
		for _, v := range append([]float64{Quantile(values, 0.1), Median(values), Quantile(values, 0.9)}, values...) {
			fmt.Fprintf(b, ",%.*f", f.Digits, v)
		}
		b.WriteByte('\n')
	}
}

// A Figure is how its samples are shown.
type Figure struct {
	Name   string
	Unit   string
	Digits int
	About  string
}

// Show is a value with its unit.
func (f Figure) Show(value float64) string {
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", f.Digits, value, f.Unit))
}

// Deciles are the first and the last decile of a series.
func (f Figure) Deciles(s Series) string {
	all := s.All()
	return fmt.Sprintf("%.*f–%.*f", f.Digits, Quantile(all, 0.1), f.Digits, Quantile(all, 0.9))
}
