package test

// Multilogs that are killed at every system call and at random moments: each line is in the
// log once, whole and in its order.
//
// Not tested in this file: a machine that goes down; a kill of the processor alone;
// input that is no pipe, of which what was read is lost; file systems that mmap(2)
// cannot share.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A killScript is actions, and what lines each log gets.
type killScript struct {
	name    string
	words   []string
	lengths []int
	count   int
}

var killScripts = []killScript{
	{"one log", []string{"s4096", "n100000", "./a"}, []int{20, 400}, 60},
	{"one log, with a time stamp", []string{"t", "s4096", "n100000", "./a"}, []int{20, 1200}, 40},
	{"nothing looks into a line", []string{"n100000", "./a"}, []int{20, 400}, 300},
	{"three logs", []string{"t", "s4096", "n100000", "./a", "s6000", "-*x*", "./b", "+*", "s5000", "./c"}, []int{20, 600}, 40},
	{"a processor", []string{"s4096", "n100000", "!cat", "./a"}, []int{600}, 30},
	{"two prefixes", []string{"s4096", "n100000", "pweb:", "./a", "pdb, which has a longer one:", "s6000", "-*x*", "./b", "+*", "p", "./c"}, []int{20, 2000}, 40},
	{"a file", []string{"s3000", "n100000", "f./a"}, []int{20, 400}, 60},
	{"a file, and two other logs", []string{"t", "s2000", "n100000", "f./a", "s4096", "-*x*", "./b", "+*", "s0", "f./c"}, []int{20, 600}, 40},
	{"two files of long lines", []string{"s1", "n100000", "f./a", "s20000", "f./b"}, []int{20, 9000, 3000}, 12},
	{"long lines", []string{"s4096", "n100000", "./a", "s20000", "./b"}, []int{20, 9000, 3000}, 12},
	{pipeIsFull, []string{"s16000000", "n100000", "./a"}, []int{2000}, 0},
	{"a line that is longer than what is read at once", []string{"n100000", "./a", "-*x*", "./b"}, []int{300000}, 3},
	{"a long line that is not for a log that is rotated after it", []string{"n100000", "./a", "-*t*", "s4096", "./b"}, append(slices.Repeat([]int{20}, 300), 150000, 150000), 700},
}

// Of many batches each begins in the middle of a line, and half a line is left.
const pipeIsFull = "as much as a pipe holds, and half a line"

// fill puts the script's lines into the FIFO.
func (k *killScript) fill(f *flood) {
	if k.name != pipeIsFull {
		f.fill(k.count)
		return
	}
	_, err := unix.FcntlInt(f.source.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	must(err)
	text := f.add(500)
	for len(text) < 1<<20-8000 {
		text = append(text, f.add(1)...)
	}
	text = append(text, bytes.TrimSuffix(f.add(1), []byte("\n"))...)
	must(unix.SetNonblock(int(f.source.Fd()), true))
	if got, err := unix.Write(int(f.source.Fd()), text); got != len(text) {
		panic(fmt.Sprint("the FIFO is too small: ", got, " ", len(text), " ", err))
	}
}

// check looks at all the logs of the script.
func (k *killScript) check(f *flood) string {
	f.script = k.words
	stamped := k.words[0] == "t"
	every := func([]byte) bool { return true }
	for _, log := range []string{"a", "b", "c"} {
		if !slices.Contains(k.words, "./"+log) && !slices.Contains(k.words, "f./"+log) {
			continue
		}
		isFor := every
		if at := slices.IndexFunc(k.words, func(word string) bool { return word[0] == '-' }); log == "b" && at >= 0 {
			// A simple pattern sees a thousand bytes, its label included.
			seen := 1000
			if stamped {
				seen -= 26
			}
			isFor = func(line []byte) bool { return !bytes.Contains(line[:min(len(line), seen)], []byte(k.words[at][2:3])) }
		}
		if text := f.missing(log, stamped, isFor); text != "" {
			return log + ": " + text
		}
	}
	return ""
}

// System calls.

// A multilog is killed at a system call, the next one as well, and a last one ends in
// good order.
func TestLinesSurviveKillsAtEverySystemCall(t *testing.T) {
	const every = 1 << 30 // stops
	for i, k := range killScripts {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(firstSeed(t)), uint64(i)))
			seed := random.Uint64()
			calm := newFlood(t, seed, k.lengths...)
			k.fill(calm)
			all, _ := calm.runUntil(every, 0, calm.end(), k.words)
			if text := k.check(calm); text != "" {
				t.Fatal("without a kill, ", text)
			}
			// Each stop once, then by chance.
			rounds := multilogRounds()
			if k.name == pipeIsFull {
				rounds /= 2 // it takes longer
			}
			order := random.Perm(all)
			for round := range rounds {
				f := newFlood(t, seed, k.lengths...)
				k.fill(f)
				stdin := f.end()
				var text strings.Builder
				stop := 1 + order[round%all]
				for last := 1 + random.IntN(4); last > 0; last-- {
					term := 0
					if random.IntN(5) == 0 {
						term = 1 + random.IntN(all)
					}
					stops, call := f.runUntil(stop, term, stdin, k.words)
					fmt.Fprintf(&text, "at stop %d of %d (TERM at %d), call %s; ", stop, stops, term, call)
					stop = 1 + random.IntN(all)
					if random.IntN(2) == 0 {
						stop = 1 + random.IntN(100) // while it starts
					}
				}
				got := ""
				for range 5 { // TERM may be pending no more, but a processor may still run
					if got = f.run(t, fused, stdin, k.words...); got == "exit 0" {
						break
					}
				}
				if got != "exit 0" {
					t.Errorf("%s: the last one: %s", text.String(), got)
				} else if bad := k.check(f); bad != "" {
					t.Errorf("killed %s%s", text.String(), bad)
				}
				f.source.Close()
				os.RemoveAll(f.dir)
				if t.Failed() && round > 20 {
					break
				}
			}
			t.Logf("%d of %d stops", min(rounds, all), all)
		})
	}
}

// A multilog is killed when it has done all, and the next one wherever it is while it
// starts: what the journal is about is done already. That one may also find a journal of
// another boot, or one that was cut off.
func TestLinesSurviveKillsWhileTheNextOneStarts(t *testing.T) {
	needRoot(t)
	words := []string{"s4096", "n100000", "./a"}
	const lines, every = 30, 1 << 30
	setUp := func(back int, spoil func([]byte) []byte) (f *flood, stdin *os.File) {
		f = newFlood(t, 9, 200)
		f.fill(lines)
		stdin = f.end()
		calm := newFlood(t, 9, 200)
		calm.fill(lines)
		all, _ := calm.runUntil(every, 0, calm.end(), words)
		os.RemoveAll(calm.dir)
		calm.source.Close()
		f.runUntil(all-back, 0, stdin, words)
		if b, err := os.ReadFile(f.file("a/.journal")); err == nil && spoil != nil {
			must(os.WriteFile(f.file("a/.journal"), spoil(b), 0o600))
		}
		return f, stdin
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"as it is":        nil,
		"of another boot": func(b []byte) []byte { b[8] ^= 1; return b },
		"cut off":         func(b []byte) []byte { return b[:min(len(b), 100)] },
		"empty":           func(b []byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			for back := range 14 { // before the end of the first one
				if back%4 != 0 && multilogRounds() < 1000 || spoil != nil && back != 4 && back != 12 {
					continue
				}
				f, stdin := setUp(back, spoil)
				all, _ := f.runUntil(every, 0, stdin, words)
				for stop := 1; stop <= all; stop++ {
					f, stdin := setUp(back, spoil)
					before := f.missing("a", false, func([]byte) bool { return true })
					_, call := f.runUntil(stop, 0, stdin, words)
					got := f.run(t, fused, stdin, words...)
					if rest, gives := strings.CutPrefix(got, "multilog: warning: the machine has been booted, and up to "); gives && name == "of another boot" {
						_, got, _ = strings.Cut(rest, "\n")
					}
					if name == "cut off" || name == "empty" { // which is said, once the journal has been there
						got = strings.TrimPrefix(got, "multilog: warning: "+f.file("a/.journal")+" has been cut off by somebody else\n")
					}
					if got != "exit 0" {
						t.Errorf("%d before the end, then at %d: %s", back, stop, got)
					}
					text := f.missing("a", false, func([]byte) bool { return true })
					if spoil != nil && before != "" && strings.Contains(text, "is missing") {
						text = "" // what was in a journal that is gone
					}
					if text != "" {
						t.Fatalf("killed %d before the end, then at stop %d of %d, call %s: %s", back, stop, all, call, text)
					}
					f.source.Close()
					os.RemoveAll(f.dir)
				}
			}
		})
	}
}

// Random moments.

func TestLinesSurviveRandomKillsInAFlood(t *testing.T) {
	for i, k := range killScripts {
		if k.count == 0 {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, uint64(firstSeed(t))+uint64(i), k.lengths...)
			random := rand.New(rand.NewPCG(f.Uint64(), 4))
			stdin, err := os.Open(f.file("in"))
			must(err)
			defer stdin.Close()
			rounds := multilogRounds() / 3
			if k.name == "nothing looks into a line" {
				rounds = multilogRounds() // of these there can be many
			}
			var writing sync.WaitGroup
			more := make(chan bool, 1)
			writing.Go(func() {
				for range more {
					if _, err := f.source.Write(f.add(1 + f.IntN(k.count))); err != nil {
						panic(err)
					}
				}
				f.source.Close()
			})
			for range rounds {
				select {
				case more <- true:
				default:
				}
				cmd := f.command([]path{fused, separate}[random.IntN(2)], k.words...)
				cmd.Stdin = stdin
				must(cmd.Start())
				time.Sleep(time.Duration(random.ExpFloat64() * 4e6))
				for _, signal := range []syscall.Signal{unix.SIGALRM, unix.SIGTERM} {
					if random.IntN(5) == 0 {
						cmd.Process.Signal(signal)
						time.Sleep(time.Duration(random.ExpFloat64() * 2e5))
					}
				}
				cmd.Process.Kill()
				cmd.Wait()
			}
			close(more)
			if got := f.run(t, fused, stdin, k.words...); got != "exit 0" {
				t.Error(got)
			}
			writing.Wait()
			if text := k.check(f); text != "" {
				t.Error(text)
			}
			t.Logf("%d lines, %d kills", len(f.lines), rounds)
		})
	}
}

// A pipe with O_DIRECT keeps each write apart, and a read takes one of them.
func TestLinesSurviveKillsInPackets(t *testing.T) {
	f := newFlood(t, uint64(firstSeed(t)), 20, 20, 3000)
	fds := make([]int, 2)
	must(unix.Pipe2(fds, unix.O_DIRECT|unix.O_CLOEXEC))
	stdin, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	defer stdin.Close()
	text := f.add(3000)
	go func() {
		defer w.Close()
		for i := 0; len(text) > 0; i++ {
			n := min(1+i*7%4000, len(text))
			if _, err := w.Write(text[:n]); err != nil {
				panic(err)
			}
			text = text[n:]
		}
	}()
	for range multilogRounds() / 3 {
		cmd := f.command(fused, "s4096", "n100000", "./a")
		cmd.Stdin = stdin
		must(cmd.Start())
		time.Sleep(time.Duration(f.ExpFloat64() * 4e6))
		cmd.Process.Kill()
		cmd.Wait()
	}
	if got := f.run(t, fused, stdin, "s4096", "n100000", "./a"); got != "exit 0" {
		t.Error(got)
	}
	if text := f.missing("a", false, func([]byte) bool { return true }); text != "" {
		t.Error(text)
	}
}

// With daemontools.

// The multilog of daemontools on the log in between knows of no journal: lines of the one
// that was killed may be there twice, and late, but all are there. Of its own lines none
// is lost by the one that comes after it, nor doubled.
func TestDaemontoolsMayComeAfterAKill(t *testing.T) {
	need(t, filepath.Join(debian, "multilog"))
	words := []string{"s4096", "n100000", "./a"}
	seed := uint64(firstSeed(t))
	for round := range uint64(multilogRounds() / 3) {
		f := newFlood(t, seed+round, 300, 1500)
		f.fill(40)
		stdin := f.end()
		stop, _ := f.runUntil(60+f.IntN(300), 0, stdin, words)
		theirs := ""
		for i := range 60 {
			theirs += fmt.Sprintf("daemontools %d\n", i)
		}
		r := f.regular([]byte(theirs))
		if got := f.run(t, old, r, words...); got != "exit 0" {
			t.Fatal("daemontools: ", got)
		}
		r.Close()
		if got := f.run(t, fused, stdin, words...); got != "exit 0" {
			t.Fatal("afterwards: ", got)
		}
		text := f.whole("a")
		if bytes.Count(text, []byte(theirs)) != 1 {
			t.Fatalf("stop %d: the lines of daemontools are not there", stop)
		}
		for _, line := range f.lines {
			if !bytes.Contains(text, append(line, '\n')) {
				t.Fatalf("stop %d: %s is not there", stop, line[:9])
			}
		}
		os.RemoveAll(f.dir)
	}
}

// Of a current of daemontools nothing is cut off, though it has the inode that the journal
// knows: the old file that had it was removed.
func TestJournalKnowsNoOtherCurrent(t *testing.T) {
	need(t, filepath.Join(debian, "multilog"))
	dir, err := os.MkdirTemp(work, "multilog-") // not on a tmpfs, where no inode comes back
	must(err)
	defer os.RemoveAll(dir)
	for range 3 {
		f := newFlood(t, 11, 300)
		must(os.RemoveAll(f.dir))
		f.dir = filepath.Join(dir, "d")
		must(os.MkdirAll(f.dir, 0o700))
		words := []string{"s4096", "n2", "./a"}
		kill := func(p path, text string, done func(current []byte) bool) {
			r, w, err := os.Pipe()
			must(err)
			cmd := f.command(p, words...)
			cmd.Stdin = r
			must(cmd.Start())
			r.Close()
			w.WriteString(text)
			eventually(t, "lines", func() bool {
				b, _ := os.ReadFile(f.file("a/current"))
				return done(b)
			})
			cmd.Process.Kill()
			cmd.Wait()
			w.Close()
		}
		inode := func() uint64 {
			var st unix.Stat_t
			must(unix.Stat(f.file("a/current"), &st))
			return st.Ino
		}
		kill(fused, "ours\n", func(b []byte) bool { return string(b) == "ours\n" })
		known, again := inode(), false
		for i := 0; i < 20 && !again; i++ {
			line := fmt.Sprintf("daemontools %d\n", i)
			kill(old, strings.Repeat("x\n", 3000)+line, func(b []byte) bool { return bytes.HasSuffix(b, []byte(line)) })
			again = inode() == known
		}
		if !again {
			t.Log("the inode does not come back")
			os.RemoveAll(f.dir)
			continue
		}
		was, err := os.ReadFile(f.file("a/current"))
		must(err)
		if got := f.run(t, fused, nil, words...); got != "exit 0" {
			t.Error(got)
		}
		if !bytes.Contains(f.whole("a"), was) {
			t.Errorf("of %d bytes of daemontools there are %d in all files", len(was), len(f.whole("a")))
		}
		os.RemoveAll(f.dir)
	}
}
