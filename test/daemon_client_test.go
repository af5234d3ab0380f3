package test

// What a client of daemon finds: arguments, environment, ids, limits, signals, directories and
// descriptors are those that libslack's daemon hands on, whatever the caller had.
//
// Not tested in this file: terminals (daemon_terminal_test.go).

import (
	"strings"
	"testing"
)

// sees is a script that has the probe as a client, and prints those lines of its report that a
// filter leaves.
func sees(words, filter string) string {
	return `
{
	daemon ` + words + ` -o /tmp/report -- /srv/probe one 'two words' ''
	echo $?
	await alone
	cat /tmp/report
	rm /tmp/report
} | ` + filter
}

// startedWith has the probe make a state for the program first.
func startedWith(state, words, filter string) string {
	return strings.Replace(sees(words, filter), "daemon ", "/srv/probe start "+state+" -- /srv/bin/daemon daemon ", 1)
}

const (
	// differently are the facts that have a test of their own, because ours differ.
	differently = `grep -v -e ^descriptor -e ^lock -e ^pdeathsig -e ^blocked -e ^ignored -e ^groups`
	// A variable is there once, and in another order when --env names any.
	bySort = ` | sort -u`
	// Standard output is closed.
	closedOutput = "call=3:1"
)

func TestDaemonsClientInheritsWhatLibslacksDoes(t *testing.T) {
	var situations []situation
	for _, words := range []string{
		"", "-n web", "-U", "-S", "-r -M 1 -A 1 --idiot -n web -l /tmp/err",
		"-u nobody", "-u app", "-u app:crew", "-u app:", "-u app.crew", "-n web -u app",
		"-D /tmp", "-D ../home", "-m 077", "-m 0", "-n web -D /srv -m 027",
		"-c", "--nocore", "-c --nocore", "-R /", "-R / -u app -D /tmp",
		"-f", "-f -n web", "-f -u app", "-f -D /tmp", "-f -D ../home", "-f -m 077",
	} {
		situations = append(situations, situation{name: "daemon " + words, script: sees(words, differently) + "\nrm -f /tmp/err"})
	}
	for _, words := range []string{
		"-i", "-e A=1", "-e A=1 -e B=2", "-i -e A=1", "-e A=1 -i", "-e HOME=/x -e PATH=/usr/bin", "-e noequals", "-e A=", "-e =x", "-f -e A=1",
	} {
		situations = append(situations, situation{name: "daemon " + words, script: sees(words, differently+bySort)})
	}
	for _, state := range []string{
		"ignore=1 ignore=2 ignore=3 ignore=10 ignore=15 ignore=17", "block=16387", "limit=7:100:200", "limit=4:1000:2000",
		"groups=4:20", "env=A=1 env=A=2 env=odd env=", "call=95:63", "call=3:0", closedOutput, "call=3:2", "call=33:0:7 call=33:0:12",
		"call=141:0:0:5", "call=157:38:1:0:0", // nice, no_new_privs
	} {
		situations = append(situations, situation{name: state + " daemon", script: startedWith(state, "-n web", differently)})
		if state != closedOutput {
			situations = append(situations, situation{name: state + " daemon -f", script: startedWith(state, "-f", differently)})
		}
	}
	compareDaemons(t, situations)
}

func TestDaemonsClientInheritsSomeThingsOtherwise(t *testing.T) {
	const aboutSignals = "grep -e ^blocked -e ^ignored"
	compareDaemons(t, []situation{
		{name: "groups", script: sees("-u app:crew", "grep ^groups") + "\n" + sees("-u app", "grep ^groups")},
		{name: "signals", script: sees("-n web", aboutSignals) + "\n" + startedWith("ignore=1 ignore=2 ignore=3 ignore=13 block=16387", "-n web", aboutSignals),
			deviates: "the signal mask of the caller is not the client's; of ignored signals, HUP and INT are", ours: `
blocked:
ignored: 1
blocked:
ignored: 1 2
-- left --
`},
		{name: "signals in the foreground", script: sees("-f", aboutSignals) + "\n" + startedWith("ignore=1 ignore=2 ignore=3 ignore=13 block=16387", "-f", aboutSignals),
			deviates: "the signal mask of the caller is not the client's; of ignored signals, HUP and INT are", ours: `
blocked:
ignored:
blocked:
ignored:
blocked:
ignored: 1 2
blocked:
ignored: 1 2
-- left --
`},
		{name: "one variable twice", script: sees("-e A=1 -e B=2 -e A=3", "grep ^variable"),
			deviates: "a variable is there once, and has the last value", ours: `
variable "A=3"
variable "B=2"
-- left --
`},
		{name: "descriptors", script: `
exec 7</etc/passwd
d -n web -o /tmp/report -- /srv/probe
await alone
d -n web -O /tmp/report -E /tmp/stderr -- /srv/probe
await alone
grep ^descriptor /tmp/report
rm /tmp/report /tmp/stderr`,
			deviates: "the client has its logs as standard output and standard error, and none of the caller's or the daemon's descriptors", ours: `
descriptor 0: cloexec 0 status 0100002 device "/dev/null"
descriptor 1: cloexec 0 status 0102001 file "/tmp/report" offset 0
descriptor 2: cloexec 0 status 0102001 file "/tmp/report" offset 0
descriptor 0: cloexec 0 status 0100002 device "/dev/null"
descriptor 1: cloexec 0 status 0102001 file "/tmp/report" offset 0
descriptor 2: cloexec 0 status 0102001 file "/tmp/stderr" offset 0
-- left --
`},
		{name: "descriptors without a log", script: `
exec 7</etc/passwd
PROBE_OUT=/tmp/report
export PROBE_OUT
: >/tmp/report
d -n web -- /srv/probe
await alone
grep ^descriptor /tmp/report
rm /tmp/report`,
			deviates: "the client has /dev/null", ours: `
descriptor 0: cloexec 0 status 0100002 device "/dev/null"
descriptor 1: cloexec 0 status 0100002 device "/dev/null"
descriptor 2: cloexec 0 status 0100002 device "/dev/null"
-- left --
`},
		{name: "standard output is closed in the foreground", script: startedWith(closedOutput, "-f", "grep -c ^umask"),
			deviates: "a log is not taken for standard output, and does not have each line twice", ours: `
1
-- left --
`},
		{name: "the end of the daemon in the foreground", script: sees("-f", "grep ^pdeathsig"),
			deviates: "the client gets TERM when its daemon is killed", ours: `
pdeathsig: 15
pdeathsig: 15
-- left --
`},
	})
}
