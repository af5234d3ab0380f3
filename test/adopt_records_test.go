package test

// Records of a process that the next supervisor finds in the lock file, and that are not of
// that process any more, or of none.
//
// Not tested in this file: a clock that is set back (supervise_clock_test.go; labels
// from the future are tested here); a machine that boots (another boot's record is
// forged).

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A record whose pid belongs to another process by now is of a process that is
// gone.
func TestPidOfAnotherProcessIsNotTakenOver(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		name  string
		older bool // the innocent is older than the record: a pid of another PID namespace
	}{{"younger", false}, {"older", true}} {
		crowd.run(t, c.name, func(t *testing.T) {
			var innocent *home
			var process *supervisor
			if c.older {
				innocent, process = newInnocent(t)
				time.Sleep(50 * time.Millisecond) // start times are in hundredths of a second
			}
			h := newHome(t, "")
			h.leaves(t, true, func(record []byte) {
				if !c.older {
					time.Sleep(50 * time.Millisecond)
					innocent, process = newInnocent(t)
				}
				binary.LittleEndian.PutUint32(record[recordPID:], uint32(process.Process.Pid))
			})
			s := h.adopted(t, fused)
			for _, c := range "htipcak12" {
				h.svc(t, fused, string(c))
			}
			eventually(t, "a start of its own", func() bool { return len(h.starts()) >= 2 })
			if !process.running() || innocent.state().signals != "" {
				t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
			}
			must(s.Process.Signal(unix.SIGTERM))
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
			if !process.running() || innocent.state().signals != "" {
				t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
			}
		})
	}
}

// A thread of another process has the pid by now.
func TestPidOfAThreadIsNotTakenOver(t *testing.T) {
	t.Parallel()
	threads, err := os.ReadDir("/proc/self/task")
	must(err)
	thread, err := strconv.Atoi(threads[len(threads)-1].Name())
	must(err)
	if thread == os.Getpid() {
		t.Fatal("this program has one thread")
	}
	h := newHome(t, "")
	h.leaves(t, true, func(record []byte) {
		binary.LittleEndian.PutUint32(record[recordPID:], uint32(thread))
	})
	s := h.adopted(t, fused)
	h.up(t, 2)
	h.obeys(t, s)
}

// A container's supervise leaves a record with a pid of its PID namespace.
func TestPidOfAnotherNamespaceIsNotTakenOver(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needOld(t)
	h := newHome(t, "")
	ns := h.start(t, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `"$1" s & wait`, "sh", filepath.Join(fused.dir, "supervise"))
	eventually(t, "the service", func() bool { return len(h.starts()) == 1 && h.pid() == h.starts()[0] })
	inside := h.starts()[0]
	ns.kill()
	eventually(t, "its end", func() bool { return h.unlocked() })
	s := h.adopted(t, fused)
	// Some process of this namespace may have that pid.
	eventually(t, "a start of its own", func() bool { return len(h.starts()) == 2 || h.pid() == inside })
	if got := h.tool(t, old, "svstat", "s"); h.pid() == inside {
		s.kill()
		t.Fatalf("it has taken over a process of another namespace: %s", got)
	}
	h.runsOnce(t)
	h.obeys(t, s)
}

// Rubbish in the lock file is not a record.
func TestRubbishIsNoRecord(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	innocent, process := newInnocent(t)
	random := rand.New(rand.NewPCG(5, 5))
	forgeries := map[string]func([]byte) []byte{
		"empty":         func(r []byte) []byte { return nil },
		"truncated":     func(r []byte) []byte { return r[:40] },
		"short by one":  func(r []byte) []byte { return r[:recordEnd-1] },
		"zeros":         func(r []byte) []byte { return make([]byte, len(r)) },
		"ones":          func(r []byte) []byte { return bytes.Repeat([]byte{0xff}, len(r)) },
		"too long":      func(r []byte) []byte { return append(r, make([]byte, 100000)...) },
		"another boot":  func(r []byte) []byte { r[recordBoot] ^= 1; return r },
		"no boot":       func(r []byte) []byte { clear(r[recordBoot:recordEnd]); return r },
		"another magic": func(r []byte) []byte { r[7]++; return r },
		"pid 0":         func(r []byte) []byte { binary.LittleEndian.PutUint32(r[recordPID:], 0); return r },
		"pid -1":        func(r []byte) []byte { binary.LittleEndian.PutUint32(r[recordPID:], 1<<32-1); return r },
		"pid 2^31":      func(r []byte) []byte { binary.LittleEndian.PutUint32(r[recordPID:], 1<<31); return r },
		"long ago":      func(r []byte) []byte { binary.LittleEndian.PutUint64(r[recordTime:], 1); return r },
		"cut behind the pid": func(r []byte) []byte {
			binary.LittleEndian.PutUint64(r[recordTime:], 1<<62)
			return r[:recordLabel]
		},
		"before boot": func(r []byte) []byte { binary.LittleEndian.PutUint64(r[recordTime:], 1<<63); return r },
	}
	for i := range 20 {
		forgeries[fmt.Sprint("random ", i)] = func(r []byte) []byte {
			for i := range r {
				r[i] = byte(random.Uint32())
			}
			return r
		}
	}
	for name, forge := range forgeries {
		text := []byte{}
		h := newHome(t, "")
		h.leaves(t, true, func(record []byte) {
			binary.LittleEndian.PutUint32(record[recordPID:], uint32(process.Process.Pid))
			binary.LittleEndian.PutUint64(record[recordTime:], 1) // the innocent is younger
			text = forge(append(text, record...))
		})
		must(os.WriteFile(h.file("supervise/lock"), text, 0o600))
		crowd.run(t, name, func(t *testing.T) {
			s := h.adopted(t, fused)
			h.up(t, 2)
			h.runsOnce(t)
			if b := h.bytes("supervise/lock"); !bytes.HasPrefix(b, []byte("catena")) {
				t.Errorf("no record afterwards: % x", b)
			}
			h.obeys(t, s)
		})
	}
	crowd.Wait()
	if !process.running() || innocent.state().signals != "" {
		t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
	}
}

// A record from far in the future, as a clock that is set back leaves it in the
// label, delays nothing.
func TestLabelOfTheFutureIsKept(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	future := uint64(1)<<62 + 10 + uint64(time.Now().Unix()) + 86400
	h.leaves(t, false, func(record []byte) { binary.BigEndian.PutUint64(record[recordLabel:], future) })
	s := h.adopted(t, fused)
	if got := h.tool(t, fused, "svstat", "s"); got != fmt.Sprintf("s: up (pid %d) 0 seconds\nexit 0", h.starts()[0]) {
		t.Errorf("svstat: %s", got)
	}
	if binary.BigEndian.Uint64(h.status()) != future {
		t.Errorf("status % x", h.status())
	}
	h.svc(t, fused, "t")
	h.up(t, 2)
	h.obeys(t, s)
}

// A record from the future, as that of another time namespace may be, delays nothing
// either.
func TestRecordOfTheFutureDelaysNothing(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, ahead := range []uint64{1e12, 1 << 60} {
		crowd.run(t, fmt.Sprint(ahead, " ns ahead"), func(t *testing.T) {
			h := newHome(t, "")
			h.leaves(t, true, func(record []byte) {
				binary.LittleEndian.PutUint64(record[recordTime:], uint64(sinceBoot())+ahead)
			})
			s := h.adopted(t, fused)
			h.up(t, 2)
			h.obeys(t, s)
		})
	}
}

// A supervisor that finds no folder, and makes it, may not be the first in it all the
// same: it takes over what another one has left before it had the lock.
func TestFolderIsNotFreshAnyMore(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "strace")
	for _, p := range []path{fused, old} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if p.name == old.name {
				needOld(t)
			}
			h := newHome(t, "")
			slow := h.start(t, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mkdirat",
				"-e", "inject=mkdirat:signal=STOP:when=1", filepath.Join(fused.dir, "supervise"), "s")
			eventually(t, "the folder", func() bool { return h.exists("supervise") })
			first := h.supervise(t, p)
			h.up(t, 1)
			first.kill()
			must(unix.Kill(childOf(t, slow.Process.Pid), unix.SIGCONT))
			eventually(t, "the slow one", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
			if got := h.state(); got.starts != 1 || got.overlaps != 0 {
				t.Errorf("%v", got)
			}
			h.obeys(t, slow)
		})
	}
}
