//go:build linux && (amd64 || arm64)

package supervision

// Not tested: the experiments, which need root, the peers and minutes.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"catena/bench/stage"
)

func TestRecordsAreReadUpToTheLastWholeOne(t *testing.T) {
	text := []byte("\x01\x02\x00\x00\x00\x00\x00\x00" + "\x07\x01\x00\x00" + "\x01\x00\x00\x00" + "cut off")
	want := []record{{513 * time.Nanosecond, 263, terminatedRecord}}
	if got := parseRecords(text); !slices.Equal(got, want) {
		t.Errorf("records are %v, not %v", got, want)
	}
}

func TestMemoryIsWhatIsBeyondTheSleeps(t *testing.T) {
	r := newSupervision((&bench{new(stage.Stage)}).supervisors(several))
	sample := func(maker string, kB float64) {
		for _, name := range memoryFields {
			r.Add(maker, map[string][]float64{name: {kB}})
		}
	}
	for range 3 {
		sample(bareSleeps, 256)
		sample(stage.Catena, 256+256*several)
	}
	r.derive()
	if got := r.Results[memoryEach][stage.Catena]; got.Median() != 1 || len(got) != 3 {
		t.Errorf("memory is %v, not 1 MiB in each of 3 rounds", got)
	}
	if r.Results[memoryEach][bareSleeps] != nil {
		t.Error("the sleeps were measured against themselves")
	}
}

func TestBestPeerIsNeverCatena(t *testing.T) {
	r := newSupervision((&bench{new(stage.Stage)}).supervisors(several))
	for maker, took := range map[string]float64{stage.Catena: 1, stage.Daemontools: 9, runit: 4, stage.S6: 5} {
		r.Add(maker, map[string][]float64{startStatic: {took}})
	}
	if got := r.best(startStatic); got != runit {
		t.Errorf("the best peer is %s", got)
	}
	if got := r.best(startScript); got != "" {
		t.Errorf("the best peer of nothing is %s", got)
	}
}

func TestMakersThatWereNotMeasuredAreLeftOut(t *testing.T) {
	r := newSupervision((&bench{new(stage.Stage)}).supervisors(several))
	r.Add(stage.Catena, map[string][]float64{startStatic: {3}, servicesUp: {many}})
	r.Add(stage.Daemontools, map[string][]float64{startStatic: {6}})
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
