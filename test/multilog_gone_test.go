package test

// A whole log that is removed just when multilog does something else with it than to look
// whether it is there: it rotates it, or has not written all of what it has read.
//
// Not tested in this file: a file server; its answers come from strace.

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// goesOn wants the lines that come from now on in the log, and nothing else, and the last
// word to be that it has been begun anew.
func (f *flood) goesOn(t testing.TB, cmd *exec.Cmd, said func() string) {
	t.Helper()
	for range 3 { // each is a read of its own
		f.source.Write(f.add(3))
		f.written(t)
		must(cmd.Process.Signal(unix.SIGALRM))
		eventually(t, "a rotation", func() bool { return textOf(f.file("a/current")) == "" }, said)
	}
	f.source.Close()
	endsWell(t, cmd, said)
	if text := f.missing("a", false, anyLine); text != "" {
		t.Errorf("%s; it says %q", text, said())
	}
	if got := said(); !strings.HasSuffix(got, "/a has been removed or replaced: begun anew\n") {
		t.Errorf("it says %q", got)
	}
}

// A log that is removed, and then rotated before more is read, is begun anew.
func TestLogIsRemovedAndThenRotated(t *testing.T) {
	for _, words := range [][]string{{"./a"}, {"R2", "./a"}, {"!cat", "./a"}, {"-nothing", "./a", "./b"}} {
		t.Run(words[0], func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 1, 20)
			cmd, said := f.logging(t, words...)
			must(os.RemoveAll(f.file("a")))
			if words[0] != "R2" {
				must(cmd.Process.Signal(unix.SIGALRM))
			}
			f.lines = nil
			eventually(t, "a new log", func() bool { return exists(f.file("a/current")) }, said)
			f.goesOn(t, cmd, said)
		})
	}
}

// A log that is removed while what was read at once is written, and rotates for that, is
// begun anew.
func TestLogIsRemovedWhileItRotates(t *testing.T) {
	f := newFlood(t, 2, 300)
	r, w, err := os.Pipe()
	must(err)
	defer r.Close()
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
	must(err)
	cmd := f.command(fused, "s4096", "n1000", "e", "./a")
	cmd.Stdin, cmd.Stderr = f.reading(t), w
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	w.Close()
	eventually(t, "the log", func() bool { return exists(f.file("a/state")) })
	f.source.Write(f.add(300)) // for the alerts of which there is no room
	eventually(t, "a full pipe", func() bool { n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ); must(err); return n > 3000 })
	must(os.RemoveAll(f.file("a")))
	var said bytes.Buffer
	read := make(chan bool)
	go func() { io.Copy(&said, r); close(read) }()
	f.written(t)
	first := len(f.lines)
	f.source.Write(f.add(100))
	f.source.Close()
	endsWell(t, cmd, func() string { <-read; return said.String() })
	<-read
	if text := f.whole("a"); !bytes.HasSuffix(text, append(bytes.Join(f.lines[first:], []byte("\n")), '\n')) {
		t.Errorf("%d bytes, and not the lines at the end; it says %q", len(text), said.String())
	}
	if n := strings.Count(said.String(), "has been removed or replaced: begun anew\n"); n != 1 {
		t.Errorf("it says so %d times", n)
	}
}

// A directory of an overlay that is in the lower layer as well has a link when it is removed.
func TestLogOnAnOverlayIsRemoved(t *testing.T) {
	need(t, "nsenter")
	for _, rotate := range []bool{false, true} {
		f := newFlood(t, 3, 20)
		disk := f.keptDisk(t, "size=4m")
		keeper := strings.Split(disk, "/")[2]
		const layers = `cd "$1/full" && mkdir -p lower/a upper work merged && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged`
		if out, err := exec.Command("nsenter", "-t", keeper, "--mount", "--root", "sh", "-c", layers, "sh", f.dir).CombinedOutput(); err != nil {
			t.Skipf("no overlay here: %s", out)
		}
		f.logs = &logs{filepath.Join(disk, "merged")}
		must(unix.Mkfifo(f.file("in"), 0o600))
		source, err := os.OpenFile(f.file("in"), os.O_RDWR, 0)
		must(err)
		f.source = source
		cmd, said := f.logging(t, "./a")
		must(os.RemoveAll(f.file("a")))
		f.lines = nil
		if rotate {
			must(cmd.Process.Signal(unix.SIGALRM))
			eventually(t, "a new log", func() bool { return exists(f.file("a/current")) }, said)
		}
		f.goesOn(t, cmd, said)
		if got := said(); !rotate && strings.Count(got, "\n") > 1 {
			t.Errorf("it says %q", got)
		}
	}
}

// Where the directory that has the log's name now is none to write to, the old one is gone on
// with: that is said once, however often more is read, and it is tried again.
func TestNewDirectoryOfALogTakesNothing(t *testing.T) {
	for _, c := range []struct{ what, says string }{
		{"mkdir -p a/lock", "unable to lock directory /a: is a directory"},
		{"mkdir -p a/state", "unable to write to /a/state, pausing: is a directory"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 4, 20)
			cmd, said := f.logging(t, "./a")
			must(os.Rename(f.file("a"), f.file("b")))
			shell := exec.Command("sh", "-c", c.what)
			shell.Dir = f.dir
			must(shell.Run())
			for range 5 { // each is a read of its own
				f.source.Write(f.add(2))
				eventually(t, "the lines", func() bool { return bytes.HasSuffix(f.whole("b"), append(f.lines[len(f.lines)-1], '\n')) })
			}
			if got, want := strings.ReplaceAll(said(), f.dir, ""), "multilog: warning: "+c.says+"\n"; got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			must(os.Remove(f.file(c.what[len("mkdir -p "):])))
			eventually(t, "the new directory", func() bool {
				f.source.Write(f.add(1))
				return exists(f.file("a/current")) && len(f.whole("a")) > 0
			}, said)
			f.source.Close()
			endsWell(t, cmd, said)
			if text := append(f.whole("b"), f.whole("a")...); !bytes.Equal(text, append(bytes.Join(f.lines, []byte("\n")), '\n')) {
				t.Errorf("%d bytes in both", len(text))
			}
			if got, want := strings.ReplaceAll(said(), f.dir, ""), c.says+"\nmultilog: warning: /a has been removed or replaced: begun anew\n"; !strings.HasSuffix(got, want) {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// A status file that cannot be made again is said once, and made when it can be.
func TestFolderOfAStatusFileIsRemoved(t *testing.T) {
	f := newFlood(t, 5, 20)
	must(os.Mkdir(f.file("x"), 0o755))
	cmd, said := f.logging(t, "=x/status", "./a")
	must(os.RemoveAll(f.file("x")))
	for range 5 {
		f.source.Write(f.add(2))
		f.written(t)
	}
	if got := said(); got != "multilog: warning: unable to write x/status: file does not exist\n" {
		t.Errorf("it says %q", got)
	}
	must(os.Mkdir(f.file("x"), 0o755))
	eventually(t, "the status", func() bool {
		f.source.Write(f.add(1))
		return exists(f.file("x/status")) && textOf(f.file("x/status")) != ""
	}, said)
	f.source.Close()
	endsWell(t, cmd, said)
	if text := f.missing("a", false, anyLine); text != "" {
		t.Error(text)
	}
}

// The lock and the journal are made anew after some reads, although nothing rotates.
func TestLockAndJournalAreRemoved(t *testing.T) {
	f := newFlood(t, 6, 20)
	cmd, said := f.logging(t, "./a", "./b")
	for _, name := range []string{"a/lock", "b/lock", "a/.journal"} {
		must(os.Remove(f.file(name)))
	}
	for range 16 { // each is a read of its own
		f.source.Write(f.add(1))
		f.written(t)
	}
	for _, name := range []string{"a/lock", "b/lock", "a/.journal"} {
		if !exists(f.file(name)) {
			t.Errorf("no %s; it says %q", name, said())
		}
	}
	if got := f.run(t, fused, nil, "./b"); !strings.HasSuffix(got, " has locked: temporary failure\nexit 111") {
		t.Error(got)
	}
	f.source.Close()
	endsWell(t, cmd, said)
	if text := f.missing("a", false, anyLine); text != "" || said() != "" {
		t.Errorf("%s; it says %q", text, said())
	}
}

// A file server answers that a file is stale which somebody else has removed: whatever call it
// is, no more is written to that file, and the log goes on under its name.
func TestStaleFilesOfALog(t *testing.T) {
	for _, c := range []struct{ inject, remove, says string }{
		{"write:error=ESTALE:when=2", "current", "unable to write to A/current, pausing: stale NFS file handle\nmultilog: warning: A/current has been removed, and its lines with it: begun anew"},
		{"fsync:error=ESTALE:when=1", "current", "unable to write A/current to disk, pausing: stale NFS file handle\nmultilog: warning: A/current has been removed, and its lines with it: begun anew"},
		{"write:error=ESTALE:when=2", "", "unable to write to A/current, pausing: stale NFS file handle\nmultilog: warning: A has been removed or replaced: begun anew"},
		{"write:error=ESTALE:when=2", "nothing", "unable to write to A/current, pausing: stale NFS file handle"},
		{"renameat2:error=ESTALE:when=1", "", "A/current has been removed, and its lines with it: begun anew\nmultilog: warning: A has been removed or replaced: begun anew"},
	} {
		t.Run(c.inject+" "+c.remove, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 7, 20)
			stop, signal, said := f.traces(t, []string{c.inject}, "./a")
			f.source.Write(f.add(10))
			f.written(t)
			pauses := strings.Contains(c.says, "pausing")
			remove := func() {
				if c.remove != "nothing" {
					must(os.RemoveAll(f.file("a/" + c.remove)))
					f.lines = f.lines[10:]
				}
			}
			if !pauses {
				remove()
			}
			if strings.HasPrefix(c.inject, "write") {
				f.source.Write(f.add(10))
			} else {
				signal(unix.SIGALRM)
			}
			if pauses {
				eventually(t, "a warning", func() bool { return said() != "" })
				remove()
			}
			eventually(t, "a new log", func() bool { return exists(f.file("a/current")) }, said)
			f.source.Write(f.add(10))
			f.written(t)
			if got := stop(); got != "exit 0" {
				t.Error(got)
			}
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text)
			}
			if got, want := strings.ReplaceAll(said(), f.file("a"), "A"), "multilog: warning: "+c.says+"\n"; got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
		})
	}
}

// An oldest file that cannot be removed is said once, and no other is removed.
func TestOldestFileCannotBeRemoved(t *testing.T) {
	f := newFlood(t, 8, 300)
	const oldest = "@400000000000000000000000.s"
	must(os.MkdirAll(f.file("a/"+oldest), 0o755))
	f.fill(200)
	got := f.run(t, fused, f.end(), "s4096", "n2", "./a")
	if want := "multilog: warning: unable to remove " + f.file("a/"+oldest) + ": is a directory\nexit 0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	must(os.Remove(f.file("a/" + oldest)))
	if text := f.missing("a", false, anyLine); text != "" {
		t.Error(text)
	}
}

// Why current takes nothing is said as far as it is known.
func TestCurrentTakesNothing(t *testing.T) {
	for inject, reason := range map[string]string{
		"write:retval=0:when=1":     "out of disk space",
		"write:error=EPERM:when=1":  "permission denied, or write refused by the system",
		"write:error=ENOSYS:when=1": "write refused by the system",
	} {
		t.Run(inject, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 8, 20)
			stop, _, said := f.traces(t, []string{inject}, "./a")
			f.source.Write(f.add(1))
			f.written(t)
			if got, want := said(), "multilog: warning: unable to write to "+f.file("a/current")+", pausing: "+reason+"\n"; got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			if got := stop(); got != "exit 0" {
				t.Error(got)
			}
			if text := f.missing("a", false, anyLine); text != "" {
				t.Error(text)
			}
		})
	}
}
