package test

// What becomes of the messages of who supervises when nobody reads them, and that nothing
// else becomes of that.
//
// Not tested in this file: the words of messages; a terminal where there is no /proc, which may
// make a message wait.

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A deaf standard error is an end of something that takes no more. Hear makes its reader
// read on, and returns what has been read so far.
type deaf struct {
	name string
	make func(t testing.TB) (end *os.File, hear func() string)
}

var deafOnes = []deaf{
	{"a full pipe", func(t testing.TB) (*os.File, func() string) {
		r, w, err := os.Pipe()
		must(err)
		return full(t, r, w)
	}},
	{"a full socket", func(t testing.TB) (*os.File, func() string) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(err)
		return full(t, os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w"))
	}},
	{"a terminal after ^S", func(t testing.TB) (*os.File, func() string) {
		near, far := terminal(t)
		near.WriteString("\x13")
		return far, listen(t, near, func() { near.WriteString("\x11") })
	}},
}

// full fills what is between two ends.
func full(t testing.TB, r, w *os.File) (*os.File, func() string) {
	to := int(w.Fd())
	must(unix.SetNonblock(to, true))
	for size := 4096; size > 0; {
		if _, err := unix.Write(to, bytes.Repeat([]byte{'.'}, size)); err != nil {
			size /= 2
		}
	}
	must(unix.SetNonblock(to, false))
	return w, listen(t, r, func() {})
}

// listen returns a function that begins to read, once begin has been called, and returns
// what has been read so far, but for what full has written.
func listen(t testing.TB, r *os.File, begin func()) func() string {
	var all strings.Builder
	begun := false
	from := int(r.Fd()) // once: it makes reads wait
	must(unix.SetNonblock(from, true))
	t.Cleanup(func() { r.Close() })
	return func() string {
		if !begun {
			begin()
			begun = true
		}
		for {
			var b [65536]byte
			n, err := unix.Read(from, b[:])
			if err != nil || n <= 0 {
				return strings.ReplaceAll(strings.TrimLeft(all.String(), "."), "\r", "")
			}
			all.Write(b[:n])
		}
	}
}

// lostLine is how a line begins before which others could not be written.
var lostLine = regexp.MustCompile(`(?m)^supervise: warning: [0-9]+ messages could not be written$`)

// says waits until there are messages again, with how many were lost, and wants all of
// them to be whole.
func saysWhatWasLost(t testing.TB, hear func() string, lines ...string) {
	t.Helper()
	eventually(t, "messages", func() bool { return lostLine.MatchString(hear()) && strings.Contains(hear(), lines[0]) }, hear)
	text := hear()
	for line := range strings.Lines(text[:strings.LastIndexByte(text, '\n')+1]) {
		ours := lostLine.MatchString(line)
		for _, l := range lines {
			ours = ours || line == l
		}
		if !ours {
			t.Errorf("among the messages: %q", line)
		}
	}
}

const nowhere = "#!/nowhere\n"

func TestSvscanGoesOnWhenNobodyReadsItsMessages(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, d := range deafOnes {
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				y.add("bad", nowhere)
				x := y.add("x", sleeps, reads)
				end, hear := d.make(t)
				svscan := y.svscanTo(end)
				y.up(x, x+"/log")
				y.add("worse", nowhere)
				later := y.add("later", sleeps)
				y.up(later)
				before := y.up(x)[x].others[0]
				y.do("svc", "-k", x)
				y.await("another start", func() bool { return y.up(x)[x].others[0] != before })
				saysWhatWasLost(t, hear, "supervise: fatal: unable to start bad/run: file does not exist (its interpreter /nowhere)\n",
					"supervise: fatal: unable to start worse/run: file does not exist (its interpreter /nowhere)\n")
				y.stop(svscan)
				if left := y.tenants(); left != nil {
					t.Errorf("left running:\n%s", y.list())
				}
			})
		}
	})
}

// svscan stops although nobody reads.
func TestSvscanStopsWhenNobodyReadsItsMessages(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		y.add("bad", nowhere)
		x := y.add("x", sleeps, reads)
		end, _ := deafOnes[0].make(t)
		svscan := y.svscanTo(end)
		y.up(x, x+"/log")
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}

func TestSuperviseGoesOnWhenNobodyReadsItsMessages(t *testing.T) {
	for _, d := range deafOnes {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			good := textOf(h.file("run"))
			h.run(nowhere)
			end, hear := d.make(t)
			s := h.prepare(t, filepath.Join(fused.dir, "supervise"), "s")
			s.Stderr = end
			must(s.Start())
			go func() { s.Wait(); close(s.ended) }()
			t.Cleanup(s.kill)
			eventually(t, "a supervisor", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" })
			time.Sleep(1200 * time.Millisecond) // two starts
			h.run(good)
			h.up(t, 1)
			h.run(nowhere)
			h.svc(t, fused, "k")
			saysWhatWasLost(t, hear, "supervise: fatal: unable to start s/run: file does not exist (its interpreter /nowhere)\n")
			h.run(good)
			h.up(t, 2)
			if flags, err := unix.FcntlInt(end.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("flags of the shared file: %#x, %v", flags, err)
			}
			h.svc(t, fused, "dx")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
		})
	}
}
