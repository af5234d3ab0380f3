package test

// A disk that is full when multilog is killed, faults while it starts again, another script
// than before, what stands in the place of the journal.
//
// Not tested in this file: a machine that goes down, file systems that mmap(2) cannot
// share.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// neverStop is for runUntil: after all that a multilog does.
const neverStop = 1 << 30

// Another script.

// The run script of a log may have been changed when the next multilog starts. Where it
// cannot be had that a line is there once, it is there at least once, and whole.
func TestAnotherScriptAfterAKillLosesNothing(t *testing.T) {
	plain := []string{"s4096", "n1000", "./a"}
	stamped := append([]string{"t"}, plain...)
	for _, c := range []struct {
		name          string
		before, after []string
	}{
		{"with a time stamp", plain, stamped},
		{"without a time stamp", stamped, plain},
		{"with a pattern more", plain, append([]string{"-nothing*"}, plain...)},
		{"with a pattern less", append([]string{"-*7*"}, plain...), plain},
		{"with another size", plain, []string{"s9000", "n1000", "./a"}},
		{"with a processor", plain, append([]string{"!cat"}, plain...)},
		{"with a log behind it", plain, append(slices.Clone(plain), "./b")},
		{"with a log before it", plain, append([]string{"s5000", "n1000", "./b"}, plain...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(firstSeed(t))
			calm := newFlood(t, seed, 200)
			calm.fill(60)
			all, _ := calm.runUntil(neverStop, 0, calm.end(), c.before)
			var worst string
			bad := 0
			for stop := 1; stop <= all; stop++ {
				f := newFlood(t, seed, 200)
				f.fill(60)
				stdin := f.end()
				f.runUntil(stop, 0, stdin, c.before)
				if got := f.run(t, fused, stdin, c.after...); got != "exit 0" {
					t.Errorf("stop %d: %s", stop, got)
				}
				f.lines = slices.DeleteFunc(f.lines, func(line []byte) bool {
					return c.before[0] == "-*7*" && bytes.Contains(line, []byte("7")) // it may have been deselected already
				})
				got := f.counted("a")
				if c.before[0] == "-*7*" {
					got.torn = 0 // lines with a 7 that came later
				}
				if got.lost > 0 || got.torn > 0 {
					bad++
					worst = fmt.Sprintf("stop %d of %d: %+v", stop, all, got)
				}
				f.source.Close()
				os.RemoveAll(f.dir)
			}
			if bad > 0 {
				t.Errorf("%q, killed, then %q: of 60 lines some are lost or torn after %d of %d kills; the last: %s", c.before, c.after, bad, all, worst)
			}
		})
	}
}

// Faults and full disks around a kill.

// Whatever call fails while the next multilog starts: in the end no line is lost, and
// none is torn.
func TestErrorsWhileTheNextOneStartsLoseNothing(t *testing.T) {
	need(t, "strace")
	words := []string{"s4096", "n1000", "./a"}
	said := regexp.MustCompile(`\A(multilog: (warning|fatal): (unable to [^\n]*: input/output error|out of memory)\n)*\z`)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, call := range []string{"openat", "read", "pread64", "readv", "write", "pwrite64", "tee", "ftruncate", "fsync", "renameat2", "fchmod", "mmap", "pipe2", "statx"} {
		for when := 1; when <= 6; when++ {
			crowd.run(t, fmt.Sprint(call, " ", when), func(t *testing.T) {
				for _, stop := range []int{90, 110, 130, 150, 170, 190, 210} {
					f := newFlood(t, uint64(when), 300)
					f.fill(60)
					stdin := f.end()
					f.runUntil(stop, 0, stdin, words)
					got, text := f.traced(t, stdin, []string{fmt.Sprintf("%s:error=EIO:when=%d", call, when)}, words...)
					if got != "exit 0" && got != "exit 111" || !said.MatchString(text) {
						t.Errorf("stop %d: %s %q", stop, got, text)
					}
					if got := f.run(t, fused, stdin, words...); got != "exit 0" {
						t.Errorf("stop %d: the last one: %s", stop, got)
					}
					if got := f.counted("a"); got.lost > 0 || got.torn > 0 {
						t.Errorf("killed at stop %d, then it says %q: %+v", stop, text, got)
					} else if got.doubled > 0 && text == "" {
						t.Errorf("killed at stop %d: %+v, and nothing was said", stop, got)
					}
					f.source.Close()
					os.RemoveAll(f.dir)
				}
			})
		}
	}
}

// A multilog that waits for space is killed, the next one finds the disk full and is
// killed as well, and when there is space again every line is there once.
func TestKilledWhileTheDiskIsFull(t *testing.T) {
	for _, words := range [][]string{{"n1000", "s4096"}, {"n1000", "s16777215"}, {"t", "n1000", "s4096"}} {
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, uint64(firstSeed(t)), 500)
			full := f.keptDisk(t, "size=2m")
			words := append(slices.Clone(words), full+"/a")
			stdin, err := os.OpenFile(f.file("in"), os.O_RDONLY|unix.O_NONBLOCK, 0)
			must(err)
			defer stdin.Close()
			must(unix.SetNonblock(int(stdin.Fd()), false))
			start := func(n int) (*exec.Cmd, string) {
				cmd := f.command(fused, words...)
				said, err := os.Create(f.file(fmt.Sprint("said", n)))
				must(err)
				defer said.Close()
				cmd.Stdin, cmd.Stderr = stdin, said
				must(cmd.Start())
				t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
				return cmd, said.Name()
			}
			first, said := start(1)
			eventually(t, "the log", func() bool { return exists(full + "/a/state") })
			f.source.Write(f.add(5))
			os.WriteFile(full+"/filler", make([]byte, 1<<24), 0o600)
			go func() {
				f.source.Write(f.add(1400))
				f.source.Close()
			}()
			eventually(t, "a warning", func() bool { return textOf(said) != "" })
			first.Process.Kill()
			first.Wait()
			for n := range 3 {
				next, said := start(2 + n)
				eventually(t, "another warning", func() bool { return strings.Contains(textOf(said), "out of disk space") })
				next.Process.Kill()
				next.Wait()
			}
			must(os.Remove(full + "/filler"))
			if got := f.run(t, fused, stdin, words...); got != "exit 0" {
				t.Error(got)
			}
			inside := &flood{logs: &logs{full}, lines: f.lines}
			if text := inside.missing("a", words[0] == "t", func([]byte) bool { return true }); text != "" {
				t.Error(text)
			}
		})
	}
}

// The first multilog is started before there is a /proc, as early in the boot, is killed
// with lines that it could not write, and the next one has a /proc; or the other way round.
func TestProcComesAfterAKill(t *testing.T) {
	need(t, "nsenter")
	const without = `cd "$1" && mount -t tmpfs none /proc && shift && exec "$@"`
	for _, first := range []bool{true, false} {
		f := newFlood(t, uint64(firstSeed(t)), 500)
		full := f.keptDisk(t, "size=2m")
		keeper := strings.Split(full, "/")[2]
		stdin := f.reading(t)
		start := func(proc bool) (*exec.Cmd, string) {
			script := without
			if proc {
				script = strings.Replace(script, "mount -t tmpfs none /proc && ", "", 1)
			}
			cmd := exec.Command("nsenter", "-t", keeper, "--mount", "--root", "unshare", "--mount", "sh", "-c", script, "sh", f.dir, filepath.Join(fused.dir, "multilog"), "n1000", "s16777215", "./full/a")
			said, err := os.Create(f.file(fmt.Sprint("said", proc)))
			must(err)
			defer said.Close()
			cmd.Dir, cmd.Stdin, cmd.Stderr = f.dir, stdin, said
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
			must(cmd.Start())
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			return cmd, said.Name()
		}
		cmd, said := start(!first)
		eventually(t, "the log", func() bool { return exists(full + "/a/state") })
		f.source.Write(f.add(200)) // so that the journal has its pages
		text := f.add(400)
		os.WriteFile(full+"/filler", make([]byte, 1<<24), 0o600)
		go func() {
			f.source.Write(text)
			f.source.Close()
		}()
		eventually(t, "a warning", func() bool { return textOf(said) != "" })
		cmd.Process.Kill()
		cmd.Wait()
		must(os.Remove(full + "/filler"))
		cmd, said = start(first)
		if got := endingInTime(cmd); got != "exit 0" {
			t.Errorf("%s %s", got, textOf(said))
		}
		inside := &flood{logs: &logs{full}, lines: f.lines}
		if got := inside.counted("a"); got.lost > 0 || got.torn > 0 {
			t.Errorf("the first one without /proc: %v; %+v; the next one says %q", first, got, textOf(said))
		}
	}
}

// A disk that has no room for another file: what is there is rotated when it has.
func TestNoMoreFilesOnTheDisk(t *testing.T) {
	f := newFlood(t, 1, 300)
	full := f.keptDisk(t, "size=4m,nr_inodes=40")
	stdin, err := os.OpenFile(f.file("in"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	must(err)
	defer stdin.Close()
	must(unix.SetNonblock(int(stdin.Fd()), false))
	cmd := f.command(fused, "s4096", "n1000", full+"/a")
	said, err := os.Create(f.file("said"))
	must(err)
	defer said.Close()
	cmd.Stdin, cmd.Stderr = stdin, said
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	eventually(t, "the log", func() bool { return exists(full + "/a/state") })
	for i := 0; os.WriteFile(fmt.Sprint(full, "/file", i), nil, 0o600) == nil; i++ {
	}
	f.source.Write(f.add(100))
	eventually(t, "a warning", func() bool { return textOf(said.Name()) != "" })
	if text := textOf(said.Name()); !regexp.MustCompile(`\A(multilog: warning: unable to create [^\n]*/a/current, pausing: out of disk space\n)+\z`).MatchString(text) {
		t.Errorf("%q", text)
	}
	for i := range 40 {
		os.Remove(fmt.Sprint(full, "/file", i))
	}
	f.source.Close()
	if got := endingInTime(cmd); got != "exit 0" {
		t.Error(got)
	}
	inside := &flood{logs: &logs{full}, lines: f.lines}
	if text := inside.missing("a", false, func([]byte) bool { return true }); text != "" {
		t.Error(text)
	}
}

// A directory that gets another name is the same log.
func TestDirectoryIsRenamed(t *testing.T) {
	need(t, filepath.Join(debian, "multilog"))
	for _, p := range []path{old, fused, separate} {
		f := newFlood(t, 1, 300)
		stdin := f.reading(t)
		cmd := f.command(p, "s4096", "n100", "./a")
		said, err := os.Create(f.file("said"))
		must(err)
		cmd.Stdin, cmd.Stderr = stdin, said
		must(cmd.Start())
		eventually(t, "the log", func() bool { return exists(f.file("a/state")) })
		must(os.Rename(f.file("a"), f.file("b")))
		f.source.Write(f.add(100))
		f.source.Close()
		end := endingInTime(cmd)
		said.Close()
		if got := textOf(said.Name()) + end; got != "exit 0" {
			t.Errorf("%s: %s", p.name, got)
		}
		if text := f.missing("b", false, func([]byte) bool { return true }); text != "" {
			t.Errorf("%s: %s", p.name, text)
		}
	}
}

// The journal.

// What stands in the place of the journal does no harm, and is said if it is no journal.
func TestJournalThatIsNone(t *testing.T) {
	garbage := make([]byte, 200000)
	rand.NewChaCha8([32]byte{1}).Read(garbage)
	for _, c := range []struct {
		name  string
		put   func(name string) error
		warns bool
	}{
		{"a directory", func(name string) error { return os.Mkdir(name, 0o755) }, true},
		{"a FIFO", func(name string) error { return unix.Mkfifo(name, 0o600) }, true},
		{"a dangling link", func(name string) error { return os.Symlink("nowhere/at/all", name) }, true},
		{"garbage", func(name string) error { return os.WriteFile(name, garbage, 0o600) }, true},
		{"empty", func(name string) error { return os.WriteFile(name, nil, 0o600) }, false},
	} {
		f := newFlood(t, 1, 300)
		must(os.Mkdir(f.file("a"), 0o755))
		must(c.put(f.file("a/.journal")))
		f.fill(100)
		got := f.run(t, fused, f.end(), "s4096", "n100", "./a")
		said, whole := strings.CutSuffix(got, "exit 0")
		if !whole || c.warns != regexp.MustCompile(`\Amultilog: warning: [^\n]*a/.journal[^\n]*\n\z`).MatchString(said) || !c.warns && said != "" {
			t.Errorf("%s: %q", c.name, got)
		}
		if text := f.missing("a", false, func([]byte) bool { return true }); text != "" {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

// A multilog that goes on without its journal, and cannot remove the file, is killed: the
// next one does not cut the log to what the journal says.
func TestJournalThatCannotBeRemoved(t *testing.T) {
	words := []string{"n1000", "./a"}
	for _, without := range []string{"tee", "pipe2", "readv"} {
		t.Run(without, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 1, 300)
			f.fill(50)
			f.struck(t, f.end(), "fsync", 1, words...) // all is in the log, and the journal is there
			inject := []string{without + ":error=EPERM", "unlinkat:error=EIO", "fsync:signal=KILL:when=1"}
			got, said := f.traced(t, f.pipeOf(t, f.add(50)), inject, words...)
			if got != "killed by killed" || !strings.Contains(said, "unable to remove "+f.file("a/.journal")+": input/output error\n") {
				t.Errorf("%s, it says %q", got, said)
			}
			f.ends(t, f.pipeOf(t, f.add(50)), words...)
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text)
			}
		})
	}
}

// A journal may count for so many logs, and one that counts for none does no harm.
func TestManyLogs(t *testing.T) {
	for _, n := range []int{47, 48, 150} {
		words := []string{"s4096", "n100"}
		for i := range n {
			words = append(words, fmt.Sprint("./d", i))
		}
		f := newFlood(t, 1, 100)
		f.fill(100)
		stdin := f.end()
		if n <= 47 {
			f.runUntil(2500, 0, stdin, words)
		}
		got := f.run(t, fused, stdin, words...)
		if want := "exit 0"; n > 47 && !strings.HasPrefix(got, "multilog: warning: too many logs") || !strings.HasSuffix(got, want) {
			t.Errorf("%d logs: %s", n, got)
		}
		for i := range n {
			if text := f.missing(fmt.Sprint("d", i), false, func([]byte) bool { return true }); text != "" {
				t.Fatalf("%d logs, d%d: %s", n, i, text)
			}
		}
	}
}

// Of lines whose old files are removed as well, those that are left are whole, once
// there, and in their order up to the last one.
func TestKillsWhileOldFilesAreRemoved(t *testing.T) {
	for _, words := range [][]string{{"s4096", "n2", "./a"}, {"t", "s4096", "n1000", "S9000", "./a"}, {"i", "s4096", "n3", "a1", "R1", "./a"}, {"T", "F", "-nothing?", "s4096", "n2", "wx", "./a"}} {
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			t.Parallel()
			seed := uint64(firstSeed(t))
			calm := newFlood(t, seed, 200)
			calm.fill(100)
			all, _ := calm.runUntil(neverStop, 0, calm.end(), words)
			for stop := 1; stop <= all; stop += 1 + calm.IntN(3) {
				f := newFlood(t, seed, 200)
				f.fill(100)
				stdin := f.end()
				f.runUntil(stop, 0, stdin, words)
				if got := f.run(t, fused, stdin, words...); got != "exit 0" {
					t.Errorf("stop %d: %s", stop, got)
				}
				text := f.whole("a")
				if strings.Contains("tTi", words[0]) {
					text = regexp.MustCompile(`(?m)^\S+ `).ReplaceAll(text, nil)
				}
				want := append(bytes.Join(f.lines, []byte("\n")), '\n')
				if !bytes.HasSuffix(want, text) || len(text) > 0 && len(text) < len(want) && want[len(want)-len(text)-1] != '\n' {
					t.Errorf("stop %d of %d: %d bytes are not the end of the lines: %.60q", stop, all, len(text), text)
				}
				f.source.Close()
				os.RemoveAll(f.dir)
			}
		})
	}
}
