package test

// svwait and a supervisor that is slow, or that was killed before it wrote the status.
//
// Not tested in this file: what svwait says and how it ends (testdata/script/svwait_*).

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// svwait looks when a supervisor has published a status, and not yet that it is there:
// it hears of that, too.
func TestSvwaitHearsOfASupervisorThatIsSlow(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "strace")
	for _, c := range []struct {
		name, call string
		adopts     bool
	}{
		{"new", "renameat2", false},
		{"one that adopts", "openat", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			if c.adopts {
				s := h.supervise(t, fused)
				h.up(t, 1)
				s.kill()
				h.unsupervised(t)
			}
			wait := h.start(t, filepath.Join(fused.dir, "svwait"), "s")
			eventually(t, "that it waits", func() bool { return stateOf(wait.Process.Pid) == "S" })
			// The path is relative to the service directory, where it is not yet.
			s := h.start(t, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+c.call, "-P", "supervise/ok",
				"-e", "inject="+c.call+":delay_enter=500000", filepath.Join(fused.dir, "supervise"), "s")
			if got := wait.exit(t); got != "exit 0" {
				t.Error(got)
			}
			h.svc(t, fused, "dkx")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
		})
	}
}

// A supervisor was killed after it had started the service and before it said so in the
// status: the service is not down before its process has ended.
func TestSvwaitBelievesARecordThatIsNewerThanTheStatus(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.run("#!/bin/sh\nexec sleep 1000\n")
	must(os.WriteFile(h.file("down"), nil, 0o644))
	s := h.supervise(t, fused)
	eventually(t, "the supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
	before := h.bytes("supervise/status")
	h.asks(t, "exit 0", "-Wu")
	pid := h.pid()
	t.Cleanup(func() { unix.Kill(pid, unix.SIGKILL) })
	s.kill()
	h.unsupervised(t)
	must(os.WriteFile(h.file("supervise/status"), before, 0o644))
	if got, want := h.tool(t, fused, "svwait", "-d", "-t", "50", "s"), "svwait: fatal: timed out\nexit 99"; got != want {
		t.Errorf("while it runs: %s, want %s", got, want)
	}
	must(unix.Kill(pid, unix.SIGKILL))
	if got := h.tool(t, fused, "svwait", "-d", "s"); got != "exit 0" {
		t.Errorf("when it has ended: %s", got)
	}
}

// A killed supervisor has left a status that may not be read: then nobody knows whether the
// service is down.
func TestSvwaitDoesNotTakeAnUnreadableStatusForDown(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "setpriv")
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	s.kill()
	h.unsupervised(t)
	must(os.Chmod(h.file("supervise"), 0o711))
	must(os.Chmod(h.file("supervise/ok"), 0o622))
	must(os.Chmod(h.file("supervise/status"), 0o600))
	if got, want := h.svwaitAsNobody(t), "svwait: fatal: "+h.service()+": unable to open supervise/status: access denied\nexit 111"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
