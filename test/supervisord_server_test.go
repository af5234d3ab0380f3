package test

// Our supervisord answers clients as Debian's does, whichever supervisorctl asks, and says the same
// in its log.
//
// Not tested in this file: calls that no supervisorctl makes (internal/supervisord/serve);
// what is killed (supervisord_server_kill_test.go); sockets (supervisord_socket_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inShell has a client do commands in one shell, and returns what it prints for each.
func (s *debianServer) inShell(c client, commands []string) map[string]string {
	out := s.run(c, strings.Join(commands, "\n")+"\n").out
	answers := map[string]string{}
	for i, said := range strings.Split(out, "supervisor> ") {
		if 0 < i && i <= len(commands) {
			lines := strings.SplitAfter(s.plain(c, said), "\n")
			slices.Sort(lines) // which program stops first is open
			answers[fmt.Sprint(i, ": ", commands[i-1])] = strings.Join(lines, "")
		}
	}
	return answers
}

// sameAnswers compares what two servers were made to say.
func sameAnswers(t *testing.T, who string, got, want map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Error("Debian's has said nothing")
	}
	for line := range want {
		if got[line] != want[line] {
			t.Errorf("%s, %s: %q\nDebian's server: %q", line, who, got[line], want[line])
		}
	}
}

// Three servers have the same programs: Debian's, asked by Debian's client, and two of ours, one
// asked by Debian's client and one by ours.
func TestOurServerAnswersSupervisorctlAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	theirs := supervised(t, everyKind)
	others := map[*debianServer]client{supervisedByOurs(t, everyKind): debians, supervisedByOurs(t, everyKind): ours}
	servers := []*debianServer{theirs}
	for s := range others {
		servers = append(servers, s)
	}
	for _, s := range servers {
		eventually(t, "its programs run, and have written", func() bool {
			logs, _ := filepath.Glob(filepath.Join(s.dir, "says-stdout*"))
			return strings.Count(s.run(ours, "", "status").out, "RUNNING") == 4 && len(logs) == 1 && textOf(logs[0]) != ""
		}, func() string { return textOf(filepath.Join(s.dir, "log")) })
	}
	var commands []string
	for line := range strings.Lines(strings.TrimSpace(session)) {
		// open is for another server. The end of a log that begins in the middle of a letter makes Debian's fail.
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "open") && line != "tail -5 says" {
			commands = append(commands, line)
		}
	}
	want := theirs.inShell(debians, commands)
	for s, c := range others {
		sameAnswers(t, "by "+c.name, s.inShell(c, commands), want)
	}
	for _, words := range []string{"status", "start bad", "start nope:*", "stop bad", "restart cat", "pid bad", "tail bad"} {
		want := theirs.run(debians, "", strings.Fields(words)...)
		for s, c := range others {
			if got := s.run(c, "", strings.Fields(words)...); got != want {
				t.Errorf("%s, by %s: %+v\nDebian's server: %+v", words, c.name, got, want)
			}
		}
	}
}

// A configuration that is changed is read, and applied, as by Debian's. A group that is the same
// goes on.
func TestOurServerUpdatesAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	const sleeper = "command=/bin/sleep 1000\nstartsecs=0\n"
	before := "[program:a]\n" + sleeper + "[program:b]\n" + sleeper + "[program:c]\n" + sleeper
	after := "[program:b]\n" + sleeper + "stopwaitsecs=3\n[program:c]\n" + sleeper + "[program:d]\n" + sleeper + "[program:e]\n" + sleeper
	theirs, own := supervised(t, before), supervisedByOurs(t, before)
	both := func(commands ...string) {
		t.Helper()
		sameAnswers(t, "ours", own.inShell(debians, commands), theirs.inShell(debians, commands))
	}
	running := func(how int) {
		t.Helper()
		for _, s := range []*debianServer{theirs, own} {
			eventually(t, "its programs run", func() bool {
				return strings.Count(s.run(ours, "", "status").out, "RUNNING") == how
			}, func() string { return s.run(ours, "", "status").out })
		}
	}
	rewrite := func(text string) {
		must(os.WriteFile(theirs.config(), []byte(serverOf+text), 0o600))
		must(os.WriteFile(own.config(), []byte(serverOf+oursOnly+text), 0o600))
	}
	running(3)
	lock := filepath.Join(own.dir, "run/svc/c/supervise/lock")
	pid := recordedIn(lock)
	rewrite(after)
	both("reread", "avail", "update e", "update nope", "remove a", "stop a", "remove a", "update a b")
	running(3)
	both("status", "update", "update")
	running(4)
	both("status")
	if now := recordedIn(lock); now != pid || pid == 0 {
		t.Errorf("c was process %d, and is %d", pid, now)
	}
	rewrite("[program:d]\ncommand=/bin/sleep 1000\nstartsecs=soon\n")
	both("reread", "update", "status")
	own.run(debians, "", "shutdown")
	endingInTime(own.cmd)
	for _, file := range []string{"sock", "pid"} {
		if exists(filepath.Join(own.dir, file)) {
			t.Errorf("%s is still there", file)
		}
	}
}

// The programs of which the log speaks. What they do is over before the next one does anything, or
// each has lines of its own.
const theLogSpeaksOf = `[program:well]
command=/bin/sh -c 'exit 0'
startsecs=0
autorestart=false
[program:badly]
command=/bin/sh -c 'exit 3'
startsecs=0
autorestart=false
[program:killed]
command=/bin/sh -c 'kill -KILL $$'
startsecs=0
autorestart=false
[program:fails]
command=/bin/false
startsecs=30
startretries=1
[program:stays]
command=/bin/sleep 1000
[program:group]
command=/bin/sleep 1000
process_name=%(program_name)s_%(process_num)d
numprocs=2
startsecs=0
`

// linesOf are the lines of a log about a program, in order. That a program has succeeded which ends
// at once is left out, and that one is waited for, because Supervisor may say so or not.
func linesOf(log, program string) (lines []string) {
	about := regexp.MustCompile(`(?m)^\S+ \S+ (\w+ (?:spawned: '|success: |exited: |stopped: |gave up: )` + program + `\b.*)$`)
	for _, m := range about.FindAllStringSubmatch(log, -1) {
		if strings.Contains(m[1], "> than 0 seconds") && !strings.HasPrefix(program, "group") {
			continue
		}
		lines = append(lines, regexp.MustCompile(`with pid \d+`).ReplaceAllString(m[1], "with pid N"))
	}
	return lines
}

func TestTheLogSaysWhatDebiansSays(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	theirs, own := supervised(t, theLogSpeaksOf), supervisedByOurs(t, theLogSpeaksOf)
	said := map[*debianServer]string{}
	for _, s := range []*debianServer{theirs, own} {
		eventually(t, "all have come to their states", func() bool {
			out := s.run(ours, "", "status").out
			return strings.Count(out, "RUNNING") == 3 && strings.Count(out, "EXITED") == 3 && strings.Count(out, "FATAL") == 1
		}, func() string { return s.run(ours, "", "status").out })
		s.run(debians, "", "stop", "group:*", "stays")
		eventually(t, "the log says so", func() bool {
			return strings.Count(textOf(filepath.Join(s.dir, "log")), "stopped: ") == 3
		})
		said[s] = textOf(filepath.Join(s.dir, "log"))
	}
	for _, program := range []string{"well", "badly", "killed", "fails", "stays", "group_0", "group_1"} {
		want, got := linesOf(said[theirs], program), linesOf(said[own], program)
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s:\n%s\nDebian's:\n%s", program, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if want := fmt.Sprint(" INFO supervisord started with pid ", own.cmd.Process.Pid, "\n"); strings.Count(said[own], want) != 1 {
		t.Errorf("no %q in\n%s", want, said[own])
	}
}

// A program that cannot be executed is given up, even if no start of it could be too short.
func TestWhatCannotBeExecutedIsGivenUp(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	const programs = "[program:no]\ncommand=/nonexistent/no\nstartsecs=0\nstartretries=1\n[program:none]\ncommand=/nonexistent/no\nstartretries=0\n" +
		"[program:ends]\ncommand=/bin/true\nstartsecs=0\nautorestart=false\n"
	theirs, own := supervised(t, programs), supervisedByOurs(t, programs)
	status := func(s *debianServer) string { return s.run(ours, "", "status").out }
	eventually(t, "both say the same", func() bool {
		got, want := status(own), status(theirs)
		return got == want && strings.Count(want, "FATAL") == 2
	}, func() string { return status(own) + "Debian's:\n" + status(theirs) })
	if log := textOf(filepath.Join(own.dir, "log")); !strings.Contains(log, " INFO spawnerr: can't find command '/nonexistent/no'\n") ||
		!strings.Contains(log, " INFO gave up: no entered FATAL state, too many start retries too quickly\n") {
		t.Error(log)
	}
}

// HUP and USR2 go to the process in the pidfile, which is svscan.
func TestSignalsReachTheServer(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	s := supervisedByOurs(t, "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n")
	is := func(what string, holds func() bool) {
		t.Helper()
		eventually(t, what, holds, func() string { return textOf(filepath.Join(s.dir, "log")) + s.run(ours, "", "status").out })
	}
	runs := func(name string) bool {
		return strings.Contains(s.run(ours, "", "status", name).out, "RUNNING")
	}
	log := filepath.Join(s.dir, "log")
	is("a runs", func() bool { return runs("a") })
	must(os.Rename(log, log+".old"))
	must(unix.Kill(s.cmd.Process.Pid, unix.SIGUSR2))
	is("the log is opened anew", func() bool { return exists(log) })

	first := recordedIn(filepath.Join(s.dir, "run/svc/a/supervise/lock"))
	must(os.WriteFile(s.config(), []byte(serverOf+oursOnly+"[program:a]\ncommand=\n"), 0o600))
	must(unix.Kill(s.cmd.Process.Pid, unix.SIGHUP))
	is("a wrong configuration is not applied", func() bool { return strings.Contains(textOf(log), "CRIT not started again: ") })
	if now := recordedIn(filepath.Join(s.dir, "run/svc/a/supervise/lock")); now != first {
		t.Errorf("a was process %d and is %d", first, now)
	}
	must(os.WriteFile(s.config(), []byte(serverOf+oursOnly+"[program:a]\ncommand=/bin/sleep 1000\n[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n"), 0o600))
	must(unix.Kill(s.cmd.Process.Pid, unix.SIGHUP))
	is("everything is started again", func() bool { return runs("a") && runs("b") })
	second := recordedIn(filepath.Join(s.dir, "run/svc/a/supervise/lock"))
	if second == first || stateOf(first) != "" && stateOf(first) != "Z" {
		t.Errorf("a was process %d, which is in state %q, and is %d", first, stateOf(first), second)
	}
	if said := strings.TrimSpace(s.run(ours, "", "pid").out); said != "N" || !strings.Contains(textOf(log), "WARN received SIGHUP indicating restart request\n") {
		t.Errorf("%q: %s", said, textOf(log))
	}
	must(unix.Kill(s.cmd.Process.Pid, unix.SIGQUIT))
	if end := endingInTime(s.cmd); end != "exit 0" || exists(filepath.Join(s.dir, "sock")) || exists(filepath.Join(s.dir, "pid")) {
		t.Error(end)
	}
}
