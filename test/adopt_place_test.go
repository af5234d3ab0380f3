package test

// What the records in a lock file belong to: the file itself, a boot of the machine, a PID
// namespace. Where one of these is another, nothing of an earlier life counts.
//
// Not tested in this file: records that are rubbish (adopt_records_test.go,
// supervise_rubbish_test.go); a lock file that is not a supervisor's own
// (supervise_forged_test.go); a machine that really boots.

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// copied is a home whose service directory is a copy, made by a command that gets both.
func (h *home) copied(t testing.TB, command string) *home {
	t.Helper()
	c := &home{top: newArena(fused).here}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(c.top)) })
	cmd := exec.Command("sh", "-euc", command, "sh", h.service(), c.service())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	for _, name := range []string{"log", "only", "finished"} {
		os.Remove(c.file(name))
	}
	alive, err := os.OpenFile(c.file("alive"), os.O_RDWR, 0)
	must(err)
	c.alive = alive
	t.Cleanup(func() { c.end(t) })
	return c
}

var copies = []struct{ program, command string }{
	{"cp", `cp -a "$1" "$2"`},
	{"cp", `cp -R "$1" "$2"`},
	{"tar", `mkdir "$2"; tar -C "$1" -cf - . | tar -C "$2" -xpf -`},
	{"rsync", `rsync -a "$1/" "$2"`},
}

// A copy has a life of its own, whatever runs of the original.
func TestCopyOfARunningServiceHasALifeOfItsOwn(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range copies {
		for _, killed := range []bool{false, true} {
			for _, before := range []bool{false, true} {
				for _, mode := range []string{"supervise", "svscan -1"} {
					if before && (!killed || mode != "supervise") {
						continue
					}
					crowd.run(t, fmt.Sprintf("%s, killed %v, an older version's %v, %s", c.command, killed, before, mode), func(t *testing.T) {
						if _, err := exec.LookPath(c.program); err != nil {
							t.Skip(c.program + " is not installed")
						}
						h := newHome(t, "deaf")
						s := h.supervise(t, fused)
						h.up(t, 1)
						h.svc(t, fused, "d")
						h.reaches(t, serviceState{up: true, want: 'd', starts: 1, signals: " 15 18"})
						if killed {
							s.kill()
						}
						if before {
							h.asBefore(t)
							time.Sleep(20 * time.Millisecond) // or the time of the copy is that of the original
						}
						c := h.copied(t, c.command)
						c.finishes()
						var other *supervisor
						if mode == "supervise" {
							other = c.supervise(t, fused)
						} else {
							other = c.start(t, filepath.Join(fused.dir, "svscan"), "-1", ".")
						}
						c.up(t, 1)
						if got := c.state(); got.want != 'u' || c.exists("finished") {
							t.Errorf("the copy is %s; finished: %q", got, c.bytes("finished"))
						}
						c.svc(t, fused, "k")
						c.up(t, 2)
						must(other.Process.Signal(unix.SIGTERM))
						eventually(t, "TERM", func() bool { return strings.Contains(c.state().signals, "15") })
						c.svc(t, fused, "k")
						other.exit(t)
						if h.runs() == 0 || h.state().signals != " 15 18" {
							t.Errorf("the original got%s, and runs: %v", h.state().signals, h.runs() != 0)
						}
						if killed {
							s = h.adopted(t, fused)
						}
						if got := h.state(); got.starts != 1 || !got.up {
							t.Error(got)
						}
					})
				}
			}
		}
	}
}

// The supervisor of a version that knew of no places was killed: its service is taken over,
// and so is a service whose lock has been restored in place.
func TestLockWithoutAPlaceIsOfTheProcessThatRunsHere(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for name, change := range map[string]func(h *home){
		"an older version's": func(h *home) { h.asBefore(t) },
		"an older version's, that was down": func(h *home) {
			h.asBefore(t)
		},
		"restored": func(h *home) {
			must(os.Rename(h.file("supervise/lock"), h.file("was")))
			cmd := exec.Command("cp", "-a", h.file("was"), h.file("supervise/lock"))
			must(cmd.Run())
		},
	} {
		crowd.run(t, name, func(t *testing.T) {
			h := newHome(t, "")
			s := h.supervise(t, fused)
			h.up(t, 1)
			down := strings.HasSuffix(name, "down")
			if down {
				h.svc(t, fused, "d")
				h.down(t)
				eventually(t, "down", func() bool { return !h.recorded() })
			}
			s.kill()
			change(h)
			for range 2 {
				s = h.adopted(t, fused)
				if got := h.state(); got.starts != 1 || got.up == down || down != (got.want == 'd') {
					t.Fatal(got)
				}
				if b := h.bytes("supervise/lock"); len(b) < placeStart+64 || string(b[placeStart:placeStart+8]) != "place  1" {
					t.Errorf("no place: % x", b)
				}
				s.kill()
			}
		})
	}
}

// A container is started again on the same directory, or the machine is: there is a fresh
// start, for which down decides, and finish does not run.
func TestNothingOfAnEarlierLifeCounts(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	const withProc, without = `mount -t proc proc /proc`, `mount -t tmpfs none /proc`
	for _, wanted := range []string{"u", "d"} {
		for _, service := range []string{"ran", "was down"} {
			for _, c := range []struct{ name, first, second string }{
				{"container", withProc, withProc},
				{"container without /proc", without, without},
				{"container with another's /proc", "true", "true"},
				{"container, first without /proc", without, withProc},
				{"boot", "", ""},
			} {
				crowd.run(t, fmt.Sprint(c.name, ", it ", service, ", and is wanted ", wanted), func(t *testing.T) {
					if strings.Contains(c.name, "/proc") && !pidfdsHaveInodes(t) {
						t.Skip("Linux before 6.9")
					}
					h := newHome(t, "")
					h.finishes()
					box := func(prepare string) *supervisor {
						if prepare == "" { // each time another boot id
							id := h.file("boot_id")
							must(os.WriteFile(id, fmt.Appendf(nil, "%08x-0000-4000-8000-000000000000\n", time.Now().UnixNano()&0xffffffff), 0o444))
							return h.start(t, "unshare", "--mount", "sh", "-c",
								`mount --bind "$2" /proc/sys/kernel/random/boot_id && exec "$1" s`, "sh", filepath.Join(fused.dir, "supervise"), id)
						}
						return h.start(t, "unshare", "--pid", "--mount", "--fork", "--kill-child", "sh", "-c",
							prepare+` && "$1" s & wait`, "sh", filepath.Join(fused.dir, "supervise"))
					}
					s := box(c.first)
					h.beginning(t, 1)
					if service == "was down" {
						h.svc(t, fused, "d")
						eventually(t, "its end", h.unlocked)
						eventually(t, "finish", func() bool { return h.exists("finished") })
						eventually(t, "down", func() bool { return !h.recorded() })
						must(os.Remove(h.file("finished")))
					}
					if c.first == "" && service == "ran" {
						pid := h.pid()
						s.kill()
						unix.Kill(pid, unix.SIGKILL)
					} else {
						s.kill()
					}
					eventually(t, "its end", h.unlocked)
					h.unsupervised(t)
					status := h.status()
					status[17] = wanted[0]
					must(os.WriteFile(h.file("supervise/status"), status, 0o644))
					if wanted == "u" {
						must(os.WriteFile(h.file("down"), nil, 0o644))
					}
					box(c.second)
					eventually(t, "a supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
					if wanted == "u" {
						if got := h.tool(t, fused, "svstat", "s"); !strings.HasPrefix(got, "s: down ") || h.state().want != 'd' {
							t.Errorf("%s%s", got, h.state())
						}
					} else {
						h.beginning(t, 2)
					}
					if h.exists("finished") {
						t.Errorf("finish was told %q", h.bytes("finished"))
					}
				})
			}
		}
	}
}

// beginning waits until the service has been started n times, whatever its pid is here.
func (h *home) beginning(t testing.TB, n int) {
	t.Helper()
	eventually(t, fmt.Sprint("start ", n), func() bool { return len(h.starts()) == n && h.pid() != 0 }, h.explain)
}

// A pid came back within a hundredth of a second: all that differs is the inode.
func TestPidThatCameBackWithinATickIsNotTakenOver(t *testing.T) {
	t.Parallel()
	if !pidfdsHaveInodes(t) {
		t.Skip("Linux before 6.9")
	}
	innocent, process := newInnocent(t)
	h := newHome(t, "")
	h.leaves(t, true, func(record []byte) {
		binary.LittleEndian.PutUint32(record[recordPID:], uint32(process.Process.Pid))
		binary.LittleEndian.PutUint64(record[recordTime:], uint64(sinceBoot()))
		ticks := newStranger(process.Process.Pid).started / 1e7
		for i := range recordEnd - recordStart {
			record[recordStart+i] = byte(ticks >> (8 * i))
		}
		if binary.LittleEndian.Uint64(record[recordInode:]) == 0 {
			t.Error("there is no inode on record")
		}
	})
	s := h.adopted(t, fused)
	h.up(t, 2)
	h.obeys(t, s)
	if !process.running() || innocent.state().signals != "" {
		t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
	}
}

// A service directory that is removed and made again while its folder is elsewhere: what
// svstat shows is not what its supervisor, which cannot write there any more, has shown.
func TestStatusThatCannotBeReplacedIsNotBelieved(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	elsewhere := filepath.Join(h.top, "elsewhere")
	must(os.Mkdir(elsewhere, 0o755))
	must(os.Symlink("../elsewhere", h.file("supervise")))
	must(os.Rename(h.service(), filepath.Join(h.top, "was")))
	s := h.start(t, filepath.Join(fused.dir, "supervise"), "was")
	status := func() int {
		b := []byte(textOf(filepath.Join(elsewhere, "status")))
		if len(b) != 18 {
			return 0
		}
		return int(binary.LittleEndian.Uint32(b[12:]))
	}
	eventually(t, "the service", func() bool { return status() != 0 })
	first := status()
	must(os.Mkdir(h.service(), 0o755))
	must(os.Symlink("../elsewhere", h.file("supervise")))
	must(os.Symlink("../was/run", h.file("run")))
	must(os.Remove(filepath.Join(h.top, "was/supervise")))
	show := func() string { return h.tool(t, fused, "svstat", "s") }
	if got := show(); !strings.HasPrefix(got, fmt.Sprintf("s: up (pid %d) ", first)) {
		t.Errorf("svstat: %s", got)
	}
	must(unix.Kill(first, unix.SIGKILL))
	eventually(t, "the next one", func() bool {
		got := show()
		return strings.HasPrefix(got, "s: up (pid ") && !strings.Contains(got, fmt.Sprintf("(pid %d)", first))
	}, show)
	if status() != first {
		t.Error("the status could be written")
	}
	h.svc(t, fused, "d")
	eventually(t, "down", func() bool { return strings.HasPrefix(show(), "s: down ") }, show)
	h.svc(t, fused, "x")
	s.exit(t)
}

// On an overlay the lock of a lower layer is copied up when it is opened: its records are of
// another life, and then it is the same file for everybody.
func TestLockOnAnOverlay(t *testing.T) {
	t.Parallel()
	needRoot(t)
	lower := newHome(t, "")
	s := lower.supervise(t, fused)
	lower.up(t, 1)
	lower.svc(t, fused, "d")
	lower.down(t)
	s.kill()
	lower.unsupervised(t)
	must(os.Remove(lower.file("log")))
	must(os.Remove(lower.file("only")))
	h := &home{top: newArena(fused).here}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(h.top)) })
	layers := filepath.Join(h.top, "layers")
	must(os.Mkdir(layers, 0o755))
	if err := unix.Mount("none", layers, "tmpfs", 0, ""); err != nil {
		t.Skip("no file system can be mounted here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(layers, unix.MNT_DETACH) })
	for _, dir := range []string{layers + "/upper", layers + "/work", h.service()} {
		must(os.Mkdir(dir, 0o755))
	}
	if err := unix.Mount("none", h.service(), "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower.service(), layers, layers)); err != nil {
		t.Skip("no overlay can be mounted here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(h.service(), unix.MNT_DETACH) })
	alive, err := os.OpenFile(h.file("alive"), os.O_RDWR, 0)
	must(err)
	h.alive = alive
	t.Cleanup(func() { h.end(t) })
	h.supervise(t, fused).kill() // somewhere on its way
	s = h.adopted(t, fused)
	h.up(t, 1)
	for range 3 {
		s.kill()
		s = h.adopted(t, fused)
	}
	if got := h.state(); got.starts != 1 || got.overlaps != 0 {
		t.Error(got)
	}
	h.obeys(t, s)
	if n := len(slices.Compact(h.starts())); n != 1 {
		t.Errorf("%d starts", n)
	}
}
