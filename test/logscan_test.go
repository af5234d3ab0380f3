package test

// logscan writes what services print to files that are named as Supervisor names them, and each
// line is there once, whenever it is killed.
//
// Not tested in this file: wrong usage (testdata/script).

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// streams is a flood whose FIFO is the standard output of the service web, for logscans.
type streams struct {
	*flood
	said string
}

// newStreams makes the directory. The file is log/out below it.
func newStreams(t testing.TB, seed uint64, settings string, lengths ...int) *streams {
	t.Helper()
	s := &streams{flood: newFlood(t, seed, lengths...)}
	s.said = s.file("said")
	must(os.MkdirAll(s.file("scan/web"), 0o755))
	must(os.Mkdir(s.file("log"), 0o755))
	must(os.Rename(s.file("in"), s.file("scan/web/stdout")))
	s.settings(settings, s.file("log/out"))
	return s
}

// settings replaces the settings of the stream.
func (s *streams) settings(words, file string) {
	text := strings.ReplaceAll(words, " ", "\n") + "\n" + file + "\n"
	must(os.WriteFile(s.file("scan/web/.new"), []byte(text), 0o644))
	must(os.Rename(s.file("scan/web/.new"), s.file("scan/web/stdout-log")))
}

// command is a logscan, which says what it says to a file.
func (s *streams) command(t testing.TB, p path, under ...string) *exec.Cmd {
	t.Helper()
	words := append(under, filepath.Join(p.dir, "logscan"), "scan")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = s.dir, []string{"PATH=" + systemPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	said, err := os.OpenFile(s.said, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	must(err)
	t.Cleanup(func() { said.Close() })
	cmd.Stderr = said
	return cmd
}

// begin starts a logscan, which dies with the test.
func (s *streams) begin(t testing.TB, p path, under ...string) *exec.Cmd {
	t.Helper()
	cmd := s.command(t, p, under...)
	must(cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// awaits waits until the FIFO is empty.
func (s *streams) awaits(t testing.TB) {
	t.Helper()
	eventually(t, "all is read", func() bool { return unread(s.source) == 0 }, func() string { return textOf(s.said) })
}

// lacks describes the first line that is not there once, whole and in its order.
func (s *streams) lacks(text []byte) string {
	got := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range s.lines {
		if i >= len(got) || !bytes.Equal(got[i], append(line[:len(line):len(line)], '\n')) {
			there := []byte("nothing")
			if i < len(got) {
				there = got[i][:min(len(got[i]), 40)]
			}
			return fmt.Sprintf("instead of line %d there is %q", i, there)
		}
	}
	if rest := got[len(s.lines):]; len(rest) > 1 || len(rest[0]) > 0 {
		return fmt.Sprintf("there is %q too much", rest[0][:min(len(rest[0]), 40)])
	}
	return ""
}

// Which file gets which lines is decided as by Supervisor, when it is given a line at a time.
func TestLogscanRotatesAsSupervisor(t *testing.T) {
	for _, p := range []path{fused, separate} {
		for _, c := range []struct{ size, num string }{{"1000", "3"}, {"1000", "0"}, {"0", "5"}, {"1", "2"}, {"4096", "1"}, {"100", "20"}} {
			t.Run(p.name+" s"+c.size+" n"+c.num, func(t *testing.T) {
				t.Parallel()
				s := newStreams(t, 1, "s"+c.size+" n"+c.num, 5, 90, 900)
				text := s.add(150)
				logscan := s.begin(t, p)
				for random := rand.New(rand.NewPCG(7, 7)); len(text) > 0; {
					n := min(len(text), 1+random.IntN(3000))
					_, err := s.source.Write(text[:n])
					must(err)
					text = text[n:]
				}
				s.awaits(t)
				if end := stops(t, logscan); end != "exit 0" || textOf(s.said) != "" {
					t.Errorf("%s, said %q", end, textOf(s.said))
				}
				for _, line := range s.lines {
					text = append(append(text, line...), '\n')
				}
				want, got := supervisorsFiles(t, s.dir, text, c.size, c.num), filesIn(s.file("log"))
				if want != got {
					t.Errorf("there are\n%s\nand not\n%s", got, want)
				}
			})
		}
	}
}

// supervisorsFiles are the files that Supervisor makes of lines that come one by one.
func supervisorsFiles(t testing.TB, dir string, text []byte, size, num string) string {
	t.Helper()
	need(t, "/usr/bin/python3", "supervisord")
	theirs := filepath.Join(dir, "theirs")
	must(os.Mkdir(theirs, 0o755))
	cmd := exec.Command("/usr/bin/python3", "-c", `
import sys
from supervisor.loggers import RotatingFileHandler, LogRecord
handler = RotatingFileHandler('theirs/out', maxBytes=int(sys.argv[1]), backupCount=int(sys.argv[2]))
handler.setFormat('%(message)s')
for line in sys.stdin:
    handler.emit(LogRecord(20, line))
`, size, num)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(text)
	if out, end := runInTime(cmd); end != "exit 0" {
		t.Fatal(out)
	}
	return filesIn(theirs)
}

// filesIn lists the files of a folder, with what is in them.
func filesIn(dir string) (list string) {
	entries, err := os.ReadDir(dir)
	must(err)
	for _, e := range entries {
		list += fmt.Sprintf("%s %q\n", e.Name(), textOf(filepath.Join(dir, e.Name())))
	}
	return list
}

// A logscan is killed at a system call, the next one as well, and a last one ends in good order.
func TestLogscanLosesNothingWhenItIsKilledAtASystemCall(t *testing.T) {
	const every = 1 << 30 // stops
	for i, settings := range []string{"s2000 n1000", "s0 n0", "s700 n1000"} {
		t.Run(settings, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(firstSeed(t)), uint64(i)))
			seed := random.Uint64()
			set := func() *streams {
				s := newStreams(t, seed, settings, 20, 400, 3000)
				s.fill(25)
				return s
			}
			// A logscan that has nothing left to do is told to end.
			until := func(s *streams, stop int) (stops int, call string) {
				cmd := s.command(t, fused)
				over := make(chan bool)
				told := make(chan bool)
				go func() {
					defer close(told)
					eventually(t, "all is read, or the kill", func() bool {
						select {
						case <-over:
							return true
						default:
							return unread(s.source) == 0 && cmd.Process != nil
						}
					})
					select {
					case <-over:
					default:
						cmd.Process.Signal(unix.SIGTERM)
					}
				}()
				stops, call = runUntil(cmd, stop, 0)
				close(over)
				<-told
				return stops, call
			}
			calm := set()
			all, _ := until(calm, every)
			if text := calm.lacks(wholeFile(calm.file("log/out"))); text != "" {
				t.Fatal("without a kill, ", text)
			}
			for round := range all {
				s := set()
				var text strings.Builder
				stop := 1 + round
				for last := 1 + random.IntN(3); last > 0; last-- {
					n, call := until(s, stop)
					fmt.Fprintf(&text, "at stop %d of %d, call %s; ", stop, n, call)
					stop = 1 + random.IntN(all)
				}
				logscan := s.begin(t, fused)
				s.awaits(t)
				stops(t, logscan)
				if bad := s.lacks(wholeFile(s.file("log/out"))); bad != "" {
					t.Errorf("killed %s%s", text.String(), bad)
				}
				s.source.Close()
				os.RemoveAll(s.dir)
			}
		})
	}
}

// A disk that is full keeps the lines in the FIFO.
func TestLogscanWaitsForAFullDisk(t *testing.T) {
	t.Parallel()
	s := newStreams(t, 3, "s20000 n100", 100)
	full := s.keptDisk(t, "size=64k")
	s.settings("s20000 n100", full+"/out")
	filler, err := os.Create(full + "/filler")
	must(err)
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	s.fill(300)
	logscan := s.begin(t, fused)
	eventually(t, "it is said", func() bool { return strings.Count(textOf(s.said), "\n") > 0 })
	must(os.Remove(filler.Name()))
	filler.Close()
	s.awaits(t)
	stops(t, logscan)
	if text := s.lacks(wholeFile(full + "/out")); text != "" {
		t.Error(text)
	}
	want := "logscan: warning: unable to write " + full + "/out, pausing: out of disk space\n"
	if got := textOf(s.said); got != want {
		t.Errorf("said %q and not %q", got, want)
	}
}

// What others do with the files, and what becomes of services, is followed.
func TestLogscanFollowsWhatChanges(t *testing.T) {
	t.Parallel()
	s := newStreams(t, 4, "s0 n0", 50)
	out := s.file("log/out")
	logscan := s.begin(t, fused)
	lines := func(n int) string {
		text := s.add(n)
		_, err := s.source.Write(text)
		must(err)
		s.awaits(t)
		return string(text)
	}
	holds := func(file, want string) {
		t.Helper()
		eventually(t, file+" has its lines", func() bool { return textOf(file) == want }, func() string { return textOf(s.said) + textOf(file) })
	}
	eventually(t, "there is a file before there is a line", func() bool { return exists(out) })
	first := lines(3)
	holds(out, first)
	// Somebody moves the file, as logrotate does, or empties or removes it.
	must(os.Rename(out, out+".moved"))
	second := lines(2)
	holds(out, second)
	holds(out+".moved", first)
	must(os.Truncate(out, 0))
	holds(out, lines(2))
	must(os.Remove(out))
	third := lines(2)
	holds(out, third)
	// Other settings.
	s.settings("s0 n0", out+".other")
	eventually(t, "the other file", func() bool { return exists(out + ".other") })
	holds(out+".other", lines(4))
	holds(out, third)
	// A service that comes, with both streams.
	must(os.MkdirAll(s.file("scan/.db"), 0o755))
	for _, name := range []string{"stdout", "stderr"} {
		must(unix.Mkfifo(s.file("scan/.db/"+name), 0o600))
		must(os.WriteFile(s.file("scan/.db/"+name+"-log"), []byte("s1000\n"+out+"."+name+"\n"), 0o644))
	}
	must(os.Rename(s.file("scan/.db"), s.file("scan/db")))
	var ends []*os.File
	for _, name := range []string{"stdout", "stderr"} {
		fifo, err := os.OpenFile(s.file("scan/db/"+name), os.O_RDWR, 0)
		must(err)
		defer fifo.Close()
		ends = append(ends, fifo)
		fmt.Fprintln(fifo, "to", name)
		holds(out+"."+name, "to "+name+"\n")
	}
	// One that goes, and still writes.
	must(os.Rename(s.file("scan/db"), s.file("gone")))
	fmt.Fprintln(ends[0], "late")
	holds(out+".stdout", "to stdout\nlate\n")
	for _, end := range ends {
		end.Close()
	}
	eventually(t, "the FIFOs of a service that is gone are closed", func() bool {
		open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", logscan.Process.Pid))
		for _, fd := range open {
			if to, _ := os.Readlink(fd); strings.HasPrefix(to, s.file("gone")) {
				return false
			}
		}
		return true
	})
	if text := textOf(s.said); text != "" {
		t.Errorf("said %q", text)
	}
	// A second one would write to the same places.
	if out, end := runInTime(s.exec("logscan", "scan")); end != "exit 111" || out != "logscan: fatal: another logscan runs in this directory\n" {
		t.Error(end, out)
	}
	// At HUP it looks again, and says what is wrong.
	must(os.WriteFile(s.file("scan/web/stdout-log"), []byte("x5\n"), 0o644))
	must(logscan.Process.Signal(unix.SIGHUP))
	want := "logscan: warning: no setting of web/stdout-log: x5\nlogscan: warning: no file in web/stdout-log: nothing is read until there is one\n"
	eventually(t, "it is said", func() bool { return strings.HasPrefix(textOf(s.said), want) }, func() string { return textOf(s.said) })
	// At TERM it writes what is there.
	s.settings("s0 n0", out+".last")
	eventually(t, "the last file", func() bool { return exists(out + ".last") })
	last := s.add(1000)
	must(logscan.Process.Signal(unix.SIGSTOP))
	_, err := unix.FcntlInt(s.source.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	must(err)
	_, err = s.source.Write(last)
	must(err)
	must(logscan.Process.Signal(unix.SIGTERM))
	must(logscan.Process.Signal(unix.SIGCONT))
	if end := endingInTime(logscan); end != "exit 0" {
		t.Error(end)
	}
	holds(out+".last", string(last))
}

// exec is a tool that runs in the folder.
func (s *streams) exec(tool string, words ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(fused.dir, tool), words...)
	cmd.Dir = s.dir
	return cmd
}

// Where the kernel does not move text into a file, logscan copies it; where a file cannot be
// rotated, it grows.
func TestLogscanGoesOnWhereSomethingIsRefused(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	for inject, want := range map[string]string{
		"splice:error=EINVAL":        "",
		"splice:error=EPERM":         "",
		"splice:error=ENOSYS":        "",
		"inotify_init1:error=EMFILE": "",
		"renameat2:error=EACCES":     "logscan: warning: unable to rotate LOG: access denied\n",
	} {
		s := newStreams(t, 6, "s2000 n100", 100, 1000)
		s.fill(100)
		strace := s.begin(t, fused, "strace", "-qq", "-o", "/dev/null", "-e", "inject="+inject)
		s.awaits(t)
		logscan := onlyChild(strace.Process.Pid)
		must(unix.Kill(logscan, unix.SIGTERM))
		endingInTime(strace)
		if text := s.lacks(wholeFile(s.file("log/out"))); text != "" {
			t.Error(inject, text)
		}
		if rotated := exists(s.file("log/out.1")); rotated != (want == "") {
			t.Errorf("%s: rotated: %v", inject, rotated)
		}
		if got := strings.ReplaceAll(textOf(s.said), s.file("log/out"), "LOG"); got != want {
			t.Errorf("%s: said %q", inject, got)
		}
	}
}

// ANSI sequences are taken out, and lines go to syslog as well.
func TestLogscanLooksAtLines(t *testing.T) {
	t.Parallel()
	sendsToSyslog(t, `
mkdir -p scan/web
mkfifo scan/web/stdout
printf '%s\n' x s20 n3 yuser.info:web ../out >scan/web/stdout-log
mv log log.kept
logscan scan 2>said &
echo lost >scan/web/stdout
await sh -c '[ "$(cat out)" = lost ]'
mv log.kept log
echo longer than twenty >scan/web/stdout
await test -e out.1
printf '\033[1mbold\033[m and plain\nanother line\n' >scan/web/stdout
await sh -c '[ "$(cat out.1)" = "bold and plain
another line" ]'
echo plain >scan/web/stdout
await sh -c '[ "$(cat out)" = plain ]'
kill $!
wait
[ "$(cat said)" = 'logscan: warning: unable to send to /dev/log: file does not exist' ] || cat said >&2
`, "<14>web: longer than twenty", "<14>web: bold and plain", "<14>web: another line", "<14>web: plain")
}

// A supervisor keeps what a service has written, when the service has ended and there is no logscan.
func TestSupervisorsKeepWhatIsInTheStreams(t *testing.T) {
	for _, tool := range []string{"supervise", "svscan -1"} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			words := []string{filepath.Join(fused.dir, "supervise"), "s"}
			if tool == "svscan -1" {
				words = []string{filepath.Join(fused.dir, "svscan"), "-1"}
			}
			must(unix.Mkfifo(h.file("stdout"), 0o600))
			h.option("restart", "never")
			h.run("#!/bin/sh\nexec " + filepath.Join(fused.dir, "redirfd") + " -u 1 stdout sh -c 'echo kept; : >written; until [ -e go ] || [ ! -e stdout ]; do sleep 0.01; done; : >going'\n")
			first := h.start(t, words...)
			eventually(t, "it is written", func() bool { return h.exists("written") }, first.said)
			first.kill()
			second := h.start(t, words...)
			eventually(t, "the next supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" }, second.said)
			must(os.WriteFile(h.file("go"), nil, 0o644))
			eventually(t, "the end of the service", func() bool { return strings.Contains(h.tool(t, fused, "svstat", "s"), ": down") }, second.said)
			fifo, err := os.OpenFile(h.file("stdout"), os.O_RDWR|unix.O_NONBLOCK, 0)
			must(err)
			defer fifo.Close()
			text := make([]byte, 100)
			n, _ := unix.Read(int(fifo.Fd()), text)
			if string(text[:max(n, 0)]) != "kept\n" {
				t.Errorf("the FIFO has %q", text[:max(n, 0)])
			}
		})
	}
}
