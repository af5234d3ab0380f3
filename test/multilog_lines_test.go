package test

// What goes through multilog: a huge line, for slow readers, after 2038, in the order in
// which it is written to disk, and with supervise around it.
//
// Not tested in this file: more than one of these at a time.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Long lines.

// hugeSize is more than 100 MB.
const hugeSize = 1600 << 16

// huge is a block without a newline, of which a huge line is made.
var huge = func() []byte {
	block := make([]byte, 1<<16)
	rand.NewChaCha8([32]byte{2}).Read(block)
	return bytes.ReplaceAll(block, []byte("\n"), []byte{0})
}()

// writeHuge writes a line of 100 MB without its newline.
func writeHuge(w io.WriteCloser) {
	for range hugeSize / len(huge) {
		if _, err := w.Write(huge); err != nil {
			break
		}
	}
	w.Close()
}

// sizesOf is the sizes and codes of a log's files, and the sum of what is in them, the
// time stamp of the first line left out.
func (l *logs) sizesOf(log string, stamp int) (sizes string, sum [32]byte) {
	all := sha256.New()
	for _, name := range l.names(log) {
		if name[0] != '@' && name != "current" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(l.dir, log, name))
		must(err)
		sizes += fmt.Sprint(name[max(0, len(name)-2):], " ", len(text), " ")
		skip := min(stamp, len(text))
		stamp -= skip
		all.Write(text[skip:])
	}
	return sizes, [32]byte(all.Sum(nil))
}

// A line of 100 MB, NULs in it and no newline at its end, is cut into files just where
// daemontools cut it, and nothing is missing; with kills in it as well.
func TestHugeLineIsWhole(t *testing.T) {
	need(t, filepath.Join(debian, "multilog"))
	want := sha256.New()
	for range hugeSize / len(huge) {
		want.Write(huge)
	}
	want.Write([]byte("\n"))
	for _, words := range [][]string{{"s16777215", "n1000", "./a"}, {"t", "-nothing", "s10000000", "n1000", "./a"}} {
		stamp := 0
		if words[0] == "t" {
			stamp = 26
		}
		var sizes string
		for _, p := range []path{old, fused, {"killed", fused.dir}} {
			l := newLogs(t)
			r, w, err := os.Pipe()
			must(err)
			go writeHuge(w)
			if p.name == "killed" {
				for range 10 {
					cmd := l.command(p, words...)
					cmd.Stdin = r
					must(cmd.Start())
					time.Sleep(time.Duration(5+rand.IntN(10)) * time.Millisecond)
					cmd.Process.Kill()
					cmd.Wait()
				}
			}
			if got := l.run(t, p, r, words...); got != "exit 0" {
				t.Errorf("%s: %s", p.name, got)
			}
			r.Close()
			got, sum := l.sizesOf("a", stamp)
			if sum != [32]byte(want.Sum(nil)) {
				t.Errorf("%s %q: the files %s have something else", p.name, words, got)
			}
			if p.name == old.name {
				sizes = got
			} else if p.name == fused.name && got != sizes {
				t.Errorf("%q: %s, want %s", words, got, sizes)
			}
			os.RemoveAll(l.dir)
		}
	}
}

// Slow readers.

// Who reads standard error slowly holds everything up, and misses nothing.
func TestAlertsForASlowReader(t *testing.T) {
	for _, p := range []path{fused, separate} {
		f := newFlood(t, 1, 150)
		stdin := f.reading(t)
		said, w, err := os.Pipe()
		must(err)
		_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
		must(err)
		cmd := f.command(p, "e", "n1000", "s4096", "./a")
		cmd.Stdin, cmd.Stderr = stdin, w
		must(cmd.Start())
		w.Close()
		text := f.add(4000)
		go func() {
			f.source.Write(text)
			f.source.Close()
		}()
		var got []byte
		for b := make([]byte, 700); ; time.Sleep(100 * time.Microsecond) {
			n, err := said.Read(b)
			got = append(got, b[:n]...)
			if err != nil {
				break
			}
		}
		said.Close()
		cmd.Wait()
		if diff := textDifference(got, text); diff != "" || ending(cmd.ProcessState) != "exit 0" {
			t.Errorf("%s: %s%s", p.name, ending(cmd.ProcessState), diff)
		}
		if bad := f.missing("a", false, func([]byte) bool { return true }); bad != "" {
			t.Errorf("%s: %s", p.name, bad)
		}
	}
}

// A logger that is stopped holds its service up; killed so, it has lost nothing.
func TestLoggerIsStoppedAndKilled(t *testing.T) {
	f := newFlood(t, uint64(firstSeed(t)), 300)
	stdin := f.reading(t)
	text := f.add(40000)
	written := make(chan bool)
	go func() {
		f.source.Write(text)
		f.source.Close()
		close(written)
	}()
	words := []string{"t", "s100000", "n10000", "./a"}
	for range 30 {
		cmd := f.command(fused, words...)
		cmd.Stdin = stdin
		must(cmd.Start())
		for range 3 {
			time.Sleep(time.Duration(f.ExpFloat64() * 1e6))
			cmd.Process.Signal(unix.SIGSTOP)
			time.Sleep(time.Duration(f.ExpFloat64() * 1e6))
			if f.IntN(2) == 0 {
				break
			}
			cmd.Process.Signal(unix.SIGCONT)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	if got := f.run(t, fused, stdin, words...); got != "exit 0" {
		t.Error(got)
	}
	<-written
	if bad := f.missing("a", true, func([]byte) bool { return true }); bad != "" {
		t.Error(bad)
	}
}

// Time.

// runAt runs a command that sees another time of day, by changing what the kernel told it.
func runAt(t testing.TB, second int64, nano uint32, cmd *exec.Cmd) {
	t.Helper()
	runtime.LockOSThread() // it is the thread that traces
	defer runtime.UnlockOSThread()
	var told [16]byte
	binary.LittleEndian.PutUint64(told[:8], uint64(second))
	binary.LittleEndian.PutUint64(told[8:], uint64(nano))
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	must(cmd.Start())
	pid := cmd.Process.Pid
	defer cmd.Wait()
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, unix.WALL, nil)
	must(err)
	must(unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL))
	clock := fmt.Sprintf("%d 0x%x ", unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME)
	for begins, at := true, uint64(0); ; begins = !begins {
		must(unix.PtraceSyscall(pid, 0))
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		must(err)
		switch {
		case status.Exited() || status.Signaled():
			return
		case status.StopSignal() != unix.SIGTRAP|0x80:
			begins = !begins
		case begins:
			at = 0
			if rest, ok := strings.CutPrefix(textOf(fmt.Sprintf("/proc/%d/syscall", pid)), clock); ok {
				at, err = strconv.ParseUint(strings.Fields(rest)[0], 0, 64)
				must(err)
			}
		case at != 0:
			_, err := unix.PtracePokeData(pid, uintptr(at), told[:])
			must(err)
		}
	}
}

// Times after 2038 and 2106, and old files of those years.
func TestClockOfLaterYears(t *testing.T) {
	for _, second := range []int64{1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<33 + 7, 253402300799} {
		const nano = 123456789
		iso := time.Unix(second, nano).UTC().Format("2006-01-02T15:04:05.000000000Z")
		for _, c := range []struct{ action, stamp string }{
			{"t", label(second, nano)}, {"T", fmt.Sprintf("%d.%06d", second, nano/1000)}, {"i", iso},
		} {
			l := newLogs(t)
			must(os.Mkdir(l.file("a"), 0o755))
			for _, ago := range []int64{11, 10, 9} {
				must(os.WriteFile(l.file("a/"+label(second-ago, 0)+".s"), nil, 0o644))
			}
			cmd := l.command(fused, c.action, "s4096", "a10", "./a")
			cmd.Stdin = l.regular([]byte(strings.Repeat("a line\n", 100)))
			runAt(t, second, nano, cmd)
			got := strings.Join(l.names("a"), " ")
			want := label(second-10, 0) + ".s " + label(second-9, 0) + ".s " + label(second, nano) + ".s current lock state"
			if got != want {
				t.Errorf("%d %s: the files are %s, want %s", second, c.action, got, want)
			}
			if text := string(l.whole("a")); text != strings.Repeat(c.stamp+" a line\n", 100) {
				t.Errorf("%d: %.80q, want %s", second, text, c.stamp)
			}
			os.RemoveAll(l.dir)
		}
		l := newLogs(t)
		cmd := exec.Command(filepath.Join(fused.dir, "tai64n"))
		out, err := os.Create(l.file("out"))
		must(err)
		cmd.Stdin, cmd.Stdout = l.regular([]byte("a\nb")), out
		runAt(t, second, nano, cmd)
		out.Close()
		if got, want := textOf(l.file("out")), fmt.Sprintf("%s a\n%s b", label(second, nano), label(second, nano)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The disk.

// A file is on disk before it gets the name that says so, and so is its name before
// multilog goes on.
func TestFilesAreOnDiskBeforeTheyAreCalledSafe(t *testing.T) {
	need(t, "strace")
	call := regexp.MustCompile(`(?m)^(\w+)\((.*)\) += 0$`)
	file := regexp.MustCompile(`<[^<>]*/([^/<>]+)>|"([^"]*)"`)
	for _, c := range []struct {
		words []string
		each  string // what a rotation does
	}{
		{[]string{"s4096", "./a"}, "fsync current; rename current previous; chmod previous; rename previous @.s; fsync a; "},
		{[]string{"s4096", "!cat", "./a"}, "fsync current; rename current previous; chmod previous; fsync processed; fchmod processed; fsync newstate; unlink previous; rename newstate state; rename processed @.s; fsync a; "},
	} {
		l := newLogs(t)
		words := slices.Concat([]string{"-y", "-qq", "-o", l.file("trace"), "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,chmod,fchmodat,fchmod",
			filepath.Join(fused.dir, "multilog")}, c.words)
		cmd := exec.Command("strace", words...)
		cmd.Dir, cmd.Stdin = l.dir, l.regular([]byte(strings.Repeat("a line\n", 2000)))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v %q", err, out)
		}
		got := ""
		for _, m := range call.FindAllStringSubmatch(textOf(l.file("trace")), -1) {
			name := strings.TrimRight(strings.TrimSuffix(m[1], "2"), "at")
			if name == "fchmo" || m[1] == "fchmodat" {
				name = "chmod"
			}
			if m[1] == "fchmod" {
				name = "fchmod"
			}
			var names []string
			for _, n := range file.FindAllStringSubmatch(m[2], -1) {
				base := n[1] + n[2]
				if len(base) > 25 && base[0] == '@' {
					base = "@" + base[25:]
				}
				names = append(names, base)
			}
			if m[1] != "fsync" && m[1] != "fdatasync" && m[1] != "fchmod" {
				names = slices.DeleteFunc(names, func(n string) bool { return n == "a" })
			}
			got += name + " " + strings.Join(names, " ") + "; "
		}
		got = strings.ReplaceAll(got, "fchmod current; ", "")
		n := strings.Count(got, c.each)
		if rest := strings.ReplaceAll(got, c.each, ""); n < 3 || rest != "unlink .journal; fsync current; " {
			t.Errorf("%q: %d times as it should be, and else\n%s\nof\n%s", c.words, n, rest, got)
		}
	}
}

// Supervision.

// Under svscan a logger is killed while its service writes; the next one has the rest.
func TestLoggerOfAServiceIsKilled(t *testing.T) {
	l := newLogs(t)
	const lines = 60000
	must(os.MkdirAll(l.file("s/log"), 0o755))
	script(l.file("s/run"), "#!/bin/sh\ntest ! -e done || exec sleep 100\n>done\ni=0\nwhile [ $i -lt "+fmt.Sprint(lines)+" ]; do i=$((i+1)); echo line $i; done\nexec sleep 100\n")
	script(l.file("s/log/run"), "#!/bin/sh\nexec multilog t s10000 n100000 ./main\n")
	cmd := exec.Command(filepath.Join(fused.dir, "svscan"), l.dir)
	cmd.Dir, cmd.Env = l.dir, []string{"PATH=" + fused.dir + ":" + systemPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(cmd.Start())
	stop := func() {
		cmd.Process.Signal(unix.SIGTERM)
		cmd.Wait()
	}
	defer stop()
	eventually(t, "the log", func() bool { return exists(l.file("s/log/main/state")) })
	svc := func(words ...string) {
		c := exec.Command(filepath.Join(fused.dir, "svc"), words...)
		c.Dir = l.dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	for range 40 {
		svc("-k", "s/log")
		time.Sleep(20 * time.Millisecond)
	}
	text := func() string { return string(masked(l.whole("s/log/main"))) }
	last := fmt.Sprintf("@ line %d\n", lines)
	eventually(t, "the last line", func() bool {
		return strings.HasSuffix(textOf(l.file("s/log/main/current")), last[1:]) || strings.HasSuffix(text(), last)
	})
	var want strings.Builder
	for i := range lines {
		fmt.Fprintf(&want, "@ line %d\n", i+1)
	}
	if diff := textDifference([]byte(text()), []byte(want.String())); diff != "" {
		t.Error(diff)
	}
}

// Patterns.

// FuzzSelection compares a pattern, and lines of any kind, with daemontools.
func FuzzSelection(f *testing.F) {
	needOld(f)
	for _, seed := range [][2]string{{"hello", "hello\nhello world\n"}, {"*", "a\n\n"}, {"", "\na"}, {"*: x*", "a: x\na: b: x\n"}, {"**", "*\na*\n*a"}, {"a*b*", "axb\naab\n"},
		{"*\n", "a\n"}, {"\xff*\x80", "\xff\x80\n\xff\xff\x80\n"}, {"*a", "ba\nbaa\n"}, {"x", "x\x00\nx"}, {strings.Repeat("*a", 20), strings.Repeat("a", 3000)}} {
		f.Add(seed[0], []byte(seed[1]), byte(0))
		f.Add(seed[0], []byte(seed[1]), byte(1))
	}
	f.Fuzz(func(t *testing.T, pattern string, text []byte, how byte) {
		if strings.Contains(pattern, "\x00") || len(pattern) > 10000 {
			return
		}
		words := []string{"-*", "+" + pattern, "s16777215", "./d"}
		if how&1 != 0 {
			words = []string{"*", "-" + pattern, "./d", "+*", "-a*", "+" + pattern, "=status"}
		}
		var was []shown
		var said string
		for _, p := range []path{old, fused} {
			l := newLogs(t)
			got := l.runWith(t, p, text, words)
			all := l.shows()
			os.RemoveAll(l.dir)
			if p.name == old.name {
				was, said = all, got
				continue
			}
			got = strings.TrimPrefix(got, "multilog: warning: unknown action: *\n")
			if diff := showsDifference(all, was); diff != "" || got != said {
				t.Errorf("%q %q: %s\n%q, want %q", words, text, diff, got, said)
			}
		}
	})
}
