//go:build linux && (amd64 || arm64)

package figures

// Not tested: how reports look; the tests of the benches have rows of them.

import "testing"

func TestQuantilesAreOfTheSortedValues(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 3, 1: 5} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("the values themselves were sorted")
	}
}

func TestSlopeOfALine(t *testing.T) {
	if got := Slope([]float64{10, 13, 16, 19}); got != 3 {
		t.Errorf("slope is %v, not 3", got)
	}
}
