package test

// What is wrong with the files or the disk of a service is said, and the service goes on.
//
// Not tested in this file: limits (supervise_limits_test.go), rubbish in the files
// that a supervisor reads (supervise_rubbish_test.go).

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A run that cannot be executed is said as 0.76 says it, with what is missing there in
// parentheses, and the service starts when it can be.
func TestRunThatCannotBeExecuted(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needOld(t)
	hints := map[string]string{
		"no interpreter": " (its interpreter /nonexistent/interpreter)",
		"CR LF":          ` (its interpreter /bin/sh\r)`,
		"no format":      " (its first line does not begin with #!)",
		"empty":          " (it is empty)",
	}
	for name, spoil := range map[string]func(run string){
		"CR LF":           func(run string) { script(run, "#!/bin/sh\r\nexec sleep 9\r\n") },
		"missing":         func(run string) {},
		"no permission":   func(run string) { must(os.WriteFile(run, []byte("#!/bin/sh\n"), 0o644)) },
		"a directory":     func(run string) { must(os.Mkdir(run, 0o755)) },
		"no interpreter":  func(run string) { script(run, "#!/nonexistent/interpreter\n") },
		"no format":       func(run string) { script(run, "neither\n") },
		"empty":           func(run string) { script(run, "") },
		"loop of links":   func(run string) { must(os.Symlink("run", run)) },
		"a dangling link": func(run string) { must(os.Symlink("nowhere", run)) },
	} {
		crowd.run(t, name, func(t *testing.T) {
			var first [2]string
			for i, p := range []path{old, fused} {
				h := newHome(t, "")
				must(os.Remove(h.file("run")))
				spoil(h.file("run"))
				s := h.supervise(t, p)
				eventually(t, "a message", func() bool { return strings.Count(s.said(), "\n") >= 2 })
				first[i], _, _ = strings.Cut(s.said(), "\n")
				if i == 0 {
					continue
				}
				h.sameStatus(t)
				must(os.RemoveAll(h.file("run")))
				h.run("#!" + tally() + "\n")
				h.up(t, 1)
				h.svc(t, p, "dx")
				if got := s.exit(t); got != "exit 0" {
					t.Error(got)
				}
			}
			if want := first[0] + hints[name]; first[1] != want {
				t.Errorf("%q, want %q", first[1], want)
			}
		})
	}
}

func TestDirectoryThatIsRemovedLeavesTheServiceAlone(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	pid := h.pid()
	control := h.control(t)
	log, err := os.Open(h.file("log"))
	must(err)
	defer log.Close()
	must(os.RemoveAll(h.service()))
	control.WriteString("h")
	eventually(t, "the signal", func() bool {
		b := make([]byte, 100)
		n, _ := log.ReadAt(b, 0)
		return strings.Contains(string(b[:n]), "signal 1\n")
	})
	if !s.running() || unix.Kill(pid, 0) != nil {
		t.Error("the service or the supervisor has ended")
	}
	eventually(t, "a warning", func() bool { return strings.HasPrefix(s.said(), "supervise: warning: unable to write s/") })
	must(s.Process.Signal(unix.SIGTERM))
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
	if n := strings.Count(s.said(), "\n"); n != 1 {
		t.Errorf("%d messages:\n%s", n, s.said())
	}
}

func TestDiskThatIsFull(t *testing.T) {
	t.Parallel()
	h, s := inTmpfs(t, "size=128k")
	h.up(t, 1)
	h.svc(t, fused, "h") // the log has its page
	eventually(t, "HUP", func() bool { return h.state().signals == " 1" })
	filler, err := os.Create(filepath.Join(h.top, "filler"))
	must(err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	h.svc(t, fused, "p")
	eventually(t, "a warning", func() bool {
		return s.said() == "supervise: warning: unable to write s/supervise/status.new: out of disk space\n"
	})
	h.svc(t, fused, "c")
	h.svc(t, fused, "i")
	eventually(t, "INT", func() bool { return h.state().signals == " 1 18 2" || h.state().signals == " 1 2 18" })
	h.svc(t, fused, "t")
	eventually(t, "the second start", func() bool { return h.state().starts == 2 })
	if got := s.said(); strings.Count(got, "\n") != 1 {
		t.Errorf("it said\n%s", got)
	}
	must(filler.Truncate(0))
	h.up(t, 2)
	if got := h.state(); !got.up || got.paused || got.want != 'u' {
		t.Error(got)
	}
}

// Nobody can make a file system read-only under a lock that is open for writing,
// so it is from the beginning.
func TestDiskThatIsReadOnly(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needOld(t)
	var said [2]string
	for i, p := range []path{old, fused} {
		h := newHome(t, "")
		s := h.start(t, "unshare", "--mount", "sh", "-c", `mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$1" s`,
			"sh", filepath.Join(p.dir, "supervise"))
		if got := s.exit(t); got != "exit 111" || h.exists("log") {
			t.Errorf("%s, log %q", got, h.bytes("log"))
		}
		said[i] = s.said()
	}
	// 0.76 says that supervise/lock does not exist.
	if want := "supervise: fatal: unable to create s/supervise: read-only file system\n"; said[1] != want {
		t.Errorf("it said %q, want %q", said[1], want)
	}
}

// The folder supervise is taken away and comes back.
func TestFolderThatIsAwayForATime(t *testing.T) {
	t.Parallel()
	h := newHome(t, "deaf")
	s := h.supervise(t, fused)
	h.up(t, 1)
	control := h.control(t)
	must(os.Rename(h.file("supervise"), h.file("away")))
	control.WriteString("o")
	eventually(t, "a warning", func() bool {
		return s.said() == "supervise: warning: unable to write s/supervise/status.new: file does not exist\n"
	})
	control.WriteString("h")
	must(os.Rename(h.file("away"), h.file("supervise")))
	h.reaches(t, serviceState{up: true, want: 'o', starts: 1, signals: " 1"})
	if n := strings.Count(s.said(), "\n"); n != 1 {
		t.Errorf("it said\n%s", s.said())
	}
}
