package test

// Multilogs with random scripts that are killed, and among calls that fail.
//
// Not tested in this file: calls that fail in a script at random.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Random scripts.

// An assault is a random script whose multilogs are killed at random moments.
type assault struct {
	*flood
	random *rand.Rand
	stamp  string
	acts   []string // with a % where a size may stand
	log    []string
	pass   []func([]byte) bool
	sizes  []int
}

func newAssault(t testing.TB, seed uint64) *assault {
	a := &assault{flood: newFlood(t, seed, 1), random: rand.New(rand.NewPCG(seed, 8))}
	if a.random.IntN(4) == 0 { // not on a tmpfs
		must(os.RemoveAll(a.dir))
		dir, err := os.MkdirTemp(work, "multilog-")
		must(err)
		a.dir = dir
	}
	one := func(of ...string) string { return of[a.random.IntN(len(of))] }
	a.stamp = one("", "", "", "t", "T", "i")
	width := map[string]int{"": 0, "t": 26, "T": 18, "i": 31}[a.stamp]
	type choice struct {
		plus bool
		char byte
	}
	var choices []choice
	names := []string{"a", "b", "c"}
	plain := a.random.IntN(3) == 0
	for range 1 + a.random.IntN(7) {
		switch n := a.random.IntN(10); {
		case n < 3 && !plain:
			c := choice{a.random.IntN(2) == 0, "ghijkl*"[a.random.IntN(7)]}
			choices = append(choices, c)
			word := map[bool]string{true: "+", false: "-"}[c.plus]
			if c.char == '*' {
				word += "*"
			} else {
				word += "*" + string(c.char) + "*"
			}
			a.acts = append(a.acts, word)
		case n < 4 && !plain:
			a.acts = append(a.acts, one("=status", "=other", "e"))
		case n < 6:
			a.acts = append(a.acts, "%")
		case n < 7 && a.random.IntN(2) == 0:
			a.acts = append(a.acts, one("!cat", "!cat; cat <&4 >&5", "!sleep 0.01; cat", "!", "R1", "wx", "pweb:", "pdb: which has, of all,", "p"))
		default:
			a.addLog(&names, choices2func(slices.Clone(choices), width, func(c choice) (bool, byte) { return c.plus, c.char }))
		}
	}
	a.addLog(&names, choices2func(slices.Clone(choices), width, func(c choice) (bool, byte) { return c.plus, c.char }))
	a.sizes = [][]int{{20}, {0, 1, 2, 30}, {200, 400}, {970, 974, 975, 999, 1000, 1001}, {500, 1023, 1024, 1025}, {20, 20, 20, 4095, 4096, 4097}, {20, 100, 65536, 131071, 131072, 131073}, {10, 1000, 2000, 3000, 9000}}[a.random.IntN(8)]
	return a
}

func choices2func[T any](choices []T, width int, split func(T) (bool, byte)) func([]byte) bool {
	return func(line []byte) bool {
		seen := line[:min(len(line), 1000-width)]
		selected := true
		for _, c := range choices {
			plus, char := split(c)
			if selected != plus && (char == '*' || bytes.IndexByte(seen, char) >= 0) {
				selected = plus
			}
		}
		return selected
	}
}

func (a *assault) addLog(names *[]string, pass func([]byte) bool) {
	if len(*names) > 0 {
		a.acts = append(a.acts, "./"+(*names)[0])
		a.log, a.pass = append(a.log, (*names)[0]), append(a.pass, pass)
		*names = (*names)[1:]
	}
}

// words is the script, each time with other sizes.
func (a *assault) words() (words []string) {
	if a.stamp != "" {
		words = append(words, a.stamp)
	}
	words = append(words, "n1000000", "s4096")
	for _, act := range a.acts {
		if act == "%" {
			act = []string{"s4096", "s4097", "s5000", "s8192", "s20000", "s131072", "s16777215"}[a.random.IntN(7)]
		}
		words = append(words, act)
	}
	return words
}

// text makes lines.
func (a *assault) text() (text []byte) {
	most := 1 + a.IntN([]int{3000, 50000, 300000, 700000}[a.IntN(4)])
	for len(text) < most {
		long := max(0, a.sizes[a.IntN(len(a.sizes))]+a.IntN(5)-2)
		if a.IntN(3) == 0 {
			long = a.IntN(long + 1)
		}
		line := make([]byte, 0, long+10)
		if long > 9 {
			line = fmt.Appendf(line, "%08d ", len(a.lines))
		}
		for len(line) < long {
			switch a.IntN(20) {
			case 0:
				line = append(line, "\x00\xff@ \r\x7f"[a.IntN(6)])
			default:
				n := min(1+a.IntN(1000), long-len(line))
				line = append(line, alphabet[a.IntN(len(alphabet)-1000):][:n]...)
			}
		}
		a.lines = append(a.lines, line)
		text = append(append(text, line...), '\n')
	}
	return text
}

// attack returns what is wrong afterwards.
func (a *assault) attack(t testing.TB) string {
	defer os.RemoveAll(a.dir)
	text := a.text()
	if a.IntN(4) == 0 {
		text = text[:len(text)-1]
	}
	r, w, err := os.Pipe()
	must(err)
	defer r.Close()
	pieces := rand.New(rand.NewPCG(a.Uint64(), 9))
	var writing sync.WaitGroup
	var written atomic.Bool
	writing.Go(func() {
		defer w.Close()
		size := []int{1, 10, 100, 1500, 5000, 200000}[pieces.IntN(6)]
		if size < 100 {
			size = max(size, len(text)/3000)
		}
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 1+pieces.IntN(2*size))
			if _, err := w.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
			if pieces.IntN(10) == 0 {
				time.Sleep(time.Duration(pieces.ExpFloat64() * 1e5))
			}
		}
		written.Store(true)
	})
	mean := []float64{3e5, 1e6, 2e6, 5e6, 2e7}[a.random.IntN(5)]
	var last []string
	for range 3 + a.random.IntN(25) {
		last = a.words()
		cmd := a.command([]path{fused, separate}[a.random.IntN(2)], last...)
		cmd.Stdin = r
		must(cmd.Start())
		for a.random.IntN(3) == 0 {
			time.Sleep(time.Duration(a.random.ExpFloat64() * mean))
			cmd.Process.Signal([]os.Signal{unix.SIGALRM, unix.SIGALRM, unix.SIGTERM, unix.SIGSTOP, unix.SIGCONT}[a.random.IntN(5)])
		}
		time.Sleep(time.Duration(3e5 + a.random.ExpFloat64()*mean))
		cmd.Process.Kill()
		cmd.Wait()
	}
	got := ""
	for range 4 { // the first one may wait for a lock
		if got = a.run(t, fused, r, a.words()...); strings.HasSuffix(got, "exit 0") {
			break
		}
	}
	r.Close()
	writing.Wait()
	if !strings.HasSuffix(got, "exit 0") || !written.Load() {
		return got + fmt.Sprint(", all written: ", written.Load())
	}
	width := map[string]int{"": 0, "t": 26, "T": 18, "i": 31}[a.stamp]
	for i, log := range a.log {
		if text := a.differs(log, width, prefixOf(a.acts, log), a.pass[i]); text != "" {
			return log + ": " + text
		}
	}
	return ""
}

// differs is the first difference of a log from what was sent.
func (a *assault) differs(log string, width int, prefix []byte, pass func([]byte) bool) string {
	text, whole := bytes.CutSuffix(a.whole(log), []byte("\n"))
	var got [][]byte
	if whole {
		got = bytes.Split(text, []byte("\n"))
	} else if len(text) > 0 {
		return "torn at the end"
	}
	for i, line := range got {
		if len(line) < width {
			return fmt.Sprintf("line %d has no stamp: %q", i, line)
		}
		var prefixed bool
		if got[i], prefixed = bytes.CutPrefix(line[width:], prefix); !prefixed {
			return fmt.Sprintf("line %d has no prefix: %q", i, line)
		}
	}
	var want [][]byte
	for i, line := range a.lines {
		if i == len(a.lines)-1 && len(line) == 0 && len(got) == len(want) {
			break // the last newline may have been left out
		}
		if pass(line) {
			want = append(want, line)
		}
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !bytes.Equal(got[i], want[i]) {
			show := func(lines [][]byte) string {
				if i >= len(lines) {
					return "nothing"
				}
				return fmt.Sprintf("%d bytes %.40q", len(lines[i]), lines[i])
			}
			return fmt.Sprintf("line %d of %d, want %d: %s, want %s", i, len(got), len(want), show(got), show(want))
		}
	}
	return ""
}

func TestRandomScriptsSurviveRandomKills(t *testing.T) {
	count := int64(multilogRounds() / 5)
	seed := seedOf(t)
	var next, failed atomic.Int64
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < count && failed.Load() < 5; i = next.Add(1) - 1 {
				a := newAssault(t, seed+uint64(i))
				if text := a.attack(t); text != "" {
					failed.Add(1)
					t.Errorf("-seed=%d: %q %v: %s", seed+uint64(i), a.words(), a.sizes, text)
				}
			}
		})
	}
	workers.Wait()
}

// Calls that fail, and a kill: whatever fails once the log is open, and wherever it is
// killed then, every line is there once. (Where there can be no journal, multilog says so and
// goes on, and what it has read is lost with it.)
func TestKillsAmongErrors(t *testing.T) {
	calls := []string{"write", "pwrite64", "fsync", "renameat2", "linkat", "unlinkat", "fchmod", "fchmodat", "madvise", "readv", "getdents64"}
	random := rand.New(rand.NewPCG(seedOf(t), 10))
	crowd := newCrowd()
	defer crowd.Wait()
	for round := range multilogRounds() / 3 {
		seed := random.Uint64()
		crowd.run(t, fmt.Sprint(round), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 11))
			f := newFlood(t, seed, 300)
			f.fill(200)
			stdin := f.end()
			words := [][]string{
				{"s4096", "n1000", "./a", "./b"},
				{"t", "s4096", "n1000", "./a", "s8192", "./b"},
				{"s4096", "n1000", "!cat; mkdir ../failed 2>&- && exit 1; rmdir ../failed", "./a", "s5000", "!", "./b"},
				{"e", "s4096", "n1000", "./a", "./b"},
				{"t", "s4096", "n1000", "pweb:", "./a", "p", "s5000", "./b"},
			}[random.IntN(5)]
			f.script = words
			done := ""
			for range 1 + random.IntN(3) {
				order := random.Perm(len(calls))
				when := 1 + random.IntN(6)
				if call := calls[order[0]]; call == "readv" || call == "pwrite64" {
					when++ // the first one asks whether there may be a journal
				}
				inject := []string{
					fmt.Sprintf("%s:error=%s:when=%d..%d", calls[order[0]], []string{"EIO", "ENOSPC", "EINTR", "EDQUOT"}[random.IntN(4)], when, when+random.IntN(3)),
					fmt.Sprintf("%s:signal=KILL:when=%d", calls[order[1]], 1+random.IntN(12)),
				}
				got, said := f.traced(t, stdin, inject, words...)
				done += fmt.Sprint(inject, " ", got, " ", said, "; ")
			}
			for range 4 {
				if got, said := f.traced(t, stdin, nil, words...); got == "exit 0" {
					break
				} else {
					done += got + " " + said + "; "
				}
			}
			for _, log := range []string{"a", "b"} {
				if text := f.missing(log, words[0] == "t", anyLine); text != "" {
					t.Error(words, done, log, ": ", text)
				}
			}
			f.source.Close()
			os.RemoveAll(f.dir)
		})
	}
}
