package test

// libslack comes with 70 scripts that call daemon, and a text that says what a person should
// see. Here is a situation for each, which both programs run; docs/daemon.md has them as a
// table.
//
// Not tested in this file: debug messages, which are for the authors of either program; what
// takes a terminal is in daemon_terminal_test.go.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everything is the first line of the configuration: all that is said goes to syslog.
const everything = "* errlog=daemon.err, output=daemon.err\n"

// quickly are the limits of respawning that upstream's configuration has, in less time.
const quickly = "respawn, idiot, acceptable=9, attempts=2, delay=1, limit=2"

// counter is a client that prints numbers.
const counter = `
client counter <<'.'
#!/bin/sh
sleep 0.2
for i in 0 1 2 3 4; do echo $i; done
.
`

var upstream = []situation{
	{"1 a client that ends soon is respawned in bursts", everything + "test1 " + quickly + ", core", counter + `
d -C /srv/here/conf -n test1 /srv/here/counter
await alone`, "", ""},

	{"2 a client that closes its output before it ends", everything + "test2 " + quickly + ", core", `
client quiet <<'.'
#!/bin/sh
for i in 0 1 2 3 4; do echo $i; done
exec >&- 2>&-
sleep 0.2
.
d -C /srv/here/conf -n test2 /srv/here/quiet
await alone`, "", ""},

	{"3 a client that lives long enough is respawned until it is stopped", everything + "test3 respawn, idiot, acceptable=0, attempts=2, delay=10, limit=2, stderr=local0.err", `
client long <<'.'
#!/bin/sh
echo said
echo complained >&2
echo begun >>begun
[ $(grep -c '' begun) -lt 5 ] || exec sleep 1000
.
d -C /srv/here/conf -n test3 -D /srv/here /srv/here/long
await lines 5 begun
d -n test3 -v --running
d -n test3 --stop
await alone
d -n test3 -v --running`, "", ""},

	{"4 another user, directory, umask and environment", everything + "test4 umask=077, env=HOME=/tmp, \\\n\tenv=LOGNAME=foobar, \\\n env=PATH=/bin:/usr/bin", `
client report <<'.'
#!/bin/sh
env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort >report.new
mv report.new report
.
mkdir -m 1777 tmp
chmod 755 report
d -C /srv/here/conf -u nobody -n test4 -D /srv/here/tmp /srv/here/report
await test -s tmp/report
await alone`, "", ""},

	{"5 a program that is safe, and --safe", everything + "test5 safe", `
cp /bin/echo client
chmod 755 client
d -C /srv/here/conf -n test5 /srv/here/client test5
await alone`, "", ""},

	{"6 a program that its group may write", everything + "test6 safe", `
cp /bin/echo client
chmod 775 client
d -C /srv/here/conf -n test6 /srv/here/client test6
rm client`, "", ""},

	{"7 a script whose interpreter is safe", everything + "test7 safe", `
client script <<'.'
#!/bin/sh
echo test7
.
d -C /srv/here/conf -n test7 /srv/here/script
await alone`, "", ""},

	{"8 a script whose interpreter env finds, which is safe", everything + "test8 safe", `
client script <<'.'
#!/usr/bin/env sh
echo test8
.
d -C /srv/here/conf -n test8 /srv/here/script
await alone`, "", ""},

	{"9 a script that its group may write", everything + "test9 safe", `
client script <<'.'
#!/bin/sh
echo test9
.
chmod g+w script
d -C /srv/here/conf -n test9 /srv/here/script`, "", ""},

	{"10 a script whose interpreter is unsafe", everything + "test10 safe", `
: >interpreter
chmod 775 interpreter
client script <<'.'
#!/srv/here/interpreter
.
d -C /srv/here/conf -n test10 /srv/here/script`, "", ""},

	{"11 a script whose interpreter env finds, which is unsafe", everything + "test11 safe", `
: >interpreter
chmod 775 interpreter
client script <<'.'
#!/usr/bin/env interpreter
.
PATH=/srv/here:$PATH
d -C /srv/here/conf -n test11 /srv/here/script`, "", ""},

	{"13 a terminal without echo, for a program that is given lines by and by", everything + "test13 foreground, pty=noecho, output=local0.info", `
client copies <<'.'
#!/bin/sh
trap '' HUP # which libslack's sends now and then
exec cat
.
(echo one; sleep 0.2; echo two) | daemon -C /srv/here/conf -n test13 /srv/here/copies
rm copies`, "", ""},

	{"14 a terminal without echo, for a program that waits for the end of input", everything + "test14 foreground, pty=noecho, output=local0.info", `
client sorts <<'.'
#!/bin/sh
trap '' HUP # which libslack's sends now and then
exec sort
.
printf '%s\n' c a b | daemon -C /srv/here/conf -n test14 /srv/here/sorts
rm sorts`, "", ""},

	{"15 a terminal whose character for the end of input the client changes", everything + "test15 foreground, pty=noecho, output=local0.info", `
client changes <<'.'
#!/bin/sh
trap '' HUP
stty eof ^f
: >/srv/here/changed
exec cat
.
(await test -e changed; echo one; sleep 0.2; echo two) | daemon -C /srv/here/conf -n test15 /srv/here/changes
rm changed changes`, "", ""},

	{"16 both streams go to files of the client's directory", everything + "test16 stdout=test16.stdout, stderr=test16.stderr", `
client both <<'.'
#!/bin/sh
echo stdout
echo stderr >&2
.
d -C /srv/here/conf -D /srv/here -n test16 /srv/here/both
await alone`, "", ""},

	{"17 both streams go to one file", everything + "test17 output=test17.output", `
client both <<'.'
#!/bin/sh
echo stdout
sleep 0.2
echo stderr >&2
.
d -C /srv/here/conf -D /srv/here -n test17 /srv/here/both
await alone`, "", ""},

	{"18 a file for debug messages that cannot be written", everything + "test18 errlog=test18.err, dbglog=test18.dbg", `
: >test18.dbg
chmod 000 test18.dbg
chmod 777 .
as daemon -C /srv/here/conf -D /srv/here -n test18 true; echo $?
await alone`, "the caller hears of a log that cannot be opened", `
test18: fatal: failed to start debug delivery to test18.dbg: Permission denied
1
-- left --
/srv/here/test18.dbg f0 root:root
/srv/here/test18.err f644 app:app
`},

	{"19 --user of one who is not root", everything, `
as daemon -C /srv/here/conf -n test19 -u nobody cat
echo $?`, "", ""},

	{"20 a umask that is none", everything + "test20 umask=hello", "d -C /srv/here/conf -n test20 cat", "", ""},
	{"21 a duration that is too short", everything + "test21 acceptable=9", "d -C /srv/here/conf -n test21 cat", "", ""},
	{"22 attempts below nothing", everything + "test22 attempts=-1", "d -C /srv/here/conf -n test22 cat", "", ""},
	{"23 too many attempts", everything + "test23 attempts=101", "d -C /srv/here/conf -n test23 cat", "", ""},
	{"24 a delay that is too short", everything + "test24 delay=9", "d -C /srv/here/conf -n test24 cat", "", ""},
	{"25 a limit below nothing", everything + "test25 limit=-1", "d -C /srv/here/conf -n test25 cat", "", ""},
	{"26 a terminal that is something else", everything + "test26 pty=hello", "d -C /srv/here/conf -n test26 cat", "", ""},
	{"27 safe and unsafe", everything + "test27 safe,unsafe", "d -C /srv/here/conf -n test27 cat", "", ""},
	{"28 a terminal in the background", everything + "test28 pty", "d -C /srv/here/conf -n test28 cat", "", ""},
	{"29 --acceptable without --respawn", everything + "test29 acceptable=10", "d -C /srv/here/conf -n test29 cat", "", ""},
	{"30 --attempts without --respawn", everything + "test30 attempts=2", "d -C /srv/here/conf -n test30 cat", "", ""},
	{"31 --delay without --respawn", everything + "test31 delay=10", "d -C /srv/here/conf -n test31 cat", "", ""},
	{"32 --limit without --respawn", everything + "test32 limit=2", "d -C /srv/here/conf -n test32 cat", "", ""},
	{"33 --stop without a name", everything, "d -C /srv/here/conf --stop", "", ""},
	{"34 --running without a name", everything, "d -C /srv/here/conf --running", "", ""},
	{"35 a name in the configuration", everything + "test35 name=unimportant", "d -C /srv/here/conf -n test35 true", "", ""},
	{"36 a root directory in the configuration", everything + "test36 chroot=/", "d -C /srv/here/conf -n test36 true", "", ""},
	{"37 a user in the configuration", everything + "test37 user=nobody", "d -C /srv/here/conf -n test37 true", "", ""},
	{"38 --pidfiles without a name", everything, `
d -C /srv/here/conf --pidfiles /tmp -- sh -c 'echo hi; : >/srv/here/done'
await test -e done
await alone`, "", ""},
	{"39 --restart without a name", everything, "d -C /srv/here/conf --restart", "", ""},
	{"40 --running and --restart", everything, "d -C /srv/here/conf -n test40 --running --restart", "", ""},
	{"41 --running and --stop", everything, "d -C /srv/here/conf -n test41 --running --stop", "", ""},
	{"42 --restart and --stop", everything, "d -C /srv/here/conf -n test42 --restart --stop", "", ""},
	{"43 --restart, --running and --stop", everything, "d -C /srv/here/conf -n test43 --restart --running --stop", "", ""},
	{"44 --config and --noconfig", everything, "d -C /srv/here/conf --noconfig -n test44 true", "", ""},

	{"45 ~/.daemonrc", everything, counter + `
echo 'test45 ` + quickly + `, core' >~/.daemonrc
d -C /srv/here/conf -n test45 /srv/here/counter
rm ~/.daemonrc
await alone`, "", ""},

	{"46 --noconfig leaves ~/.daemonrc", "", counter + `
printf '%s\n' '` + quickly + `' '* errlog=daemon.err' '* output=daemon.err' >/etc/daemon.conf
printf '%s\n' '* errlog=local1.err' '* output=local1.err' 'test46 ` + quickly + `, core' >~/.daemonrc
d --noconfig -n test46 /srv/here/counter
rm ~/.daemonrc
await alone`, "", ""},

	{"47 --pidfile", everything + "test47 " + quickly, `
d -C /srv/here/conf -n test47 -F /srv/here/test47.pidfile sleep 1000
await test -s test47.pidfile
await runs test47 -F /srv/here/test47.pidfile
ls
d -n test47 -F /srv/here/test47.pidfile --stop
await alone`, "", ""},

	{"48 --pidfiles", everything + "test48 " + quickly, `
d -C /srv/here/conf -n test48 -P /srv/here sleep 1000
await runs test48 -P /srv/here
ls
d -n test48 -P /srv/here --stop
await alone`, "", ""},

	{"49 --pidfile where there is no directory", everything, "d -C /srv/here/conf -n test49 -F /no-directory/below/test49.pid true", "", ""},
	{"50 --pidfile where nothing may be written", everything, "as daemon -C /srv/here/conf -n test50 -F /srv/test50.pid true; echo $?", "", ""},
	{"51 --pidfile that is no absolute path", everything, "d -C /srv/here/conf -n test51 -F test51.pid true", "", ""},
	{"52 --pidfiles that is no directory", everything, "d -C /srv/here/conf -n test52 -P /no-directory/below true", "", ""},
	{"53 --pidfiles where nothing may be written", everything, "as daemon -C /srv/here/conf -n test53 -P /srv true; echo $?", "", ""},
	{"54 --pidfiles that is no absolute path", everything, "d -C /srv/here/conf -n test54 -P var true", "", ""},
	{"55 a name with a semicolon", everything, "d -C /srv/here/conf -n test55 -n 'name;' true", "", ""},
	{"56 --pidfile with a semicolon", everything, "d -C /srv/here/conf -n test56 -F '/name;' true", "", ""},
	{"57 --pidfiles with a semicolon", everything, "d -C /srv/here/conf -n test57 -P '/name;' true", "", ""},

	{"58 --restart", everything + "test58 " + quickly, `
client waits <<'.'
#!/bin/sh
sleep 0.2
echo begun >>/srv/here/begun
echo waits
while [ $(grep -c '' /srv/here/begun) = 1 ]; do sleep 0.05; done
echo goes on
.
d -C /srv/here/conf -n test58 /srv/here/waits
await lines 1 begun
await runs test58
d -C /srv/here/conf -n test58 --restart
await alone`, "", ""},

	{"59 no command", everything, "d -C /srv/here/conf -n test59", "", ""},

	{"60 a command that fails at once", everything + "test60 respawn, idiot, delay=1, limit=3", `
d -C /srv/here/conf -n test60 /bin/false
await alone`, "", ""},

	{"61 --command and more words", everything + "test61 command=/bin/echo test61", `
d -C /srv/here/conf -n test61 extra
await alone`, "", ""},

	{"62 --command alone", everything + "test62 command=/bin/echo test62", `
d -C /srv/here/conf -n test62
await alone`, "", ""},

	{"63 --stop, and what the client says then", everything, `
client term <<'.'
#!/bin/sh
trap 'echo line 2 of 2 >&2; exit 0' TERM
echo line 1 of 2 >&2
: >/srv/here/begun
while :; do sleep 0.05; done
.
d -C /srv/here/conf -n test63 /srv/here/term
await test -e begun
d -C /srv/here/conf -n test63 --stop
await alone`, "", ""},

	{"64 a folder beside the configuration", everything, `
mkdir conf.d
echo 'test64 command=/bin/echo test64 used' >conf.d/used
d -C /srv/here/conf -n test64 echo extra
await alone`, "", ""},

	{"65 a name with a dot in that folder", everything, `
mkdir conf.d
echo 'test65 command=/bin/echo test65 ignored' >conf.d/.ignored
d -C /srv/here/conf -n test65 echo extra
await alone`, "", ""},

	{"66 a file in that folder that its group may write", everything, `
mkdir conf.d
echo 'test66 command=/bin/echo test66 unsafe' >conf.d/unsafe
chmod g+w conf.d/unsafe
d -C /srv/here/conf --safe -n test66 echo extra
await alone`, "", ""},

	{"67 --signal, --running and the delay between bursts", everything + "test67 " + quickly, `
another() { runs test67 && [ "$pid" != "$last" ]; }
next() {
	await another
	last=$pid
	d -n test67 -v --running
	d -n test67 --signal term
}
d -C /srv/here/conf -n test67 sleep 1000
next
next
await test ! -e /run/test67.clientpid
d -n test67 -v --running
d -n test67 --signal term
next
next
await alone
d -n test67 -v --running`, "", ""},

	{"68 --list sorts numbers as numbers", everything, `
for n in 11 10 9 1; do
	d -C /srv/here/conf -n test68_$n sleep 1000
done
for n in 11 10 9 1; do await runs test68_$n; done
d --list
d --list -v
for n in 1 9 10 11; do
	d -n test68_$n --stop
	await gone test68_$n
done
await alone
d --list
d --list -v`, "", ""},

	{"69 variables and home directories", `
command=echo ~ ~root /~ ${HOME} $S
pidfiles=/tmp
out=/tmp/test69.log
BASE=/usr/local/bin:/usr/bin
PATH=$BASE:~/bin:$HOME/bin2
test69 \
	command=$command, \
	pidfiles=$pidfiles, \
	inherit, \
	env=A=$S, \
	env=PATH=$PATH, \
	output=$out
`, `
export chroot=/ user=root config=/srv/here/conf name=test69 S=1
d --idiot --chroot='$chroot' --user='$user' --config='$config' --name='$name'
await alone
d --idiot --config=/srv/here/conf --name=test69 --signal=term`, "", ""},

	{"70 the pidfile is removed while the daemon runs", "", `
d -N -n test70 -P /srv/here -- sleep 1000
await runs test70 -P /srv/here
old=$(cat test70.pid)
rm test70.pid
ls
d -N -n test70 -P /srv/here -- sleep 1000
sleep 0.5
ls
new=$(cat test70.pid 2>/dev/null)
kill $old
sleep 0.3
ls
[ -z "$new" ] || kill $new
sleep 0.3
ls`, "no second daemon is started while the first one runs", `
test70.clientpid
test70: fatal: failed to become a daemon: a supervisor runs in /run/daemon/:srv:here:test70.pid
exit 1
test70.clientpid
-- left --
-- syslog --
<27>daemon: test70: client (pid PID) killed by signal 15, stopping
`},
}

func TestDaemonDoesWhatUpstreamsScriptsShow(t *testing.T) {
	compareDaemons(t, upstream)
}

// docs/daemon.md has a line for each script, which says what this file says.
func TestPageHasEachOfUpstreamsScripts(t *testing.T) {
	const scripts = 70
	lines := map[string]string{"12": sittings[0].name + " | the same"}
	for _, s := range upstream {
		number, _, _ := strings.Cut(s.name, " ")
		lines[number] = s.name + " | the same"
		if s.deviates != "" {
			lines[number] = s.name + " | differs: " + s.deviates
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "daemon.md"))
	must(err)
	for n := 1; n <= scripts; n++ {
		number := fmt.Sprint(n)
		line := "| " + strings.Replace(lines[number], number+" ", number+" | ", 1) + " |\n"
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/daemon.md lacks %s", line)
		}
	}
	if len(lines) != scripts {
		t.Errorf("there are %d scripts", len(lines))
	}
}
