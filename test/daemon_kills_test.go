package test

// A client of a named daemon never runs twice, and no line of its output is lost: whatever is
// killed by SIGKILL, whoever is started at the same time. libslack's daemon starts a second
// one.
//
// Not tested in this file: supervise, which does it (adopt_kills_test.go).

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// noted is a client that notes its number, and a function that prints how many of those live.
const noted = `
client /srv/here/noted <<'.'
#!/bin/sh
echo $$ >>/srv/here/begun
echo begun
exec sleep 1000
.
living() { n=0; for p in $(cat /srv/here/begun); do kill -0 $p 2>/dev/null && n=$((n+1)); done; echo $n; }
killed() { # kills processes, and waits until they are gone
	kill -9 "$@" 2>/dev/null
	for p in "$@"; do
		while case $(cat "/proc/$p/stat" 2>/dev/null) in '' | *') Z '*) false;; esac; do sleep 0.005; done
	done
}
one() { [ "$(living)" = 1 ]; }
ours() { # processes of the program
	for p in /proc/[0-9]*; do
		case $(readlink $p/exe) in /srv/bin/*) echo ${p#/proc/};; esac
	done
}
`

var killed = []situation{
	{name: "the supervisor is killed, and the daemon started again", script: noted + `
d -r -n web /srv/here/noted
await runs web
await lines 1 begun
killed $(cat /run/web.pid)
await gone web
one && echo lives on
d -n web --running -v
d -r -n web /srv/here/noted
await runs web
sleep 0.5
living
d -n web --stop
sleep 0.5
living
for p in $(cat begun); do kill -9 $p 2>/dev/null; done
await alone
rm begun noted`,
		deviates: "the client is taken over, and not started a second time", ours: `
lives on
daemon:  web is not running
exit 1
1
0
-- left --
-- syslog --
<27>daemon: web: client (pid PID) of a daemon that was killed still runs
<27>daemon: web: client (pid PID) killed by signal 15, stopping
`},

	{name: "the supervisor is killed, and the client ends before it is started again", script: noted + `
d -r -n web /srv/here/noted
await lines 1 begun
await runs web
killed $(cat /run/web.pid) $(cat /run/web.clientpid)
await gone web
d -r -n web /srv/here/noted
await lines 2 begun
await runs web
living
d -n web --stop
await alone
rm begun noted`},

	{name: "the supervisor is killed, and the daemon is stopped", script: noted + `
d -r -n web /srv/here/noted
await lines 1 begun
await runs web
killed $(cat /run/web.pid)
await gone web
d -n web --stop
sleep 0.3
living
for p in $(cat begun); do kill -9 $p 2>/dev/null; done
await alone
rm begun noted`},
}

func TestDaemonIsKilledOrStartedTwice(t *testing.T) {
	compareDaemons(t, killed)
}

// Who writes to syslog is killed: there is a client, and what it writes afterwards arrives.
func TestDaemonGoesOnWithoutWhoWritesToSyslog(t *testing.T) {
	t.Parallel()
	c := newBox(t, ourDaemon())
	got := c.run(noted + `
client writes <<'.'
#!/bin/sh
echo $$ >>/srv/here/begun
echo before
while [ ! -e /srv/here/go ]; do sleep 0.02; done
echo after
exec sleep 1000
.
d -r -n web -o user.info /srv/here/writes
await runs web
for p in $(ours); do [ $p = $(cat /run/web.pid) ] || killed $p; done
: >go
sleep 0.2
await one
d -n web --running
d -n web --stop
await alone`)
	if got != "" || !strings.Contains(c.syslog(), ": after\n") {
		t.Errorf("%s%s", got, c.syslog())
	}
}

// Of four starts at once one starts the daemon, and the others say that it runs.
func TestOneOfFourStartsStartsADaemon(t *testing.T) {
	t.Parallel()
	c := newBox(t, ourDaemon())
	got := c.run(noted + `
for round in $(seq 50); do
	for n in 1 2 3 4; do
		(daemon -r -n web /srv/here/noted >said.$n 2>&1; echo $? >code.$n) &
	done
	wait
	await runs web
	await lines 1 begun
	cat code.* | sort | tr '\n' ' '
	cat said.* | sort -u
	[ "$(living)" = 1 ] || echo "$(living) live"
	d -n web --stop
	await alone
	[ "$(grep -c '' begun)" = 1 ] || echo "$(cat begun) begun"
	rm begun
done | sort | uniq -c
rm said* code* noted`)
	const want = "     50 0 1 1 1 web: fatal: failed to create pidfile for web: Resource temporarily unavailable\n"
	if got != want {
		t.Errorf("%s%s", got, c.syslog())
	}
}

// Every process of the program is killed at any moment while a daemon is started, or runs, and
// then it is started again. Then a daemon runs, which can be stopped.
func TestDaemonsClientNeverRunsTwice(t *testing.T) {
	t.Parallel()
	c := newBox(t, ourDaemon())
	random := rand.New(rand.NewPCG(seedOf(t), 1))
	var script strings.Builder
	script.WriteString(noted)
	for range 40 {
		fmt.Fprintf(&script, `
daemon -r -n web -o /srv/here/log /srv/here/noted >/dev/null 2>&1 &
sleep %.3f
killed $(ours)
wait
[ ! -e begun ] || [ "$(living)" -le 1 ] || echo "$(living) live"
said=$(daemon -r -n web -o /srv/here/log /srv/here/noted 2>&1)
case $said in '' | *'Resource temporarily unavailable') ;; *) echo "$said";; esac # a child of the first start may be on its way
await runs web
await one
settled() { kill -0 "$(cat /run/web.pid)"; }
await settled
`, random.Float64()*0.03)
		if random.IntN(3) == 0 {
			script.WriteString("daemon -n web --stop; await alone\n[ \"$(living)\" = 0 ] || echo \"$(living) live after a stop\"\n")
		}
	}
	script.WriteString("daemon -n web --stop; await alone\nliving\nls /run/*pid 2>/dev/null\n:\n")
	if got := c.run(script.String()); got != "0\n" {
		t.Errorf("%s%s", got, c.syslog())
	}
}

// A client writes lines all the time while every process of the program is killed, and started
// again: each line is in the log, once, in order.
func TestDaemonLosesNoLineWhateverIsKilled(t *testing.T) {
	t.Parallel()
	c := newBox(t, ourDaemon())
	got := c.run(noted + `
client writes <<'.'
#!/bin/sh
n=0
while [ ! -e /srv/here/enough ]; do n=$((n+1)); echo $n; echo $n >&2; done
echo $n >/srv/here/last
exec sleep 1000
.
d -r -n web -O /srv/here/out -E /srv/here/err /srv/here/writes
for round in $(seq 20); do
	await runs web
	sleep 0.05
	killed $(ours)
	d -r -n web -O /srv/here/out -E /srv/here/err /srv/here/writes
done
: >enough
await test -s last
last=$(cat last)
await lines $last out
await lines $last err
seq $last | cmp - out
seq $last | cmp - err
d -n web --stop
await alone`)
	if got != "" {
		t.Errorf("%s%s", got, c.syslog())
	}
}
