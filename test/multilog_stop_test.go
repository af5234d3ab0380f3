package test

// TERM while multilog waits for something that may never come, and calls that are refused
// for good.
//
// Not tested in this file: a disk on which fsync(2) itself does not return.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With a journal multilog ends whatever it waits for, and says what it has not written: the
// next one writes that.
func TestTermEndsEveryWait(t *testing.T) {
	const kept = `multilog: fatal: stopped before everything was written: [0-9]+ bytes are in \S*/a/\.journal for the next multilog(, [0-9]+ bytes in the pipe)?\n\z`
	for _, c := range []struct {
		name         string
		words        []string
		before, done string // what is done before lines come, and before the next multilog
		waits, says  string
	}{
		{"a processor that fails", []string{"!exit $(cat ../code)", "./a"}, "echo 1 >code", "echo 0 >code", "processor failed", kept},
		{"a processor that does not end", []string{"!test ! -e ../stay || { >../stays; exec sleep 1000; }; cat", "./a"}, ">stay", "rm stay", "FILE stays", "processor killed in [^\n]*, it does not end\n" + kept},
		{"a name that is taken by a directory", []string{"./a"}, "mkdir -p a/previous/x", "rm -r a/previous", "unable to rename current to previous", kept},
		{"half a line", []string{"./a"}, "", "", "HALF", kept},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 1, 300)
			words := append([]string{"s4096", "n1000"}, c.words...)
			cmd, said := f.obstructed(t, words...)
			shell := func(command string) {
				cmd := exec.Command("sh", "-c", command)
				cmd.Dir = f.dir
				must(cmd.Run())
			}
			shell(c.before)
			text := f.add(60)
			if c.waits == "HALF" {
				f.source.Write(text[:len(text)-5])
			} else {
				f.source.Write(text)
			}
			eventually(t, c.waits, func() bool {
				file, is := strings.CutPrefix(c.waits, "FILE ")
				return c.waits == "HALF" && f.rests() || is && exists(f.file(file)) || strings.Contains(said(), c.waits)
			})
			if got := stops(t, cmd); got != "exit 111" || !regexp.MustCompile(c.says).MatchString(said()) {
				t.Errorf("%s, it says %q", got, said())
			}
			shell(c.done)
			if c.waits == "HALF" {
				f.source.Write(text[len(text)-5:])
			}
			stdin := f.reader(t)
			f.source.Close()
			f.ends(t, stdin, words...)
			if c.name == "a processor that fails" {
				return // its exit 0 makes empty files
			}
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text)
			}
		})
	}
}

// TERM is heard while multilog pauses, and while it waits for a processor, whatever call
// tells of signals elsewhere.
func TestTermIsHeardWithoutRtSigtimedwait(t *testing.T) {
	for _, processor := range []string{"!exit 1", "!>../stays; exec sleep 1000"} {
		t.Run(processor, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 6, 300)
			stop, _, said := f.traces(t, []string{"rt_sigtimedwait:error=EPERM"}, "s4096", "n1000", processor, "./a")
			f.source.Write(f.add(50))
			eventually(t, "the processor", func() bool { return said() != "" || exists(f.file("stays")) })
			if got := stop(); got != "exit 111" || !strings.Contains(said(), "for the next multilog") {
				t.Errorf("%s, it says %q", got, said())
			}
		})
	}
}

// ALRM that comes while a processor runs is done when that has ended, for what was written
// since.
func TestAlarmWhileAProcessorRuns(t *testing.T) {
	f := newFlood(t, 6, 200)
	cmd, said := f.obstructed(t, "s4096", "n1000", "!echo >>../runs; until test -e ../go; do sleep 0.02; done; cat", "./a")
	text := f.add(35)
	if len(text) > 4096 {
		t.Fatal(len(text), "bytes are not read at once")
	}
	f.source.Write(text)
	eventually(t, "the processor", func() bool { return exists(f.file("runs")) })
	must(cmd.Process.Signal(unix.SIGALRM))
	must(os.WriteFile(f.file("go"), nil, 0o600))
	eventually(t, "a rotation", func() bool { return textOf(f.file("runs")) == "\n\n" && textOf(f.file("a/current")) == "" }, said)
	f.source.Close()
	endsWell(t, cmd, said)
	if text := f.missing("a", false, anyLine); text != "" || said() != "" {
		t.Errorf("%s; it says %q", text, said())
	}
}

// What cannot be taken from the pipe stands in the journal as well, and does not count there.
func TestTermWhileThePipeCannotBeRead(t *testing.T) {
	f := newFlood(t, 6, 20)
	stop, _, said := f.traces(t, []string{"readv:error=EIO:when=2+"}, "./a")
	text := f.add(20)
	f.source.Write(text)
	eventually(t, "a warning", func() bool { return said() != "" })
	got := stop()
	want := fmt.Sprintf("multilog: fatal: stopped before everything was written: 0 bytes are in %s for the next multilog, %d bytes in the pipe\n", f.file("a/.journal"), len(text))
	if got != "exit 111" || !strings.HasSuffix(said(), want) {
		t.Errorf("%s, it says %q, want %q", got, said(), want)
	}
	stdin := f.reader(t)
	f.source.Close()
	f.ends(t, stdin, "./a")
	if text := f.missing("a", false, anyLine); text != "" {
		t.Error(text)
	}
}

// boots has the journal be of another boot.
func (f *flood) boots(t testing.TB) {
	t.Helper()
	const headSize, bootPlace = 4096, 8
	file, err := os.OpenFile(f.file("a/.journal"), os.O_RDWR, 0)
	must(err)
	defer file.Close()
	for at := int64(bootPlace); at < 2*headSize; at += headSize {
		var b [1]byte
		_, err := file.ReadAt(b[:], at)
		must(err)
		_, err = file.WriteAt([]byte{b[0] ^ 1}, at)
		must(err)
	}
}

// What TERM has left in the journal is for the next multilog, although the machine is booted
// in between. What a kill has left is given up then, and that is said.
func TestBootAfterTerm(t *testing.T) {
	const kept = `multilog: fatal: stopped before everything was written: ([0-9]+) bytes are in \S*/a/\.journal for the next multilog\n\z`
	for _, c := range []struct {
		name, half string
		term       bool
	}{{"a rotation", "", true}, {"a rotation, and half a line", "half", true}, {"half a line", "half", true}, {"a kill", "", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 1, 200)
			words := []string{"s4096", "n1000", "./a"}
			cmd, said := f.obstructed(t, words...)
			if c.name != "half a line" {
				must(os.MkdirAll(f.file("a/previous/x"), 0o755))
			}
			text := f.add(35)
			if len(text)+len(c.half) > 4096 {
				t.Fatal(len(text), "bytes are not read at once")
			}
			f.source.Write(append(text, c.half...))
			if c.name == "half a line" {
				f.written(t)
			} else {
				eventually(t, "a warning", func() bool { return strings.Contains(said(), "unable to rename current to previous") })
			}
			bytes := ""
			if c.term {
				got := stops(t, cmd)
				m := regexp.MustCompile(kept).FindStringSubmatch(said())
				if got != "exit 111" || m == nil {
					t.Fatalf("%s, it says %q", got, said())
				}
				bytes = m[1]
			} else {
				cmd.Process.Kill()
				cmd.Wait()
				bytes = fmt.Sprint(len(text))
			}
			f.boots(t)
			os.RemoveAll(f.file("a/previous"))
			for i, want := range []string{"", ""} { // the second one has nothing to do
				if i == 0 && !c.term {
					want = "multilog: warning: the machine has been booted, and up to " + bytes + " bytes are given up that had been read: " + f.file("a/.journal") + "\n"
				}
				if got := f.run(t, fused, f.pipeOf(t, nil), words...); got != want+"exit 0" {
					t.Errorf("%q, want %q", got, want)
				}
			}
			if c.half != "" {
				f.lines = append(f.lines, []byte(c.half))
			}
			if text := f.missing("a", false, anyLine); c.term && text != "" {
				t.Error(text)
			}
		})
	}
}

// On a full disk TERM ends it at whatever moment it comes; the next one, when there is
// space, has every line once.
func TestTermOnAFullDisk(t *testing.T) {
	for round := range 6 {
		for _, words := range [][]string{{"n1000", "s4096"}, {"t", "n1000", "s16777215"}} {
			t.Run(fmt.Sprint(words, round), func(t *testing.T) {
				t.Parallel()
				f := newFlood(t, uint64(firstSeed(t))+uint64(round), 500)
				full := f.keptDisk(t, "size=2m")
				words := append(slices.Clone(words), full+"/a")
				stdin := f.reading(t)
				texts := make(chan []byte, 4)
				go func() {
					for text := range texts {
						f.source.Write(text)
					}
					f.source.Close()
				}()
				for range 4 {
					cmd := f.command(fused, words...)
					cmd.Stdin = stdin
					must(cmd.Start())
					t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
					texts <- f.add(300)
					time.Sleep(time.Duration(f.ExpFloat64() * 5e6))
					os.WriteFile(full+"/filler", make([]byte, 1<<22), 0o600)
					time.Sleep(time.Duration(f.ExpFloat64() * 2e7))
					if got := stops(t, cmd); got != "exit 0" && got != "exit 111" && got != "killed by terminated" {
						t.Error(got)
					}
					if f.IntN(2) == 0 {
						os.Remove(full + "/filler")
					}
				}
				os.Remove(full + "/filler")
				close(texts)
				if got := f.run(t, fused, stdin, words...); got != "exit 0" {
					t.Error(got)
				}
				inside := &flood{logs: &logs{full}, lines: f.lines}
				if text := inside.missing("a", words[0] == "t", anyLine); text != "" {
					t.Error(text)
				}
			})
		}
	}
}

// Without a journal what cannot be written is lost, and said; a log on another disk has it.
func TestTermOnAFullDiskWithoutAJournal(t *testing.T) {
	f := newFlood(t, 2, 100)
	full := f.keptDisk(t, "size=100k")
	os.WriteFile(full+"/filler", make([]byte, 80000), 0o600)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	cmd := f.command(fused, "n1000", "./b", full+"/a")
	stderr, err := os.Create(f.file("said"))
	must(err)
	defer stderr.Close()
	cmd.Stdin, cmd.Stderr = theirs, stderr
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	theirs.Close()
	go ours.Write(f.add(1000))
	eventually(t, "a warning", func() bool { return strings.Contains(textOf(stderr.Name()), "/a/current, pausing: out of disk space") })
	got := stops(t, cmd)
	said := textOf(stderr.Name())
	if got != "exit 111" || !regexp.MustCompile(`multilog: fatal: stopped before everything was written to \S*/a/current: [1-9][0-9]* bytes of [1-9][0-9]* lines are lost\n\z`).MatchString(said) {
		t.Errorf("%s %q", got, said)
	}
	text, want := f.whole("b"), bytes.Join(f.lines, []byte("\n"))
	if len(text) == 0 || !bytes.HasPrefix(want, text[:len(text)-1]) || text[len(text)-1] != '\n' {
		t.Errorf("of %d bytes the other log has %d%s", len(want), len(text), textDifference(text, want))
	}
}

// A standard error that nobody reads any more, or not yet, keeps no line out of the log.
func TestAlertsThatNobodyReads(t *testing.T) {
	for _, dead := range []bool{true, false} {
		f := newFlood(t, 3, 150)
		r, w, err := os.Pipe()
		must(err)
		cmd := f.command(fused, "e", "./a")
		cmd.Stdin, cmd.Stderr = f.reading(t), w
		must(cmd.Start())
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		w.Close()
		if dead {
			r.Close()
		} else {
			defer r.Close()
		}
		text := f.add(2000)
		if dead {
			f.source.Write(text)
			f.source.Close()
			endsWell(t, cmd, func() string { return "" })
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text)
			}
			continue
		}
		go func() { f.source.Write(text); f.source.Close() }()
		eventually(t, "a full pipe", func() bool {
			n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
			must(err)
			return n > 60000
		})
		if got := stops(t, cmd); got != "exit 0" {
			t.Error(got)
		}
	}
}

// Standard error may have had room, and somebody else has taken it: an alert waits for room
// without a write that TERM cannot end.
func TestAlertsShareAPipe(t *testing.T) {
	f := newFlood(t, 3, 30)
	r, w, err := os.Pipe()
	must(err)
	defer r.Close()
	defer w.Close()
	cmd := f.command(fused, "s4096", "n1000", "!>../stays; until test -e ../go; do sleep 0.02; done; cat", "e", "./a")
	cmd.Stdin, cmd.Stderr = f.reading(t), w
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	f.source.Write(f.add(200)) // less than a page, which is read at once and makes one old file
	f.source.Close()
	eventually(t, "the processor", func() bool { return exists(f.file("stays")) })
	other, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	must(err)
	defer unix.Close(other)
	for err == nil { // until there is no room
		_, err = unix.Write(other, []byte("\n"))
	}
	must(os.WriteFile(f.file("go"), nil, 0o600))
	eventually(t, "an alert that waits for room", func() bool { return onlyChild(cmd.Process.Pid) == 0 && f.waits() })
	if got := stops(t, cmd); got != "exit 0" {
		t.Error(got)
	}
	if text := f.missing("a", false, anyLine); text != "" {
		t.Error(text)
	}
}

// A call that is refused whenever it is made, as a container's filter does it: multilog does
// without it or ends, and says so; it does not hang, and loses nothing.
func TestRefusedCallsOfMultilog(t *testing.T) {
	need(t, "strace")
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct{ call, without string }{ // without it the log has all lines
		{"tee", "y"}, {"readv", "y"}, {"pipe2", "y"}, {"dup", "y"}, {"ftruncate", "y"}, {"pread64", "y"}, {"pwrite64", "y"}, {"renameat2", "y"},
		{"fchmod", "y"}, {"fchmodat", "y"}, {"fsync", "y"}, {"getdents64", "y"}, {"unlinkat", "y"}, {"madvise", "y"}, {"sync_file_range", "y"},
		{"fcntl", "y"}, {"prlimit64", "y"}, {"getcwd", "y"}, {"umask", "y"}, {"rt_sigtimedwait", "y"}, {"munmap", "y"}, {"rt_sigaction", "y"},
		{"ppoll", ""}, {"signalfd4", ""}, {"statx", ""}, {"flock", ""}, {"mmap", ""}, {"mkdirat", "y"},
	} {
		for _, errno := range []string{"EPERM", "ENOSYS"} {
			crowd.run(t, c.call+" "+errno, func(t *testing.T) {
				for _, words := range [][]string{{"s4096", "n1000", "./a"}, {"s4096", "n1000", "!cat", "./a"}} {
					f := newFlood(t, 4, 300)
					must(os.Mkdir(f.file("a"), 0o755))
					f.fill(100)
					stdin := f.end()
					args := slices.Concat([]string{"-qq", "-o", "/dev/null", "-e", "inject=" + c.call + ":error=" + errno, filepath.Join(fused.dir, "multilog")}, words)
					cmd := exec.Command("strace", args...)
					cmd.Dir, cmd.Env, cmd.Stdin = f.dir, []string{"PATH=" + systemPath}, stdin
					cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
					var said bytes.Buffer
					cmd.Stderr = &said
					must(cmd.Start())
					got := endingInTime(cmd)
					if got != "exit 0" && (c.without != "" || got != "exit 111" || !strings.Contains(said.String(), "multilog: fatal: ")) {
						t.Errorf("%q: %s, it says %q", words, got, said.String())
					}
					if got != "exit 0" {
						f.ends(t, stdin, words...)
					}
					if text := f.missing("a", false, anyLine); text != "" {
						t.Errorf("%q: %s; it says %q", words, text, said.String())
					}
					stdin.Close()
				}
			})
		}
	}
}

// A file system where every file is executable, or none can be made so, tells nothing by
// modes: what was in good order is gone on with, and what was killed is cut back.
func TestFileSystemsWithoutModes(t *testing.T) {
	need(t, "strace")
	words := []string{"s4096", "n1000", "./a"}
	for _, kill := range []string{"fsync", "renameat2", "readv", "pwrite64", ""} {
		f := newFlood(t, 5, 300)
		must(os.Mkdir(f.file("a"), 0o755))
		must(os.WriteFile(f.file("a/lock"), nil, 0o755))
		must(os.Chmod(f.file("a/lock"), 0o755))
		f.fill(200)
		stdin := f.end()
		refuse := []string{"fchmod:error=EPERM", "fchmodat:error=EPERM"}
		executable := func() { // as vfat shows them
			for _, name := range f.names("a") {
				must(os.Chmod(f.file("a/"+name), 0o755))
			}
		}
		if kill != "" {
			f.traced(t, stdin, append(refuse, kill+":signal=KILL:when=3"), words...)
			executable()
		}
		got, said := f.traced(t, stdin, refuse, words...)
		if got != "exit 0" || !regexp.MustCompile(`\Amultilog: warning: unable to set mode of \S*/a/\w+: permission denied\n\z`).MatchString(said) {
			t.Errorf("%s %q", got, said)
		}
		executable()
		if text := f.missing("a", false, anyLine); text != "" {
			t.Errorf("killed at %s: %s", kill, text)
		}
		before := len(f.names("a"))
		if got, said := f.traced(t, f.regular([]byte("next\n")), refuse, words...); got != "exit 0" || len(f.names("a")) != before {
			t.Errorf("%s %q; %q", got, said, f.names("a"))
		}
	}
}
