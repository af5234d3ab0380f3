package test

// What somebody else does to the files of a log while multilog writes to them: removes,
// renames, replaces and cuts them off.
//
// Not tested in this file: the moment between a look and a write, in which a line may go
// into a file that has just been removed; a working directory that is gone.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// After whatever is done every line that comes later is in the log of that name, once; so
// are those before it that nobody has removed.
func TestFilesOfALogAreRemoved(t *testing.T) {
	for _, c := range []struct {
		what, says string
		keeps      bool // the lines that are there already
	}{
		{"rm a/current", "/a/current has been removed, and its lines with it: begun anew", false},
		{"mv a/current old", "/a/current has been renamed: begun anew", false},
		{"cp a/current new; mv new a/current", "/a/current has been removed, and its lines with it: begun anew", true},
		{"mv a/current old; cp old a/current", "/a/current has been renamed: begun anew", true},
		{">a/current", "/a/current has been cut off by somebody else", false},
		{"echo other >>a/current", "/a/current has been written to by somebody else", true},
		{"rm -r a", "/a has been removed or replaced: begun anew", false},
		{"mv a b; mkdir a", "/a has been removed or replaced: begun anew", false},
		{"mv a b; cp -r b a", "/a has been removed or replaced: begun anew", true},
		{"rm a/* a/.journal", "/a/current has been removed, and its lines with it: begun anew", false},
		{"rm a/.journal a/lock a/state", "", true},
		{"rm -f a/@*", "", false},
		{"mv a b; mv b a", "", true},
		{"cp -al a b", "", true}, // as backups are made that share the files
		{"mv a/current old; mv old a/current", "", true},
	} {
		for _, words := range [][]string{{"s16000", "n100000", "./a"}, {"s1000000", "-nothing*", "./a", "./z"}, {"s4096", "n100000", "!cat", "./a"}} {
			if words[0] == "s4096" && !strings.Contains(c.what, "state") && c.what != "rm -r a" {
				continue
			}
			t.Run(c.what+" "+words[0], func(t *testing.T) {
				t.Parallel()
				f := newFlood(t, 1, 300)
				cmd, said := f.logging(t, words...)
				shell := exec.Command("sh", "-c", c.what)
				shell.Dir = f.dir
				shell.Run() // there may be nothing to remove
				if !c.keeps {
					f.lines = nil
				}
				first := len(f.lines)
				f.source.Write(f.add(100))
				f.written(t)
				f.source.Write(f.add(100))
				f.source.Close()
				endsWell(t, cmd, said)
				text := f.whole("a")
				text = bytes.ReplaceAll(text, []byte("other\n"), nil)
				want := append(bytes.Join(f.lines[first:], []byte("\n")), '\n')
				if c.keeps {
					want = append(bytes.Join(f.lines, []byte("\n")), '\n')
				}
				if !bytes.HasSuffix(text, want) || c.keeps && c.what[:2] != "cp" && c.what[:4] != "mv a" && len(text) != len(want) {
					t.Errorf("the log has %d bytes, want %d%s", len(text), len(want), textDifference(text, want))
				}
				if got := said(); c.says == "" && got != "" || c.says != "" && !regexp.MustCompile(`\Amultilog: warning: \S*`+c.says+`\n`).MatchString(got) {
					t.Errorf("it says %q, want %q", got, c.says)
				}
			})
		}
	}
}

// Files are put away while lines come, at whatever moment: each line is in one of them, once.
func TestFilesOfALogArePutAway(t *testing.T) {
	for _, words := range [][]string{{"s5000", "n100000", "./a"}, {"t", "s300000", "n100000", "./a"}} {
		t.Run(words[0], func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, uint64(firstSeed(t)), 20, 300)
			cmd, said := f.logging(t, words...)
			put := 0
			for range 60 {
				f.source.Write(f.add(1 + f.IntN(300)))
				if f.IntN(3) > 0 {
					time.Sleep(time.Duration(f.ExpFloat64() * 1e6))
				}
				name := f.file(fmt.Sprintf("put%03d", put))
				var err error
				switch f.IntN(4) {
				case 0:
					err = os.Rename(f.file("a"), name)
				case 1:
					if err = os.Rename(f.file("a"), name); err == nil {
						os.Mkdir(f.file("a"), 0o755) // unless multilog was faster
					}
				default:
					must(os.MkdirAll(name, 0o755))
					if err = os.Rename(f.file("a/current"), filepath.Join(name, "current")); err != nil {
						os.Remove(name)
					}
				}
				if err == nil {
					put++
				}
				if !exists(f.file("a")) { // it goes on under the other name, until somebody makes one
					f.source.Write(f.add(1 + f.IntN(30)))
					time.Sleep(time.Duration(f.ExpFloat64() * 1e6))
					os.Mkdir(f.file("a"), 0o755)
				}
			}
			f.source.Write(f.add(100))
			f.source.Close()
			endsWell(t, cmd, said)
			dirs, err := filepath.Glob(f.file("put*"))
			must(err)
			seen := map[string]int{}
			for _, dir := range append(dirs, f.file("a")) {
				for line := range bytes.Lines(f.whole(filepath.Base(dir))) {
					if isLabel(line) {
						line = line[26:]
					}
					seen[string(line)]++
				}
			}
			for _, line := range f.lines {
				if n := seen[string(line)+"\n"]; n != 1 {
					t.Fatalf("%d times: %.20q; it says %s", n, line, said())
				}
			}
			if len(seen) != len(f.lines) {
				t.Errorf("%d lines, want %d", len(seen), len(f.lines))
			}
		})
	}
}

// What a processor reads and writes may be removed while it runs.
func TestFilesOfAProcessorAreRemoved(t *testing.T) {
	for _, file := range []string{"previous", "processed", "newstate", "state"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 2, 300)
			cmd := f.command(fused, "s4096", "n1000", "!echo >>../runs; until test -e ../go; do sleep 0.02; done; cat; echo new >&5", "./a")
			stderr, err := os.Create(f.file("said"))
			must(err)
			defer stderr.Close()
			cmd.Stdin, cmd.Stderr = f.reading(t), stderr
			must(cmd.Start())
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			f.source.Write(f.add(50))
			f.source.Close()
			eventually(t, "the processor", func() bool { return exists(f.file("runs")) })
			must(os.Remove(f.file("a/" + file)))
			must(os.WriteFile(f.file("go"), nil, 0o600))
			endsWell(t, cmd, func() string { return textOf(stderr.Name()) })
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text, textOf(stderr.Name()))
			}
			if got := textOf(stderr.Name()); file == "processed" && !strings.Contains(got, "/a/processed has been removed\n") {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// The status file that is written to is the one of that name.
func TestStatusFileIsRemoved(t *testing.T) {
	f := newFlood(t, 3, 20)
	cmd, said := f.logging(t, "=status", "./a")
	must(os.Remove(f.file("status")))
	f.source.WriteString("the last line\n")
	f.source.Close()
	endsWell(t, cmd, said)
	if text := textOf(f.file("status")); !strings.HasPrefix(text, "the last line\n\n") {
		t.Errorf("%.40q", text)
	}
}

// The journal is cut off, as by find -exec truncate, before multilog has wiped a burst out of
// it: multilog goes on with the line that was begun, and says so. If multilog is killed, the
// next one says so, and only the beginning of the line is lost.
func TestJournalIsCutOff(t *testing.T) {
	for _, size := range []int64{0, 3000, 5000, 9000} {
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %v", size, kill), func(t *testing.T) {
				t.Parallel()
				f := newFlood(t, uint64(size), 20, 300)
				words := []string{"s16000000", "./a"}
				cmd, said := f.logging(t, words...)
				for range 3 {
					text := f.add(601)
					begun := len(text) - 5 // within the last line
					f.source.Write(text[:begun])
					eventually(t, "that it has read", func() bool { return unread(f.source) == 0 })
					must(os.Truncate(f.file("a/.journal"), size))
					if kill {
						break
					}
					before := strings.Count(said(), "\n")
					eventually(t, "a word", func() bool { return strings.Count(said(), "\n") > before || cmd.ProcessState != nil }, said)
					f.source.Write(text[begun:])
					f.written(t)
				}
				if kill {
					eventually(t, "that it waits", f.waits)
					must(cmd.Process.Kill())
					cmd.Wait()
					os.Truncate(f.file("a/.journal"), size) // multilog may have mended it
					f.lines = f.lines[:len(f.lines)-1]
					cmd, said = f.obstructed(t, words...)
					f.source.WriteString("\n")
					f.source.Write(f.add(10))
				}
				f.source.Close()
				endsWell(t, cmd, said)
				if got := f.counted("a"); got.lost > 0 || got.doubled > 0 || got.torn > 1 || got.torn > 0 && !kill {
					t.Errorf("%+v", got)
				}
				if got := said(); kill && size > 8192 {
					if got != "" { // the heads are there, with the beginning of the line
						t.Errorf("it says %q", got)
					}
				} else if !regexp.MustCompile(`\A(multilog: warning: \S*/a/\.journal has been cut off by somebody else\n)+\z`).MatchString(got) {
					t.Errorf("it says %q", got)
				}
			})
		}
	}
}

// People read a log with cat and grep -r: each line is there once, and no NULs.
func TestLogsAreReadWithCatAndGrep(t *testing.T) {
	for _, n := range []int{150, 2000} {
		f := newFlood(t, 4, 60)
		cmd, said := f.logging(t, "t", "s4096", "n100000", "./a")
		f.source.Write(f.add(n))
		f.source.WriteString("half a line") // which is in the journal only
		f.written(t)
		line := string(f.lines[len(f.lines)-1])
		shell := func(command string) string {
			c := exec.Command("sh", "-c", command, "sh", line)
			c.Dir = f.dir
			out, _ := c.CombinedOutput()
			return strings.TrimSpace(string(out))
		}
		eventually(t, "one line", func() bool { return shell(`grep -rF "$1" a | wc -l`) == "1" }, func() string { return shell(`grep -rF "$1" a`) })
		if got := shell(`cat a/* | tr -dc '\0' | wc -c; cat a/* | grep -acF "$1"`); got != "0\n1" {
			t.Errorf("%q", got)
		}
		f.source.WriteString("\n")
		f.source.Close()
		endsWell(t, cmd, said)
	}
}

// The journal of an earlier version, which had another name, is taken over.
func TestJournalOfAnEarlierVersion(t *testing.T) {
	words := []string{"s4096", "n1000", "./a"}
	for _, kill := range []string{"fsync", "renameat2"} {
		f := newFlood(t, 5, 300)
		f.fill(200)
		stdin := f.end()
		f.struck(t, stdin, kill, 3, words...)
		must(os.Rename(f.file("a/.journal"), f.file("a/journal")))
		f.ends(t, stdin, words...)
		if text := f.missing("a", false, anyLine); text != "" || exists(f.file("a/journal")) {
			t.Error(text, f.names("a"))
		}
	}
	f := newFlood(t, 6, 300) // a FIFO
	must(os.Mkdir(f.file("a"), 0o755))
	must(unix.Mkfifo(f.file("a/journal"), 0o600))
	f.fill(20)
	f.ends(t, f.end(), words...)
	f = newFlood(t, 6, 300) // a file of somebody else's
	must(os.Mkdir(f.file("a"), 0o755))
	must(os.WriteFile(f.file("a/journal"), []byte("mine\n"), 0o644))
	f.fill(20)
	f.ends(t, f.end(), words...)
	if got := textOf(f.file("a/journal")); got != "mine\n" {
		t.Errorf("%q", got)
	}
}
