package test

// finish: what it is told, that nothing runs beside it, its time, and what its exit code says.
//
// Not tested in this file: which states there are (supervise_states_test.go), and what
// timeout-finish may hold (supervise_rubbish_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFinishIsToldHowTheServiceEnded(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct{ name, run, want string }{
		{"exit 0", "exit 0", "0 0"},
		{"exit 7", "exit 7", "7 0"},
		{"exit 255", "exit 255", "255 0"},
		{"TERM", "kill -TERM $$", "256 15"},
		{"KILL", "kill -KILL $$", "256 9"},
		{"a real-time signal", "kill -64 $$", "256 64"},
		{"run cannot be executed", "", "111 0"},
	} {
		crowd.run(t, c.name, func(t *testing.T) {
			h := newHome(t, "")
			if c.run == "" {
				h.run("#!/nowhere\n")
			} else {
				h.run("#!/bin/sh\n" + c.run + "\n")
			}
			h.finish(`echo "$0 $# $*" >told; pwd >>told; ls -l /proc/self/fd | grep -c "supervise/" >>told; exit 125`)
			s := h.supervise(t, fused)
			h.down(t)
			eventually(t, "want down", func() bool { return h.state().want == 'd' }, h.explain)
			here, err := filepath.EvalSymlinks(h.service())
			must(err)
			if got, want := textOf(h.file("told")), fmt.Sprintf("./finish 4 %s s %d\n%s\n0\n", c.want, h.remembers().last, here); got != want {
				t.Errorf("finish was told\n%s, want\n%s", got, want)
			}
			h.svc(t, fused, "x")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
		})
	}
}

// Nothing is started beside finish, and what svc asks for meanwhile happens afterwards.
func TestServiceStaysDownUntilFinishHasEnded(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		commands string // while it runs
		killed   bool   // the supervisor
		up       bool   // afterwards
	}{
		{"", false, true}, {"u", false, true}, {"o", false, true}, {"d", false, false}, {"du", false, true}, {"ud", false, false},
		{"tkpchaiq12w", false, true}, {"x", false, false}, {"", true, true}, {"d", true, false}, {"u", true, true},
	} {
		crowd.run(t, fmt.Sprintf("svc -%s, supervisor killed: %v", c.commands, c.killed), func(t *testing.T) {
			h := newHome(t, "")
			gate := h.gate(t)
			h.finish(`echo "finish $$" >>log; read line <gate; echo "end $$" >>log`)
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.svc(t, fused, "t")
			finishes := func() bool { return strings.Contains(string(h.bytes("log")), "finish ") && h.pid() == 0 }
			eventually(t, "finish", finishes, h.explain)
			pid, _, finish := h.record()
			if !finish || !inState(pid, "RSD") {
				t.Errorf("the record says %d, finish %v", pid, finish)
			}
			if c.killed {
				s.kill()
				s = h.adopted(t, fused)
			}
			for _, letter := range c.commands {
				h.svc(t, fused, string(letter))
			}
			gate.WriteString("\n")
			switch {
			case c.commands == "x":
				if got := s.exit(t); got != "exit 0" {
					t.Error(got)
				}
			case c.up:
				h.up(t, 2)
				h.runsOnce(t)
			default:
				h.svc(t, fused, "x")
				if got := s.exit(t); got != "exit 0" {
					t.Error(got)
				}
			}
			// Who ran, one after the other.
			var order []string
			for _, l := range h.lines("log") {
				what, pid, _ := strings.Cut(l, "-")
				if what == "signal" {
					continue
				}
				if order = append(order, what); what == "end" && !strings.Contains(string(h.bytes("log")), " "+pid+"\n") {
					t.Errorf("odd end of %s", pid)
				}
			}
			want := "start end finish end"
			if c.up && c.commands != "x" {
				want += " start"
			}
			if got := strings.Join(order, " "); got != want {
				t.Errorf("in the order %s, want %s", got, want)
			}
			if s.said() != "" {
				t.Errorf("it said %q", s.said())
			}
		})
	}
}

// A finish that hangs is killed after the time that timeout-finish allows, and with 0
// never.
func TestFinishThatHangs(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		timeout string
		killed  bool // the supervisor
	}{{"1000", false}, {"1000", true}, {"0", false}, {"0", true}} {
		crowd.run(t, fmt.Sprintf("%s ms, supervisor killed: %v", c.timeout, c.killed), func(t *testing.T) {
			h := newHome(t, "")
			gate := h.gate(t)
			must(os.WriteFile(h.file("timeout-finish"), []byte(c.timeout+"\n"), 0o644))
			h.finish(`echo $$ >finishing; read line <gate; echo "$?" >read`)
			s := h.supervise(t, fused)
			h.up(t, 1)
			if c.killed && c.timeout != "0" {
				must(os.Remove(h.file("timeout-finish"))) // or it is too late
			}
			h.svc(t, fused, "t")
			eventually(t, "finish", func() bool { return len(h.bytes("finishing")) > 0 })
			if c.killed {
				must(os.WriteFile(h.file("timeout-finish"), []byte(c.timeout+"\n"), 0o644))
				s.kill()
				s = h.adopted(t, fused)
			}
			if c.timeout == "0" {
				eventually(t, "waiting for ever", s.blocked)
				gate.WriteString("\n")
			}
			h.up(t, 2)
			if got, want := h.exists("read"), c.timeout == "0"; got != want {
				t.Errorf("finish ran to its end: %v", got)
			}
			must(os.Remove(h.file("finish")))
			h.obeys(t, s)
		})
	}
}

func TestFinishThatExits125KeepsTheServiceDown(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.finish("exit 125")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "t")
	h.reaches(t, serviceState{want: 'd', starts: 1, signals: " 15"})
	if got := s.said(); got != "supervise: warning: s/finish exited 125: not started again\n" {
		t.Errorf("it said %q", got)
	}
	h.finish("exit 124")
	h.svc(t, fused, "u")
	h.up(t, 2)
	h.svc(t, fused, "t")
	h.up(t, 3)
	h.obeys(t, s)
}

// A command that comes while finish runs does not weigh more than what finish then says.
func TestFinishThatExits125ComesAfterACommand(t *testing.T) {
	for letter, want := range map[string]byte{"u": 'u', "o": 0} {
		t.Run(letter, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "")
			h.finish("read line <go; exit 125")
			must(unix.Mkfifo(h.file("go"), 0o600))
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.svc(t, fused, "t")
			gate, err := os.OpenFile(h.file("go"), os.O_WRONLY, 0) // finish has it open
			must(err)
			defer gate.Close()
			h.svc(t, fused, letter)
			eventually(t, "the command", func() bool { return h.status()[17] == want })
			gate.WriteString("\n")
			eventually(t, "that finish has ended", func() bool { return h.status()[17] == 'd' })
			time.Sleep(1500 * time.Millisecond) // it must not be started
			h.reaches(t, serviceState{want: 'd', starts: 1, signals: " 15"})
			if got := s.said(); got != "supervise: warning: s/finish exited 125: not started again\n" {
				t.Errorf("it said %q", got)
			}
			h.finish("exit 0")
			h.svc(t, fused, "u")
			h.up(t, 2)
			h.obeys(t, s)
		})
	}
}

// A finish that cannot be executed is said, and the service goes on without.
func TestFinishThatCannotBeExecuted(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for name, spoil := range map[string]func(file string){
		"no permission":  func(file string) { must(os.WriteFile(file, []byte("#!/bin/sh\n"), 0o644)) },
		"a directory":    func(file string) { must(os.Mkdir(file, 0o755)) },
		"no interpreter": func(file string) { script(file, "#!/nowhere\n") },
		"empty":          func(file string) { script(file, "") },
	} {
		crowd.run(t, name, func(t *testing.T) {
			h := newHome(t, "")
			spoil(h.file("finish"))
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.svc(t, fused, "t")
			h.up(t, 2)
			if got := s.said(); !strings.HasPrefix(got, "supervise: fatal: unable to start s/finish: ") || strings.Count(got, "\n") != 1 {
				t.Errorf("it said %q", got)
			}
		})
	}
	// Links that lead nowhere are no finish.
	for name, to := range map[string]string{"a dangling link": "nowhere", "a loop of links": "finish"} {
		crowd.run(t, name, func(t *testing.T) {
			h := newHome(t, "")
			must(os.Symlink(to, h.file("finish")))
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.svc(t, fused, "t")
			h.up(t, 2)
			if got := s.said(); got != "" {
				t.Errorf("it said %q", got)
			}
		})
	}
}

// How a service has ended while it had no supervisor, nobody knows.
func TestServiceThatEndedUnseenHasItsFinish(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.finish(`echo "finish $1 $2 $3" >>log`)
	s := h.supervise(t, fused)
	for n := 1; n < 4; n++ {
		h.up(t, n)
		s.kill()
		unix.Kill(h.pid(), unix.SIGKILL)
		eventually(t, "its end", func() bool { return h.runs() == 0 })
		s = h.adopted(t, fused)
		h.up(t, n+1)
		if got := strings.Count(string(h.bytes("log")), "finish 256 0 s\n"); got != n {
			t.Errorf("finish was run %d times after %d deaths: %s", got, n, h.explain())
		}
	}
	h.obeys(t, s)
}

// A supervisor that is told to exit does so when finish has ended, and not later.
func TestSupervisorExitsAfterFinish(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.finish("exit 0")
	must(os.WriteFile(h.file("timeout-finish"), []byte("0\n"), 0o644)) // nothing else wakes it
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "dx")
	if got := s.exit(t); got != "exit 0" {
		t.Errorf("supervise: %s", got)
	}
}
