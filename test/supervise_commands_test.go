package test

// Commands to a supervisor: what ours does otherwise than 0.76, and floods of them.
//
// Not tested in this file: that commands do what they do in 0.76
// (supervise_interop_test.go), what svc prints when it is called wrongly (the scripts
// svc_*), and how fast anything is.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The label of the status is of the last start or the last death.
func TestOnlyStartsAndDeathsMoveTheLabel(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.supervise(t, fused)
	h.up(t, 1)
	label := func() string { return fmt.Sprintf("%x", h.status()[:12]) }
	first := label()
	for i, c := range "pcahio" {
		h.svc(t, fused, string(c))
		if c == 'o' {
			eventually(t, "o", func() bool { return h.status()[17] == 0 })
		}
		if label() != first {
			t.Errorf("command %d moved the label", i)
		}
	}
	h.svc(t, fused, "d")
	h.down(t)
	if label() <= first {
		t.Errorf("the death at %s is no later than the start at %s", label(), first)
	}
}

// TERM stops the service and then the supervisor. 0.76 dies and leaves it alone.
func TestTermStopsTheServiceAndExits(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []string{"up", "paused", "down", "deaf"} {
		crowd.run(t, c, func(t *testing.T) {
			words := ""
			if c == "deaf" {
				words = c
			}
			h := newHome(t, words)
			if c == "down" {
				must(os.WriteFile(h.file("down"), nil, 0o644))
			}
			s := h.supervise(t, fused)
			switch c {
			case "down":
				h.down(t)
			case "paused":
				h.up(t, 1)
				h.svc(t, fused, "p")
				eventually(t, "pause", func() bool { return h.status()[16] == 1 })
			default:
				h.up(t, 1)
			}
			must(s.Process.Signal(unix.SIGTERM))
			if c == "deaf" {
				eventually(t, "TERM and CONT", func() bool { return h.state().signals == " 15 18" })
				h.svc(t, fused, "h")
				eventually(t, "HUP", func() bool { return h.state().signals == " 15 18 1" })
				h.svc(t, fused, "k")
			}
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
			if got := h.state(); got.up || got.want != 'd' || got.starts > 1 {
				t.Error(got)
			}
			if s.said() != "" {
				t.Error(s.said())
			}
		})
	}
}

// While its run is broken, a supervisor does what it is told.
func TestBrokenRunLeavesCommandsAlone(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.run("#!/nonexistent/interpreter\n")
	s := h.supervise(t, fused)
	eventually(t, "a message", func() bool { return s.said() != "" })
	h.svc(t, fused, "d")
	eventually(t, "want down", func() bool { return h.state().want == 'd' && h.pid() == 0 })
	said := s.said()
	time.Sleep(1500 * time.Millisecond)
	if s.said() != said {
		t.Error("it was started though it is wanted down")
	}
	h.svc(t, fused, "x")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
}

// A million bytes on the control FIFO, rubbish or commands, end in the state that
// the last ones ask for.
func TestFloodOfCommands(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []string{"rubbish", "commands"} {
		crowd.run(t, c, func(t *testing.T) {
			h := newHome(t, "mute")
			s := h.supervise(t, fused)
			h.up(t, 1)
			random := rand.New(rand.NewPCG(2, 3))
			flood := make([]byte, 1e6)
			for i := range flood {
				flood[i] = byte(random.Uint32())
				if c == "commands" {
					flood[i] = "pcahiduo"[flood[i]%8]
				} else if strings.IndexByte("udopcahitkxq12w", flood[i]) >= 0 {
					flood[i] = 0
				}
			}
			control := h.control(t)
			_, err := control.Write(append(flood, "cu"...))
			must(err)
			eventually(t, "the end of the flood", func() bool { return unread(control) == 0 })
			eventually(t, "want up", func() bool { return string(h.status()[16:]) == "\x00u" })
			if got := h.state(); got.starts != 1 || got.overlaps != 0 || !s.running() {
				t.Errorf("%s starts, %s", got, s.said())
			}
			h.svc(t, fused, "dkx")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
		})
	}
}

// Every letter that there is, but for + and =, which change whom the signals are for.
const letters = "udoxpchaitkq12w"

var floodSize = flag.Int("flood", 1_000_000, "bytes that writers together put into a control FIFO")

// Several write at once, in pieces of any size. Afterwards there is what the last command
// wants, once, and the supervisor is what it was before.
func TestFloodOfManyWriters(t *testing.T) {
	t.Parallel()
	busy(t)
	seed := seedOf(t)
	crowd := newCrowd()
	defer crowd.Wait()
	noExit := strings.ReplaceAll(letters, "x", "")
	for i, c := range []struct {
		last, letters string
		size          int
	}{{"cu", noExit, *floodSize}, {"ckd", noExit, *floodSize}, {"=cu", noExit + "+=", *floodSize / 20}} {
		last, group := c.last, strings.Contains(c.letters, "+")
		crowd.run(t, "at last "+last, func(t *testing.T) {
			h := newHome(t, "mute")
			if group {
				h.run("#!/bin/sh\nexec " + filepath.Join(fused.dir, "pgrphack") + " " + tally() + " mute\n")
			}
			s := h.supervise(t, fused)
			h.up(t, 1)
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			h.flood(t, random, 30_000, c.letters)
			h.after(t, last)
			// A page that something new has touched, a message or a deeper call, is one for
			// ever. What grows is more with every flood.
			for before, floods := footprint(s.Process.Pid), 1; ; floods++ {
				h.flood(t, random, c.size, c.letters)
				h.after(t, last)
				after := footprint(s.Process.Pid)
				if after == before {
					break
				}
				if floods == 4 {
					t.Errorf("it was\n%s\nand is\n%s", before, after)
					break
				}
				before = after
			}
			h.svc(t, fused, "dkx")
			said := s.said()
			if group { // it has none until pgrphack has run
				said = strings.ReplaceAll(said, "supervise: warning: s has no process group of its own\n", "")
			}
			if got := s.exit(t); got != "exit 0" || said != "" || h.state().overlaps != 0 {
				t.Error(got, said, h.explain())
			}
		})
	}
}

// With x among the letters every supervisor soon ends, as svscan would start the next.
func TestFloodThatEndsSupervisors(t *testing.T) {
	t.Parallel()
	busy(t)
	h := newHome(t, "mute")
	var stop atomic.Bool
	defer stop.Store(true)
	var ends, said string
	ended := make(chan int, 1)
	go func() {
		n := 0
		for ; !stop.Load(); n++ {
			s := h.supervise(t, fused)
			<-s.ended
			ends, said = ends+ending(s.ProcessState)+" ", said+s.said()
		}
		ended <- n
	}()
	eventually(t, "a FIFO", func() bool { return h.exists("supervise/control") })
	h.flood(t, rand.New(rand.NewPCG(seedOf(t), 0)), *floodSize/8, letters)
	h.after(t, "cu")
	stop.Store(true)
	h.svc(t, fused, "dkx")
	if n := <-ended; n < 10 || strings.ReplaceAll(ends, "exit 0 ", "") != "" || said != "" || h.state().overlaps != 0 {
		t.Error(n, ends, said, h.explain())
	}
}

// flood has four writers put that many letters into the control FIFO, and other bytes
// among them, and waits until they have been read.
func (h *home) flood(t testing.TB, random *rand.Rand, size int, letters string) {
	t.Helper()
	// For reading as well: there may be no supervisor for a moment.
	control, err := os.OpenFile(h.file("supervise/control"), os.O_RDWR, 0)
	must(err)
	defer control.Close()
	const writers = 4
	var wait sync.WaitGroup
	for range writers {
		random := rand.New(rand.NewPCG(random.Uint64(), 0))
		wait.Go(func() {
			for left := size / writers; left > 0; {
				piece := make([]byte, min(left, 1+random.IntN(1<<random.IntN(17))))
				for i := range piece {
					if piece[i] = letters[random.IntN(len(letters))]; random.IntN(16) == 0 {
						piece[i] = byte(random.Uint32())
					}
					if strings.IndexByte("x+", piece[i]) >= 0 && strings.IndexByte(letters, piece[i]) < 0 {
						piece[i] = 0
					}
				}
				_, err := control.Write(piece)
				must(err)
				left -= len(piece)
			}
		})
	}
	wait.Wait()
	eventually(t, "the end of the flood", func() bool { return unread(control) == 0 })
}

// after writes the last letters and waits until the processes and the files are as the
// very last one wants it.
func (h *home) after(t testing.TB, last string) {
	t.Helper()
	h.control(t).WriteString(last)
	wanted, end := 0, last[len(last)-1]
	if end == 'u' {
		wanted = 1
	}
	// All at the same time: a process may have been killed that has yet to die.
	eventually(t, "what "+last+" wants", func() bool {
		b, running := h.status(), h.processes()
		pid, _, finish := h.record()
		if len(b) != 18 || b[17] != end || b[16] != 0 || len(running) != wanted || (wanted == 0) != (h.pid() == 0) {
			return false
		}
		if wanted == 1 && (pid != h.pid() || finish || running[0] != pid) {
			return false
		}
		return strings.HasPrefix(h.tool(t, fused, "svstat", "s"), map[int]string{0: "s: down ", 1: "s: up (pid "}[wanted])
	}, func() string {
		pid, _, finish := h.record()
		return fmt.Sprintf("record of %d, finish %v, and %v run; svstat: %s%s", pid, finish, h.processes(), h.tool(t, fused, "svstat", "s"), h.explain())
	})
}

// footprint is what a process has: memory of its own, to the page, and descriptors.
func footprint(pid int) string {
	text := textOf(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	_, memory, _ := strings.Cut(text, "\nAnonymous:")
	memory, _, _ = strings.Cut(memory, "\n")
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(err)
	list := "memory " + strings.TrimSpace(memory)
	for _, f := range files {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name()))
		list += "\n" + f.Name() + " " + to
	}
	return list
}
