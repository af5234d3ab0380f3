package test

// Every step of a service from state to state is an arrow of the picture in ARCHITECTURE.md.
//
// Not tested in this file: what is wanted of a service, which is apart from its state.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The picture of the states stands in two places.
func TestThePictureOfTheStatesIsTheSameInBothPlaces(t *testing.T) {
	code := picture(t, filepath.Join("internal", "supervise", "service.go"))
	page := picture(t, "ARCHITECTURE.md")
	if code != page {
		t.Errorf("internal/supervise/service.go has\n%s\nARCHITECTURE.md has\n%s", code, page)
	}
}

// picture cuts it out, from its line "start" to its line "over".
func picture(t *testing.T, file string) string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^//\t?`).ReplaceAllString(read(t, filepath.Join(root, file)), "")
	m := submatches(`(?ms)^( +start [^\n]*\ndown ─.*?\nover)$`, text)
	if len(m) != 1 {
		t.Fatalf("%s has %d pictures of the states", file, len(m))
	}
	return m[0]
}

// arrows reads the picture: a row of phases with arrows between them, and below it an arrow
// from two of them back to an earlier one. In the phase clearing a service is on its way:
// what is published goes from up to the phase behind clearing.
func arrows(t *testing.T) (list []string) {
	t.Helper()
	lines := strings.Split(picture(t, "ARCHITECTURE.md"), "\n")
	row, below := lines[1], []rune(lines[3])
	type place struct {
		phase string
		at    int // in characters
	}
	var places []place
	for _, m := range regexp.MustCompile(`(?:^|► )([a-z]+)(?: ─|$)`).FindAllStringSubmatchIndex(row, -1) {
		places = append(places, place{row[m[2]:m[3]], len([]rune(row[:m[2]]))})
	}
	leads := map[string][]string{}
	for i := range places[1:] {
		leads[places[i].phase] = append(leads[places[i].phase], places[i+1].phase)
	}
	over := func(at int) string {
		for _, p := range places {
			if p.at <= at && at < p.at+len(p.phase) {
				return p.phase
			}
		}
		t.Fatalf("nothing stands over character %d:\n%s\n%s", at, row, string(below))
		return ""
	}
	back := over(slices.Index(below, '└'))
	for at, corner := range below {
		if corner == '┴' || corner == '┘' {
			leads[over(at)] = append(leads[over(at)], back)
		}
	}
	for from, all := range leads {
		for _, to := range all {
			if to == "clearing" {
				for _, behind := range leads[to] {
					list = append(list, from+" → "+behind)
				}
			} else if from != "clearing" {
				list = append(list, from+" → "+to)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// A watch notes the states of a service: at each moment in which its supervisor has
// just published one, and can do nothing before it has been looked at.
type watch struct {
	h *home
	sync.Mutex
	last  string // "up 123"; empty before the first
	steps map[string]bool
	wrong []string
}

// look is called at the end of the supervisor's system calls.
func (w *watch) look(c callEnd) {
	if c.number != unix.SYS_RENAMEAT2 || c.result != 0 {
		return
	}
	state, pid := w.state(c.pid)
	w.Lock()
	defer w.Unlock()
	if state == "" {
		w.wrong = append(w.wrong, fmt.Sprintf("process %d, status % x, lock % x", pid, w.h.status(), w.h.bytes("supervise/lock")))
		return
	}
	now := fmt.Sprint(state, " ", pid)
	if w.last != "" && w.last != now {
		before, _, _ := strings.Cut(w.last, " ")
		w.steps[before+" → "+state] = true
	}
	w.last = now
}

// state is that of the service, and its process. Three witnesses must agree: the status,
// the record, and which process there is. Empty is a state that is none.
func (w *watch) state(supervisor int) (state string, pid int) {
	child := onlyChild(supervisor)
	pid, _, finish := w.h.record()
	for end := time.Now().Add(patience); child != 0 && pid != child && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // it is on its way to its record
		pid, _, finish = w.h.record()
	}
	shown := w.h.pid()
	switch {
	case shown != 0 && pid == shown && !finish:
		return "up", pid // or it was adopted and its end has not been heard of
	case shown == 0 && child != 0 && finish, shown == 0 && finish && inState(pid, "RSDTt"):
		return "finishing", pid
	case shown == 0 && child == 0:
		return "down", 0
	}
	return "", pid
}

// settled waits until svstat -j says what the watch has seen last.
func (w *watch) settled(t testing.TB) (state string) {
	t.Helper()
	var says struct {
		Up  bool
		PID int
	}
	eventually(t, "svstat -j like the state", func() bool {
		text := w.h.tool(t, fused, "svstat", "-j", "s")
		must(json.Unmarshal([]byte(strings.TrimSuffix(text, "exit 0")), &says))
		w.Lock()
		defer w.Unlock()
		state = w.last
		return says.Up == strings.HasPrefix(w.last, "up ") && (!says.Up || w.last == fmt.Sprint("up ", says.PID))
	}, func() string { return fmt.Sprintf("%+v, %q", says, w.last) })
	return state
}

// A service is driven this way and that way, and every step of its state is an arrow of
// the picture, and every arrow a step.
func TestEveryStepOfTheStateIsInThePicture(t *testing.T) {
	needRoot(t)
	seed := seedOf(t)
	seen := map[string]bool{}
	crowd := newCrowd()
	var watches []*watch
	for i := range uint64(8) {
		w := &watch{h: newHome(t, ""), steps: map[string]bool{}}
		watches = append(watches, w)
		crowd.run(t, fmt.Sprint(i), func(t *testing.T) { w.drive(t, rand.New(rand.NewPCG(seed, i))) })
	}
	crowd.Wait()
	for _, w := range watches {
		for step := range w.steps {
			seen[step] = true
		}
		for _, wrong := range w.wrong {
			t.Errorf("a state that is none: %s", wrong)
		}
	}
	var got []string
	for step := range seen {
		got = append(got, step)
	}
	slices.Sort(got)
	diffLists(t, "a run", got, "the picture", arrows(t))
}

// finishes are what a service may do when it has ended. The slow one goes on when a
// line comes.
var finishes = []string{"", "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 125\n", "#!/bin/sh\nread line <go\n", "#!/nowhere\n", "#!/bin/sh\nkill -9 $$\n"}

// drive goes through each finish, and does at random what svc can do.
func (w *watch) drive(t *testing.T, random *rand.Rand) {
	h := w.h
	must(unix.Mkfifo(h.file("go"), 0o600))
	gate, err := os.OpenFile(h.file("go"), os.O_RDWR, 0)
	must(err)
	defer gate.Close()
	supervise := func() *supervisor {
		w.Lock()
		w.last = ""
		w.Unlock()
		return h.stays(t, func() *supervisor { return h.traced(t, w.look, supervise(), "s") })
	}
	s := supervise()
	h.up(t, 1)
	for i, n := range random.Perm(len(finishes)) {
		os.Remove(h.file("finish"))
		if finishes[n] != "" {
			script(h.file("finish"), finishes[n])
		}
		h.svc(t, fused, "u")
		eventually(t, "up", func() bool { return strings.HasPrefix(w.settled(t), "up ") })
		for range random.IntN(4) {
			h.svc(t, fused, string("pchau"[random.IntN(5)]))
		}
		h.svc(t, fused, "c"+string("dkto"[random.IntN(4)]))
		if i%3 == 1 { // whatever it is doing
			s.kill()
			s = supervise()
		}
		h.svc(t, fused, string("udo"[random.IntN(3)]))
		gate.WriteString("\n")
		h.svc(t, fused, "dc")
		gate.WriteString("\n")
		eventually(t, "down", func() bool { gate.WriteString("\n"); return strings.HasPrefix(w.settled(t), "down") })
	}
	h.svc(t, fused, "x")
	if got := s.exit(t); got != "exit 0" || h.state().overlaps != 0 {
		t.Errorf("%s, %s, %s", got, s.said(), h.explain())
	}
	for l := range bytes.Lines([]byte(s.said())) {
		if !bytes.HasPrefix(l, []byte("supervise: ")) {
			t.Errorf("it said %q", l)
		}
	}
}
