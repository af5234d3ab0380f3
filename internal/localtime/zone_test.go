package localtime

// Not tested in this file: TZ as tai64nlocal hands it over, and the C library's answers
// (test/timestamp_test.go).

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestZones compares the offsets of zones with those of Go's package time.
func TestZones(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "UTC", "America/Sao_Paulo", "Europe/Dublin", "Antarctica/Troll", "America/Nuuk", "Asia/Gaza", "Etc/GMT+5", "Pacific/Apia"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		Set(name, true, "")
		for i := range 200000 {
			s := rand.Int64N(1<<33) - 1<<31
			if i%2 == 0 {
				s = rand.Int64N(1 << 35)
			}
			_, want := time.Unix(s, 0).In(loc).Zone()
			o := At(s)
			if o.Ahead != int64(want) || o.From > s || o.Until <= s {
				t.Fatal(name, s, time.Unix(s, 0).In(loc), o, want)
			}
			for _, e := range []int64{max(o.From, s-1<<20), min(o.Until-1, s+1<<20)} {
				_, want := time.Unix(e, 0).In(loc).Zone()
				if int64(want) != o.Ahead {
					t.Fatal(name, "range", s, e, o, want)
				}
			}
		}
	}
}

func TestDates(t *testing.T) {
	for range 200000 {
		s := rand.Int64N(1<<40) - 1<<39 // of 30000 years
		y, m, d := Civil(floor(s, Day))
		u := time.Unix(s, 0).UTC()
		if y != u.Year() || m != int(u.Month()) || d != u.Day() || Days(y, m, d) != int(floor(s, Day)) {
			t.Fatal(s, y, m, d)
		}
	}
}

// within asks for the offsets at times near and far. Each time must be within the span of
// its offset.
func within(t *testing.T) {
	for _, s := range []int64{0, -1, 1, 1e9, -1e9, 2e9, 1 << 32, -1 << 32, 1 << 40, -1 << 40, 67768036191676799, -67768036191676799} {
		o := At(s)
		if o.From > s || o.Until <= s {
			t.Fatal(s, o)
		}
		if o.From > always && At(o.From).Ahead != o.Ahead {
			t.Fatal(s, o, At(o.From))
		}
	}
}

// Whatever TZ says, there is an offset for each time.
func FuzzRule(f *testing.F) {
	for _, text := range []string{"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "XXX3YYY2,J60,J300/23:59:59", "XXX3YYY2,0/0,J365/25", "AAA5BBB4,59,299", "AAA-5:30:15",
		"AAA5BBB", "AAA5BBB,M3.2.0/-167,M11.1.0/167", "AAA", "<", "<>", "AAA5BBB,M", "AAA5BBB,M3.", "AAA5BBB,M3.2.0,", "AAA5BBB,J", ",", "AAA99999999999999999999", ":", "AAA5BBB,M13.6.7,M0.0.0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\x00") || len(text) > 10000 {
			return
		}
		UTC()
		zone.rule, zone.ruled = parseRule(text), true
		within(t)
	})
}

// Whatever a file contains, there is an offset for each time, and no byte beyond the file
// is used.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"Europe/Berlin", "UTC", "Asia/Kolkata", "Africa/Casablanca", "Pacific/Apia"} {
		text, err := os.ReadFile(filepath.Join("/usr/share/zoneinfo", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
		f.Add(text[:44])
	}
	f.Add([]byte("TZif2"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > fileSize || !makeRoom() {
			return
		}
		clear(file())
		copy(file(), text)
		UTC()
		if !understand(len(text)) {
			UTC()
		}
		for _, s := range []int64{0, -1, 1e9, 2e9, 1 << 40, -1 << 40, -67768036191676799} {
			At(s)
		}
	})
}

// A file with any byte changed, or cut off anywhere, is read without a crash.
func TestSpoiltFiles(t *testing.T) {
	text, err := os.ReadFile("/usr/share/zoneinfo/Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "zone")
	try := func(text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		Set(name, true, "")
		for _, s := range []int64{0, -1, 1e9, 2e9, 1 << 40, -1 << 40} {
			At(s)
		}
	}
	for n := range len(text) {
		if n%7 == 0 || n < 100 {
			try(text[:n])
			for _, c := range []byte{0, 1, 0x7f, 0x80, 0xff} {
				spoilt := bytes.Clone(text)
				spoilt[n] = c
				try(spoilt)
			}
		}
	}
	try(append(bytes.Clone(text), make([]byte, 100000)...))
}
