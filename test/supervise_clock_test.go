package test

// The clock of the machine belongs to everyone on it, so it is not set: a supervisor is
// told another time whenever it asks.
//
// Not tested in this file: labels that a supervisor finds (adopt_records_test.go), and
// svscan, which never asks for the time of day.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const day = 24 * 60 * 60

// jumps is a clock that somebody sets all the time: whoever asks is told the time, or
// that of a day earlier or later.
func jumps(seed uint64) func(callEnd) {
	random := rand.New(rand.NewPCG(seed, 12))
	var mutex sync.Mutex
	return func(c callEnd) {
		if c.number != unix.SYS_CLOCK_GETTIME || c.args[0] != unix.CLOCK_REALTIME || c.result != 0 {
			return
		}
		mutex.Lock()
		off := random.IntN(3) - 1
		mutex.Unlock()
		var seconds [8]byte
		unix.PtracePeekData(c.pid, uintptr(c.args[1]), seconds[:])
		now := binary.NativeEndian.Uint64(seconds[:])
		binary.NativeEndian.PutUint64(seconds[:], now+uint64(off*day))
		unix.PtracePokeData(c.pid, uintptr(c.args[1]), seconds[:])
	}
}

// It is started again a second after its last start, no sooner and not in a day.
func TestClockThatIsSetDoesNotChangeTheDelay(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	s := h.traced(t, jumps(1), supervise(), "s")
	h.up(t, 1)
	h.svc(t, fused, "d")
	h.down(t)
	begin := sinceBoot()
	h.svc(t, fused, "u")
	const starts = 5
	jumped := false
	for n := range starts {
		h.up(t, 2+n)
		if pid, made, _ := h.record(); pid == h.pid() && made < begin+int64(n)*1e9 {
			t.Errorf("start %d came %v ms after the first", n, (made-begin)/1e6)
		}
		apart := int64(binary.BigEndian.Uint64(h.status())) - (1<<62 + time.Now().Unix())
		jumped = jumped || max(apart, -apart) > day/2
		h.seconds(t)
		h.svc(t, fused, "k")
	}
	if !jumped {
		t.Error("the clock did not jump")
	}
	h.up(t, 2+starts)
	h.obeys(t, s)
}

func TestClockThatIsSetDoesNotKeepAServiceFromBeingTakenOver(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	clock := jumps(2)
	s := h.traced(t, clock, supervise(), "s")
	h.up(t, 1)
	for range 10 {
		status := h.status()
		s.kill()
		s = h.stays(t, func() *supervisor { return h.traced(t, clock, supervise(), "s") })
		if got := h.status(); !bytes.Equal(got, status) {
			t.Fatalf("status % x, was % x", got, status)
		}
		h.seconds(t)
		h.runsOnce(t)
	}
	h.obeys(t, s)
}

// seconds wants what svstat prints to be at most a day: 0 if the label is of the future.
func (h *home) seconds(t testing.TB) {
	t.Helper()
	needOld(t)
	const some = 3600 // or as long as the test has run
	possible := func(text string) bool {
		n, err := strconv.ParseUint(text, 10, 64)
		return err == nil && (n < some || day <= n && n < day+some)
	}
	for _, p := range []path{fused, plain, old} {
		line := h.tool(t, p, "svstat", "s")
		m := regexp.MustCompile(`^s: (?:up \(pid \d+\)|down) (\d+) seconds(?:, [a-z ]+)?\nexit 0$`).FindStringSubmatch(line)
		if m == nil || !possible(m[1]) {
			t.Errorf("%s svstat: %q", p.name, line)
		}
	}
	var object struct{ Seconds json.Number }
	text := h.tool(t, fused, "svstat", "-j", "s")
	if err := json.Unmarshal([]byte(strings.TrimSuffix(text, "exit 0")), &object); err != nil || !possible(object.Seconds.String()) {
		t.Errorf("svstat -j: %v, %q", err, text)
	}
}

// svstat itself is told another time each time.
func TestSvstatWithAClockThatIsSet(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	h.supervise(t, fused)
	h.up(t, 1)
	clock := jumps(3)
	seen := map[string]bool{}
	for range 30 {
		out, err := os.CreateTemp(filepath.Dir(h.top), "stdout-")
		must(err)
		s := h.prepare(t, filepath.Join(fused.dir, "svstat"), "s")
		s.Stdout = out
		s.trace(t, clock)
		if got := s.exit(t); got != "exit 0" {
			t.Fatalf("%s %s", got, s.said())
		}
		line := textOf(out.Name())
		out.Close()
		_, text, _ := strings.Cut(line, ") ")
		n, err := strconv.ParseUint(strings.TrimSuffix(text, " seconds\n"), 10, 64)
		if err != nil || n >= 3600 && (n < day || n >= day+3600) {
			t.Fatalf("svstat: %q", line)
		}
		seen[fmt.Sprint(n/day)] = true
	}
	if len(seen) != 2 {
		t.Errorf("the clock did not jump: %v", seen)
	}
}

// A time namespace has a boot clock of its own, by which /proc there says when processes
// were started. Supervisors of different ones know each other's processes all the same,
// or start nothing.
func TestTimeNamespacesAreTheSameBoot(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	in := func(t *testing.T, h *home, offset int) *supervisor {
		if offset == 0 {
			return h.supervise(t, fused)
		}
		return h.start(t, "unshare", "--time", "--boottime", strconv.Itoa(offset), "--fork", "--kill-child", supervise(), "s")
	}
	for _, c := range []struct{ first, second int }{
		{0, 1000000}, {1000000, 0}, {1000000, 2000000}, {2000000, 1000000}, {0, 1}, {1, 0}, {0, -1}, {-1, 0},
	} {
		for _, dead := range []bool{false, true} {
			crowd.run(t, fmt.Sprintf("%+d s, then %+d s, dead=%v", c.first, c.second, dead), func(t *testing.T) {
				h := newHome(t, "")
				s := in(t, h, c.first)
				h.up(t, 1)
				s.kill()
				h.unsupervised(t)
				if dead {
					unix.Kill(h.starts()[0], unix.SIGKILL)
				}
				s = in(t, h, c.second)
				eventually(t, "a decision", func() bool {
					return !s.running() || h.state().overlaps > 0 || h.tool(t, fused, "svok", "s") == "exit 0"
				})
				if !s.running() {
					oneLine(t, s)
					return
				}
				if dead {
					h.up(t, 2)
				}
				if h.state().overlaps > 0 {
					t.Fatal("a second copy was started")
				}
				h.runsOnce(t)
				h.svc(t, fused, "h")
				eventually(t, "HUP", func() bool { return h.state().signals == " 1" }, h.explain)
				n := len(h.starts())
				h.svc(t, fused, "t")
				h.up(t, n+1) // and that is not in a million seconds
			})
		}
	}
}
