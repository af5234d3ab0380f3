package test

// The files by which a directory says how its service is kept: signals, times, readiness.
//
// Not tested in this file: finish and its time (supervise_finish_test.go), files that
// hold rubbish (supervise_rubbish_test.go), svwait (the scripts svwait_*).

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// says is svstat -j.
type says struct {
	Up, Ready   bool
	PID, Starts int
	Want        string
	LastExit    *int `json:"last_exit"`
	LastSignal  *int `json:"last_signal"`
}

func (h *home) says(t testing.TB) (s says) {
	t.Helper()
	text := h.tool(t, fused, "svstat", "-j", "s")
	if err := json.Unmarshal([]byte(strings.TrimSuffix(text, "exit 0")), &s); err != nil {
		t.Fatalf("svstat -j: %v, %q", err, text)
	}
	return s
}

// Every name, with and without SIG, and every number; it is read when d comes.
func TestDownSignal(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	values := map[string]unix.Signal{"15\n": 15, "64": 64, "034": 34, "2 \t\n": 2, "QUIT\nTERM\n": unix.SIGQUIT}
	for _, name := range strings.Fields("ABRT ALRM CONT HUP INT QUIT TERM TSTP USR1 USR2 WINCH") {
		values[name], values["SIG"+name+"\n"] = unix.SignalNum("SIG"+name), unix.SignalNum("SIG"+name)
	}
	for value, signal := range values {
		crowd.run(t, strings.TrimSpace(value), func(t *testing.T) {
			h := newHome(t, "deaf")
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.option("down-signal", value)
			want := map[string]bool{fmt.Sprint(" ", int(signal), " 18"): true, fmt.Sprint(" 18 ", int(signal)): true}
			if signal == unix.SIGCONT || signal == unix.SIGTSTP { // which CONT undoes
				want[" 18"] = true
			}
			h.svc(t, fused, "d")
			eventually(t, "the signals", func() bool { return want[h.state().signals] }, h.explain)
			if s.said() != "" {
				t.Errorf("it said %q", s.said())
			}
		})
	}
	for _, value := range []string{"KILL", "SIGKILL", "9", "STOP", "19"} {
		crowd.run(t, value, func(t *testing.T) {
			h := newHome(t, "deaf")
			s := h.supervise(t, fused)
			h.up(t, 1)
			h.option("down-signal", value)
			must(s.Process.Signal(unix.SIGTERM)) // is a d as well
			if strings.Contains(value, "9") && value != "19" || strings.Contains(value, "KILL") {
				if got := s.exit(t); got != "exit 0" {
					t.Error(got)
				}
				return
			}
			h.reaches(t, serviceState{up: true, want: 'd', starts: 1, signals: " 18"}) // and not stopped
		})
	}
}

// A service that does not end in time is killed, and only then.
func TestTimeoutKill(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct {
		name, words, commands string
		timeout               string
		signal                int
	}{
		{"it does not end", "deaf", "d", "50", 9},
		{"it is paused", "deaf", "pd", "50", 9},
		{"again and again", "deaf", "ddd", "300", 9},
		{"it ends", "", "d", "100000", -1},
		{"no time", "deaf", "d", "0", 0},
	} {
		crowd.run(t, c.name, func(t *testing.T) {
			h := newHome(t, c.words)
			h.option("timeout-kill", c.timeout)
			s := h.supervise(t, fused)
			h.up(t, 1)
			begun := time.Now()
			for _, letter := range c.commands {
				h.svc(t, fused, string(letter))
			}
			if c.signal == 0 {
				eventually(t, "waiting for ever", s.blocked)
				h.svc(t, fused, "k")
			}
			h.down(t)
			if c.signal == 9 && time.Since(begun).Milliseconds() < 50 {
				t.Error("it was killed too early")
			}
			says := h.says(t)
			if c.signal >= 0 && (says.LastSignal == nil || *says.LastSignal != 9) || c.signal < 0 && (says.LastExit == nil || *says.LastExit != 0) {
				t.Errorf("%+v", says)
			}
			// What was due is forgotten.
			h.svc(t, fused, "u")
			h.up(t, 2)
			eventually(t, "waiting for ever", s.blocked)
			h.svc(t, fused, "h")
			eventually(t, "HUP", func() bool { return strings.HasSuffix(h.state().signals, " 1") }, h.explain)
		})
	}
}

// The service is ready when it has written a newline to the descriptor.
func TestNotificationFD(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, fd := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		crowd.run(t, fd, func(t *testing.T) {
			h := newHome(t, "")
			gate := h.gate(t)
			h.option("notification-fd", fd+"\n")
			h.run("#!/bin/sh\nread line <gate; echo ready >&" + fd + "; exec " + tally() + "\n")
			if fd == "0" {
				h.run("#!/bin/sh\nexec 9<gate; read line <&9; echo ready >&0; exec " + tally() + "\n")
			}
			s := h.supervise(t, fused)
			eventually(t, "a process", func() bool { return h.pid() != 0 })
			if h.says(t).Ready {
				t.Error("it is ready before it says so")
			}
			gate.WriteString("\n")
			h.up(t, 1)
			eventually(t, "ready", func() bool { return h.says(t).Ready })
			if got := h.tool(t, fused, "svstat", "-l", "s"); !strings.Contains(got, " seconds, ready, starts 1\n") {
				t.Errorf("svstat -l: %q", got)
			}
			// It is so for the next supervisor, and no more when it starts again.
			s.kill()
			s = h.adopted(t, fused)
			if !h.says(t).Ready {
				t.Error("it is not ready under another supervisor")
			}
			h.svc(t, fused, "t")
			eventually(t, "a second process", func() bool { pid := h.pid(); return pid != 0 && pid != h.starts()[0] })
			if h.says(t).Ready {
				t.Error("it is ready before it says so for the second time")
			}
			gate.WriteString("\n")
			h.up(t, 2)
			eventually(t, "ready", func() bool { return h.says(t).Ready })
			if s.said() != "" {
				t.Errorf("it said %q", s.said())
			}
		})
	}
	// What is not a line, and the end of the descriptor, say nothing.
	for _, text := range []string{"", "printf ready >&3;", "printf '%100000s' '' >&3;"} {
		crowd.run(t, "not ready "+text, func(t *testing.T) {
			h := newHome(t, "")
			h.option("notification-fd", "3")
			h.run("#!/bin/sh\n" + text + " exec 3>&-; exec " + tally() + "\n")
			s := h.supervise(t, fused)
			h.up(t, 1)
			eventually(t, "waiting for ever", s.blocked)
			if h.says(t).Ready {
				t.Error("it is ready")
			}
			h.obeys(t, s)
		})
	}
}

// A service that is not ready when its supervisor is killed says so to the next one, also
// if it does that, and closes its descriptor, while there is none.
func TestReadinessAcrossSupervisors(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	const said, notSaid = "echo >&3;", "printf ready >&3;"
	for _, c := range []struct {
		text    string
		between bool // it is written while there is no supervisor
		ready   bool
	}{
		{said, false, true}, {said, true, true}, {said + " exec 3>&-;", true, true}, {said + " exec 3>&-;", false, true},
		{"exec 3>&-;", true, false}, {notSaid, false, false},
	} {
		crowd.run(t, fmt.Sprint(c.text, " between: ", c.between), func(t *testing.T) {
			h := newHome(t, "")
			gate := h.gate(t)
			h.option("notification-fd", "3\n")
			h.run("#!/bin/sh\nread line <gate; " + c.text + " exec " + tally() + "\n")
			s := h.supervise(t, fused)
			eventually(t, "a process", func() bool { return h.pid() != 0 })
			pid := h.pid()
			s.kill()
			tells := func() {
				gate.WriteString("\n")
				eventually(t, "the service", func() bool { return len(h.starts()) == 1 }, h.explain)
			}
			if c.between {
				tells()
			}
			s = h.adopted(t, fused)
			if !c.between {
				if h.says(t).Ready {
					t.Error("it is ready before it says so")
				}
				tells()
			}
			if c.ready {
				eventually(t, "ready", func() bool { return h.says(t).Ready })
				if got := h.tool(t, fused, "svwait", "-r", "-t", "1000", "s"); got != "exit 0" {
					t.Errorf("svwait: %s", got)
				}
			} else {
				eventually(t, "waiting for ever", s.blocked)
				if h.says(t).Ready {
					t.Error("it is ready")
				}
			}
			if now := h.pid(); now != pid {
				t.Errorf("%d became %d", pid, now)
			}
			h.obeys(t, s)
		})
	}
}

// The delay doubles up to the limit, and svc -u ends it. It is read off the time for which
// the supervisor waits.
func TestMaxRestartDelay(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	h.option("max-restart-delay", "3000\n")
	s := h.supervise(t, fused)
	seen := 0
	for n := 1; seen <= 2000; n++ { // more than twice only if the machine is slow
		h.up(t, n)
		h.svc(t, fused, "k")
		// Where the machine was slow, the service has lived longer than the delay, and the next
		// start is at once.
		eventually(t, "the service being down, or up again", func() bool {
			return len(h.status()) == 18 && h.pid() == 0 || len(h.starts()) > n
		}, h.explain)
		if len(h.starts()) > n {
			continue
		}
		wait := h.waitsFor(t, s)
		if seen = max(seen, wait); wait > 3000 || n == 1 && wait > 2000 {
			t.Fatalf("it waits for %d ms after start %d", wait, n)
		}
	}
	h.svc(t, fused, "u")
	if wait := h.waitsFor(t, s); wait > 1000 {
		t.Errorf("after svc -u it waits for %d ms", wait)
	}
}

// waitsFor is for how many milliseconds the supervisor of a service that is down waits.
// None means that it has started it since.
func (h *home) waitsFor(t testing.TB, s *supervisor) (milliseconds int) {
	t.Helper()
	eventually(t, "a wait", func() bool {
		milliseconds = waits(s.Process.Pid)
		return milliseconds >= 0
	})
	if milliseconds == forever {
		return 0
	}
	return milliseconds
}
