package test

// multilog does what daemontools' does, with random scripts and inputs and after every crash.
//
// Not tested in this file: kills (multilog_kill_test.go), trouble with the disk
// (multilog_disk_test.go), what one action does by itself (the scripts multilog_*), a
// processor that fails more than once (each time takes five seconds), speed, a machine
// that goes down, and in patterns of F [.a.], [=a=] and classes that there are not.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var scriptCount = flag.Int64("multilog.scripts", 0, "how many random scripts of multilog to compare with daemontools (default 300, in CI 2500)")

// Random scripts.

// A randomScript is made from its seed alone: actions, and one input or several for a
// multilog each.
type randomScript struct {
	*rand.Rand
	seed   int64
	words  []string
	inputs [][]byte
}

func (g *randomScript) String() string {
	return fmt.Sprintf("CATENA_SEED=%d -multilog.scripts=1: %q, %d inputs", g.seed, g.words, len(g.inputs))
}

func (g *randomScript) one(of ...string) string { return of[g.IntN(len(of))] }
func (g *randomScript) percent(n int) bool      { return g.IntN(100) < n }

// generateScript leaves out what differs on purpose: words that are no action, s and n
// without a number.
func generateScript(seed int64) *randomScript {
	g := &randomScript{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), seed: seed}
	stamped := g.percent(40)
	if stamped {
		g.words = append(g.words, "t")
	}
	dirs := []string{"./a", "./b", "./c"}
	small := false
	for range 1 + g.IntN(7) {
		switch g.IntN(10) {
		case 0, 1, 2:
			g.words = append(g.words, g.one("-", "+")+g.pattern(stamped))
		case 3:
			g.words = append(g.words, g.one("e", "=status", "=status", "=other"))
		case 4, 5:
			small = true
			g.words = append(g.words, g.one("s4096", "s4096", "s4097", "s5000", "s8192", "s0", "s10000", "s131072", "s99999", "s16777216"))
		case 6:
			g.words = append(g.words, g.one("n2", "n3", "n5", "n0", "n1", "n100"))
		default:
			if len(dirs) > 0 {
				g.words = append(g.words, dirs[0])
				dirs = dirs[1:]
			}
		}
	}
	if g.percent(4) {
		g.words = append(g.words, "s20000", g.one("!cat", "!tr a-z A-Z", "!cat; (cat <&4; echo x) >&5; wc -l <&4", "!wc -c >&2", "!exit 0"))
		small = false
	}
	if len(dirs) > 0 {
		g.words = append(g.words, dirs[0])
	}
	for range 1 + g.IntN(2) {
		g.inputs = append(g.inputs, g.input(small))
	}
	return g
}

func (g *randomScript) pattern(stamped bool) (text string) {
	if stamped {
		text = g.one("@* ", "@* ", "@* ", "*") // what follows a star must not be a digit of the label
		if text == "*" {
			return text
		}
	}
	for range g.IntN(4) {
		text += g.one("a", "b", "*", "*", "x", " ", "ab", "*:", "\n", "**", "\xff")
	}
	return text
}

// input is lines of such lengths as may matter: of a label with a line, of what is looked
// at, of what is read and written at once.
func (g *randomScript) input(small bool) (text []byte) {
	around := []int{0, 1, 10, 80, 200, 487, 512, 974, 975, 999, 1000, 1001, 1024, 2000, 4096, 8192, 65536, 131072}
	most := 60000
	if small {
		most = 25000
	}
	if g.percent(5) {
		most = 300000
	}
	for most = g.IntN(most); len(text) < most; {
		n := max(0, around[g.IntN(10)]+g.IntN(7)-3)
		if g.percent(5) {
			n = max(0, around[g.IntN(len(around))]+g.IntN(7)-3)
		}
		if n > 5000 && small && g.percent(70) {
			continue
		}
		begin := len(text)
		for range g.IntN(6) {
			text = append(text, g.one("a", "b", "x", " ", ":", "\x00", "\xff", "*", "@")...)
		}
		for len(text) < begin+n {
			text = append(text, alphabet[g.IntN(len(alphabet)-100):][:min(100, begin+n-len(text))]...)
		}
		text = append(text[:begin+n], '\n')
		for g.percent(30) {
			text = append(text, '\n')
		}
	}
	if g.percent(30) && len(text) > 0 {
		text = text[:len(text)-1]
	}
	return text
}

// compare runs the script with daemontools and with catena. A log is gone on with by
// either, so where there are several inputs the multilogs of catena's run may be theirs.
func (g *randomScript) compare(t *testing.T) string {
	needOld(t)
	want, got := newLogs(t), newLogs(t)
	defer os.RemoveAll(want.dir)
	defer os.RemoveAll(got.dir)
	p := []path{fused, separate}[g.IntN(2)]
	for i, input := range g.inputs {
		theirs := want.runWith(t, old, input, g.words)
		who := p
		if i != g.IntN(len(g.inputs)) && g.percent(30) {
			who = old
		}
		ours := got.runWith(t, who, input, g.words)
		if diff := textDifference(masked([]byte(ours)), masked([]byte(theirs))); diff != "" {
			return "standard error" + diff
		}
	}
	if diff := showsDifference(got.shows(), want.shows()); diff != "" {
		return diff
	}
	if len(g.inputs[0]) > 0 && g.percent(30) {
		return g.throughPipe(t, p)
	}
	return ""
}

// throughPipe compares all lines where the pieces are those of a pipe. Where a file ends
// hangs on them, so no old file must be removed.
func (g *randomScript) throughPipe(t *testing.T, p path) string {
	needOld(t)
	words := slices.DeleteFunc(slices.Clone(g.words), func(w string) bool { return w[0] == 'n' || w[0] == '!' })
	at := slices.IndexFunc(words, func(w string) bool { return w[0] == '.' })
	words = slices.Insert(words, at, "n1000000")
	texts := map[string][]byte{}
	for _, p := range []path{old, p} {
		l := newLogs(t)
		defer os.RemoveAll(l.dir)
		r := piped(g.inputs[0], rand.New(rand.NewPCG(uint64(g.seed), 2)))
		text := masked([]byte(likeOption.ReplaceAllString(l.run(t, p, r, words...), "")))
		r.Close()
		for _, log := range []string{"a", "b", "c"} {
			if _, err := os.Stat(l.file(log)); err == nil {
				text = append(text, "\nlog "+log+"\n"...)
				text = append(text, masked(l.whole(log))...)
			}
		}
		texts[p.name] = text
	}
	if diff := textDifference(texts[p.name], texts[old.name]); diff != "" {
		return "through a pipe" + diff
	}
	return ""
}

func TestRandomScriptsDoAsDaemontools(t *testing.T) {
	need(t, filepath.Join(debian, "multilog"))
	count := *scriptCount
	if count == 0 {
		count = 300
		if inCI() {
			count = 2500
		}
	}
	seed := firstSeed(t)
	var next, failed atomic.Int64
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < count && failed.Load() < 5; i = next.Add(1) - 1 {
				g := generateScript(seed + i)
				if text := g.compare(t); text != "" {
					failed.Add(1)
					t.Errorf("%s\n%s", g, text)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d scripts; first seed %d", next.Load()-2, seed)
}

// What an outage may have left: every combination of the files, with every mode that
// says something, and no journal.
func TestStartsAfterACrashAsDaemontools(t *testing.T) {
	need(t, filepath.Join(debian, "multilog"))
	modes := []os.FileMode{0, 0o644, 0o744}
	for _, words := range [][]string{{"./d"}, {"!cat", "n3", "./d"}} {
		for n := range 3 * 3 * 3 * 2 * 2 {
			files := map[string]os.FileMode{"current": modes[n%3], "previous": modes[n/3%3], "processed": modes[n/9%3], "state": modes[n/27%2], "newstate": modes[n/54]}
			var shown [2][]shown
			var said [2]string
			for i, p := range []path{old, []path{fused, separate}[n%2]} {
				l := newLogs(t)
				must(os.Mkdir(l.file("d"), 0o755))
				for name, mode := range files {
					if mode != 0 {
						must(os.WriteFile(l.file("d/"+name), []byte(name+"\n"), 0o600))
						must(os.Chmod(l.file("d/"+name), mode))
					}
				}
				must(os.WriteFile(l.file("d/@400000003b4a39c23294b13c.s"), []byte("old\n"), 0o744))
				said[i] = l.runWith(t, p, []byte("new\n"), words)
				shown[i] = l.shows()
				os.RemoveAll(l.dir)
			}
			if diff := showsDifference(shown[1], shown[0]); diff != "" || said[0] != said[1] {
				t.Errorf("%v %v: %s\n%q, want %q", words, files, diff, said[1], said[0])
			}
		}
	}
}

// The patterns of F are those of the C library's fnmatch(3), which find(1) calls.
func TestFMatchesAsTheCLibrary(t *testing.T) {
	need(t, "find")
	l := newLogs(t)
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 5))
	piece := func(of []string, n int) (text string) {
		for range random.IntN(n) {
			text += of[random.IntN(len(of))]
		}
		return text
	}
	must(os.Mkdir(l.file("names"), 0o755))
	names := map[string]bool{}
	for len(names) < 400 {
		name := piece([]string{"a", "b", "c", "A", "]", "[", "-", "!", "^", "*", "?", "\\", ".", " ", "\t", "\x01", "\x7f", "\xff", "0", ":", "d", "t"}, 7)
		if name != "" && name != "." && name != ".." {
			names[name] = true
			must(os.WriteFile(l.file("names/"+name), nil, 0o600))
		}
	}
	var input []byte
	for name := range names {
		input = append(input, name+"\n"...)
	}
	parts := []string{"a", "b", "A", "*", "*", "?", "?", "[", "[", "]", "]", "-", "!", "^", "\\", "a-c", "[!a]", "[^a-b]", "[]a]", "[!]a]", "[a-]", "[-a]", "[\\]a]", "[[:alpha:]]",
		"[[:digit:]b]", "[![:upper:]]", ":]", "[c-a]", "\\*", "\\a", "\\\\", ".", " ", "\xff", "[\x01-\x7f]", "[[:punct:][:space:]]", "[*?]", "[a-c-d]"}
	count := 150
	if inCI() {
		count = 400
	}
	for range count {
		pattern := piece(parts, 6)
		cmd := exec.Command("find", l.file("names"), "-mindepth", "1", "-name", pattern, "-printf", `%f\0`)
		cmd.Env = []string{"LC_ALL=C"}
		out, err := cmd.Output()
		must(err)
		want := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		slices.Sort(want)
		os.RemoveAll(l.file("d"))
		if said := l.runWith(t, fused, input, []string{"F", "-*", "+" + pattern, "./d"}); said != "exit 0" {
			t.Fatalf("%q: %s", pattern, said)
		}
		got := strings.Split(strings.TrimSuffix(string(l.whole("d")), "\n"), "\n")
		slices.Sort(got)
		for _, name := range slices.Concat(got, want) {
			if slices.Contains(got, name) != slices.Contains(want, name) {
				t.Errorf("%q matches %q: %v, want %v", pattern, name, slices.Contains(got, name), slices.Contains(want, name))
				break
			}
		}
	}
}
