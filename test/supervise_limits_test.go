package test

// A supervisor that reaches a limit says so once, obeys, and goes on when there is more.
//
// Not tested in this file: svscan, disks that are full (supervise_trouble_test.go).

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a supervisor cannot get it says once, keeps on listening, and carries on as
// soon as it can.
func TestNoMoreProcesses(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	const nobody = 54321 // nobody else's, so the count is this test's
	must(os.Chown(h.service(), nobody, nobody))
	must(os.WriteFile(h.file("down"), nil, 0o644))
	s := h.start(t, probe, "start", sys(unix.SYS_SETGROUPS, 0, 0), sys(unix.SYS_SETGID, nobody), sys(unix.SYS_SETUID, nobody),
		sys(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)),
		"--", filepath.Join(fused.dir, "supervise"), "supervise", "s")
	h.down(t)
	limit(t, s.Process.Pid, "nproc", "0")
	h.svc(t, fused, "u")
	eventually(t, "a warning", func() bool { return strings.Contains(s.said(), "unable to fork for s") })
	h.svc(t, fused, "d")
	eventually(t, "want down", func() bool { return h.state().want == 'd' })
	h.svc(t, fused, "u")
	eventually(t, "want up", func() bool { return h.state().want == 'u' })
	limit(t, s.Process.Pid, "nproc", "1000")
	h.up(t, 1)
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
}

func TestNoMoreMemory(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	for _, resource := range []string{"as", "data", "stack", "memlock"} {
		limit(t, s.Process.Pid, resource, "0")
	}
	h.svc(t, fused, "p")
	eventually(t, "pause", func() bool { return h.state().paused })
	h.svc(t, fused, "c")
	h.svc(t, fused, "k")
	// It starts it, and the program dies.
	eventually(t, "the death", func() bool { return h.pid() != h.starts()[0] })
	h.svc(t, fused, "d")
	h.down(t)
	h.svc(t, fused, "o")
	eventually(t, "want once", func() bool { return h.state().want == 'o' })
	h.svc(t, fused, "u")
	eventually(t, "want up", func() bool { return h.state().want == 'u' })
	if !s.running() {
		t.Fatal("supervise has ended: " + s.said())
	}
	for _, resource := range []string{"as", "data", "stack", "memlock"} {
		limit(t, s.Process.Pid, resource, "8000000")
	}
	h.up(t, 2)
}

func TestNoMoreDescriptors(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	limit(t, s.Process.Pid, "nofile", "0")
	h.svc(t, fused, "k")
	eventually(t, "a warning", func() bool { return strings.Contains(s.said(), "unable to write s/supervise/status.new") })
	if n := strings.Count(s.said(), "unable to write"); n != 1 {
		t.Errorf("said %d times that the status cannot be written:\n%s", n, s.said())
	}
	limit(t, s.Process.Pid, "nofile", "1000")
	h.up(t, 2)
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
}
