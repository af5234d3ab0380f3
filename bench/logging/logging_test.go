//go:build linux && (amd64 || arm64)

package logging

// Not tested: the figures, which need root, the peers and minutes.

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"catena/bench/figures"
	"catena/bench/stage"
)

func TestReckoningFindsWhatIsLostDoubledAndTorn(t *testing.T) {
	const size = 80
	text := flood(10*size, size)
	line := func(n int) string { return string(text[n*size : (n+1)*size]) }
	const label = "@4000000037c219bf2ef02e94 "
	for _, c := range []struct {
		logged, left string
		want         tally
	}{
		{label + line(0) + label + line(1), string(text[2*size:]), tally{}},
		{label + line(0), line(1)[30:] + string(text[2*size:]), tally{lost: 1}},
		{label + line(0) + label + line(0), string(text[size:]), tally{doubled: 1}},
		{label + line(0) + label + line(1)[:20], line(1)[20:] + string(text[2*size:]), tally{lost: 1, torn: 1}},
		{label + line(0) + label + line(1)[:20] + "\n" + line(1)[20:], string(text[2*size:]), tally{lost: 1, torn: 2}},
		{"", string(text), tally{}},
		{"", "", tally{lost: 10}},
	} {
		r := reckon(text, size)
		r.logged([]byte(c.logged))
		r.left([]byte(c.left))
		if got := r.tally(); got != c.want {
			t.Errorf("%.200q and %.100q: %+v, not %+v", c.logged, c.left, got, c.want)
		}
	}
}

func TestLinesOfAFloodAreNumberedAndOfOneSize(t *testing.T) {
	lines := strings.SplitAfter(string(flood(1000, 80)), "\n")
	if len(lines) != 13 || lines[12] != "" {
		t.Fatalf("%d lines", len(lines)-1)
	}
	for n, line := range lines[:12] {
		if len(line) != 80 || !strings.HasPrefix(line, fmt.Sprintf("%08d ", n)) {
			t.Errorf("line %d is %q", n, line)
		}
	}
}

func TestLabelsAreSoManyInEachSecond(t *testing.T) {
	lines := strings.SplitAfter(string(labelled([]byte("a\nb\nc\n"), 2)), "\n")
	want := []string{"@400000006553f10a00000000 a\n", "@400000006553f10a1dcd6500 b\n", "@400000006553f10b00000000 c\n", ""}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}

func TestLoggersGetTheWordsOfAJob(t *testing.T) {
	j := job{80, true, 2, inMemory}
	if got := strings.Join(multilogWords("multilog")(j, 10), " "); got != "multilog t -*: debug: * -*: trace: * s1000000 n10 ./main" {
		t.Error(got)
	}
	if got := svlogdConfig(j, 10); got != "-*: debug: *\n-*: trace: *\ns1000000\nn10\n" {
		t.Error(got)
	}
	if got := s6Words(j, 10)[2:]; strings.Join(got, " ") != "-- -: debug:  -: trace:  s1000000 n10 t ./main" {
		t.Error(got)
	}
	if !missing(stage.CommandLine("a-program-that-is-nowhere -x")) || missing([]string{os.Args[0]}) {
		t.Error("what is missing is not found out")
	}
}

func TestLoggersThatWereNotMeasuredLeaveTheirColumnEmpty(t *testing.T) {
	l := &logging{bench: &bench{new(stage.Stage)}, Results: figures.Results{}}
	l.Add(stage.Catena, map[string][]float64{speed + usual.String(): {600}, lostOnKill: {0}, lostOnTerm: {0}})
	l.Add(stage.Daemontools, map[string][]float64{speed + usual.String(): {100}, lostOnTerm: {2}})
	l.Add(stage.Daemontools, map[string][]float64{speed + usual.String(): {50}, lostOnTerm: {3}})
	text := l.summary()
	for _, row := range []string{
		"| speed, 80-byte lines, t, 0 patterns, tmpfs; catena / daemontools | at least 6 |",
		"| speed, 80-byte lines, t, 0 patterns, tmpfs; catena / s6 | at least 4 | left out | | |",
		"| lines lost on KILL in a flood | at most 0 in all | 0 | 0–0 | reached |",
		"| 80-byte lines, t, 0 patterns, tmpfs | 600 | 100 (6.0) | | | |",
		"| lines lost on TERM in a flood | 0 | 5 | | | |",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("there is no %s in\n%s", row, text[:3000])
		}
	}
}

func TestSameEnds(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{{"1 a\n2 b\n", true}, {"a\nb\n", false}, {"1 a\n2 b\n3 c\n", false}, {"1 a\n", false}, {"1 a\n2 c\n", false}, {"", false}} {
		if got := sameEnds([]byte(c.text), []byte("a\nb\n")); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}
