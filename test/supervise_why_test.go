package test

// What a supervisor leaves in the lock file on why a service is down.
//
// Not tested in this file: how svstat shows it.

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// isDown waits until a service is down for a reason; due tells whether it is to be
// started again.
func (h *home) isDown(t testing.TB, why byte, errno unix.Errno, due bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("reason %d, %v", why, errno), func() bool {
		got := h.reason()
		return h.pid() == 0 && got.why == why && got.errno == errno && (got.due != 0) == due
	}, func() string { return fmt.Sprint(h.reason(), h.explain()) })
}

func TestWhyAServiceIsDownIsOnRecord(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for name, test := range map[string]func(t *testing.T, h *home, s *supervisor){
		"up, told, up, ended": func(t *testing.T, h *home, s *supervisor) {
			h.up(t, 1)
			if got := h.reason(); got != (reason{}) {
				t.Error("up:", got)
			}
			h.svc(t, fused, "d")
			h.isDown(t, told, 0, false)
			h.svc(t, fused, "o")
			h.up(t, 2)
			h.svc(t, fused, "k")
			h.isDown(t, hasEnded, 0, false)
		},
		"to be started again, for another supervisor as well": func(t *testing.T, h *home, s *supervisor) {
			must(os.WriteFile(h.file("max-restart-delay"), []byte("100000\n"), 0o644))
			h.up(t, 1)
			h.svc(t, fused, "k")
			h.isDown(t, hasEnded, 0, true)
			due := h.reason().due
			if now := sinceBoot(); due < now || due > now+3e9 {
				t.Errorf("due at %d, it is %d", due, now)
			}
			s.kill()
			h.adopted(t, fused)
			h.isDown(t, hasEnded, 0, true)
			h.svc(t, fused, "d")
			h.isDown(t, told, 0, false)
		},
		"run is not executable": func(t *testing.T, h *home, s *supervisor) {
			must(os.Chmod(h.file("run"), 0o644))
			h.svc(t, fused, "k")
			h.isDown(t, cannotRun, unix.EACCES, true)
			h.svc(t, fused, "d")
			h.isDown(t, told, 0, false)
		},
		"run is not executable, and what it leaves is killed": func(t *testing.T, h *home, s *supervisor) {
			must(os.WriteFile(h.file("flag-kill-descendants"), nil, 0o644))
			must(os.Chmod(h.file("run"), 0o644))
			h.svc(t, fused, "k")
			h.isDown(t, cannotRun, unix.EACCES, true)
		},
		"there can be no process": func(t *testing.T, h *home, s *supervisor) {
			idle(t, s.Process.Pid)
			limit(t, s.Process.Pid, "nofile", strconv.Itoa(descriptorsOf(s.Process.Pid)+1)) // room for one end of a pipe
			must(os.WriteFile(h.file("notification-fd"), []byte("3"), 0o644))
			h.svc(t, fused, "k")
			h.isDown(t, cannotStart, unix.EMFILE, true)
		},
		"finish exits 125": func(t *testing.T, h *home, s *supervisor) {
			script(h.file("finish"), "#!/bin/sh\nexit 125\n")
			h.svc(t, fused, "k")
			h.isDown(t, gaveUp, 0, false)
			s.kill()
			h.adopted(t, fused)
			h.isDown(t, gaveUp, 0, false)
		},
	} {
		crowd.run(t, name, func(t *testing.T) {
			h := newHome(t, "")
			s := h.supervise(t, fused)
			h.up(t, 1)
			test(t, h, s)
		})
	}
	crowd.run(t, "down", func(t *testing.T) {
		h := newHome(t, "")
		must(os.WriteFile(h.file("down"), nil, 0o644))
		h.supervise(t, fused)
		h.isDown(t, neverStarted, 0, false)
	})
	crowd.run(t, "it was never there", func(t *testing.T) {
		h := newHome(t, "")
		must(os.Remove(h.file("run")))
		h.supervise(t, fused)
		h.isDown(t, cannotRun, unix.ENOENT, true)
	})
}

// What the first catena wrote is read as well: the state was shorter.
func TestOlderStateIsRead(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "k")
	h.up(t, 2)
	s.kill()
	h.asBefore(t)
	h.adopted(t, fused)
	h.svc(t, fused, "d")
	h.isDown(t, told, 0, false)
	if got := h.remembers().starts; got != 2 {
		t.Errorf("%d starts", got)
	}
}

// A run that cannot be executed has never been up, however long its supervisor needs to see it
// dead.
func TestRunThatCannotBeExecutedIsNeverShownUp(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	h := newHome(t, "")
	h.run("no first line")
	must(os.WriteFile(h.file("down"), nil, 0o644))
	h.start(t, "strace", "-qq", "-f", "-o", h.file("trace"), "-e", "trace=wait4", "-e", "inject=wait4:delay_enter=100000",
		filepath.Join(fused.dir, "supervise"), "s")
	eventually(t, "a supervisor", func() bool { return h.reason().why == neverStarted })
	h.svc(t, fused, "u")
	eventually(t, "the third try", func() bool {
		if pid := h.pid(); pid != 0 {
			t.Fatal("up with the process ", pid)
		}
		b := h.bytes("supervise/lock")
		return h.reason().why == cannotRun && binary.LittleEndian.Uint32(b[136:]) >= 3
	})
	h.svc(t, fused, "dx")
}
