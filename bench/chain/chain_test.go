//go:build linux && (amd64 || arm64)

package chain

// Not tested: any timing, and the peers.

import (
	"testing"
	"time"

	"catena/bench/figures"
)

func TestRatioLeavesOutWhatStartsCost(t *testing.T) {
	one := func(µs, starts int) *measurement {
		m := &measurement{starts: starts}
		for range Block {
			m.times = append(m.times, time.Duration(µs)*time.Microsecond)
		}
		return m
	}
	if got := compare(one(100, 0), one(400, 2), 100*time.Microsecond); got != (figures.Ratio{Value: 0.5, Low: 0.5, High: 0.5}) {
		t.Errorf("ratio is %v, not 0.5 throughout", got)
	}
}
