package test

// What makes a name in the directory a service, and when svscan hears of it.
//
// Not tested in this file: services that are complete when they come
// (svscan_services_test.go), how soon anything happens.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSvscanStartsNothingUnderANameThatIsReplacedAtOnce(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		y.svscan()
		y.blocks()
		var last string
		slow := map[string]bool{"app": true} // names that were there for long
		for i := range 40 {
			last = write(filepath.Join(y.top, fmt.Sprint("v", i)), sleeps)
			name := fmt.Sprint("Cu", i)
			made := time.Now()
			must(os.Symlink(last, filepath.Join(y.scan, name)))
			must(os.Rename(filepath.Join(y.scan, name), filepath.Join(y.scan, "app")))
			slow[name] = time.Since(made) > 30*time.Millisecond
		}
		y.up(last)
		for _, p := range y.named("supervise") {
			words := textOf(fmt.Sprintf("/proc/%d/cmdline", p.pid))
			if name := strings.TrimSuffix(strings.TrimPrefix(words, "supervise\x00"), "\x00"); !slow[name] {
				t.Errorf("started: %q", words)
			}
		}
	})
}

func TestSvscanMakesAServiceOfADirectoryOnceItHasARun(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		in := func(name string) string { return filepath.Join(y.scan, name) }
		must(os.MkdirAll(in("lost+found"), 0o700))
		must(os.MkdirAll(in("first/log"), 0o755))
		must(os.MkdirAll(in("linked/log"), 0o755))
		must(os.Symlink(filepath.Join(y.top, "later"), in("linked/run")))
		svscan := y.svscan()
		must(os.Mkdir(in("second"), 0o755))
		logged := write(filepath.Join(y.top, "logged"), sleeps, reads)
		must(os.Remove(filepath.Join(logged, "log/run")))
		must(os.Rename(logged, in("logged")))
		y.up(in("logged"))

		lacks := func(names ...string) (text []string) {
			for _, n := range names {
				text = append(text, "svscan: warning: unable to start "+n+"/run: file does not exist\n")
			}
			return text
		}
		y.says(lacks("lost+found", "first", "linked", "second", "logged/log")...)
		for _, name := range []string{"lost+found", "first", "first/log", "linked", "second"} {
			if exists(in(name + "/supervise")) {
				t.Errorf("%s: a supervise folder in what is no service", name)
			}
		}
		write(in("first"), sleeps, reads)
		write(in("second"), sleeps)
		script(in("logged/log/run"), reads)
		script(in("linked/log/run"), reads)
		script(filepath.Join(y.top, "later"), sleeps)
		y.up(in("first"), in("first/log"), in("second"), in("logged/log"), in("linked"), in("linked/log"))
		y.says(lacks("lost+found", "first", "linked", "second", "logged/log")...)
		y.stop(svscan)
	})
}

// A directory that is filled slowly has its log, or gets it later.
func TestSvscanTakesALogThatComesLater(t *testing.T) {
	for _, hup := range []bool{false, true} {
		t.Run(fmt.Sprint("HUP: ", hup), func(t *testing.T) {
			inModes(t, both, func(t *testing.T, m mode) {
				y := newYard(t, m)
				x := y.add("x", "#!/bin/sh\necho $$\nexec sleep infinity\n")
				svscan := y.svscan()
				before := y.up(x)[x]
				must(os.Mkdir(x+"/log", 0o755)) // what is no log yet does no harm
				if hup {
					y.kill(y.main, unix.SIGHUP)
				}
				script(x+"/log/run", "#!/bin/sh\nexec cat >>../lines\n")
				if hup {
					y.kill(y.main, unix.SIGHUP)
				}
				after := y.up(x, x+"/log")[x]
				if fmt.Sprint(before) != fmt.Sprint(after) {
					t.Errorf("%v became %v", before, after)
				}
				// The supervisor may have been told already, or be told in a moment.
				y.await("a line in the log", func() bool {
					y.do("svc", "-t", x)
					return textOf(x+"/lines") != ""
				})
				now := y.up(x, x+"/log")[x]
				if m == perService && now.supervisors[0] != before.supervisors[0] {
					t.Errorf("another supervisor")
				}
				y.stop(svscan)
				y.saysNothing()
			})
		})
	}
}

// Nothing tells svscan when one of these is mended.
func TestSvscanLooksAgainAtWhatItCouldNotLookAt(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		must(os.Chmod(filepath.Dir(y.top), 0o755)) // of t.TempDir
		in := func(name string) string { return filepath.Join(y.scan, name) }
		out := func(name string) string { return filepath.Join(y.top, name) }
		mine := func(dir string) string {
			write(dir, sleeps, reads)
			for _, d := range []string{dir, dir + "/log"} {
				must(os.Chown(d, runner, runner))
			}
			return dir
		}
		must(os.Symlink(out("later"), in("dangling")))
		must(os.Symlink(out("loop"), out("loop")))
		must(os.Symlink(out("loop"), in("loop")))
		mine(out("secret/x"))
		must(os.Chmod(out("secret"), 0o700))
		must(os.Symlink(out("secret/x"), in("denied")))
		mine(in("closed"))
		must(os.Chmod(in("closed"), 0o000))
		mine(in("pipe"))
		must(os.Mkdir(in("pipe/supervise"), 0o700)) // root's
		y.svscan("setuidgid", fmt.Sprint(runner, ":", runner), filepath.Join(fused.dir, "svscan"))
		lines := []string{
			"svscan: warning: unable to stat dangling: file does not exist\n",
			"svscan: warning: unable to stat loop: symbolic link loop\n",
			"svscan: warning: unable to stat denied: access denied\n",
			"svscan: warning: unable to stat closed/log: access denied\n",
			"svscan: warning: unable to open pipe/supervise/pipe: access denied\n",
		}
		y.says(lines...)
		mine(out("later"))
		must(os.Remove(out("loop")))
		mine(out("loop"))
		must(os.Chmod(out("secret"), 0o755))
		must(os.Chmod(in("closed"), 0o755))
		must(os.Chown(in("pipe/supervise"), runner, runner))
		for _, dir := range []string{out("later"), out("loop"), out("secret/x"), in("closed"), in("pipe")} {
			y.up(dir, dir+"/log")
		}
		y.says(lines...)
	})
}

// An error of getdents is no sign that anything has gone.
func TestSvscanReadsTheDirectoryAgainAfterAnError(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		need(t, "strace")
		for call := 3; call <= 4; call++ { // the first two read /proc/self/fd
			t.Run(fmt.Sprint("call ", call), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				var dirs []string
				for i := range 12 { // too many for one call
					dirs = append(dirs, y.add(strings.Repeat("n", 250)+fmt.Sprint(i), sleeps))
				}
				y.svscan("strace", "-q", "-o", "/dev/null", "-e", "trace=getdents64",
					"-e", fmt.Sprintf("inject=getdents64:error=EIO:when=%d", call), filepath.Join(fused.dir, "svscan"))
				y.up(dirs...)
				y.says("svscan: warning: unable to read directory: input/output error\n")
			})
		}
	})
}

// On a file server the directory changes without a word from the kernel.
func TestSvscanComparesADirectoryOfAFileServer(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		need(t, "bindfs")
		if !exists("/dev/fuse") {
			t.Skip("no /dev/fuse")
		}
		y := newYard(t, m)
		host := filepath.Join(y.top, "host")
		must(os.Mkdir(host, 0o755))
		must(os.MkdirAll(filepath.Join(host, "later"), 0o755))
		must(os.MkdirAll(filepath.Join(y.top, "far"), 0o755))
		y.do("sh", "-c", `bindfs "$TOP/host" "$SCAN" && bindfs "$TOP/host" "$TOP/far"`)
		y.svscan()
		write(filepath.Join(host, ".new"), sleeps)
		must(os.Rename(filepath.Join(host, ".new"), filepath.Join(host, "new")))
		write(filepath.Join(host, "later"), sleeps)
		y.up(filepath.Join(y.scan, "new"), filepath.Join(y.scan, "later"))
		y.kill(y.main, unix.SIGKILL)

		// A directory of this machine with a link to one of the server's.
		y.scan = filepath.Join(y.top, "local")
		must(os.Mkdir(y.scan, 0o755))
		must(os.Mkdir(filepath.Join(host, "linked"), 0o755))
		must(os.Symlink(filepath.Join(y.top, "far/linked"), filepath.Join(y.scan, "x")))
		y.svscan()
		write(filepath.Join(host, "linked"), sleeps)
		y.up(filepath.Join(y.top, "far/linked"))
	})
}

func TestSvscanFollowsALinkWhoseTargetIsReplaced(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		target := write(filepath.Join(y.top, "target"), sleeps)
		must(os.Symlink(target, filepath.Join(y.scan, "x")))
		y.svscan()
		y.up(target)
		y.blocks()
		moved := filepath.Join(y.top, "moved")
		must(os.Rename(target, moved))
		write(target, sleeps)
		y.up(moved, target)
		y.blocks()
		if text := y.heard(); text != "" && text != "svscan: warning: unable to stat x: file does not exist\n" {
			t.Errorf("on standard error: %q", text)
		}
		// And back, while the first one still runs: it is the same service again.
		must(os.Rename(target, filepath.Join(y.top, "second")))
		must(os.Rename(moved, target))
		y.up(target, filepath.Join(y.top, "second"))
		y.blocks()
	})
}

func TestSvscanStartsServicesThatAreCalledLikeOptions(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		var dirs []string
		for _, name := range []string{"--help", "--version", "--", "-", "-1", "-x", "--bogus"} {
			dir := y.add(name, sleeps, reads)
			dirs = append(dirs, dir, dir+"/log")
		}
		svscan := y.svscan()
		y.up(dirs...)
		y.stop(svscan)
		y.saysNothing()
	})
}

// A leader of a session without a terminal would get the one that it opens.
func TestAFileThatIsATerminalDoesNotControlTheSupervisor(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
		must(err)
		defer master.Close()
		must(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
		n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
		must(err)
		x := filepath.Join(y.top, "x")
		write(x, "#!/bin/sh\nexit 0\n")
		for _, file := range []string{"notification-fd", "timeout-finish", "max-death-tally", "max-restart-delay", "down-signal"} {
			must(os.Symlink(fmt.Sprint("/dev/pts/", n), filepath.Join(x, file)))
		}
		must(os.Rename(x, filepath.Join(y.scan, "x")))
		words := []string{"setsid", filepath.Join(fused.dir, "svscan")}
		if m == perService {
			words = []string{"setsid", filepath.Join(fused.dir, "supervise"), filepath.Join(y.scan, "x")}
		} else {
			words = append(words, "-1", y.scan)
		}
		cmd := y.inside(words...)
		must(cmd.Start())
		t.Cleanup(func() { cmd.Wait() })
		t.Cleanup(func() { y.first.Process.Kill() })
		status := filepath.Join(y.scan, "x/supervise/status")
		y.await("a death", func() bool {
			text := textOf(status)
			return len(text) == 18 && text[12:16] == "\x00\x00\x00\x00"
		})
		for _, p := range y.tenants() {
			if p.name != "supervise" && p.name != "svscan" {
				continue
			}
			stat := textOf(fmt.Sprintf("/proc/%d/stat", p.pid))
			fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
			if len(fields) > 4 && fields[4] != "0" {
				t.Errorf("%s has a controlling terminal: %s", p.name, fields[4])
			}
		}
	})
}

// Names that come and go, and change what they are, in every state of their services.
func TestSvscanEndsUpWithWhatIsThereAfterAStormOfNames(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		busy(t)
		y := newYardInMemory(t, m)
		svscan := y.svscan()
		names := []string{"a", "b", "c", "d"}
		made := 0
		for i := range 300 {
			name := filepath.Join(y.scan, names[i%len(names)])
			switch (i * 7 / 3) % 6 {
			case 0:
				os.RemoveAll(name)
			case 1:
				made++
				dir := write(filepath.Join(y.top, fmt.Sprint("v", made%3)), sleeps)
				os.RemoveAll(name)
				os.Symlink(dir, name)
			case 2:
				os.Rename(name, filepath.Join(y.scan, names[(i+1)%len(names)]))
			case 3:
				if os.Mkdir(name, 0o755) == nil {
					write(name, sleeps)
				}
			case 4:
				os.Symlink("nowhere", name+".tmp")
				os.Rename(name+".tmp", name)
			case 5:
				time.Sleep(5 * time.Millisecond)
			}
		}
		var dirs []string
		for _, name := range names {
			dir := filepath.Join(y.scan, name)
			os.RemoveAll(dir)
			must(os.Rename(write(filepath.Join(y.top, "final"), sleeps, reads), dir))
			dirs = append(dirs, dir, dir+"/log")
		}
		y.up(dirs...)
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}
