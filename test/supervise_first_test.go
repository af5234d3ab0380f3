package test

// The first start in a new directory, in which a call fails or there is no room.
//
// Not tested in this file: kills during the first start (adopt_kills_test.go,
// one_process_test.go); what a run script sees (testdata/script/svscan_first_start_is_seen).

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What fails in the first start of a service does no harm: it is started once, and all
// that there is of an undisturbed start is there.
func TestFirstStartInWhichACallFails(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	const forking = "supervise: warning: unable to fork for s, trying again in a second: temporary failure\n"
	const full = "supervise: warning: unable to write s/supervise/status.new: out of disk space\n"
	undisturbed := newHome(t, "")
	s := undisturbed.supervise(t, fused)
	undisturbed.up(t, 1)
	idle(t, s.Process.Pid)
	want := [2]int{descriptorsOf(s.Process.Pid), descriptorsOf(undisturbed.pid())}
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		calls  string
		inject string
		also   string // options of strace
		says   string
	}{
		{"clone", "error=EAGAIN:when=1", "", forking},
		{"clone", "error=EINVAL:when=1", "", ""}, // as qemu-user says for descriptors that are shared
		{"dup", "error=EMFILE:when=1", "", ""},
		{"mknodat", "error=ENOSPC:when=2", "", ""}, // ok
		{"openat", "error=ENOSPC:when=1", "-P supervise/status", ""},
		{"write", "error=ENOSPC:when=1", "-f", full}, // the status, by the child, and by its parent
	} {
		crowd.run(t, c.calls+" "+c.inject, func(t *testing.T) {
			h := newHome(t, "")
			h.finishes()
			words := append([]string{"strace", "-qq", "-o", "/dev/null"}, strings.Fields(c.also)...)
			s := h.start(t, append(words, "-e", "trace="+c.calls, "-e", "inject="+c.calls+":"+c.inject,
				filepath.Join(fused.dir, "supervise"), "s")...)
			eventually(t, "a supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
			if status := h.status(); c.says != full && (len(status) != 18 || status[0] != 0x40) {
				t.Errorf("a status that says nothing: % x", status)
			}
			h.up(t, 1)
			supervisor := childOf(t, s.Process.Pid)
			idle(t, supervisor)
			if got := [2]int{descriptorsOf(supervisor), descriptorsOf(h.pid())}; got != want {
				t.Errorf("supervisor and service have %d descriptors, want %d", got, want)
			}
			if n := h.remembers().starts; n != 1 {
				t.Errorf("it says that there have been %d starts", n)
			}
			if h.exists("finished") {
				t.Errorf("finish was told %s", h.bytes("finished"))
			}
			if got := s.said(); got != c.says {
				t.Errorf("it said %q", got)
			}
			h.obeys(t, s)
		})
	}
}

// Nothing is started that it then could not supervise.
func TestNothingIsStartedThatCannotBeSupervised(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "strace")
	h := newHome(t, "")
	s := h.start(t, "strace", "-qq", "-o", "/dev/null", "-e", "trace=epoll_ctl",
		"-e", "inject=epoll_ctl:error=ENOSPC:when=2", filepath.Join(fused.dir, "supervise"), "s")
	if got := s.exit(t) + ": " + s.said(); got != "exit 111: supervise: fatal: unable to wait for events: out of disk space\n" {
		t.Error(got)
	}
	if n := len(h.starts()); n != 0 {
		t.Errorf("%d starts", n)
	}
	next := h.supervise(t, fused)
	h.up(t, 1)
	h.obeys(t, next)
}

// A container may allow nobody to have a table of descriptors of his own, but for exec.
func TestStartWhereDescriptorsCannotBeUnshared(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x, z := y.add("x", sleeps), y.add("z", sleeps)
		svscan := y.svscan("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=close_range,unshare",
			"-e", "inject=close_range,unshare:error=EPERM", filepath.Join(fused.dir, "svscan"))
		before := y.up(x, z)
		service, _ := y.look(before[x].others[0])
		y.end(service, unix.SIGKILL)
		y.await("its next life", func() bool {
			p := y.pairs()[x]
			return len(p.others) == 1 && p.others[0] != service.pid
		})
		y.stop(svscan)
		y.saysNothing()
	})
}

// Where ok cannot be opened, there is no supervisor, but the service runs, and the next one
// takes it over.
func TestFirstStartWithoutSupervisor(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "strace")
	h := newHome(t, "")
	h.finishes()
	s := h.start(t, "strace", "-f", "-qq", "-o", "/dev/null", "-P", "supervise/ok",
		"-e", "trace=openat", "-e", "inject=openat:error=ENOMEM:when=1", filepath.Join(fused.dir, "supervise"), "s")
	eventually(t, "the complaint", func() bool {
		return s.said() == "supervise: fatal: unable to read s/supervise/ok: out of memory\n"
	}, s.said)
	next := h.adopted(t, fused)
	h.runsOnce(t)
	if n := h.remembers().starts; n != 1 || h.exists("finished") {
		t.Errorf("%d starts; finish was told %q", n, h.bytes("finished"))
	}
	h.obeys(t, next)
}

// A disk without room for another file holds up the start, which says so in one line, and
// nothing has been started in vain when there is room.
func TestFirstStartOnADiskWithoutRoom(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for inodes := 6; inodes < 12; inodes++ {
		h := newHome(t, "")
		disk := filepath.Join(h.top, "disk")
		must(os.Mkdir(disk, 0o755))
		if err := unix.Mount("none", disk, "tmpfs", 0, fmt.Sprint("size=64k,nr_inodes=", inodes)); err != nil {
			skipHere(t, fmt.Sprint("no file system can be mounted here: ", err))
		}
		t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
		dir := filepath.Join(disk, "s")
		must(os.Mkdir(dir, 0o755))
		must(os.WriteFile(dir+"/run", []byte("#!/bin/sh\necho run >>/proc/$PPID/cwd/../../said\nexec sleep 1000\n"), 0o755))
		must(os.WriteFile(dir+"/finish", []byte("#!/bin/sh\necho finish >>/proc/$PPID/cwd/../../said\n"), 0o755))
		s := h.start(t, filepath.Join(fused.dir, "supervise"), dir)
		ended := false
		eventually(t, "a line, or a start", func() bool {
			ended = !s.running()
			return ended || strings.Contains(textOf(filepath.Join(h.top, "said")), "run\n")
		})
		said := s.said()
		if n := strings.Count(said, ": fatal: "); n > 1 || (n == 1) != ended || strings.Count(said, "\n") > 1+n {
			t.Errorf("%d files: it said %q", inodes, said)
		}
		must(unix.Mount("none", disk, "tmpfs", unix.MS_REMOUNT, "size=64k,nr_inodes=100"))
		if ended {
			s = h.start(t, filepath.Join(fused.dir, "supervise"), dir)
		}
		eventually(t, "the service", func() bool {
			out, _ := exec.Command(filepath.Join(fused.dir, "svstat"), dir).Output()
			return strings.Contains(string(out), ": up (pid ") && textOf(filepath.Join(h.top, "said")) != ""
		})
		if got := textOf(filepath.Join(h.top, "said")); got != "run\n" {
			t.Errorf("%d files: %q was run", inodes, got)
		}
		must(s.Process.Signal(unix.SIGTERM))
		if got := s.exit(t); got != "exit 0" {
			t.Error(got)
		}
	}
}
