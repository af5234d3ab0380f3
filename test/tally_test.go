package test

// supervise/death_tally, with s6-supervise and s6-permafailon of Debian's s6 for the
// oracle.
//
// Not tested in this file: a supervisor that is killed while it counts a death
// (adopt_state_test.go); the seconds of s6-permafailon, which are those of the labels;
// a leap second; two supervisors, of which there are never two.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A rivalry is a yard with pairs of equal services, one for our supervise and one for
// s6-supervise.
type rivalry struct {
	*yard
	pairs [][2]string
}

func newRivalry(t testing.TB) *rivalry {
	t.Helper()
	need(t, "s6-supervise", "s6-permafailon", "s6-svc")
	return &rivalry{yard: newYard(t, perService)}
}

// add adds a pair of services with a tally of 100.
func (r *rivalry) add(run string) (dirs [2]string) {
	for i, who := range []string{"ours", "theirs"} {
		dirs[i] = filepath.Join(r.top, who, fmt.Sprint(len(r.pairs)))
		write(dirs[i], run)
		must(os.WriteFile(dirs[i]+"/max-death-tally", []byte("100\n"), 0o644))
	}
	r.pairs = append(r.pairs, dirs)
	return dirs
}

// begin starts the supervisors. They end with the namespace.
func (r *rivalry) begin() {
	r.t.Helper()
	cmd := r.inside("sh", "-c", `cd "$TOP" && for d in ours/*; do supervise "$d" & done; for d in theirs/*; do s6-supervise "$d" & done; wait`)
	cmd.Stderr = r.hear()
	must(cmd.Start())
}

// Exit codes from the first to the last, and signals from the first to the last.
func TestDeathsAreCountedAsS6CountsThem(t *testing.T) {
	t.Parallel()
	r := newRivalry(t)
	var ways []string
	for _, code := range []int{0, 1, 99, 100, 111, 125, 126, 127, 128, 129, 137, 143, 254, 255} {
		ways = append(ways, fmt.Sprint("exit ", code))
	}
	for _, signal := range []int{1, 2, 3, 6, 9, 10, 11, 15, 31, 34, 64} {
		ways = append(ways, fmt.Sprint("kill -", signal, " $$"))
	}
	ways = append(ways, "[ -e again ] || { : >again; kill -9 $$; }; [ -e third ] || { : >third; exit 7; }; exit 0")
	for i, way := range ways {
		dies := "#!/bin/sh\nulimit -c 0\n[ ! -e died ] || exec sleep 1000\n: >died\n"
		if i == len(ways)-1 {
			dies = "#!/bin/sh\n[ ! -e died ] || exec sleep 1000\n[ ! -e third ] || : >died\n"
		}
		r.add(dies + way + "\n")
	}
	r.begin()
	for i, way := range ways {
		n := 1
		if i == len(ways)-1 {
			n = 3
		}
		var both [2][]death
		for who, dir := range r.pairs[i] {
			r.await(fmt.Sprintf("%s, %s: %d deaths", dir, way, n), func() bool { return len(deaths(dir)) == n })
			both[who] = deaths(dir)
		}
		for k := range n {
			ours, theirs := both[0][k], both[1][k]
			if ours.code != theirs.code || ours.signal != theirs.signal {
				t.Errorf("%s: %v is %d %d, for s6 %d %d", way, k, ours.code, ours.signal, theirs.code, theirs.signal)
			}
			if apart := int64(ours.seconds - theirs.seconds); max(apart, -apart) > int64(patience/time.Second) || ours.nanoseconds >= 1e9 {
				t.Errorf("%s: at %x.%d, for s6 at %x.%d", way, ours.seconds, ours.nanoseconds, theirs.seconds, theirs.nanoseconds)
			}
		}
	}
	r.saysNothing()
}

func TestS6PermafailonGivesUpWhenItDoesUnderS6(t *testing.T) {
	t.Parallel()
	r := newRivalry(t)
	const never = 4 // deaths that are looked at
	cases := []struct {
		dies, count, events, tally string
		after                      int
	}{
		{"exit 1", "1", "1", "", 1},
		{"exit 1", "3", "1", "", 3},
		{"exit 1", "2", "2", "", never},
		{"exit 5", "2", "1-4,6,SIGTERM", "", never},
		{"exit 5", "2", "1-4,5,SIGTERM", "", 2},
		{"kill -TERM $$", "2", "SIGTERM", "", 2},
		{"kill -TERM $$", "2", "SIGKILL,1", "", never},
		{"kill -TERM $$", "2", "143", "", 2},
		{"exit 143", "2", "SIGTERM", "", never},
		{"exit 1", "3", "1", "2", never},
		{"exit 1", "2", "1", "0", never},
		{"exit 1", "3", "1", "3", 3},
		{"[ -e odd ] && { rm odd; exit 1; }; : >odd; exit 2", "2", "1", "", 4},
	}
	for _, c := range cases {
		for _, dir := range r.add("#!/bin/sh\necho start >>notes\n" + c.dies + "\n") {
			finish := fmt.Sprintf("#!/bin/sh\ns6-permafailon 1000 %s %s true\ncode=$?\necho finish $code >>notes\nexit $code\n", c.count, c.events)
			must(os.WriteFile(dir+"/finish", []byte(finish), 0o755))
			if c.tally != "" {
				must(os.WriteFile(dir+"/max-death-tally", []byte(c.tally), 0o644))
			}
		}
	}
	r.begin()
	r.await("deaths", func() bool {
		for i, c := range cases {
			for _, dir := range r.pairs[i] {
				if strings.Count(textOf(dir+"/notes"), "finish") < c.after {
					return false
				}
			}
		}
		return true
	})
	time.Sleep(1200 * time.Millisecond) // in which it would be started again
	for i, c := range cases {
		ours, theirs := textOf(r.pairs[i][0]+"/notes"), textOf(r.pairs[i][1]+"/notes")
		gaveUp := strings.HasSuffix(theirs, "finish 125\n")
		if want := strings.Repeat("start\nfinish 0\n", c.after-1) + "start\nfinish 125\n"; gaveUp && theirs != want {
			t.Errorf("%v: s6 itself\n%s", c, theirs)
		}
		if gaveUp && ours != theirs {
			t.Errorf("%v: notes\n%swant\n%s", c, ours, theirs)
		}
		if !gaveUp && (strings.Contains(ours, "125") || strings.Contains(theirs, "125")) {
			t.Errorf("%v: gave up:\n%s", c, ours)
		}
	}
	for line := range strings.Lines(r.heard()) {
		if !strings.HasPrefix(line, "s6-permafailon: ") && !strings.HasSuffix(line, "/finish exited 125: not started again\n") {
			t.Errorf("on standard error: %s", line)
		}
	}
}

// One that takes over goes on with the tally. After a good end the first death begins
// another.
func TestANewSupervisorBeginsANewTallyAndOneThatAdoptsGoesOn(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	must(os.WriteFile(h.file("max-death-tally"), []byte("100"), 0o644))
	s := h.supervise(t, fused)
	h.up(t, 1)
	dies := func(n int) []death {
		t.Helper()
		h.svc(t, fused, "k")
		h.up(t, n+1)
		return deaths(h.service())
	}
	killed := func(d death) bool { return d.code == 137 && d.signal == 9 }
	unknown := func(d death) bool { return d.code == 255 && d.signal == 0 }
	first := dies(1)
	if len(first) != 1 || !killed(first[0]) {
		t.Fatalf("a death: %v", first)
	}
	s.kill()
	s = h.adopted(t, fused)
	second := dies(2)
	if len(second) != 2 || second[0] != first[0] || !killed(second[1]) && !unknown(second[1]) {
		t.Errorf("after an adoption: %v, before %v", second, first)
	}
	third := dies(3)
	if len(third) != 3 || !slices.Equal(third[:2], second) || !killed(third[2]) {
		t.Errorf("then: %v, before %v", third, second)
	}
	// Dead meanwhile.
	s.kill()
	unix.Kill(h.pid(), unix.SIGKILL)
	s = h.adopted(t, fused)
	h.up(t, 5)
	if all := deaths(h.service()); len(all) != 4 || !slices.Equal(all[:3], third) || !killed(all[3]) && !unknown(all[3]) { // it may die only now
		t.Errorf("a death that nobody has seen: %v, before %v", all, third)
	}
	h.svc(t, fused, "dx")
	s.exit(t)
	h.supervise(t, fused)
	h.up(t, 6)
	if all := dies(6); len(all) != 1 || !killed(all[0]) {
		t.Errorf("after a good end: %v", all)
	}
}

// The tally of a supervisor that has ended in good order is none of the next one's, as
// with s6, whether or not that keeps one: s6-permafailon would count deaths of long ago.
func TestANewSupervisorHasNoTallyOfTheLastOne(t *testing.T) {
	for _, c := range []struct{ supervise, svc string }{{"supervise", "svc"}, {"s6-supervise", "s6-svc"}} {
		t.Run(c.supervise, func(t *testing.T) {
			t.Parallel()
			need(t, "s6-supervise", "s6-svc")
			y := newYard(t, perService)
			dir := write(filepath.Join(y.top, "x"), "#!/bin/sh\necho start >>notes\nexec sleep 1000\n")
			starts := func(n int) {
				y.await(fmt.Sprint("start ", n), func() bool { return strings.Count(textOf(dir+"/notes"), "start") == n })
			}
			supervise := func(most string, n int) (end func()) {
				must(os.WriteFile(dir+"/max-death-tally", []byte(most), 0o644))
				cmd := y.inside(c.supervise, dir)
				must(cmd.Start())
				starts(n)
				return func() {
					y.do(c.svc, "-dx", dir)
					cmd.Wait()
				}
			}
			wants := func(when string, n int) {
				if list := deaths(dir); len(list) != n {
					t.Errorf("%s: %d deaths, want %d", when, len(list), n)
				}
			}
			end := supervise("100", 1)
			y.do(c.svc, "-k", dir)
			starts(2)
			end()
			wants("two deaths", 2)
			end = supervise("100", 3)
			wants("a new supervisor", 0)
			end()
			wants("its first death", 1)
			end = supervise("0", 4)
			wants("one that keeps none", 0)
			y.do(c.svc, "-k", dir)
			starts(5)
			wants("a death that is not kept", 0)
			end()
		})
	}
}

// tallied has an adopting supervisor count one death, KILL, in a tally that the test
// has put there.
func tallied(t testing.TB, most string, put func(file string)) (h *home, s *supervisor) {
	t.Helper()
	h = newHome(t, "")
	s = h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "k") // after the first one a supervisor begins anew
	h.up(t, 2)
	s.kill()
	must(os.WriteFile(h.file("max-death-tally"), []byte(most), 0o644))
	put(h.file("supervise/death_tally"))
	s = h.adopted(t, fused)
	h.svc(t, fused, "k")
	h.up(t, 3)
	return h, s
}

// manyDeaths are n, no two alike.
func manyDeaths(n int) (text []byte) {
	for i := range n {
		text = binary.BigEndian.AppendUint64(text, 1<<62+uint64(i))
		text = append(text, 0, 0, 0, 1, byte(i), 0)
	}
	return text
}

func TestTheOldestDeathsAreDropped(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		most       string
		were, kept int
	}{
		{"4", 0, 0}, {"4", 2, 2}, {"4", 3, 3}, {"4", 4, 3}, {"2", 10, 1}, {"1", 5, 0}, {"1", 0, 0},
		{"4096", 4095, 4095}, {"4096", 4096, 4095}, {"5000", 4096, 4095}, {"18446744073709551616", 4096, 4095},
		{"4 \t\n5000", 10, 3}, {"0004\n", 10, 3},
	} {
		crowd.run(t, fmt.Sprintf("%q of %d", c.most, c.were), func(t *testing.T) {
			were := deathsIn(manyDeaths(c.were))
			h, s := tallied(t, c.most, func(file string) { must(os.WriteFile(file, manyDeaths(c.were), 0o644)) })
			got := deaths(h.service())
			if len(got) != c.kept+1 || !slices.Equal(got[:c.kept], were[c.were-c.kept:]) || got[c.kept].seconds < 1<<62+1e9 {
				t.Errorf("%d deaths are %d, the last %v", c.were, len(got), got[max(0, len(got)-2):])
			}
			if s.said() != "" {
				t.Errorf("it said %q", s.said())
			}
		})
	}
}

// A clock that was set back leaves deaths of the future; those that follow count.
func TestDeathsAfterDeathsOfTheFutureCount(t *testing.T) {
	t.Parallel()
	const tai = 1<<62 + 10 + 27
	were := manyDeaths(2)
	binary.BigEndian.PutUint64(were[deathSize:], tai+uint64(time.Now().Unix())+86400)
	h, s := tallied(t, "10", func(file string) { must(os.WriteFile(file, were, 0o644)) })
	h.svc(t, fused, "k")
	h.up(t, 4)
	if got := deaths(h.service()); len(got) != 4 || !slices.Equal(got[:2], deathsIn(were)) || got[3].signal != 9 {
		t.Errorf("2 deaths and 2 more: %v", got)
	}
	if s.said() != "" {
		t.Errorf("it said %q", s.said())
	}
}

// Whatever is there in its place, the service goes on; where a file can be made, it is
// one of whole deaths.
func TestRubbishForATally(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	write := func(n int) func(string) {
		return func(file string) { must(os.WriteFile(file, bytes.Repeat([]byte("rubbish"), n)[:n], 0o644)) }
	}
	for name, put := range map[string]func(file string){
		"a byte":            write(1),
		"13 bytes":          write(13),
		"15 bytes":          write(15),
		"a byte too much":   func(f string) { must(os.WriteFile(f, append(manyDeaths(3), 1), 0o644)) },
		"too long":          write(200_001),
		"a FIFO":            func(f string) { must(unix.Mkfifo(f, 0o644)) },
		"a dangling link":   func(f string) { must(os.Symlink("nowhere", f)) },
		"a link to itself":  func(f string) { must(os.Symlink("death_tally", f)) },
		"a link to another": func(f string) { must(os.Symlink("../run", f)) },
		"a device":          func(f string) { must(os.Symlink("/dev/zero", f)) },
		"a directory":       func(f string) { must(os.Mkdir(f, 0o755)) },
		"the next one is a directory": func(f string) {
			must(os.WriteFile(f, manyDeaths(2), 0o644))
			must(os.Mkdir(f+".new", 0o755))
		},
	} {
		crowd.run(t, name, func(t *testing.T) {
			h, s := tallied(t, "10", put)
			run := string(h.bytes("run"))
			got := deaths(h.service())
			if strings.Contains(name, "directory") {
				if !strings.HasPrefix(s.said(), "supervise: warning: unable to count the death of s: ") || strings.Count(s.said(), "\n") != 1 {
					t.Errorf("it said %q", s.said())
				}
			} else {
				if len(got) == 0 || len(got) > 4096 || got[len(got)-1].code != 137 && got[len(got)-1].code != 255 {
					t.Errorf("%d deaths, the last %v", len(got), got[max(0, len(got)-1):])
				}
				if s.said() != "" {
					t.Errorf("it said %q", s.said())
				}
			}
			h.svc(t, fused, "k")
			h.up(t, 4)
			if string(h.bytes("run")) != run || h.state().overlaps != 0 {
				t.Error("run has changed, or the service runs twice")
			}
			again := deaths(h.service())
			if !strings.Contains(name, "directory") && (len(again) == 0 || again[len(again)-1].signal != 9) {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestRubbishForMaxDeathTally(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	says := func(value string) string {
		return "supervise: warning: no number in s/max-death-tally: " + value + "\n"
	}
	for _, c := range []struct {
		name string
		put  func(file string)
		said string
	}{
		{"0", func(f string) { must(os.WriteFile(f, []byte("0\n"), 0o644)) }, ""},
		{"000", func(f string) { must(os.WriteFile(f, []byte("000"), 0o644)) }, ""},
		{"none", func(string) {}, ""},
		{"a dangling link", func(f string) { must(os.Symlink("nowhere", f)) }, ""},
		{"empty", func(f string) { must(os.WriteFile(f, nil, 0o644)) }, says("")},
		{"an empty line", func(f string) { must(os.WriteFile(f, []byte("\n5\n"), 0o644)) }, says("")},
		{"a word", func(f string) { must(os.WriteFile(f, []byte("five\n"), 0o644)) }, says("five")},
		{"below 0", func(f string) { must(os.WriteFile(f, []byte("-5\n"), 0o644)) }, says("-5")},
		{"two", func(f string) { must(os.WriteFile(f, []byte("5 6\n"), 0o644)) }, says("5 6")},
		{"a NUL", func(f string) { must(os.WriteFile(f, []byte("5\x00"), 0o644)) }, says(`5\x00`)},
		{"an escape", func(f string) { must(os.WriteFile(f, []byte("5\x1b[m"), 0o644)) }, says(`5\x1b[m`)},
		{"a FIFO", func(f string) { must(unix.Mkfifo(f, 0o644)) }, says("")},
		{"a directory", func(f string) { must(os.Mkdir(f, 0o755)) }, "supervise: warning: unable to read s/max-death-tally: is a directory\n"},
	} {
		crowd.run(t, c.name, func(t *testing.T) {
			h := newHome(t, "")
			c.put(h.file("max-death-tally"))
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.svc(t, fused, "k")
			h.up(t, 2)
			if h.exists("supervise/death_tally") || h.exists("supervise/death_tally.new") {
				t.Errorf("there is a tally: %v", deaths(h.service()))
			}
			if s.said() != c.said {
				t.Errorf("it said %q, want %q", s.said(), c.said)
			}
		})
	}
}

// A full disk leaves the tally as it was, and the service goes on; later deaths count.
func TestTallyOnADiskThatIsFull(t *testing.T) {
	t.Parallel()
	h, s := inTmpfs(t, "size=128k")
	h.up(t, 1)
	must(os.WriteFile(h.file("max-death-tally"), []byte("100"), 0o644))
	h.svc(t, fused, "k")
	h.up(t, 2)
	before := deaths(h.service())
	filler, err := os.Create(filepath.Join(h.top, "filler"))
	must(err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	h.svc(t, fused, "k")
	eventually(t, "the third start", func() bool { return len(h.starts()) == 3 })
	eventually(t, "what it says", func() bool {
		return strings.Contains(s.said(), "supervise: warning: unable to count the death of s: out of disk space\n")
	})
	if after := deaths(h.service()); len(before) != 1 || !slices.Equal(after, before) {
		t.Errorf("the tally %v has become %v", before, after)
	}
	must(filler.Truncate(0))
	h.up(t, 3)
	h.svc(t, fused, "k")
	h.up(t, 4)
	if after := deaths(h.service()); len(after) != 2 || after[0] != before[0] {
		t.Errorf("the tally %v has become %v", before, after)
	}
}
