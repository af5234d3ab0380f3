//go:build linux && (amd64 || arm64)

package main

// What all benches make of their samples.
//
// Not shown by any of them: means and maxima. On a machine that does other
// things as well they tell about those.

import (
	"slices"
	"time"
)

// quantile is the value below which the share q of the values lies.
func quantile[T int64 | float64 | time.Duration](values []T, q float64) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func median[T int64 | float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

func micros(d time.Duration) float64 { return float64(d) / 1000 }

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// A ratio is between two medians; low and high are its first and last decile
// over the pairs.
type ratio struct{ value, low, high float64 }

// divide is value over by, with the deciles of the pairs that were measured
// next to each other.
func divide(value, by float64, values, bys []float64) ratio {
	var each []float64
	for i, v := range values {
		each = append(each, v/bys[i])
	}
	return ratio{value / by, quantile(each, 0.1), quantile(each, 0.9)}
}

// slope is the least-squares slope of values at 1, 2, 3 …
func slope(values []float64) float64 {
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

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "**missed**"
}
