package test

// Not tested in this file: what svwait says and how it ends (testdata/script/svwait_*).

import (
	"path/filepath"
	"testing"
	"time"
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
			time.Sleep(100 * time.Millisecond) // it waits
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
