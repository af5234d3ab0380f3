package localtime

import (
	"math/rand"
	"os"
	"testing"
	"time"
)

func TestZones(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "UTC", "America/Sao_Paulo", "Europe/Dublin", "Antarctica/Troll", "America/Nuuk", "Asia/Gaza", "Etc/GMT+5", "Pacific/Apia"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		Set(name, true)
		for i := 0; i < 200000; i++ {
			s := rand.Int63n(1<<33) - 1<<31
			if i%2 == 0 {
				s = rand.Int63n(1 << 35)
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
			y, m, d := Civil(floor(s, Day))
			u := time.Unix(s, 0).UTC()
			if y != u.Year() || m != int(u.Month()) || d != u.Day() || Days(y, m, d) != int(floor(s, Day)) {
				t.Fatal(s, y, m, d)
			}
		}
	}
	_ = os.Args
}
