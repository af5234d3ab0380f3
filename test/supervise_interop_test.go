package test

// supervise, svc, svstat and svscan of either kind work with those of the other, and do the
// same.
//
// Not tested in this file: what ours does otherwise than 0.76 (supervise_commands_test.go
// and the rest), signals that come with a start.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A model is what 0.76 does when it is given the time to do it. Both supervisors
// are compared with it, and by it with each other.
type model struct {
	serviceState
	pending map[int]bool // signals of a process that is paused
	exit    bool
	gone    bool
	deaf    bool
}

func newModel(deaf, down bool) *model {
	m := &model{deaf: deaf, pending: map[int]bool{}}
	m.want = 'u'
	if down {
		m.want = 'd'
		return m
	}
	m.start()
	return m
}

func (m *model) start() { m.up, m.paused, m.starts = true, false, m.starts+1 }

func (m *model) die() {
	m.up, m.paused = false, false
	clear(m.pending)
	switch {
	case m.exit:
		m.gone = true
	case m.want == 'u':
		m.start()
	}
}

func (m *model) signal(signal unix.Signal) {
	if !m.up {
		return
	}
	if signal == unix.SIGKILL {
		m.die()
		return
	}
	m.pending[int(signal)] = true
	if m.paused && signal != unix.SIGCONT {
		return
	}
	var order []int
	for s := range m.pending {
		order = append(order, s)
	}
	slices.Sort(order)
	for _, s := range order {
		m.signals += fmt.Sprint(" ", s)
		if s == int(unix.SIGTERM) && !m.deaf {
			m.die()
			return
		}
	}
	clear(m.pending)
}

var plainSignals = map[byte]unix.Signal{'a': unix.SIGALRM, 'h': unix.SIGHUP, 'i': unix.SIGINT, 't': unix.SIGTERM, 'k': unix.SIGKILL}

func (m *model) command(c byte) {
	if m.gone {
		return
	}
	switch c {
	case 'u':
		if m.want = 'u'; !m.up {
			m.start()
		}
	case 'o':
		if m.want = 'o'; !m.up {
			m.start()
		}
	case 'd':
		m.want = 'd'
		before := m.starts
		m.signal(unix.SIGTERM)
		if m.up && m.starts == before {
			m.signal(unix.SIGCONT)
			m.paused = false
		}
	case 'x':
		if m.exit = true; !m.up {
			m.gone = true
		}
	case 'p':
		m.paused = m.up
	case 'c':
		m.signal(unix.SIGCONT)
		m.paused = false
	default:
		m.signal(plainSignals[c])
	}
}

func TestCommandsOneByOneDoWhatTheyDoIn076(t *testing.T) {
	needOld(t)
	c := newCrowd()
	defer c.Wait()
	for _, pair := range [][2]path{{fused, fused}, {fused, plain}, {fused, old}, {separate, old}, {old, fused}, {old, plain}, {old, old}} {
		for seed := range uint64(3) {
			keeper, driver := pair[0], pair[1]
			c.run(t, fmt.Sprintf("%s driven by %s, seed %d", keeper.name, driver.name, seed), func(t *testing.T) {
				oneByOne(t, seed, keeper, driver)
			})
		}
	}
}

// oneByOne waits after each command until all has come of it that should, because
// 0.76 is deaf for a second after each start.
func oneByOne(t *testing.T, seed uint64, keeper, driver path) {
	random := rand.New(rand.NewPCG(seed, 76))
	deaf, down := random.IntN(3) == 0, random.IntN(3) == 0
	words := "obedient"
	if deaf {
		words = "deaf"
	}
	h := newHome(t, words)
	if down {
		must(os.WriteFile(h.file("down"), nil, 0o644))
	}
	m := newModel(deaf, down)
	s := h.supervise(t, keeper)
	h.reaches(t, m.serviceState)
	eventually(t, "svok", func() bool { return h.tool(t, driver, "svok", "s") == "exit 0" })
	for range 14 {
		c := "udopcdpcahitk"[random.IntN(13)]
		if m.starts > 4 && strings.ContainsRune("uotk", rune(c)) {
			c = 'h' // each start takes a second
		}
		h.svc(t, driver, string(c))
		m.command(c)
		h.reaches(t, m.serviceState)
		h.sameStatus(t)
	}
	for _, c := range "xdk" {
		h.svc(t, driver, string(c))
		if m.command(byte(c)); m.gone {
			break
		}
		h.reaches(t, m.serviceState)
	}
	if got := s.exit(t); got != "exit 0" {
		t.Errorf("supervise: %s", got)
	}
	h.reaches(t, m.serviceState)
	if got := h.tool(t, driver, "svok", "s"); got != "exit 100" {
		t.Errorf("svok without supervise: %s", got)
	}
	if s.said() != "" {
		t.Errorf("supervise said %q", s.said())
	}
}

// What svc writes at once is taken one after the other. Not among these is what
// 0.76 does this way or that way: commands after one that kills the service; nor
// signals that come with a start and that the service must be there to see: 0.76
// holds them back for a second, ours does not.
func TestCommandsTogetherDoWhatTheyDoIn076(t *testing.T) {
	needOld(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		down    bool
		letters string
	}{
		{false, "dx"}, {false, "du"}, {false, "uh"}, {false, "pc"}, {false, "ph"}, {false, "od"}, {false, "hia"},
		{false, "pd"}, {false, "xd"}, {false, "pk"}, {false, "oudx"}, {false, "z"},
		{true, "u"}, {true, "ou"},
		{true, "pu"}, {true, "x"}, {true, "xu"}, {true, "ox"}, {true, "dx"}, {true, "ux"},
	} {
		for _, keeper := range []path{fused, old} {
			crowd.run(t, fmt.Sprintf("%s down=%v %s", keeper.name, c.down, c.letters), func(t *testing.T) {
				together(t, keeper, c.down, c.letters)
			})
		}
	}
}

// together writes to the FIFO itself, where any byte can be written.
func together(t *testing.T, keeper path, down bool, letters string) {
	h := newHome(t, "")
	if down {
		must(os.WriteFile(h.file("down"), nil, 0o644))
	}
	m := newModel(false, down)
	s := h.supervise(t, keeper)
	h.reaches(t, m.serviceState)
	control := h.control(t)
	write := func(letters string) {
		_, err := control.WriteString(letters)
		must(err)
		for _, c := range letters {
			if c != 'z' {
				m.command(byte(c))
			}
		}
	}
	write(letters)
	h.reaches(t, m.serviceState)
	if !m.gone {
		// That it is not on the way to another state.
		time.Sleep(1200 * time.Millisecond)
		for _, c := range "dkx" {
			if !m.gone {
				write(string(c))
				h.reaches(t, m.serviceState)
			}
		}
	}
	if got := s.exit(t); got != "exit 0" {
		t.Errorf("supervise: %s", got)
	}
	h.reaches(t, m.serviceState)
}

func TestFilesAreThoseOf076(t *testing.T) {
	t.Parallel()
	needOld(t)
	// The lock of ours has records in it.
	list := func(h *home) (list string) {
		files, err := os.ReadDir(h.file("supervise"))
		must(err)
		for _, f := range files {
			info, err := f.Info()
			must(err)
			size := info.Size()
			if f.Name() == "lock" {
				size = 0
			}
			list += fmt.Sprintln(f.Name(), info.Mode(), size)
		}
		info, err := os.Stat(h.file("supervise"))
		must(err)
		return list + info.Mode().String()
	}
	pair := [2]*home{}
	for i, p := range []path{old, fused} {
		h := newHome(t, "")
		pair[i] = h
		h.supervise(t, p)
		h.up(t, 1)
		eventually(t, "svok", func() bool { return h.tool(t, old, "svok", "s") == "exit 0" })
	}
	same := func(when string) {
		if want, got := list(pair[0]), list(pair[1]); got != want {
			t.Errorf("%s: files\n%s\nwant\n%s", when, got, want)
		}
		want, got := pair[0].status(), pair[1].status()
		if !bytes.Equal(want[16:], got[16:]) || !bytes.Equal(want[:4], got[:4]) {
			t.Errorf("%s: status % x, want % x", when, got, want)
		}
	}
	same("up")
	for _, step := range []struct{ letters, end string }{{"p", "\x01u"}, {"c", "\x00u"}, {"o", "\x00\x00"}, {"d", "\x00d"}} {
		for _, h := range pair {
			h.svc(t, old, step.letters)
		}
		for _, h := range pair {
			eventually(t, "the status", func() bool {
				return string(h.status()[16:]) == step.end && (step.letters != "d" || h.pid() == 0)
			})
		}
		same(step.letters)
	}
}

// Debian's svscan finds supervise along PATH.
func TestDebiansSvscanRunsOurs(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needOld(t)
	need(t, "unshare")
	h := newHome(t, "")
	must(os.WriteFile(h.file("down"), nil, 0o644))
	// Its supervisors die with the namespace.
	scan := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", filepath.Join(debian, "svscan"), ".")
	scan.Dir, scan.Env = h.top, []string{"PATH=" + fused.dir + ":" + systemPath}
	scan.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(scan.Start())
	defer scan.Wait()
	defer scan.Process.Kill()
	eventually(t, "supervise", func() bool { return h.tool(t, old, "svok", "s") == "exit 0" })
	if h.exists("log") {
		t.Error("it did not look at down")
	}
	if b := h.bytes("supervise/lock"); !bytes.Contains(b, []byte("catena")) {
		t.Errorf("Debian's svscan does not run our supervise: lock % q", b)
	}
	h.svc(t, old, "u")
	eventually(t, "the service", func() bool { return len(h.starts()) == 1 && h.pid() != 0 })
	h.sameStatus(t)
	h.svc(t, fused, "t")
	eventually(t, "the second start", func() bool { return len(h.starts()) == 2 && h.pid() != 0 })
	h.svc(t, old, "dx")
	h.down(t)
}
