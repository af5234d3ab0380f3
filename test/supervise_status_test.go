package test

// The status is whole whenever it is read, and svstat shows it as Debian's does.
//
// Not tested in this file: what svstat says when it is called wrongly (the scripts
// svstat_*).

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// svstat shows any bytes that stand in a status as Debian's does.
func TestSvstatReadsAnyStatusAsDebians(t *testing.T) {
	t.Parallel()
	needOld(t)
	h := newHome(t, "")
	random := rand.New(rand.NewPCG(1, 18))
	var dirs []string
	for i := range 300 {
		dir := strconv.Itoa(i)
		must(os.MkdirAll(filepath.Join(h.top, dir, "supervise"), 0o755))
		ok := filepath.Join(h.top, dir, "supervise", "ok")
		must(unix.Mkfifo(ok, 0o600))
		f, err := os.OpenFile(ok, os.O_RDWR, 0)
		must(err)
		defer f.Close()
		if random.IntN(2) == 0 {
			must(os.WriteFile(filepath.Join(h.top, dir, "down"), nil, 0o644))
		}
		must(os.WriteFile(filepath.Join(h.top, dir, "supervise", "status"), anyStatus(random), 0o644))
		dirs = append(dirs, dir)
	}
	for few := range slices.Chunk(dirs, 20) { // all within the same second
		h.sameStatus(t, few...)
	}
}

// anyStatus is a status that a supervisor might write, or some other bytes.
func anyStatus(random *rand.Rand) []byte {
	size := 18
	if random.IntN(8) == 0 {
		size = random.IntN(40)
	}
	b := make([]byte, max(size, 18))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	// Where 0.76 would print a number of seconds that needs more than 53 bits, it
	// prints another one.
	copy(b, "\x40\x00")
	if random.IntN(4) != 0 { // near now
		seconds := uint64(1)<<62 + 10 + uint64(time.Now().Unix()) + uint64(random.IntN(2000)) - 1000
		for i := range 8 {
			b[i] = byte(seconds >> (56 - 8*i))
		}
	}
	if random.IntN(3) == 0 {
		copy(b[12:16], "\x00\x00\x00\x00")
	}
	b[16] = byte(random.IntN(3))
	b[17] = []byte{'u', 'd', 0, 'x', b[17]}[random.IntN(5)]
	return b[:size]
}

var statusReads = flag.Int("reads", 1_000_000, "how often to read a status that changes")

// Whoever reads the status has all of an old one or all of a new one, while commands
// change it, and while the service dies and starts.
func TestStatusIsNeverTorn(t *testing.T) {
	t.Parallel()
	busy(t)
	h := newHome(t, "mute")
	must(os.WriteFile(h.file("down-signal"), []byte("CONT\n"), 0o644)) // d must not kill it before it has said who it is
	begun := time.Now()
	h.supervise(t, fused)
	h.up(t, 1)
	control := h.control(t)
	stop := make(chan struct{})
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		starts := 0
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			control.WriteString("poucd"[i%5 : i%5+1])
			runtime.Gosched()
			if i%1000 == 0 && len(h.starts()) > starts { // it has said who it is
				starts++
				control.WriteString("ku")
			}
		}
	})
	const tasks = 3
	seen := [tasks]map[string]bool{}
	for task := range tasks {
		seen[task] = map[string]bool{}
		readers.Go(func() {
			if task == 0 {
				h.asksForStatus(t, seen[0])
				return
			}
			for n := 0; (n < *statusReads/(tasks-1) || len(h.starts()) < 3) && !t.Failed(); n++ {
				h.readsStatus(t, begun, seen[task])
				if n%10_000 != 0 || time.Since(begun) < 5*patience {
					continue
				}
				if len(h.starts()) < 3 {
					t.Errorf("it is started too rarely: %s", h.explain())
				}
				break // the machine is slow: these will do
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
	pids := map[string]bool{"0": true}
	for _, pid := range h.starts() {
		pids[strconv.Itoa(pid)] = true
	}
	ends := map[string]bool{} // paused or not, and what is wanted
	for _, seen := range seen {
		for s := range seen {
			pid, end, _ := strings.Cut(s, " ")
			if !pids[pid] {
				t.Errorf("process %s was never started: %s", pid, h.explain())
			}
			ends[end] = true
		}
	}
	if len(ends) < 4 || len(pids) < 3 {
		t.Errorf("little changed meanwhile: %v, %v", ends, pids)
	}
}

// readsStatus reads it once and notes what it says.
func (h *home) readsStatus(t testing.TB, begun time.Time, seen map[string]bool) {
	var b [64]byte
	fd, err := unix.Open(h.file("supervise/status"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Errorf("no status: %v", err)
		return
	}
	n, err := unix.Read(fd, b[:])
	unix.Close(fd)
	since := time.Unix(int64(binary.BigEndian.Uint64(b[:])-(1<<62+10)), int64(binary.BigEndian.Uint32(b[8:])))
	const slack = time.Minute // the clock may be adjusted
	if n != 18 || err != nil || binary.BigEndian.Uint32(b[8:]) >= 1e9 || since.Before(begun.Add(-slack)) || since.After(time.Now().Add(slack)) ||
		b[16] > 1 || strings.IndexByte("ud\x00", b[17]) < 0 {
		t.Errorf("torn: % x", b[:max(n, 0)])
		return
	}
	seen[fmt.Sprint(binary.LittleEndian.Uint32(b[12:]), " ", b[16:18])] = true
}

// asksForStatus has svstat print it some thousand times.
func (h *home) asksForStatus(t testing.TB, seen map[string]bool) {
	plain := regexp.MustCompile(`^s: (up \(pid (\d+)\) \d{1,3} seconds(, paused)?(, want down)?|down \d{1,3} seconds, normally up(, want up)?)$`)
	var many [20]string
	for i := range many {
		many[i] = "s"
	}
	for range 100 {
		text, ok := strings.CutSuffix(h.tool(t, fused, "svstat", many[:]...), "\nexit 0")
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			m := plain.FindStringSubmatch(line)
			if !ok || len(lines) != len(many) || m == nil {
				t.Errorf("svstat: %q", line)
				return
			}
			if m[2] != "" {
				seen[m[2]+" svstat"] = true
			}
		}
		text, ok = strings.CutSuffix(h.tool(t, fused, "svstat", append([]string{"-j"}, many[:]...)...), "\nexit 0")
		for line := range strings.Lines(text) {
			var object struct {
				Up, Paused, Ready bool
				PID, Starts       int
				Seconds           *uint
				Want              string
			}
			err := json.Unmarshal([]byte(line), &object)
			if !ok || err != nil || object.Seconds == nil || *object.Seconds > 999 || object.Up != (object.PID != 0) ||
				object.Paused && !object.Up || object.Ready || !strings.Contains("up down once", object.Want) || object.Starts == 0 {
				t.Errorf("svstat -j: %v, %q", err, line)
				return
			}
			seen[fmt.Sprint(object.PID, " svstat -j")] = true
		}
	}
}

// Whenever svok says yes there is a status, also in a directory that nobody has supervised
// yet: with down, and without, where the first status is that of the start.
func TestThereIsAStatusWhereverSvokSaysYes(t *testing.T) {
	needRoot(t)
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprint("down: ", down), func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			if down {
				must(os.WriteFile(h.file("down"), nil, 0o644))
			}
			var looks, without atomic.Int32
			s := h.traced(t, func(callEnd) {
				fd, err := unix.Open(h.file("supervise/ok"), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
				if err != nil {
					return
				}
				unix.Close(fd)
				if looks.Add(1); len(h.status()) != 18 {
					without.Add(1)
				}
			}, filepath.Join(fused.dir, "supervise"), "s")
			eventually(t, "svok", func() bool { return looks.Load() > 0 })
			if !down {
				h.up(t, 1)
			}
			if n := without.Load(); n > 0 || !s.running() {
				t.Errorf("no status %d times of %d", n, looks.Load())
			}
		})
	}
}
