package test

// supervisorctl says and does what Debian's does, to the byte, with every command: each of the two
// has a supervisord of Debian's of its own, with the same programs.
//
// Not tested in this file: shells at a terminal (supervisorctl_shell_test.go); servers that are no
// supervisord (supervisorctl_servers_test.go); what JSON looks like to the word.

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// everyKind are programs of every kind: that run, that end, that cannot be run.
const everyKind = `[program:cat]
command=/bin/cat
startsecs=0
[program:web]
command=/bin/sleep 1000
numprocs=2
process_name=%(program_name)s_%(process_num)02d
startsecs=0
[program:bad]
command=/nonexistent/x
autostart=false
[program:fails]
command=/bin/false
autostart=false
startretries=0
startsecs=1000
[program:notexec]
command=/etc/passwd
autostart=false
[program:with-a-name-that-is-longer-than-its-column]
command=/bin/sleep 1000
autostart=false
priority=5
startsecs=0
[program:says]
command=/bin/sh -c 'printf "hallo <&>\nw\303\266rld\n"; exec sleep 1000'
stderr_logfile=NONE
startsecs=0
`

// session is what is typed, in this order: a command of an earlier line counts for a later one.
const session = `
status
status all
status cat
status web:*
status web:
status web:web_00 nope nope:* cat
status bad
pid
pid all
pid cat web:web_01
pid bad
pid nope
start
start cat
start web:*
start nope:*
start nope
start bad
start notexec
start fails
start with-a-name-that-is-longer-than-its-column
status
start all
stop
stop bad
stop web:*
stop web:*
stop nope:*
stop nope
stop cat web:web_00
status
start web:* cat
restart
restart cat
restart web:* nope
restart nope:*
signal
signal HUP
signal USR9 cat
signal CONT cat
signal 18 cat
signal CONT web:*
signal CONT all
signal CONT nope:*
signal CONT nope
signal CONT bad
tail
tail says
tail says stdout
tail says STDOUT
tail -5 says
tail --5 says
tail -x says
tail - says
tail -f
tail says stderr
tail says foo
tail says it's"
tail says stdout extra more
tail nope
tail bad
tail -99999999999 says
maintail -x
maintail x
maintail x y
clear says
tail says
clear
clear all
clear nope
clear nope:*
clear web:* says
fg
fg a b
fg nope
fg bad
reread
reread x
update
update x
update all
avail
avail x
add
add x
add cat
remove x
remove cat
remove bad
status bad
add bad
status bad
version
version x
open
open x
open HTTP://127.0.0.1:1
open http://127.0.0.1:1
open unix:///nope
reload x
shutdown x
stop all
status
start all
`

// typed is what somebody types into a shell without a terminal. Its answers have no exit codes.
const typed = `
help
help help
help add
help avail
help clear
help exit
help fg
help maintail
help open
help pid
help quit
help reload
help remove
help reread
help restart
help shutdown
help signal
help start
help status
help stop
help tail
help update
help version
help foo
help EOF
help help x
EOF
!x
?
? tail
nope
status:x
status;
status  cat
 signal   CONT	cat
pid nope
shutdown
n
reload

open unix:///nope
status
quit
help
`

func TestSupervisorctlSpeaksAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	theirs, own := supervised(t, everyKind), supervised(t, everyKind)
	for _, s := range []*debianServer{theirs, own} {
		eventually(t, "its programs run", func() bool {
			return strings.Count(s.run(ours, "", "status").out, "RUNNING") == 4
		})
	}
	for line := range strings.Lines(strings.TrimPrefix(session, "\n")) {
		words := strings.Fields(line)
		want, got := theirs.run(debians, "", words...), own.run(ours, "", words...)
		want.out, got.out = sortedLines(want.out), sortedLines(got.out) // which program stops first is open
		if got != want {
			t.Errorf("%s: %+v\nDebian's: %+v", strings.TrimSpace(line), got, want)
		}
	}
}

// sortedLines sorts what came of several programs.
func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	if strings.Contains(text, "stopped\n") || strings.Contains(text, "started\n") {
		slices.Sort(lines)
	}
	return strings.Join(lines, "")
}

// A shell reads commands from a pipe as well. Its exit code says nothing of them.
func TestSupervisorctlReadsCommandsAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	s := supervised(t, "[program:cat]\ncommand=/bin/cat\nstartsecs=0\n")
	for _, text := range []string{typed, "", "status cat", "EOF\n", "exit\nstatus", "shutdown"} {
		want, got := s.run(debians, text), s.run(ours, text)
		if got != want {
			t.Errorf("%q: %+v\nDebian's: %+v", text, got, want)
		}
	}
}

// A configuration that is changed is read, and applied, in the same words.
func TestSupervisorctlUpdatesAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	const sleeper = "command=/bin/sleep 1000\nstartsecs=0\n"
	before := "[program:a]\n" + sleeper + "[program:b]\n" + sleeper + "[program:c]\n" + sleeper
	after := "[program:b]\n" + sleeper + "stopwaitsecs=3\n[program:c]\n" + sleeper + "[program:d]\n" + sleeper + "[program:e]\n" + sleeper
	theirs, own := supervised(t, before), supervised(t, before)
	both := func(words ...string) {
		t.Helper()
		want, got := theirs.run(debians, "", words...), own.run(ours, "", words...)
		if got != want {
			t.Errorf("%q: %+v\nDebian's: %+v", words, got, want)
		}
	}
	rewrite := func(text string) {
		for _, s := range []*debianServer{theirs, own} {
			must(os.WriteFile(s.config(), []byte(text), 0o600))
		}
	}
	rewrite(serverOf + after)
	both("reread")
	both("avail")
	both("update", "e")
	both("update", "nope")
	both("remove", "a")
	both("update", "a", "b")
	both("status")
	both("update")
	both("update")
	both("status")
	rewrite(serverOf + "[program:d]\ncommand=/bin/sleep 1000\nstartsecs=soon\n")
	both("reread")
	both("update")
	both("status")
	both("reload")
	theirs.cmd.Wait() // its configuration is wrong by now, and it ends
	own.cmd.Wait()
	both("status")
	both("shutdown")
}

func TestSupervisorctlShutsDownAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	// A program that does not end keeps the server in its last state for a while.
	const stubborn = "[program:stubborn]\ncommand=/bin/sh -c 'trap \"\" TERM; echo >%(here)s/begun; while :; do sleep 0.1; done'\nstartsecs=0\nstopwaitsecs=600\n"
	theirs, own := supervised(t, stubborn), supervised(t, stubborn)
	eventually(t, "two stubborn programs", func() bool {
		return exists(filepath.Join(theirs.dir, "begun")) && exists(filepath.Join(own.dir, "begun"))
	})
	for _, words := range []string{"shutdown", "status", "start x", "stop x", "signal HUP x", "pid", "avail", "reread", "update", "add x", "remove x", "shutdown", "reload", "version", "clear x", "tail x", "maintail", "fg x", "restart x"} {
		want, got := theirs.run(debians, "", strings.Fields(words)...), own.run(ours, "", strings.Fields(words)...)
		if got != want {
			t.Errorf("%s: %+v\nDebian's: %+v", words, got, want)
		}
	}
	for _, s := range []*debianServer{theirs, own} {
		killWithChildren(s.cmd.Process.Pid)
	}
}

func TestSupervisorctlFindsAndReadsItsConfigurationAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	s := supervised(t, everyKind)
	for name, text := range map[string]string{
		"empty":    "",
		"section":  "[supervisorctl]\n",
		"other":    "[supervisord]\n[program:x]\ncommand=x\n",
		"relative": "[supervisorctl]\nserverurl = unix://sock\n",
		"here":     "[supervisorctl]\nserverurl=unix://%(here)s/./x/../sock ; comment\nprompt=%(ENV_HOME)s\n",
		"env":      "[supervisorctl]\nserverurl=unix://%(ENV_HOME)s/sock\n",
		"unknown":  "[supervisorctl]\nserverurl=unix://%(nope)s/sock\n",
		"badly":    "[supervisorctl]\nserverurl=unix://%(here)/sock\n",
		"default":  "[DEFAULT]\nserverurl=unix:///nope\n[supervisorctl]\n",
		"twice":    "[supervisorctl]\nserverurl=unix:///nope\n[program:x]\n[supervisorctl]\nSERVERURL=unix:///nope2\n",
		"https":    "[supervisorctl]\nserverurl=https://localhost:1\n",
		"nourl":    "[supervisorctl]\nserverurl=foo\n",
	} {
		must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
	}
	must(os.Mkdir(filepath.Join(s.dir, "etc"), 0o700))
	must(os.WriteFile(filepath.Join(s.dir, "etc/supervisord.conf"), []byte("[supervisorctl]\nserverurl=unix://sock\n"), 0o600))
	compare := func(words string) {
		t.Helper()
		want, got := s.runWith(debians, "quit\n", strings.Fields(words)...), s.runWith(ours, "quit\n", strings.Fields(words)...)
		got.errs = regexp.MustCompile(`(?m)^(Error: could not read config file \S+): .*$`).ReplaceAllString(got.errs, "$1") // and we say why
		if got != want {
			t.Errorf("%s: %+v\nDebian's: %+v", words, got, want)
		}
	}
	for _, words := range []string{"status", "-c c status", "-c empty status", "-c section status", "-c other status", "-c relative status cat",
		"-c here status cat", "-c here", "-c env pid", "-c unknown status", "-c badly status", "-c default status", "-c twice status", "-c https status",
		"-c nourl status", "-c . status", "-c /nope status", "-c nope/nope status", "-cc status", "--configuration=c status", "--conf c status",
		"-c empty -s unix://sock status", "-c section -s unix://sock status cat", "-c c -s unix:///nope status", "-c c -s unix:///nope pid",
		"-c c -s unix:///nope avail", "-c c -s unix:///nope shutdown", "-c c -s unix:///nope start cat", "-c c -s unix:///nope tail -f cat",
		"-c c -s unix:///etc/passwd status", "-c c -s unix:///etc/passwd/x status",
		"-c c -s http://127.0.0.1:1 status", "-c c -s http://127.0.0.1:1 start x", "-c c -s http://127.0.0.1:1 avail", "-c c -s http://127.0.0.1:1 shutdown",
		"-c c -s http://127.0.0.1:x status", "-c c -s http://127.0.0.1:99999 status", "-c c -s https://x status",
		"-c c -s foo status", "-c c -s foo:9 status", "-c c -s foo: status", "-c c -s 9foo:9 status", "-c c -s http: status", "-c c -s http:// status", "-c c -s",
		"-x", "-xs", "--foo", "--foo=x", "--serverurl", "--serv=unix:///nope -cc status", "--help=x", "--h", "--hi", "-c", "-u", "--user",
		"-c c -c c status", "-s unix:///a -s unix:///b status", "-i -i status", "-u a -u b", "-p a --password b", "-r a -r b",
		"-c c -- status", "-c c -- -x", "-c c -i status cat", "-c c -i pid nope", "-c c - x", "-ic c status cat"} {
		compare(words)
	}
}

// lockedServer is a server that wants a user and a password, which has a blank and an umlaut.
func lockedServer(t *testing.T) *debianServer {
	t.Helper()
	secret := fmt.Sprintf("username=user\npassword={SHA}%x\n", sha1.Sum([]byte("pä ss")))
	return supervised(t, "[unix_http_server]\n"+secret+everyKind)
}

func TestSupervisorctlLogsInAsDebians(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	s := lockedServer(t)
	for _, words := range [][]string{{"status", "cat"}, {"-u", "user", "status"}, {"-u", "user", "-p", "wrong", "status"}, {"-u", "nobody", "-p", "pä ss", "avail"},
		{"-u", "user", "-p", "pä ss", "status", "cat"}, {"tail", "-f", "says"}, {"-u", "user", "-p", "pä ss", "clear", "nope"}, {"-p", "pä ss", "pid"}} {
		want, got := s.run(debians, "", words...), s.run(ours, "", words...)
		if got != want {
			t.Errorf("%q: %+v\nDebian's: %+v", words, got, want)
		}
	}
	if out := s.run(ours, "", "-u", "user", "-p", "pä ss", "status", "cat").out; !strings.Contains(out, "RUNNING") {
		t.Error("nobody has logged in: ", out)
	}
}

// A log is shown as it grows, and ^C is no failure.
func TestSupervisorctlFollowsALog(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	s := supervised(t, everyKind)
	for _, c := range []client{debians, ours} {
		s.run(ours, "", "clear", "says")
		cmd := s.follow(t, c, "==> Press Ctrl-C to exit <==\n", "tail", "-f", "says")
		s.run(ours, "", "restart", "says")
		printed := cmd.Stdout.(*os.File).Name()
		eventually(t, c.name+" shows the log", func() bool { return strings.HasSuffix(read(t, printed), "hallo <&>\nwörld\n") })
		must(cmd.Process.Signal(unix.SIGINT))
		if end := endingInTime(cmd); end != "exit 0" || !strings.HasSuffix(read(t, printed), "wörld\n\n") {
			t.Errorf("%s: %s, %q", c.name, end, read(t, printed))
		}
	}
}

// A program in the foreground gets lines, and what it writes is seen.
func TestSupervisorctlForegroundSendsLines(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	s := supervised(t, everyKind)
	near, far := terminal(t)
	cmd := s.atTerminal(ours, far, "fg", "cat")
	must(cmd.Start())
	shown := screen(near)
	eventually(t, "it begins", func() bool { return strings.Contains(shown(), "==> Press Ctrl-C to exit <==") })
	near.WriteString("a line\n")
	eventually(t, "the line comes back", func() bool { return strings.Count(shown(), "a line") == 2 })
	near.WriteString("\x03")
	eventually(t, "it says so", func() bool { return strings.HasSuffix(shown(), "Exiting foreground\r\n") })
	if end := endingInTime(cmd); end != "exit 0" {
		t.Error(end)
	}
}

// With --json each line is an object that says what the line would.
func TestSupervisorctlJSONSaysTheSame(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	s := supervised(t, everyKind)
	for _, c := range []struct {
		words string
		want  []string
	}{
		{"status cat", []string{`"group":"cat"`, `"name":"cat"`, `"state":20`, `"statename":"RUNNING"`, `"description":"pid `}},
		{"status nope", []string{`{"group":"nope","name":"nope","error":"no such process"}`}},
		{"status nope:*", []string{`{"group":"nope","error":"no such group"}`}},
		{"pid", []string{`{"pid":`}},
		{"pid cat", []string{`{"group":"cat","name":"cat","pid":`}},
		{"pid nope", []string{`{"error":"No such process nope"}`}},
		{"start cat", []string{`{"group":"cat","name":"cat","error":"already started"}`}},
		{"restart web:*", []string{`{"group":"web","name":"web_00","result":"stopped"}`, `{"group":"web","name":"web_01","result":"started"}`}},
		{"start bad", []string{`{"group":"bad","name":"bad","error":"no such file"}`}},
		{"signal CONT cat", []string{`{"group":"cat","name":"cat","result":"signalled"}`}},
		{"tail says", []string{`{"log":"hallo <&>\nwörld\n"}`}},
		{"clear says", []string{`{"group":"says","name":"says","result":"cleared"}`}},
		{"avail", []string{`"group":"cat"`, `"exitcodes":[0]`, `"command":"/bin/cat"`}},
		{"version", []string{`{"version":"4.`}},
		{"add nope", []string{`{"error":"ERROR: no such process/group: nope"}`}},
		{"start", []string{`{"error":"Error: start requires a process name"}`}},
		{"nope", []string{`{"error":"*** Unknown syntax: nope"}`}},
		{"-s unix:///n pid", []string{`{"error":"unix:///n no such file"}`}},
		{"-s https://n pid", []string{`{"error":"error: <class 'ValueError'>, Unknown protocol for serverurl https://n: https://n"}`}},
		{"remove fails", []string{`{"group":"fails","result":"removed process group"}`}},
		{"open", []string{`{"error":"ERROR: url must be http:// or unix://"}`}},
	} {
		flag := []string{"--json", "-j"}[len(c.words)%2]
		out, _ := s.command(ours, append([]string{flag}, strings.Fields(c.words)...)...).Output()
		for line := range strings.Lines(string(out)) {
			if !json.Valid([]byte(line)) || line[0] != '{' {
				t.Errorf("%s: %q is no object", c.words, line)
			}
		}
		for _, part := range c.want {
			if !strings.Contains(string(out), part) {
				t.Errorf("%s: %q has no %s", c.words, out, part)
			}
		}
	}
}

// What cannot be written is not lost without a word.
func TestSupervisorctlSaysThatItCannotWrite(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	s := supervised(t, everyKind)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(err)
	defer full.Close()
	for _, words := range []string{"status", "tail -f says"} {
		cmd := s.command(ours, strings.Fields(words)...)
		var errs strings.Builder
		cmd.Stdout, cmd.Stderr = full, &errs
		must(cmd.Start())
		if end := endingInTime(cmd); end != "exit 1" || errs.String() != "supervisorctl: fatal: unable to write output: no space left on device\n" {
			t.Errorf("%s: %s, %q", words, end, &errs)
		}
	}
}
