package test

// A log may be a file, with old files that are named as Supervisor names them, and lines may go to
// syslog.
//
// Not tested in this file: kills (multilog_kill_test.go); scripts that take a moment only
// (testdata/script).

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestMultilogRotatesAFileAsSupervisor(t *testing.T) {
	for _, c := range []struct{ size, num string }{{"1000", "3"}, {"1000", "0"}, {"0", "5"}, {"1", "2"}, {"4096", "1"}, {"100", "20"}} {
		t.Run("s"+c.size+" n"+c.num, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, 2, 5, 90, 900)
			text := f.add(150)
			must(os.Mkdir(f.file("log"), 0o755))
			if got := f.runWith(t, fused, text, []string{"s" + c.size, "n" + c.num, "f./log/out"}); got != "exit 0" {
				t.Error(got)
			}
			if want, got := supervisorsFiles(t, f.dir, text, c.size, c.num), filesIn(f.file("log")); want != got {
				t.Errorf("there are\n%s\nand not\n%s", got, want)
			}
		})
	}
}

func TestMultilogWaitsForADiskThatAFileHasFilled(t *testing.T) {
	t.Parallel()
	f := newFlood(t, 3, 100)
	full := f.keptDisk(t, "size=64k")
	filler, err := os.Create(full + "/filler")
	must(err)
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	cmd := f.command(fused, "s20000", "n100", "./journal", "f"+full+"/out")
	stderr, err := os.Create(f.file("said"))
	must(err)
	defer stderr.Close()
	f.fill(300)
	cmd.Stdin, cmd.Stderr = f.reading(t), stderr
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said := func() string { return textOf(stderr.Name()) }
	eventually(t, "it is said", func() bool { return strings.Contains(said(), "out, pausing: out of disk space\n") }, said)
	must(os.Remove(filler.Name()))
	filler.Close()
	eventually(t, "the last line is there", func() bool { return f.lacksIn(full+"/out") == "" }, func() string { return f.lacksIn(full+"/out") + said() })
	if end := stops(t, cmd); end != "exit 0" {
		t.Error(end, said())
	}
}

// lacksIn describes the first line that is not in a file and its old files, once and in its order.
func (f *flood) lacksIn(file string) string {
	s := streams{flood: f}
	return s.lacks(wholeFile(file))
}

func TestMultilogFollowsAFileThatIsMoved(t *testing.T) {
	t.Parallel()
	f := newFlood(t, 4, 50)
	must(os.Mkdir(f.file("d"), 0o755))
	out := f.file("d/out")
	cmd := f.command(fused, "s0", "f./d/out")
	stderr, err := os.Create(f.file("said"))
	must(err)
	defer stderr.Close()
	cmd.Stdin, cmd.Stderr = f.reading(t), stderr
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := func(want string) (text string) {
		t.Helper()
		text = string(f.add(3))
		_, err := f.source.Write([]byte(text))
		must(err)
		eventually(t, "the lines", func() bool { return textOf(out) == want+text }, func() string { return textOf(out) + textOf(stderr.Name()) })
		return text
	}
	first := lines("")
	must(os.Rename(out, out+".moved"))
	second := lines("")
	must(os.Rename(f.file("d"), f.file("e"))) // and its folder
	must(os.Mkdir(f.file("d"), 0o755))
	lines("")
	if moved := textOf(f.file("e/out")) + textOf(f.file("e/out.moved")); moved != second+first {
		t.Errorf("%q", moved)
	}
	if text := textOf(stderr.Name()); text != "" {
		t.Errorf("said %q", text)
	}
	must(os.Remove(out))
	lines("")
	if text, want := textOf(stderr.Name()), "multilog: warning: "+out+" has been removed, and its lines with it: begun anew\n"; text != want {
		t.Errorf("said %q", text)
	}
	// A second one with the same file waits for a moment, and refuses.
	second2 := f.logs.command(fused, "f./d/out")
	if said, end := runInTime(second2); end != "exit 111" || said != "multilog: fatal: unable to lock "+out+": temporary failure\n" {
		t.Error(end, said)
	}
	if end := stops(t, cmd); end != "exit 0" {
		t.Error(end)
	}
}

// A reader of standard output that does not read is waited for, and TERM ends the waiting.
func TestMultilogWaitsForWhoReadsItsStandardOutput(t *testing.T) {
	t.Parallel()
	f := newFlood(t, 5, 100)
	r, w, err := os.Pipe()
	must(err)
	defer r.Close()
	cmd := f.command(fused, "f/dev/stdout")
	cmd.Stdin, cmd.Stdout = f.reading(t), w
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	w.Close()
	f.fill(3000) // more than the pipe holds
	eventually(t, "the pipe is full", func() bool { return unread(r) >= 60000 && f.waits() })
	var got bytes.Buffer
	buffer := make([]byte, 1000)
	for bytes.Count(got.Bytes(), []byte("\n")) < 3000 {
		n, err := r.Read(buffer)
		must(err)
		got.Write(buffer[:n])
	}
	s := streams{flood: f}
	if text := s.lacks(got.Bytes()); text != "" {
		t.Error(text)
	}
	f.fill(3000)
	eventually(t, "the pipe is full again", func() bool { return unread(r) >= 60000 && f.waits() })
	if end := stops(t, cmd); end != "exit 111" {
		t.Error(end)
	}
}

func TestMultilogSendsToSyslog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		want   []string
	}{
		{`printf 'one\ntwo\nlast' | multilog t yuser.info:web '-*two' ydaemon.err`, []string{"<14>web: one", "<27>multilog: one", "<14>web: two", "<14>web: last", "<27>multilog: last"}},
		{`printf '%01500d\n' 0 | tr 0 x | multilog ylocal7.debug:a:b`, []string{"<191>a:b: " + strings.Repeat("x", 1000)}},
		{`printf '\033[1mbold\033[m\n' | multilog x yuser.info:`, []string{"<14>: bold"}},
		// Without a daemon that is said once, and the next one is found.
		{`mv log log.kept; mkfifo in; multilog yuser.info:a s0 f./out <in 2>said & exec >in
echo lost; echo lost; await sh -c '[ $(wc -l <out) = 2 ]'; mv log.kept log; echo found; await sh -c '[ $(wc -l <out) = 3 ]'
exec >&-; wait; [ "$(cat said)" = 'multilog: warning: unable to send to /dev/log: file does not exist' ] || cat said >&2`, []string{"<14>a: found"}},
	} {
		sendsToSyslog(t, c.script, c.want...)
	}
}
