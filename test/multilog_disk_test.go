package test

// What is around multilog: the disk, memory, other kinds of input.
//
// Not tested in this file: errors of a device (there is no dmsetup), a file system that
// becomes read-only while a log is open (the kernel refuses that), quotas.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onSmallDisk runs a program where the folder full is a disk of some kilobytes.
const onSmallDisk = `mount -t tmpfs -o size=$1 none full || exit 99; shift; exec "$@"`

// A smallDisk is a multilog on one.
type smallDisk struct {
	*flood
	cmd  *exec.Cmd
	full string // the folder, as it is seen from here
	said string // file
}

func (f *flood) onSmallDisk(t testing.TB, size string, p path, words ...string) *smallDisk {
	t.Helper()
	needRoot(t)
	need(t, "unshare")
	must(os.MkdirAll(f.file("full"), 0o755))
	words = slices.Concat([]string{"--mount", "sh", "-c", onSmallDisk, "sh", size, filepath.Join(p.dir, "multilog")}, words)
	cmd := exec.Command("unshare", words...)
	cmd.Dir = f.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	said, err := os.Create(f.file("said"))
	must(err)
	defer said.Close()
	stdin, err := os.OpenFile(f.file("in"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	must(err)
	defer stdin.Close()
	must(unix.SetNonblock(int(stdin.Fd()), false))
	cmd.Stdin, cmd.Stderr = stdin, said
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	d := &smallDisk{f, cmd, fmt.Sprintf("/proc/%d/root%s/full", cmd.Process.Pid, f.dir), said.Name()}
	eventually(t, "the log", func() bool { _, err := os.Stat(filepath.Join(d.full, "a/state")); return err == nil })
	return d
}

// fillUp leaves no space.
func (d *smallDisk) fillUp() {
	os.WriteFile(filepath.Join(d.full, "filler"), make([]byte, 1<<24), 0o600)
}

func (d *smallDisk) warns(t testing.TB) {
	t.Helper()
	eventually(t, "a warning", func() bool {
		said, err := os.ReadFile(d.said)
		must(err)
		if len(said) > 0 && !regexp.MustCompile(`\A(multilog: warning: unable to [^\n]*, pausing: out of disk space\n)*\z`).Match(said) {
			t.Fatalf("it says %q", said)
		}
		return len(said) > 0
	})
}

// ends waits for the end and looks at the lines. The disk goes with the last process.
func (d *smallDisk) ends(t testing.TB) {
	t.Helper()
	keep, err := os.Open(d.full)
	must(err)
	defer keep.Close()
	if got := endingInTime(d.cmd); got != "exit 0" {
		t.Error(got)
	}
	inside := &flood{logs: &logs{fmt.Sprintf("/proc/self/fd/%d", keep.Fd())}, lines: d.lines}
	if text := inside.missing("a", false, func([]byte) bool { return true }); text != "" {
		t.Error(text)
	}
}

func TestFullDiskLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		early bool
	}{
		{"where the journal is written", []string{"n1000", "s4096", "./full/a"}, true},
		{"where the log is written", []string{"n1000", "s16777215", "./full/a"}, false},
		{"where a log is rotated", []string{"n1000", "s4096", "./full/a"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 1, 500)
			d := f.onSmallDisk(t, "2m", fused, c.words...)
			first, rest := f.add(5), f.add(1400) // 350 kB, and as much for the journal
			if !c.early {
				first, rest = append(first, rest[:len(rest)/2]...), rest[len(rest)/2:]
			}
			filled := make(chan bool)
			go func() {
				f.source.Write(first)
				<-filled
				f.source.Write(rest) // for which there is no room
				f.source.Close()
			}()
			d.fillUp() // at whatever moment
			close(filled)
			d.warns(t)
			must(os.Remove(filepath.Join(d.full, "filler")))
			d.ends(t)
		})
	}
}

// A journal for which space was made has no text that is in the log.
func TestJournalThatIsEnlargedHasNoText(t *testing.T) {
	f := newFlood(t, 2, 500)
	const secondText = "readv:error=EFAULT:when=4" // the first is that of the start, and a text takes two
	stop, _, said := f.traces(t, []string{secondText}, "./a")
	for range 2 {
		f.source.Write(f.add(5))
		f.written(t)
	}
	if text := textOf(f.file("trace")); !strings.Contains(text, "EFAULT") {
		t.Fatalf("no read has failed:\n%s", text)
	}
	journal := func() string { return strings.Trim(textOf(f.file("a/.journal"))[8192:], "\x00") }
	eventually(t, "an empty journal", func() bool { return journal() == "" }, func() string { return fmt.Sprintf("%.80q", journal()) })
	if got := stop(); got != "exit 0" || said() != "" {
		t.Errorf("%s, it says %q", got, said())
	}
	if text := f.missing("a", false, anyLine); text != "" {
		t.Error(text)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	needRoot(t)
	needOld(t)
	need(t, "unshare")
	want := ""
	for _, p := range []path{old, fused, separate} {
		l := newLogs(t)
		must(os.Mkdir(l.file("a"), 0o755))
		cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind a a && mount -o remount,ro,bind a && exec "$@"`, "sh", filepath.Join(p.dir, "multilog"), "./a")
		cmd.Dir = l.dir
		out, _ := cmd.CombinedOutput()
		got := strings.ReplaceAll(string(out), l.dir, ".") + ending(cmd.ProcessState)
		if want == "" {
			want = got
		}
		if got != want || !strings.HasSuffix(got, "exit 111") {
			t.Errorf("%s: %q, want %q", p.name, got, want)
		}
	}
}

// Memory.

// kilobytes is a figure of smaps_rollup or status.
func kilobytes(t testing.TB, pid int, file, key string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	must(err)
	return figure(t, string(text), key)
}

func figure(t testing.TB, text, key string) int {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			must(err)
			return n
		}
	}
	t.Fatalf("no %s in\n%s", key, text)
	return 0
}

func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	// The pages of a program that was just built count as dirty until they are on disk.
	program, err := os.Open(filepath.Join(fused.dir, "catena"))
	must(err)
	must(program.Sync())
	program.Close()
	for _, words := range [][]string{{"./a"}, {"t", "n3", "-*x", "./a", "+*", "s8192", "./b", "./c"}} {
		f := newFlood(t, 1, 20, 300)
		stdin, err := os.Open(f.file("in"))
		must(err)
		cmd := f.command(fused, words...)
		cmd.Stdin = stdin
		must(cmd.Start())
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); stdin.Close() })
		eventually(t, "the log", func() bool { _, err := os.Stat(f.file("a/state")); return err == nil })
		const most = 100
		small := func() bool { return kilobytes(t, cmd.Process.Pid, "smaps_rollup", "Private_Dirty") <= most }
		eventually(t, "little memory at the start", small)
		text := f.add(20000)
		f.source.Write(text)
		eventually(t, "little memory after a flood", small)
		f.source.Write([]byte("the beginning of a line"))
		f.source.Write(bytes.Repeat([]byte("x"), 50000))
		f.source.Write([]byte("\nhalf"))
		eventually(t, "little memory after a long line", small)
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func TestHugeLineNeedsNoMemory(t *testing.T) {
	t.Parallel()
	f := newFlood(t, 1, 20)
	stdin, err := os.Open(f.file("in"))
	must(err)
	defer stdin.Close()
	cmd := f.command(fused, "n2", "./a", "e", "=status", "-*y*", "./b")
	cmd.Stdin = stdin
	must(cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	go func() {
		for range 100 {
			f.source.Write(bytes.Repeat([]byte("x"), 1e6))
		}
		f.source.Close()
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for most := 0; ; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil || !bytes.Contains(text, []byte("RssAnon")) {
			continue // it has just ended
		}
		if most = max(most, figure(t, string(text), "RssAnon")); most > 1000 {
			t.Fatalf("%d kB", most)
		}
	}
}

// Input of any kind, and surroundings of any kind.

func TestAnyKindOfInput(t *testing.T) {
	need(t, "script")
	needRoot(t)
	needOld(t)
	need(t, "timeout", "unshare")
	const noInput = "multilog: warning: unable to read input: "
	for _, c := range []struct{ name, line, warning string }{
		{"regular file", `MULTILOG ./a < lines`, ""},
		{"rest of a regular file", `{ read first; MULTILOG ./a; } < lines`, ""},
		{"/dev/null", `MULTILOG ./a < /dev/null`, ""},
		{"closed", `MULTILOG ./a <&-`, ""},
		{"all closed", `MULTILOG ./a <&- >&- 2>&-`, ""},
		{"directory", `MULTILOG ./a < .`, noInput + "is a directory\n"},
		{"only for writing", `MULTILOG ./a 0> written`, noInput + "file descriptor not open\n"},
		{"terminal", `script -qec 'stty -echo; MULTILOG ./a' /dev/null < lines > /dev/null`, ""},
		{"pipe", `cat lines | MULTILOG ./a`, ""},
		{"byte by byte", `for i in 1 2 3 4 5 6 7 8 9; do printf $i; sleep 0.01; done | MULTILOG ./a`, ""},
		{"pipe that does not block", `cat lines | PROBE start env=A=1 -- /bin/sh sh -c 'MULTILOG ./a'`, ""},
		{"little memory", `cat lines | softlimit -m 3000000 MULTILOG ./a`, ""},
		{"no /proc", `cat lines | unshare --mount sh -c 'mount -t tmpfs none /proc && exec MULTILOG ./a'`, ""},
		{"small files only", `cat lines | softlimit -f 50000 MULTILOG s40000 n100 ./a`, "multilog: warning: unable to use DIR/a/.journal: file too big\n"},
		{"no signals", `trap '' TERM ALRM PIPE CHLD; cat lines | MULTILOG ./a`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := ""
			for _, p := range []path{old, fused, separate} {
				l := newLogs(t)
				var text strings.Builder
				for i := range 20000 {
					fmt.Fprintln(&text, "line", i)
				}
				if c.name == "terminal" {
					text.Reset()
					text.WriteString("a\nb\n\nc\n")
				}
				must(os.WriteFile(l.file("lines"), []byte(text.String()), 0o600))
				line := strings.ReplaceAll(strings.ReplaceAll(c.line, "MULTILOG", filepath.Join(p.dir, "multilog")), "PROBE", probe)
				cmd := exec.Command("timeout", "-s", "KILL", fmt.Sprint(patience.Seconds()), "sh", "-c", line)
				cmd.Dir, cmd.Env = l.dir, []string{"PATH=" + p.dir + ":" + systemPath}
				cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
				out, _ := cmd.CombinedOutput()
				lines := ""
				if _, err := os.Stat(l.file("a")); err == nil {
					lines = string(l.whole("a"))
				}
				said := strings.ReplaceAll(string(out), l.dir, "DIR")
				got := fmt.Sprintf("%s%s, %d bytes %.40q", said, ending(cmd.ProcessState), len(lines), lines)
				if p.name == old.name {
					want = got
				} else if got != c.warning+want {
					t.Errorf("%s: %s, want %s", p.name, got, c.warning+want)
				}
			}
		})
	}
}

func TestInputFromASocket(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer theirs.Close()
	l := newLogs(t)
	go func() {
		ours.Write(bytes.Repeat([]byte("a line\n"), 50000))
		ours.Close()
	}()
	if got := l.run(t, fused, theirs, "n1000", "./a"); got != "exit 0" {
		t.Error(got)
	}
	if text := l.whole("a"); !bytes.Equal(text, bytes.Repeat([]byte("a line\n"), 50000)) {
		t.Errorf("%d bytes", len(text))
	}
}
