package test

// svc waits until what it was asked for has happened, or says why it has not.
//
// Not tested in this file: what svc sends (the scripts svc_*), and what becomes of it
// (supervise_commands_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// slow is a service that takes its time to end, and says so when it has.
const slow = "#!/bin/sh\ntrap 'sleep 0.2; echo x >>ended; exit' TERM\necho $$ >>begun\nwhile :; do sleep 0.02; done\n"

// When svc -W ends, what it was asked for has happened.
func TestSvcWaitsUntilItHasHappened(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, keeper := range []path{fused, {"oracle", oracleDir}} {
		t.Run(keeper.name, func(t *testing.T) {
			t.Parallel()
			need(t, filepath.Join(keeper.dir, "supervise"))
			h := newHome(t, "")
			h.run(slow)
			if keeper.name == fused.name { // 0.76 has none
				script(h.file("finish"), "#!/bin/sh\nsleep 0.1\necho x >>finished\n")
			}
			s := h.supervise(t, keeper)
			eventually(t, "the supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
			h.asks(t, "exit 0", "-Wu")
			for i, letters := range []string{"t", "k", "du", "t", "d", "u", "o", "t"} {
				eventually(t, "the trap", func() bool {
					return h.pid() == 0 || strings.Contains(textOf(h.file("begun")), fmt.Sprint(h.pid(), "\n"))
				})
				was, ends := h.pid(), len(h.lines("finished"))
				h.asks(t, "exit 0", "-W"+letters)
				pid := h.shown(t) // the status may be a moment late
				switch {
				case letters == "d" || i == 7: // once by now
					if pid != 0 || keeper.name == fused.name && len(h.lines("finished")) == ends {
						t.Errorf("%d: after %s it is up, or not finished", i, letters)
					}
				case pid == 0 || (pid == was) != (letters == "o"):
					t.Errorf("%d: after %s the process is %d, it was %d", i, letters, pid, was)
				}
			}
			h.asks(t, "exit 0", "-Wdx")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
		})
	}
}

// Several at once do not take the end that one has asked for for the next one's.
func TestSvcWaitsForANewProcessEachTime(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.run("#!/bin/sh\nexec sleep 1000\n")
	s := h.supervise(t, fused)
	eventually(t, "the supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
	h.asks(t, "exit 0", "-Wu")
	done := make(chan string)
	for range 4 {
		go func() {
			for range 2 {
				was := h.shown(t) // the status may be a moment late
				if got := h.tool(t, fused, "svc", "-Wt", "s"); got != "exit 0" {
					done <- got
					return
				}
				if was != 0 && was == h.shown(t) {
					done <- fmt.Sprint("still ", was)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if wrong := <-done; wrong != "" {
			t.Error(wrong)
		}
	}
	h.asks(t, "exit 0", "-Wdx")
	s.exit(t)
}

// svc -Wx of a service that is down ends although svscan supervises the service again before
// svc looks. The supervisor is then svscan itself, the same process as before.
func TestSvcSeesTheEndOfASupervisionThatIsFollowedByAnother(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		dir := write(filepath.Join(y.scan, "a"), sleeps)
		svscan := y.svscan()
		y.up(dir)
		y.do("svc", "-Wd", dir)
		y.do("strace", "-qq", "-o", "/dev/null", "-e", "inject=inotify_init1:delay_enter=1500000", "svc", "-Wx", "-T", "10000", dir)
		y.up(dir)
		y.stop(svscan)
	})
}

// Who may send commands and may not read the lock file sees that end, too, unless the
// service stays down.
func TestSvcSeesTheEndOfASupervisionWithoutTheLockFile(t *testing.T) {
	needRoot(t)
	need(t, "setpriv")
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		dir := write(filepath.Join(y.scan, "a"), sleeps)
		svscan := y.svscan()
		for _, letters := range []string{"-Wdx", "-Wx", "-Wkx"} {
			y.up(dir)
			if letters == "-Wx" {
				y.do("svc", "-Wd", dir)
			}
			must(os.Chmod(filepath.Join(dir, "supervise"), 0o711))
			must(os.Chmod(filepath.Join(dir, "supervise/control"), 0o622))
			must(os.Chmod(filepath.Join(dir, "supervise/ok"), 0o622))
			y.do("sh", "-c", `cd "$SCAN" && exec setpriv --reuid=65534 --regid=65534 --clear-groups svc "$0" -T 10000 a`, letters)
		}
		y.up(dir)
		y.stop(svscan)
	})
}

// The supervisor is killed after it has obeyed, and the status is older than the record:
// svc -Wd does not call a service down whose process runs.
func TestSvcBelievesARecordThatIsNewerThanTheStatus(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	h := newHome(t, "")
	h.run("#!/bin/sh\ntrap '' TERM\necho x >>begun\nwhile :; do sleep 0.02; done\n")
	must(os.WriteFile(h.file("down"), nil, 0o644))
	s := h.supervise(t, fused)
	eventually(t, "the supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
	before := h.bytes("supervise/status")
	h.asks(t, "exit 0", "-Wu")
	pid := h.pid()
	t.Cleanup(func() { unix.Kill(pid, unix.SIGKILL) })
	eventually(t, "the trap", func() bool { return len(h.lines("begun")) == 1 })
	log := h.file("trace")
	svc := h.start(t, "strace", "-qq", "-f", "-o", log, "-e", "trace=inotify_init1", "-e", "inject=inotify_init1:signal=SIGSTOP",
		filepath.Join(fused.dir, "svc"), "-Wd", "s")
	eventually(t, "that it is about to wait", func() bool { return strings.Contains(textOf(log), "stopped by SIGSTOP") })
	s.kill()
	h.unsupervised(t)
	must(os.WriteFile(h.file("supervise/status"), before, 0o644))
	var waiter int
	fmt.Sscan(textOf(log), &waiter) // -f has the pid come first
	must(unix.Kill(waiter, unix.SIGCONT))
	if got, want := svc.exit(t)+svc.said(), "exit 111svc: warning: unable to wait for s: supervise not running\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What cannot happen is an error, and what takes too long is another.
func TestSvcSaysWhyItHasNotHappened(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.run("#!/bin/sh\ntrap '' TERM\necho x >>begun\nwhile :; do sleep 0.02; done\n")
	h.supervise(t, fused)
	eventually(t, "the trap", func() bool { return len(h.lines("begun")) == 1 })
	h.asks(t, "svc: fatal: timed out, waiting for s\nexit 99", "-t", "-T", "100")
	must(os.Chmod(h.file("run"), 0o644))
	h.asks(t, "svc: warning: s cannot run: access denied\nexit 111", "-Wk")
	got := h.tool(t, fused, "svstat", "-l", "s")
	if !strings.Contains(got, " seconds, normally up, want up, cannot run: access denied, failed starts 1, next start in ") {
		t.Error(got)
	}
	script(h.file("run"), "#!/bin/sh\nexec sleep 1000\n")
	script(h.file("finish"), "#!/bin/sh\nexit 125\n")
	h.asks(t, "exit 0", "-Wu")
	h.asks(t, "svc: warning: s gave up: finish exited 125\nexit 111", "-Wt")
	if got := h.tool(t, fused, "svstat", "-j", "s"); !strings.Contains(got, `"why":"gave-up","starts":`) {
		t.Error(got)
	}
	h.asks(t, "exit 0", "-Wdx")
}

// A command that nobody has read is for the next supervisor, or lost, which is said.
func TestACommandIsNotLostWithItsSupervisor(t *testing.T) {
	t.Parallel()
	for _, another := range []bool{true, false} {
		t.Run(fmt.Sprint("another ", another), func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			s := h.supervise(t, fused)
			h.up(t, 1)
			must(s.Process.Signal(unix.SIGSTOP))
			control := h.control(t)
			svc := h.start(t, filepath.Join(fused.dir, "svc"), "-d", "s")
			eventually(t, "what it writes", func() bool { return unread(control) > 0 })
			control.Close()
			s.kill()
			want, said := "exit 111", "svc: warning: unable to control s: supervise ended before it had read the command\n"
			if another {
				h.supervise(t, fused)
				want, said = "exit 0", ""
				h.down(t)
			}
			if got := svc.exit(t); got != want || svc.said() != said {
				t.Errorf("%s: %s", got, svc.said())
			}
			if !another {
				h.supervise(t, fused)
				eventually(t, "the next supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
			}
			h.asks(t, "exit 0", "-Wdx")
		})
	}
}

// What stands in the place of the FIFOs and files is not opened, written to or waited for.
func TestClientsTouchOnlyWhatIsTheirs(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"ok", "control", "status", "lock"} {
		for _, kind := range []string{"file", "link", "fifo", "device"} {
			t.Run(place+" is a "+kind, func(t *testing.T) {
				t.Parallel()
				if kind == "device" {
					needRoot(t)
				}
				h := newHome(t, "")
				must(os.Mkdir(h.file("supervise"), 0o700))
				for _, fifo := range []string{"ok", "control"} {
					must(unix.Mkfifo(h.file("supervise/"+fifo), 0o600))
					f, err := os.OpenFile(h.file("supervise/"+fifo), os.O_RDWR, 0)
					must(err)
					defer f.Close()
				}
				must(os.WriteFile(h.file("supervise/status"), []byte("000000000000\x01\x00\x00\x00\x00u"), 0o644))
				must(os.WriteFile(h.file("other"), []byte("text"), 0o644))
				at := h.file("supervise/" + place)
				os.Remove(at)
				switch kind {
				case "file":
					must(os.WriteFile(at, []byte("text"), 0o644))
				case "link":
					must(os.Symlink("../other", at))
				case "fifo":
					must(unix.Mkfifo(at, 0o600))
				case "device":
					must(unix.Mknod(at, unix.S_IFCHR|0o600, int(unix.Mkdev(5, 2)))) // /dev/ptmx
				}
				for _, words := range [][]string{{"svc", "-t", "s"}, {"svok", "s"}, {"svstat", "-l", "s"}, {"svstat", "-q", "s"}, {"svwait", "-t", "100", "s"}, {"svc", "-x", "-T", "100", "s"}} {
					h.tool(t, fused, words[0], words[1:]...) // which fails after a time
				}
				if got := h.bytes("other"); string(got) != "text" {
					t.Errorf("the other file is %q", got)
				}
				if kind == "file" && textOf(at) != "text" { // a FIFO would have this wait
					t.Errorf("the file is %q", textOf(at))
				}
			})
		}
	}
}

// svwait does not wait where it may not look, and does without inotify.
func TestSvwaitWithoutPermissionAndInotify(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "setpriv")
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	if got, want := h.svwaitAsNobody(t), "svwait: fatal: "+h.service()+": unable to open supervise/ok: access denied\nexit 111"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	need(t, "strace")
	for _, calls := range [][]string{{"inotify_init1:error=EMFILE"}, {"inotify_add_watch:error=ENOSPC"}, {"inotify_add_watch:error=EPERM"},
		{"inotify_init1:error=ENOSYS", "ppoll:error=ENOSYS"}, {"inotify_add_watch:error=ENOSYS", "ppoll:error=ENOSYS"}} {
		log := h.file("trace-" + strings.Join(calls, "-"))
		words := []string{"strace", "-qq", "-o", log}
		for _, call := range calls {
			words = append(words, "-e", "inject="+call)
		}
		svwait := h.start(t, append(words, filepath.Join(fused.dir, "svwait"), "-d", "s")...)
		eventually(t, "the refusal", func() bool { return strings.Contains(textOf(log), "INJECTED") })
		h.svc(t, fused, "d")
		if got := svwait.exit(t); got != "exit 0" {
			t.Errorf("%s: %s", calls, got)
		}
		h.asks(t, "exit 0", "-Wu")
	}
	h.asks(t, "exit 0", "-Wdx")
	s.exit(t)
}

// A supervisor that may not send a signal says so, and svc as well.
func TestSvcTellsOfASignalThatIsRefused(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "setpriv")
	for _, one := range []bool{false, true} {
		t.Run(map[bool]string{false: "supervise", true: "svscan -1"}[one], func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			h.run("#!/bin/sh\nexec sleep 1000\n")
			must(os.WriteFile(h.file("down"), nil, 0o644))
			// Root without CAP_KILL may signal root's processes only.
			h.run("#!/bin/sh\nexec setpriv --reuid 4242 --clear-groups sleep 1000\n")
			words := []string{"setpriv", "--bounding-set", "-kill", "--inh-caps", "-kill", filepath.Join(fused.dir, "supervise"), "s"}
			if one {
				must(os.Mkdir(filepath.Join(h.top, "all"), 0o755))
				must(os.Symlink("../s", filepath.Join(h.top, "all", "s")))
				words = append(words[:5], filepath.Join(fused.dir, "svscan"), "-1", "all")
			}
			h.start(t, words...)
			eventually(t, "the supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
			h.asks(t, "exit 0", "-tak") // nobody gets a signal, and none is refused
			h.asks(t, "exit 0", "-Wu")
			pid := h.pid()
			t.Cleanup(func() { unix.Kill(pid, unix.SIGKILL) })
			eventually(t, "another user's service", func() bool {
				return strings.Contains(textOf(fmt.Sprintf("/proc/%d/status", pid)), "\nUid:\t4242\t")
			})
			const refused = "svc: warning: unable to control s: supervise could not send a signal: permission denied\n"
			for _, letters := range []string{"-t", "-a", "-Wt", "-d", "-Wd", "-dx", "-Wdx", "-+t", "-p"} {
				h.asks(t, refused+"exit 111", letters)
			}
			h.asks(t, "exit 0", "-u") // that is no signal
			must(unix.Kill(pid, unix.SIGKILL))
		})
	}
}
