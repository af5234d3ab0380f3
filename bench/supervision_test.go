//go:build linux && (amd64 || arm64)

package main

// Not tested: the experiments, which need root, the peers and minutes.

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRecordsAreReadUpToTheLastWholeOne(t *testing.T) {
	text := []byte("\x01\x02\x00\x00\x00\x00\x00\x00" + "\x07\x01\x00\x00" + "\x01\x00\x00\x00" + "cut off")
	want := []record{{513 * time.Nanosecond, 263, terminatedRecord}}
	if got := parseRecords(text); !slices.Equal(got, want) {
		t.Errorf("records are %v, not %v", got, want)
	}
}

func TestFieldsAreTheNumbersOfAFile(t *testing.T) {
	got := parseFields("Name:\tsleeper\nThreads:\t3\nVmRSS:\t   12 kB\nGroups:\t \n")
	if len(got) != 2 || got["Threads"] != 3 || got["VmRSS"] != 12 {
		t.Errorf("fields are %v", got)
	}
}

func TestMemoryIsWhatIsBeyondTheSleeps(t *testing.T) {
	r := newSupervision(new(stage).supervisors(several))
	take := func(maker string, kB float64) {
		for _, name := range memoryFields {
			r.add(maker, map[string][]float64{name: {kB}})
		}
	}
	for range 3 {
		take(bareSleeps, 256)
		take(fused, 256+256*several)
	}
	r.derive()
	if got := r.results[memoryEach][fused]; got.median() != 1 || len(got) != 3 {
		t.Errorf("memory is %v, not 1 MiB in each of 3 rounds", got)
	}
	if r.results[memoryEach][bareSleeps] != nil {
		t.Error("the sleeps were measured against themselves")
	}
}

func TestBestPeerIsNeverCatena(t *testing.T) {
	r := newSupervision(new(stage).supervisors(several))
	for maker, took := range map[string]float64{fused: 1, daemontools: 9, runit: 4, skarnet: 5} {
		r.add(maker, map[string][]float64{startStatic: {took}})
	}
	if got := r.best(startStatic); got != runit {
		t.Errorf("the best peer is %s", got)
	}
	if got := r.best(startScript); got != "" {
		t.Errorf("the best peer of nothing is %s", got)
	}
}

func TestMakersThatWereNotMeasuredAreLeftOut(t *testing.T) {
	r := newSupervision(new(stage).supervisors(several))
	r.add(fused, map[string][]float64{startStatic: {3}, servicesUp: {many}})
	r.add(daemontools, map[string][]float64{startStatic: {6}})
	text := r.summary()
	for _, row := range []string{
		startStatic + "; catena / daemontools | 0.70 | 0.500 |",
		startStatic + "; catena, one process / daemontools | 0.40 | left out |",
		privateDirty + "; catena | 40 kB | left out |",
		servicesUp + "; catena | all | 10000 | 10000–10000 | reached |",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("there is no %s", row)
		}
	}
}
