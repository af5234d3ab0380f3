package test

// Memory that runs out for a group of processes, be there a supervisor among them, or
// svscan.
//
// Not tested in this file: limits of a single process (supervise_limits_test.go,
// svscan_limits_test.go).

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A group is a memory control group, version 1 or 2.
type group struct {
	dir   string
	limit string // the file
}

// newGroup makes one below that of this process, or at the top. A machine without the
// controller has nothing to test.
func newGroup(t testing.TB) *group {
	t.Helper()
	needRoot(t)
	mounts := textOf("/proc/self/mountinfo")
	var why error
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		mount := strings.Fields(before)[4]
		f := strings.Fields(after)
		g := &group{limit: "memory.limit_in_bytes"}
		switch {
		case f[0] == "cgroup" && strings.Contains(","+f[2]+",", ",memory,"):
		case f[0] == "cgroup2" && strings.Contains(textOf(mount+"/cgroup.controllers"), "memory"):
			g.limit = "memory.max"
			os.WriteFile(mount+"/cgroup.subtree_control", []byte("+memory"), 0)
		default:
			continue
		}
		for _, parent := range []string{filepath.Join(mount, ownGroup(f[0])), mount} {
			g.dir = filepath.Join(parent, fmt.Sprintf("catena-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
			if why = os.Mkdir(g.dir, 0o755); why == nil && exists(filepath.Join(g.dir, g.limit)) {
				t.Cleanup(func() { g.remove(t) })
				return g
			}
			os.Remove(g.dir)
		}
	}
	if why != nil && !errors.Is(why, unix.EROFS) && !errors.Is(why, unix.EACCES) && !errors.Is(why, unix.EPERM) {
		t.Fatalf("a memory controller, but no group: %v", why)
	}
	skipHere(t, "no memory controller, or none that can be used")
	return nil
}

// ownGroup is the path of this process's group.
func ownGroup(kind string) string {
	for line := range strings.Lines(textOf("/proc/self/cgroup")) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		if strings.Contains(","+controllers+",", ",memory,") && kind == "cgroup" || controllers == "" && kind == "cgroup2" {
			return path
		}
	}
	return "/"
}

// enough is memory for all that these tests start, and not too much for the hogs.
const enough = "64000000"

func (g *group) set(file, value string) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0)
}

func (g *group) processes() []string {
	return strings.Fields(textOf(filepath.Join(g.dir, "cgroup.procs")))
}

// remove ends what is left in the group.
func (g *group) remove(t testing.TB) {
	g.set("memory.oom_control", "0")
	g.set(g.limit, enough)
	eventually(t, "the end of the group", func() bool {
		for _, pid := range g.processes() {
			var n int
			if fmt.Sscan(pid, &n); n > 1 {
				unix.Kill(n, unix.SIGKILL)
			}
		}
		return unix.Rmdir(g.dir) == nil
	})
}

// words are a command that joins the group and becomes a program.
func (g *group) words(program ...string) []string {
	return append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs")}, program...)
}

// hogs are words of a command that has one process after the other take all the memory
// of the group, and counts in dir those that were killed for it.
func (g *group) hogs(dir string) []string {
	return []string{"sh", "-c", `cd "$1"; while :; do sh -c 'echo $$ >"$0" && exec tail /dev/zero' "$0"; echo >>hogs; done`,
		filepath.Join(g.dir, "cgroup.procs"), dir}
}

// A process beside them takes all the memory there is, again and again, and is killed for
// that. While one is on its way out the kernel may take the next best process instead, be
// that the service or its supervisor.
func TestNoMoreMemoryInTheGroup(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	must(g.set(g.limit, "12000000"))
	h := newHome(t, "")
	s := h.start(t, g.words(supervise(), "s")...)
	h.up(t, 1)
	hog := h.start(t, g.hogs(h.top)...)
	hogs := func() int { return strings.Count(textOf(filepath.Join(h.top, "hogs")), "\n") }
	killed := 0
	keep := func() {
		eventually(t, "a supervisor", func() bool {
			if !s.running() {
				if got := s.exit(t); got != "killed by killed" && !strings.Contains(s.said(), "unable to acquire") {
					t.Fatalf("%s, %s", got, s.said())
				}
				killed++
				s = h.start(t, g.words(supervise(), "s")...)
			}
			return s.supervises(t)
		})
	}
	svc := func(letter string) { keep(); h.tool(t, fused, "svc", letter, "s") }
	for range 3 {
		before, starts := hogs(), len(h.starts())
		eventually(t, "the next start", func() bool {
			if len(h.starts()) == starts {
				svc("-k")
			}
			return len(h.starts()) > starts && h.pid() == h.runs()
		}, h.explain)
		eventually(t, "pause", func() bool { svc("-p"); return h.state().paused }, h.explain)
		eventually(t, "the end of the pause", func() bool { svc("-c"); return !h.state().paused }, h.explain)
		eventually(t, "another hog", func() bool { return hogs() > before })
		if !hog.running() {
			t.Error("the hog does not run")
		}
	}
	hog.kill()
	must(g.set(g.limit, enough))
	keep()
	h.runsOnce(t)
	h.obeys(t, s)
	t.Logf("%d supervisors were killed", killed)
	for l := range strings.Lines(s.said()) {
		if !strings.HasPrefix(l, "supervise: ") {
			t.Errorf("it said %q", l)
		}
	}
}

// Where nothing is killed for memory (version 1 can be told so), those who need some get
// an error or wait for it. When there is some again, what was wanted happens, once.
func TestNoMoreMemoryInTheGroupAndNobodyIsKilled(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	if g.limit == "memory.max" {
		skipHere(t, "control groups of version 2 always kill")
	}
	for _, letters := range []string{"u", "d", "o"} {
		h := newHome(t, "")
		s := h.start(t, g.words(supervise(), "s")...)
		h.up(t, 1)
		must(g.set("memory.oom_control", "1"))
		h.svc(t, fused, "k")
		eventually(t, "its death", func() bool { return h.pid() != h.starts()[0] }, h.explain)
		// Until the kernel has nothing left to take away.
		tight := func() {
			var used int
			fmt.Sscan(textOf(filepath.Join(g.dir, "memory.usage_in_bytes")), &used)
			for used += 1 << 16; used > 0 && g.set(g.limit, fmt.Sprint(used)) == nil; used -= 4096 {
			}
		}
		tight()
		before := h.tool(t, fused, "svstat", "s")
		if !strings.HasPrefix(before, "s: ") {
			t.Errorf("svstat: %q", before)
		}
		for _, c := range "pch" + letters {
			h.svc(t, fused, string(c))
			tight()
		}
		under := func() bool {
			return strings.Contains(textOf(filepath.Join(g.dir, "memory.oom_control")), "under_oom 1") || strings.Contains(s.said(), "out of memory")
		}
		eventually(t, "no more memory", func() bool { tight(); return under() || h.pid() != 0 || letters == "d" }, h.explain)
		must(g.set(g.limit, enough)) // first, or the kernel may kill somebody
		must(g.set("memory.oom_control", "0"))
		switch letters {
		case "d":
			h.down(t)
		case "o":
			// It is started once, and that may have failed for lack of memory.
			eventually(t, "the start", func() bool { return h.remembers().starts == 2 }, h.explain)
		default:
			h.runsOnce(t)
		}
		eventually(t, "what is wanted", func() bool { return h.state().want == letters[0] }, h.explain)
		h.svc(t, fused, "dkx")
		if got := s.exit(t); got != "exit 0" || h.state().overlaps != 0 {
			t.Errorf("%s, %s", got, h.explain())
		}
		for l := range strings.Lines(s.said()) {
			if !strings.HasPrefix(l, "supervise: ") {
				t.Errorf("it said %q", l)
			}
		}
	}
}

// The same for svscan and what it has started.
func TestSvscanWithNoMoreMemoryInTheGroup(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		g := newGroup(t)
		y := newYard(t, m)
		var dirs []string
		for i := range 5 {
			x := y.add(fmt.Sprint(i), sleeps, reads)
			dirs = append(dirs, x, x+"/log")
		}
		svscan := y.svscan(g.words(filepath.Join(fused.dir, "svscan"))...)
		before := y.up(dirs...)
		must(g.set(g.limit, "40000000"))
		hog := y.inside(g.hogs(y.top)...)
		must(hog.Start())
		defer hog.Wait()
		defer hog.Process.Kill()
		hogs := func() int { return strings.Count(textOf(filepath.Join(y.top, "hogs")), "\n") }
		for range 3 {
			before := hogs()
			x := y.add(fmt.Sprint("new", before), sleeps)
			dirs = append(dirs, x)
			y.await("another hog", func() bool { return hogs() > before })
			y.up(dirs...)
		}
		y.await("the end of the hogs", func() bool {
			left := 0
			for _, p := range y.tenants() {
				if p.cwd == y.top {
					y.kill(p, unix.SIGKILL)
					left++
				}
			}
			return left == 0
		})
		hog.Process.Kill()
		after := y.up(dirs...)
		for d := range before {
			if m == perService && fmt.Sprint(before[d].supervisors) != fmt.Sprint(after[d].supervisors) {
				t.Errorf("%s: supervisors %v became %v", d, before[d].supervisors, after[d].supervisors)
			}
		}
		must(g.set(g.limit, enough))
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}
