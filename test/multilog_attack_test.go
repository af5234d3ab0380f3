package test

// Multilogs that are killed, and then go on in other surroundings: with another script,
// another pipe, fewer resources, calls that fail, another multilog in between.
//
// Not tested in this file: a kill within a system call, unless by chance; a journal whose
// pages are on another machine (NFS); swap.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// traced runs a multilog under strace with what it injects, and returns how it ends and
// what it says.
func (f *flood) traced(t testing.TB, stdin *os.File, inject []string, words ...string) (got, text string) {
	t.Helper()
	need(t, "strace")
	args := []string{"-qq", "-o", "/dev/null", "-e", "inject=clock_nanosleep,nanosleep:retval=0"}
	for _, i := range inject {
		args = append(args, "-e", "inject="+i)
	}
	args = slices.Concat(args, []string{filepath.Join(fused.dir, "multilog")}, words)
	cmd := exec.Command("strace", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = f.dir, []string{"PATH=" + systemPath}, stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	said, err := os.CreateTemp(f.dir, ".said-")
	must(err)
	defer said.Close()
	cmd.Stderr = said
	must(cmd.Start())
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer late.Stop()
	cmd.Wait()
	return ending(cmd.ProcessState), textOf(said.Name())
}

// struck is a multilog that is killed as it enters a system call for the nth time.
func (f *flood) struck(t testing.TB, stdin *os.File, call string, when int, words ...string) {
	t.Helper()
	if got, text := f.traced(t, stdin, []string{fmt.Sprintf("%s:signal=KILL:when=%d", call, when)}, words...); got != "killed by killed" {
		t.Fatalf("it was not killed at %s %d: %s %s", call, when, got, text)
	}
}

// ends runs multilogs until one ends in good order, as a supervisor would.
func (f *flood) ends(t testing.TB, stdin *os.File, words ...string) {
	t.Helper()
	got := ""
	for range 3 {
		if got = f.run(t, fused, stdin, words...); got == "exit 0" {
			return
		}
	}
	t.Error(got)
}

// reader opens the FIFO for reading; it stays open for writing.
func (f *flood) reader(t testing.TB) *os.File {
	r, err := os.Open(f.file("in"))
	must(err)
	t.Cleanup(func() { r.Close() })
	return r
}

func anyLine([]byte) bool { return true }

// A kill in the middle of a batch leaves lines that are in the journal only. If the next
// multilog cannot have the journal, it must leave them there, or write them.
func TestLinesInAJournalThatCannotBeHad(t *testing.T) {
	words := []string{"s4096", "n1000", "./a"}
	for _, c := range []struct {
		name   string
		inject []string
		run    []string
	}{
		{"no pipe", []string{"pipe2:error=EMFILE"}, nil},
		{"no mapping", []string{"mmap:error=ENOMEM:when=2"}, nil},
		{"cannot be read", []string{"pread64:error=EIO"}, nil},
		{"cannot be opened", nil, []string{"prlimit", "--nofile=8"}},
		{"small files only", nil, []string{"prlimit", "--fsize=100000"}},
		{"no /proc", nil, []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /proc && exec "$@"`, "sh"}},
	} {
		for _, kill := range []string{"renameat2", "fsync"} {
			t.Run(c.name+", killed at "+kill, func(t *testing.T) {
				t.Parallel()
				needRoot(t)
				f := newFlood(t, 5, 300)
				f.fill(200)
				stdin := f.end()
				f.struck(t, stdin, kill, 3, words...)
				if c.run == nil {
					got, said := f.traced(t, stdin, c.inject, words...)
					t.Log(got, " ", said)
				} else {
					cmd := exec.Command("timeout", slices.Concat([]string{"-s", "KILL", "5"}, c.run, []string{filepath.Join(fused.dir, "multilog")}, words)...)
					cmd.Dir, cmd.Stdin = f.dir, stdin
					out, _ := cmd.CombinedOutput()
					t.Log(ending(cmd.ProcessState), " ", string(out))
				}
				f.ends(t, stdin, words...)
				if text := f.missing("a", false, anyLine); text != "" {
					t.Error(text)
				}
			})
		}
	}
}

// Where the logs were cut, and how much of them is to be left out, holds for what the
// script was.
func TestScriptChangesAfterAKill(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []string
		stamped       bool
	}{
		{"the same", []string{"s4096", "n1000", "./a"}, []string{"s4096", "n1000", "./a"}, false},
		{"smaller", []string{"s8192", "n1000", "./a"}, []string{"s4096", "n1000", "./a"}, false},
		{"bigger", []string{"s4096", "n1000", "./a"}, []string{"n1000", "./a"}, false},
		{"a processor more", []string{"s4096", "n1000", "./a"}, []string{"s4096", "n1000", "!cat", "./a"}, false},
		{"a time stamp more", []string{"s4096", "n1000", "./a"}, []string{"t", "s4096", "n1000", "./a"}, true},
		{"a time stamp less", []string{"t", "s4096", "n1000", "./a"}, []string{"s4096", "n1000", "./a"}, true},
		{"a log more, at the end", []string{"s4096", "n1000", "./a", "./b"}, []string{"s4096", "n1000", "./a", "./b", "./c"}, false},
		{"a log more, in the middle", []string{"s4096", "n1000", "./a", "./b"}, []string{"s4096", "n1000", "./a", "./c", "./b"}, false},
		{"a log more, at the beginning", []string{"s4096", "n1000", "./a", "./b"}, []string{"s4096", "n1000", "./c", "./a", "./b"}, false},
		{"another order", []string{"s4096", "n1000", "./a", "./b"}, []string{"s4096", "n1000", "./b", "./a"}, false},
		{"a log less", []string{"s4096", "n1000", "./a", "./c", "./b"}, []string{"s4096", "n1000", "./a", "./b"}, false},
	} {
		for _, kill := range []string{"renameat2", "fsync", "readv"} {
			t.Run(c.name+", killed at "+kill, func(t *testing.T) {
				t.Parallel()
				f := newFlood(t, 6, 300)
				f.fill(200)
				stdin := f.end()
				when := map[string]int{"renameat2": 2, "fsync": 3, "readv": 1}[kill]
				f.struck(t, stdin, kill, when, c.before...)
				f.ends(t, stdin, c.after...)
				for _, log := range []string{"a", "b"} {
					if slices.Contains(c.after, "./"+log) {
						if c.stamped { // what is in older files as well may be there twice
							if got := f.counted(log); got.lost > 0 || got.torn > 0 {
								t.Errorf("%s: %+v", log, got)
							}
						} else if text := f.missing(log, false, anyLine); text != "" {
							t.Error(log, ": ", text)
						}
					}
				}
			})
		}
	}
}

// What a log has of a batch is left out of that batch, and of nothing that comes later.
func TestNothingIsLeftOutOfLaterLines(t *testing.T) {
	for _, c := range []struct {
		name    string
		scripts [][]string // all but the last one are killed
	}{
		{"a pattern more", [][]string{
			{"s4096", "n1000", "./a", "./b"},
			{"s4096", "n1000", "./a", "-*", "+new *", "./b"}}},
		{"a log that was left out for a while", [][]string{
			{"s4096", "n1000", "./a", "./b"},
			{"s4096", "n1000", "./a"},
			{"s4096", "n1000", "./a", "./b"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 7, 300)
			stdin := f.reader(t)
			f.fill(400)
			for i, words := range c.scripts[:len(c.scripts)-1] {
				if i == 0 {
					f.struck(t, stdin, "renameat2", 11, words...) // both have been rotated
					continue
				}
				cmd := f.command(fused, words...)
				cmd.Stdin = stdin
				must(cmd.Start())
				eventually(t, "all lines", func() bool {
					return bytes.HasSuffix(f.whole("a"), append(f.lines[len(f.lines)-1], '\n'))
				})
				time.Sleep(50 * time.Millisecond) // the journal says so
				cmd.Process.Kill()
				cmd.Wait()
			}
			later := ""
			for i := range 200 {
				later += fmt.Sprintf("new %d, which nobody has seen before\n", i)
			}
			f.source.WriteString(later)
			f.end()
			f.ends(t, stdin, c.scripts[len(c.scripts)-1]...)
			if text := f.whole("b"); !bytes.HasSuffix(text, []byte(later)) {
				t.Errorf("of %d bytes that came later the log ends with %q", len(later), text[max(0, len(text)-80):])
			}
		})
	}
}

// The beginning of a line belongs to the pipe that it came from.
func TestAnotherPipeDoesNotGoOnWithALine(t *testing.T) {
	for _, half := range []int{20, 5000} {
		t.Run(fmt.Sprint(half), func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 8, 20)
			f.source.Write(bytes.Repeat([]byte("h"), half))
			cmd := f.command(fused, "./a")
			cmd.Stdin = f.reader(t)
			must(cmd.Start())
			eventually(t, "the beginning of a line", func() bool {
				return bytes.Contains([]byte(textOf(f.file("a/journal"))), []byte("hhhh"))
			})
			time.Sleep(50 * time.Millisecond)
			cmd.Process.Kill()
			cmd.Wait()
			r := piped([]byte("a whole line\n"), f.Rand)
			defer r.Close()
			f.ends(t, r, "./a")
			if text := "\n" + string(f.whole("a")); !strings.Contains(text, "\na whole line\n") {
				t.Errorf("%.60q", text[max(0, len(text)-60):])
			}
		})
	}
}

// A limit that a log does not keep may kill a multilog, but not each that comes after it.
func TestFileLimitBelowTheSizeOfALog(t *testing.T) {
	need(t, "prlimit")
	f := newFlood(t, 9, 300)
	f.fill(3000)
	stdin := f.end()
	got := ""
	for range 10 {
		cmd := exec.Command("prlimit", "--fsize=200000", filepath.Join(fused.dir, "multilog"), "s1000000", "n1000", "./a")
		cmd.Dir, cmd.Stdin = f.dir, stdin
		cmd.Run()
		if got = ending(cmd.ProcessState); got == "exit 0" {
			break
		}
	}
	if text := f.missing("a", false, anyLine); text != "" || got != "exit 0" {
		t.Error(got, ", ", text)
	}
}

// Old files are not pushed out by the empty ones of starts that come to nothing, as
// daemontools' are: here the second log cannot be opened.
func TestStartsThatFailKeepOldFiles(t *testing.T) {
	f := newFlood(t, 10, 300)
	f.fill(60)
	words := []string{"s4096", "n3", "./a", "./b"}
	if got := f.run(t, fused, f.end(), words...); got != "exit 0" {
		t.Fatal(got)
	}
	must(os.Chmod(f.file("a/current"), 0o644)) // as an outage leaves it
	before := len(f.whole("a"))
	must(os.Remove(f.file("b/current")))
	must(os.Mkdir(f.file("b/current"), 0o755))
	for range 6 {
		f.run(t, fused, nil, words...)
	}
	if after := len(f.whole("a")); after < before/2 {
		t.Errorf("of %d bytes %d are left: %q", before, after, f.names("a"))
	}
}

// A multilog is killed when it has closed its log, and may not yet have removed the
// journal. The next one has no journal and goes on with the log; of its lines none is cut
// off by the one that comes after it.
func TestJournalOfALogThatWasClosed(t *testing.T) {
	need(t, "prlimit", filepath.Join(debian, "multilog"))
	const every = 1 << 30 // stops
	for name, next := range map[string][]string{
		"daemontools":           {filepath.Join(debian, "multilog"), "./a"},
		"no room for a journal": {"prlimit", "--fsize=100000", filepath.Join(fused.dir, "multilog"), "./a"},
	} {
		t.Run(name, func(t *testing.T) {
			calm := newFlood(t, 11, 300)
			calm.fill(5)
			all, _ := calm.runUntil(every, 0, calm.end(), []string{"./a"})
			for back := range 10 {
				f := newFlood(t, 11, 300)
				f.fill(5)
				stdin := f.end()
				f.runUntil(all-back, 0, stdin, []string{"./a"})
				r, w, err := os.Pipe()
				must(err)
				cmd := exec.Command(next[0], next[1:]...)
				cmd.Dir, cmd.Stdin = f.dir, r
				must(cmd.Start())
				r.Close()
				w.WriteString("a line\n")
				eventually(t, "a line", func() bool { return strings.HasSuffix(textOf(f.file("a/current")), "a line\n") })
				cmd.Process.Kill()
				cmd.Wait()
				w.Close()
				f.ends(t, stdin, "./a")
				if text := f.whole("a"); !bytes.Contains(text, []byte("\na line\n")) {
					t.Errorf("killed %d stops before the end; the log ends with %q", back, text[max(0, len(text)-60):])
				}
			}
		})
	}
}

// The multilog of daemontools is killed while it puts current out of the way, which has two
// names then.
func TestCurrentIsAnOldFileAsWell(t *testing.T) {
	need(t, "strace", filepath.Join(debian, "multilog"))
	f := newFlood(t, 16, 300)
	f.fill(5)
	stdin := f.end()
	f.struck(t, stdin, "fsync", 1, "./a")
	cmd := exec.Command("strace", "-qq", "-o", "/dev/null", "-e", "inject=unlink,unlinkat:signal=KILL:when=4", filepath.Join(debian, "multilog"), "./a")
	cmd.Dir = f.dir
	cmd.Run()
	var st unix.Stat_t
	must(unix.Stat(f.file("a/current"), &st))
	if st.Nlink != 2 {
		t.Skipf("current has %d names", st.Nlink)
	}
	f.ends(t, stdin, "./a")
	if text := f.missing("a", false, anyLine); text != "" {
		t.Error(text)
	}
}

// Where tee(2) is refused there are lines all the same.
func TestTeeIsRefused(t *testing.T) {
	for _, err := range []string{"EPERM", "ENOSYS"} {
		f := newFlood(t, 12, 300)
		f.fill(200)
		stdin := f.end()
		got, said := f.traced(t, stdin, []string{"tee:error=" + err}, "n1000", "./a")
		if text := f.missing("a", false, anyLine); got != "exit 0" || text != "" {
			t.Errorf("%s: %s, %s, it says %q", err, got, text, said)
		}
		stdin.Close()
	}
}

// After TERM it ends with the line that was begun, though nothing comes after that.
func TestTermEndsWithTheLine(t *testing.T) {
	for _, p := range []path{old, fused} {
		for _, half := range []int{7, 3000} {
			f := newFlood(t, 17, 20)
			cmd := f.command(p, "./a")
			cmd.Stdin = f.reader(t)
			must(cmd.Start())
			eventually(t, "the log", func() bool { return exists(f.file("a/current")) })
			f.source.Write(bytes.Repeat([]byte("h"), half))
			eventually(t, "that it waits", func() bool {
				call, _, _ := strings.Cut(textOf(fmt.Sprintf("/proc/%d/syscall", cmd.Process.Pid)), " ")
				var n int32
				unix.Syscall(unix.SYS_IOCTL, f.source.Fd(), unix.TIOCINQ, uintptr(unsafe.Pointer(&n)))
				return n == 0 && (call == fmt.Sprint(unix.SYS_PPOLL) || call == fmt.Sprint(unix.SYS_READ))
			})
			must(cmd.Process.Signal(unix.SIGTERM))
			f.source.WriteString("end\n")
			ended := make(chan bool)
			go func() { cmd.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(patience / 4):
				t.Errorf("%s, %d bytes: it waits for more", p.name, half)
				cmd.Process.Kill()
				<-ended
			}
			if text := f.whole("a"); !bytes.HasSuffix(text, []byte("hend\n")) {
				t.Errorf("%s: the log has %d bytes", p.name, len(text))
			}
		}
	}
}

// What comes after the line with which TERM ends stays in the pipe, in packets as well.
func TestTermInPackets(t *testing.T) {
	f := newFlood(t, 13, 20)
	fds := make([]int, 2)
	must(unix.Pipe2(fds, unix.O_DIRECT|unix.O_CLOEXEC))
	r, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	defer r.Close()
	cmd := f.command(fused, "./a")
	cmd.Stdin = r
	must(cmd.Start())
	w.WriteString("begun, ")
	eventually(t, "the beginning of a line", func() bool { return strings.Contains(textOf(f.file("a/journal")), "begun") })
	must(cmd.Process.Signal(unix.SIGTERM))
	time.Sleep(50 * time.Millisecond)
	w.WriteString("ended\nnext\n")
	w.Close()
	cmd.Wait()
	f.ends(t, r, "./a")
	if got := string(f.whole("a")); got != "begun, ended\nnext\n" {
		t.Errorf("%q", got)
	}
}

// One log of two vanishes while it is written to; the lines of the other one are there once.
func TestOneOfTwoLogsVanishes(t *testing.T) {
	for _, log := range []string{"b", "c"} {
		t.Run(log, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 15, 300)
			stdin := f.reader(t)
			words := []string{"s4096", "n1000", "./a", "./b", "s16000000", "./c"}
			said, err := os.Create(f.file("said"))
			must(err)
			defer said.Close()
			cmd := f.command(fused, words...)
			cmd.Stdin, cmd.Stderr = stdin, said
			must(cmd.Start())
			eventually(t, "the logs", func() bool { return exists(f.file("c/state")) })
			f.source.Write(f.add(100))
			eventually(t, "lines", func() bool { return len(f.whole("a")) > 4096 })
			must(os.RemoveAll(f.file(log)))
			f.source.Write(f.add(100))
			time.Sleep(100 * time.Millisecond)
			cmd.Process.Kill()
			cmd.Wait()
			f.source.Write(f.add(100))
			f.end()
			f.ends(t, stdin, words...)
			for _, other := range []string{"a", "b", "c"} {
				if other == log {
					continue
				}
				if text := f.missing(other, false, anyLine); text != "" {
					t.Error(other, ": ", text)
				}
			}
		})
	}
}

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
			a.acts = append(a.acts, one("!cat", "!cat; cat <&4 >&5", "!sleep 0.01; cat", "!", "R1", "wx"))
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
		if text := a.differs(log, width, a.pass[i]); text != "" {
			return log + ": " + text
		}
	}
	return ""
}

// differs is the first difference of a log from what was sent.
func (a *assault) differs(log string, width int, pass func([]byte) bool) string {
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
		got[i] = line[width:]
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
// killed then, every line is there once.
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
			}[random.IntN(4)]
			done := ""
			for range 1 + random.IntN(3) {
				order := random.Perm(len(calls))
				when := 1 + random.IntN(6)
				inject := []string{
					fmt.Sprintf("%s:error=%s:when=%d..%d", calls[order[0]], []string{"EIO", "ENOSPC", "EINTR", "EDQUOT"}[random.IntN(4)], when, when+random.IntN(3)),
					fmt.Sprintf("%s:signal=KILL:when=%d", calls[order[1]], 1+random.IntN(12)),
				}
				got, _ := f.traced(t, stdin, inject, words...)
				done += fmt.Sprint(inject, " ", got, "; ")
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

// With the clock set back, what is finished is later than what is there, and not removed
// as the oldest.
func TestOldFilesOfTheFuture(t *testing.T) {
	f := newFlood(t, 18, 300)
	must(os.Mkdir(f.file("a"), 0o755))
	for i := range 3 {
		must(os.WriteFile(f.file(fmt.Sprintf("a/@40000000fffffff%d3b9ac9ff.s", i)), []byte("old\n"), 0o744))
	}
	f.fill(100)
	f.ends(t, f.end(), "s4096", "n3", "./a")
	text := f.whole("a")
	if last := f.lines[len(f.lines)-1]; !bytes.HasSuffix(text, append(last, '\n')) || len(text) < 2*2000 || bytes.Contains(text, []byte("old")) {
		t.Errorf("%d bytes in %q, the end %.80q", len(text), f.names("a"), text[max(0, len(text)-80):])
	}
}
