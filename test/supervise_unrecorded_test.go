package test

// Where the process of a service cannot be recorded, it runs all the same, as with
// daemontools, and has the lock while it runs.
//
// Not tested in this file: a status that cannot be written (supervise_trouble_test.go); a
// quota. Of btrfs only what fails as elsewhere: a write in place on a full disk.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// folderOn makes the supervise folder a link to a file system of its own, made and filled
// by shell commands that get its directory and a name for a file.
func (h *home) folderOn(t testing.TB, command string) (disk string) {
	t.Helper()
	disk = filepath.Join(h.top, "disk")
	must(os.Mkdir(disk, 0o755))
	must(os.Symlink("../disk/supervise", h.file("supervise")))
	cmd := exec.Command("sh", "-euc", command, "sh", disk, filepath.Join(h.top, "image"))
	out, err := cmd.CombinedOutput()
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	if err != nil {
		t.Skipf("no such file system can be mounted here: %v\n%s", err, out)
	}
	return disk
}

// An obstacle is why the lock file cannot be written. From tells which start is the first
// that cannot be recorded.
type obstacle struct {
	name  string
	needs string
	from  int
	begin func(t testing.TB, h *home) *supervisor
	comes func(t testing.TB, h *home)
}

const fills = `cat /dev/zero >"$1/full" 2>/dev/null || :; `

func injected(what string) func(t testing.TB, h *home) *supervisor {
	return func(t testing.TB, h *home) *supervisor {
		return h.start(t, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:error="+what,
			filepath.Join(fused.dir, "supervise"), "s")
	}
}

var obstacles = []obstacle{
	{"ENOSPC", "strace", 1, injected("ENOSPC"), nil},
	{"EDQUOT", "strace", 1, injected("EDQUOT"), nil},
	{"a full tmpfs", "sh", 1, func(t testing.TB, h *home) *supervisor {
		h.folderOn(t, `mount -t tmpfs -o size=16k none "$1"; mkdir "$1/supervise"; `+fills)
		return h.supervise(t, fused)
	}, nil},
	{"ext4 that becomes read-only", "mkfs.ext4", 2, func(t testing.TB, h *home) *supervisor {
		h.folderOn(t, `truncate -s 2M "$2"; mkfs.ext4 -q "$2"; mount -o loop,errors=remount-ro "$2" "$1"
			[ -w /sys/fs/ext4/$(basename $(findmnt -no SOURCE "$1"))/trigger_fs_error ]; mkdir "$1/supervise"`)
		return h.supervise(t, fused)
	}, func(t testing.TB, h *home) {
		out, err := exec.Command("sh", "-euc", `echo x >/sys/fs/ext4/$(basename $(findmnt -no SOURCE "$1"))/trigger_fs_error`, "sh", filepath.Join(h.top, "disk")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}},
	{"a full btrfs", "mkfs.btrfs", 1, func(t testing.TB, h *home) *supervisor {
		h.folderOn(t, `truncate -s 120M "$2"; mkfs.btrfs -q "$2"; mount -o loop,max_inline=0 "$2" "$1"; mkdir "$1/supervise"; `+fills+`sync; `+fills)
		return h.supervise(t, fused)
	}, nil},
}

// supervisorIn is the supervisor, which may be the child of strace.
func supervisorIn(t testing.TB, s *supervisor) int {
	if filepath.Base(s.Path) == "supervise" {
		return s.Process.Pid
	}
	return childOf(t, s.Process.Pid)
}

func TestServiceThatCannotBeRecordedRuns(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, o := range obstacles {
		crowd.run(t, o.name, func(t *testing.T) {
			need(t, o.needs)
			h := newHome(t, "")
			s := o.begin(t, h)
			pid := func() int { starts := h.starts(); return starts[len(starts)-1] }
			started := func(n int) {
				t.Helper()
				eventually(t, fmt.Sprint("start ", n), func() bool { return len(h.starts()) == n && h.runs() == pid() }, s.said, h.explain)
			}
			started(1)
			if o.comes != nil {
				o.comes(t, h)
			}
			has := func(pid int) bool {
				to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/100", pid))
				return strings.HasSuffix(to, "/supervise/lock")
			}
			for n := 1; n < 3; n++ {
				if o.name != "a full btrfs" && has(pid()) != (n >= o.from) {
					t.Errorf("life %d has the lock: %v", n, has(pid()))
				}
				h.svc(t, fused, "t")
				started(n + 1)
			}
			if got := h.tool(t, fused, "svstat", "s"); strings.Contains(got, "(pid ") && !strings.Contains(got, fmt.Sprintf("(pid %d)", pid())) {
				t.Errorf("svstat, of %d: %s", pid(), got)
			}
			if n := strings.Count(s.said(), "unable to write s/supervise/lock: "); n > 1 || n == 0 && o.name != "a full btrfs" {
				t.Errorf("it said %q", s.said())
			}
			unix.Kill(supervisorIn(t, s), unix.SIGKILL)
			h.unsupervised(t) // strace stays with the service
			if !has(pid()) {
				h.adopted(t, fused)
				return
			}
			next := h.supervise(t, fused)
			waits := "supervise: warning: waiting for the process that has s/supervise/lock\n"
			eventually(t, "a word", func() bool { return next.said() == waits || !next.running() }, next.said)
			if !next.running() || h.state().overlaps != 0 || len(h.starts()) != 3 {
				t.Fatalf("it has not waited; said %q, %s", next.said(), h.explain())
			}
			unix.Kill(pid(), unix.SIGTERM)
			eventually(t, "start 4", func() bool { return len(h.starts()) == 4 }, next.said)
			h.svc(t, fused, "dx")
			if got := next.exit(t); got != "exit 0" {
				t.Error(got)
			}
			if n := h.state().overlaps; n != 0 {
				t.Errorf("%d overlaps", n)
			}
		})
	}
}

// One that waits ends when it is told to.
func TestSupervisorThatWaitsForAServiceEndsByTERM(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "strace")
	h := newHome(t, "")
	s := injected("ENOSPC")(t, h)
	eventually(t, "the service", func() bool { return h.runs() != 0 })
	unix.Kill(supervisorIn(t, s), unix.SIGKILL)
	h.unsupervised(t)
	next := h.supervise(t, fused)
	eventually(t, "a word", func() bool { return next.said() != "" })
	must(next.Process.Signal(unix.SIGTERM))
	if got := next.exit(t); got != "exit 111" || !strings.HasSuffix(next.said(), "supervise: fatal: unable to acquire s/supervise/lock: temporary failure\n") {
		t.Errorf("%s, it said %q", got, next.said())
	}
}

// A mount that has become read-only: what runs is taken over, and controlled.
func TestTakeOverOnAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	disk := h.folderOn(t, `mount -t tmpfs none "$1"; mkdir "$1/supervise"`)
	s := h.supervise(t, fused)
	h.up(t, 1)
	s.kill()
	must(unix.Mount("none", disk, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	s = h.supervise(t, fused)
	eventually(t, "a supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" }, s.said)
	h.svc(t, fused, "h")
	eventually(t, "HUP", func() bool { return h.state().signals == " 1" })
	h.svc(t, fused, "t")
	eventually(t, "its next life", func() bool { return len(h.starts()) == 2 && h.runs() == h.starts()[1] }, s.said)
	show := func() string { return h.tool(t, fused, "svstat", "s") }
	eventually(t, "the truth", func() bool { // once somebody has reaped the first
		return show() == "s: supervise/status is out of date\nexit 0"
	}, show)
	want := "supervise: warning: unable to write s/supervise/lock: read-only file system\n" +
		"supervise: warning: unable to write s/supervise/status.new: read-only file system\n"
	if got := s.said(); got != want {
		t.Errorf("it said %q", got)
	}
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" || h.state().overlaps != 0 {
		t.Errorf("%s, %s", got, h.explain())
	}
}
