//go:build linux && (amd64 || arm64)

// Package figures has what all benches make of their samples, and how reports show it.
package figures

// Not shown by any of them: means and maxima. On a machine that does other
// things as well they tell about those.

import (
	"slices"
	"time"
)

// Quantile is the value below which the share q of the values lies.
func Quantile[T int64 | float64 | time.Duration](values []T, q float64) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// Median is the quantile in the middle.
func Median[T int64 | float64 | time.Duration](values []T) T { return Quantile(values, 0.5) }

// Micros is a time in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / 1000 }

// Mebi is a size in MiB.
func Mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// A Ratio is between two medians; low and high are its first and last decile
// over the pairs.
type Ratio struct{ Value, Low, High float64 }

// Divide is value over by, with the deciles of the pairs that were measured
// next to each other.
func Divide(value, by float64, values, bys []float64) Ratio {
	var each []float64
	for i, v := range values {
		each = append(each, v/bys[i])
	}
	return Ratio{value / by, Quantile(each, 0.1), Quantile(each, 0.9)}
}

// Slope is the least-squares slope of values at 1, 2, 3 …
func Slope(values []float64) float64 {
	n := float64(len(values))
	middle, mean := (n+1)/2, 0.0
	for _, v := range values {
		mean += v / n
	}
	var above, below float64
	for i, v := range values {
		d := float64(i+1) - middle
		above += d * (v - mean)
		below += d * d
	}
	return above / below
}

// Verdict says whether a limit has been kept.
func Verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "**missed**"
}
