package test

// Multilogs that are killed, and then go on in other surroundings: with another script,
// another pipe, fewer resources, calls that fail, another multilog in between.
//
// Not tested in this file: a kill within a system call, unless by chance; a journal whose
// pages are on another machine (NFS); swap.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A kill in the middle of a batch leaves lines that are in the journal only. If the next
// multilog cannot have the journal, it must leave them there, or write them.
func TestLinesInAJournalThatCannotBeHad(t *testing.T) {
	need(t, "timeout", "prlimit", "unshare")
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
		{"another prefix", []string{"s4096", "n1000", "p", "./a", "pdb:", "./b"}, []string{"s4096", "n1000", "pweb:", "./a", "p", "./b"}, true},
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
				when := map[string]int{"renameat2": 2, "fsync": 3, "readv": 2}[kill]
				f.struck(t, stdin, kill, when, c.before...)
				f.ends(t, stdin, c.after...)
				for _, log := range []string{"a", "b"} {
					if slices.Contains(c.after, "./"+log) {
						if c.stamped { // what is in older files as well may be there twice
							if got := f.counted(log, c.before, c.after); got.lost > 0 || got.torn > 0 {
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

// A backup that shares the files by hard links takes no line away, wherever multilog was killed.
func TestABackupByHardLinksAfterAKill(t *testing.T) {
	words := []string{"s4096", "n1000", "./a"}
	for _, kill := range []string{"write", "renameat2", "fsync", "readv"} {
		t.Run(kill, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 12, 300)
			f.fill(200)
			stdin := f.end()
			f.struck(t, stdin, kill, 2, words...)
			cmd := exec.Command("cp", "-al", "a", "backup")
			cmd.Dir = f.dir
			must(cmd.Run())
			f.ends(t, stdin, words...)
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text)
			}
		})
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
				eventually(t, "that it rests", f.rests) // then the journal says so
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

// The beginning of a line belongs to the pipe that it came from, also if the next multilog
// is killed at any of its first calls.
func TestAnotherPipeDoesNotGoOnWithALine(t *testing.T) {
	for _, half := range []int{20, 5000} {
		for stop := 10; stop <= 60; stop++ {
			t.Run(fmt.Sprint(half, " bytes, then killed at call ", stop), func(t *testing.T) {
				t.Parallel()
				f := newFlood(t, 8, 20)
				f.source.Write(bytes.Repeat([]byte("h"), half))
				cmd := f.command(fused, "./a")
				cmd.Stdin = f.reader(t)
				must(cmd.Start())
				eventually(t, "the beginning of a line", func() bool {
					return strings.Contains(textOf(f.file("a/.journal"))+textOf(f.file("a/current")), "hhhh")
				})
				eventually(t, "that it rests", f.rests)
				cmd.Process.Kill()
				cmd.Wait()
				r := piped([]byte("a whole line\n"), f.Rand)
				defer r.Close()
				f.runUntil(stop, 0, r, []string{"./a"})
				f.ends(t, r, "./a")
				want := strings.Repeat("h", half) + "\na whole line\n"
				if text := string(f.whole("a")); text != want {
					t.Errorf("%d bytes, want %d; the end %.60q", len(text), len(want), text[max(0, len(text)-60):])
				}
			})
		}
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
		skipHere(t, fmt.Sprintf("current has %d names", st.Nlink))
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
	needOld(t)
	for _, p := range []path{old, fused} {
		for _, half := range []int{7, 3000} {
			f := newFlood(t, 17, 20)
			cmd := f.command(p, "./a")
			cmd.Stdin = f.reader(t)
			must(cmd.Start())
			eventually(t, "the log", func() bool { return exists(f.file("a/current")) })
			f.source.Write(bytes.Repeat([]byte("h"), half))
			eventually(t, "that it rests", f.rests)
			must(cmd.Process.Signal(unix.SIGTERM))
			f.source.WriteString("end\n")
			if got := endingInTime(cmd); got != "exit 0" {
				t.Errorf("%s, %d bytes: %s", p.name, half, got)
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
	eventually(t, "the beginning of a line", func() bool { return strings.Contains(textOf(f.file("a/.journal")), "begun") })
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

// Where two logs have a journal, the second one is removed if there is nothing in it, and
// otherwise nothing is done: not before the script that it was for has run again.
func TestTwoJournals(t *testing.T) {
	f := newFlood(t, 19, 300)
	f.fill(200)
	stdin := f.end()
	f.struck(t, stdin, "renameat2", 2, "s4096", "n1000", "./b")
	idle, w, err := os.Pipe()
	must(err)
	defer idle.Close()
	defer w.Close()
	f.struck(t, idle, "ppoll", 1, "./a")
	got := f.run(t, fused, nil, "./a", "./b")
	if got != "multilog: fatal: lines are left for another script: "+f.file("b/.journal")+"\nexit 111" {
		t.Error(got)
	}
	f.ends(t, stdin, "s4096", "n1000", "./b")
	f.ends(t, stdin, "s4096", "n1000", "./a", "./b")
	if text := f.missing("b", false, anyLine); text != "" {
		t.Error(text)
	}
}

// Under a small limit on the size of files there are lines all the same.
func TestSmallFileLimits(t *testing.T) {
	need(t, "prlimit")
	for _, limit := range []int{1000, 4096, 6000, 8191, 8192, 100000} {
		f := newFlood(t, 20, 30)
		f.fill(10)
		cmd := exec.Command("prlimit", fmt.Sprint("--fsize=", limit), filepath.Join(fused.dir, "multilog"), "./a")
		cmd.Dir, cmd.Stdin = f.dir, f.end()
		out, _ := cmd.CombinedOutput()
		if got := string(out) + ending(cmd.ProcessState); got != "multilog: warning: unable to use "+f.file("a/.journal")+": file too big\nexit 0" {
			t.Errorf("%d: %s", limit, got)
		}
		if text := f.missing("a", false, anyLine); text != "" {
			t.Errorf("%d: %s", limit, text)
		}
	}
}
