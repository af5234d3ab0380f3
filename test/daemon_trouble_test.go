package test

// What goes wrong around a daemon: files that are links or rubbish, logs that cannot be opened,
// clients that do not obey, names that collide. Where libslack's daemon does harm, ours does
// not: each such case has the reason, and what ours does.
//
// Not tested in this file: killed supervisors and starts at once (daemon_kills_test.go).

import "testing"

// still is a client that notes each begin in the file begun of its directory.
const still = `
client /srv/here/still <<'.'
#!/bin/sh
echo begun >>/srv/here/begun
exec sleep 1000
.
`

var troubles = []situation{
	// What starts twice.
	{name: "a second start of a name", script: still + `
d -n web /srv/here/still
await runs web
await lines 1 begun
d -n web /srv/here/still
d -n web -f /srv/here/still
sleep 0.3
cat begun
d -n web --stop
await alone
rm begun still`,
		deviates: "who starts a daemon that runs hears so", ours: `
web: fatal: failed to create pidfile for web: Resource temporarily unavailable
exit 1
web: fatal: failed to create pidfile for web: Resource temporarily unavailable
exit 1
begun
-- left --
-- syslog --
<27>daemon: web: client (pid PID) killed by signal 15, stopping
`},

	{name: "one name in two folders of pidfiles", script: still + `
mkdir one two
d -n web -P /srv/here/one /srv/here/still
d -n web -P /srv/here/two /srv/here/still
await runs web -P /srv/here/one
await runs web -P /srv/here/two
d -n web --running
await lines 2 begun
cat begun
d -n web -P /srv/here/one --stop
await gone web -P /srv/here/one
d -n web -P /srv/here/two --running -v
d -n web -P /srv/here/two --stop
await alone
rm -r begun still one two`},

	{name: "one name of two users", script: `
d -n web sleep 1000
as daemon -n web sleep 1000
await runs web
await as daemon -n web --running
await test -s /tmp/web.clientpid
d -n web --stop
await gone web
as daemon -n web --running -v
as daemon -n web --stop
await alone`},

	{name: "one pidfile of two names", script: still + `
d -n web -F /srv/here/a.pid /srv/here/still
await runs web -F /srv/here/a.pid
await lines 1 begun
d -f -n other -F /srv/here/a.pid /srv/here/still
d -n other -F /srv/here/a.pid --running -v
cat begun
d -n other -F /srv/here/a.pid --stop
await alone
rm begun still`},

	{name: "names of dots, dashes and digits", script: `
for name in . .. ... - -- -a a.pid a.clientpid 1 B a; do
	d -n$name -P /srv/here sleep 1000
	await test -s ./$name.clientpid
done
ls -A
d --list -P /srv/here
for name in . .. ... - -- -a a.pid a.clientpid 1 B a; do
	d -n$name -P /srv/here --stop
	await gone $name -P /srv/here
done
await alone`},

	{name: "a name of 200 letters", script: `
name=$(printf '%0200d' 0)
d -n $name sleep 1000
await runs $name
ls /run/*pid 2>/dev/null
d -n $name --stop
await alone`},

	{name: "a name that is too long for a file", script: `
name=$(printf '%0300d' 0)
d -f -n $name true`},

	// Pidfiles.
	{name: "a pidfile that is a link to a file of root", script: `
echo precious >precious
chmod 600 precious
ln -s /srv/here/precious /tmp/web.pid
timeout 3 daemon -n web -P /tmp sleep 1000
echo $?
sleep 0.3
cat precious
sweep
await alone
rm -f /tmp/web.*`,
		deviates: "a pidfile is not followed through a link", ours: `
web: fatal: failed to create pidfile for web: Too many levels of symbolic links
1
precious
-- left --
/srv/here/precious f600 root:root
    precious
`},

	{name: "a client's pidfile that is a link to a file of root", script: `
echo precious >precious
ln -s /srv/here/precious /tmp/web.clientpid
timeout 3 daemon -n web -P /tmp sleep 1000
echo $?
sleep 0.3
cat precious
sweep
await alone
rm -f /tmp/web.*`,
		deviates: "a pidfile is not followed through a link", ours: `
0
precious
-- left --
/srv/here/precious f644 root:root
    precious
`},

	{name: "a pidfile that is a link to nothing", script: `
ln -s /srv/here/new /tmp/web.pid
timeout 3 daemon -n web -P /tmp sleep 1000
echo $?
sleep 0.3
ls
sweep
await alone
rm -f /tmp/web.*`,
		deviates: "a pidfile is not followed through a link", ours: `
web: fatal: failed to create pidfile for web: Too many levels of symbolic links
1
-- left --
`},

	{name: "a folder of pidfiles that is a link", script: `
mkdir real
ln -s real link
d -n web -P /srv/here/link sleep 1000
await runs web -P /srv/here/link
ls real
d -n web -P /srv/here/real --running
d -n web -P /srv/here/link --stop
await alone
rm -r link real`},

	{name: "a pidfile that is a folder, a FIFO, a device", script: `
mkdir a.pid
mkfifo b.pid
for name in a b; do d -f -n $name -P /srv/here true </dev/null; done
rm -rf a.pid b.pid`,
		deviates: "a FIFO is no pidfile, and is not removed", ours: `
a: fatal: failed to create pidfile for a: Is a directory
exit 1
b: fatal: failed to create pidfile for b: Not a regular file
exit 1
-- left --
`},

	{name: "a stale pidfile", script: still + `
echo 99999 >/run/web.pid
echo 99998 >/run/web.clientpid
d -n web --running -v
d --list -v
d -n web --signal term
d -n web --restart
d -n web --stop
ls /run/*pid 2>/dev/null
echo 99999 >/run/web.pid
d -n web /srv/here/still
await runs web
await lines 1 begun
d -n web --stop
await alone
rm begun still`},

	{name: "a stale pidfile whose number is another process's", script: `
sleep 1000 & victim=$!
for action in --stop --restart '--signal term'; do
	echo $victim >/run/web.pid
	echo $victim >/run/web.clientpid
	d -n web $action
	sleep 0.2
	kill -0 $victim 2>/dev/null && echo lives || { echo killed; sleep 1000 & victim=$!; }
done
kill -9 $victim
rm -f /run/web.*`,
		deviates: "no process gets a signal because its number stands in a file that nobody holds", ours: `
daemon: fatal: failed to stop the web daemon: pidfile web: No such process
exit 1
lives
daemon: fatal: failed to send sigusr1 to web daemon: No such process
exit 1
lives
daemon: fatal: failed to send term signal to web daemon client: No such process
exit 1
lives
-- left --
`},

	{name: "rubbish in a pidfile that nobody holds", script: `
for text in '' x 0 -1 99999999999 '1 2' 12x; do
	echo "$text" >/srv/here/web.pid
	echo "$text" >/srv/here/web.clientpid
	d -n web -P /srv/here --running -v
	echo "$text" >/srv/here/web.pid
	setsid sh -c 'daemon -n web -P /srv/here --restart; echo $?' 2>&1
	setsid sh -c 'daemon -n web -P /srv/here --stop; echo $?' 2>&1
	rm -f web.*
done`,
		deviates: "no process gets a signal because its number stands in a file that nobody holds", ours: `
daemon:  web is not running
exit 1
daemon: fatal: failed to find pid for web: Invalid argument
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
daemon:  web is not running
exit 1
daemon: fatal: failed to find pid for web: Invalid argument
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
daemon:  web is not running
exit 1
daemon: fatal: failed to find pid for web: Invalid argument
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
daemon:  web is not running
exit 1
daemon: fatal: failed to find pid for web: Invalid argument
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
daemon:  web is not running
exit 1
daemon: fatal: failed to send sigusr1 to web daemon: No such process
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
daemon:  web is not running
exit 1
daemon: fatal: failed to send sigusr1 to web daemon: No such process
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
daemon:  web is not running
exit 1
daemon: fatal: failed to find pid for web: Invalid argument
1
daemon: fatal: failed to stop the web daemon: pidfile /srv/here/web.pid: No such process
1
-- left --
`},

	{name: "the pidfiles are removed while the daemon runs", script: still + `
d -n web /srv/here/still
await runs web
await lines 1 begun
rm /run/web.pid /run/web.clientpid
d -n web --running -v
d -n web /srv/here/still
sleep 0.3
cat begun
d -n web --stop
await gone web
sweep
await alone
rm begun still`,
		deviates: "no second daemon is started while the first one runs, and that can be stopped", ours: `
daemon:  web is running (pid PID) (clientpid PID)
web: fatal: failed to become a daemon: a supervisor runs in /run/daemon/web
exit 1
begun
-- left --
-- syslog --
<27>daemon: web: client (pid PID) killed by signal 15, stopping
`},

	// Users.
	{name: "a user without a home directory", script: `
d -u nobody -n web -o /tmp/log -- sh -c 'echo begun; exec sleep 1000'
await runs web -u nobody
await lines 1 /tmp/log
ls /tmp
d -u nobody -n web --running -v
d -u nobody -n web --stop
await alone
rm /tmp/log`},

	{name: "a user who has no HOME, and one whose HOME is another's", script: `
for home in '' / /root /srv/home/x; do
	setpriv --reuid=4001 --regid=4001 --init-groups env HOME=$home daemon -n web sleep 1000
	echo $?
	await runs web -P /tmp
	as daemon -n web --stop
	await alone
done
setpriv --reuid=4001 --regid=4001 --init-groups env -u HOME daemon -n web sleep 1000
await runs web -P /tmp
as daemon -n web --stop
await alone
ls -A /tmp /root`},

	{name: "another user's file has the name of the pidfile", script: `
setpriv --reuid=65534 --clear-groups sh -c 'umask 0; echo 1 >/tmp/web.pid'
as timeout 5 daemon -f -n web true
echo $?
cat /tmp/web.pid
rm /tmp/web.pid`,
		deviates: "a pidfile is no file of another user", ours: `
web: fatal: failed to create pidfile for web: It belongs to somebody else
1
1
-- left --
`},

	{name: "another user stops a daemon", script: `
d -n web sleep 1000
await runs web
as daemon -n web -P /run --running -v
as daemon -n web -P /run --stop
as daemon -n web -P /run --restart
as daemon -n web -P /run --signal term
d -n web --running
d -n web --stop
await alone`},

	// Logs.
	{name: "a log that is a folder", script: still + `
mkdir folder
d -n web -o /srv/here/folder /srv/here/still
sleep 0.3
ls begun /run/web*
sweep
await alone
rm -f begun still
rmdir folder`,
		deviates: "the caller hears of a log that cannot be opened, and nothing is started", ours: `
web: fatal: failed to open /srv/here/folder to log client stdout: Is a directory
exit 1
ls: cannot access 'begun': No such file or directory
ls: cannot access '/run/web*': No such file or directory
-- left --
`},

	{name: "a log for standard error whose folder is not there", script: still + `
mkdir folder
d -n web -E /nowhere/log /srv/here/still
sleep 0.3
ls begun /run/web*
sweep
await alone
rm -f begun still
rmdir folder`,
		deviates: "the caller hears of a log that cannot be opened, and nothing is started", ours: `
web: fatal: failed to open /nowhere/log to log client stderr: No such file or directory
exit 1
ls: cannot access 'begun': No such file or directory
ls: cannot access '/run/web*': No such file or directory
-- left --
`},

	{name: "a log for messages below a file", script: still + `
mkdir folder
d -n web -l /dev/null/x /srv/here/still
sleep 0.3
ls begun /run/web*
sweep
await alone
rm -f begun still
rmdir folder`,
		deviates: "the caller hears of a log that cannot be opened, and nothing is started", ours: `
web: fatal: failed to start error delivery to /dev/null/x: Not a directory
exit 1
ls: cannot access 'begun': No such file or directory
ls: cannot access '/run/web*': No such file or directory
-- left --
`},

	{name: "a log for debug messages whose folder is not there", script: still + `
mkdir folder
d -n web -b /nowhere/log /srv/here/still
sleep 0.3
ls begun /run/web*
sweep
await alone
rm -f begun still
rmdir folder`,
		deviates: "the caller hears of a log that cannot be opened, and nothing is started", ours: `
web: fatal: failed to start debug delivery to /nowhere/log: No such file or directory
exit 1
ls: cannot access 'begun': No such file or directory
ls: cannot access '/run/web*': No such file or directory
-- left --
`},

	{name: "a log that one who is not root may not write", script: still + `
: >log
chmod 777 .
as daemon -n web -o /srv/here/log /srv/here/still
echo $?
sleep 0.2
ls begun
as daemon -n web --stop
await alone
rm -f begun still log`,
		deviates: "the caller hears of a log that cannot be opened, and nothing is started", ours: `
web: fatal: failed to open /srv/here/log to log client stdout: Permission denied
1
ls: cannot access 'begun': No such file or directory
daemon: fatal: failed to stop the web daemon: pidfile web: No such process
-- left --
`},

	{name: "a log in a directory that is relative to another", script: `
mkdir logs
cd logs
d -n web -D /srv/here/logs -o log -l err -- sh -c 'echo a; exit 3'
await alone`},

	{name: "syslog facilities and priorities", script: `
for spec in user.info local7.debug auth.alert daemon.emerg kern.crit cron.notice mail.warning lpr.err USER.INFO; do
	d -f -o $spec echo $spec
done
ls /`},

	{name: "a facility or a priority that is none", script: `
for spec in user.bogus bogus.err user. .err user; do
	d -D /srv/here -o $spec -- echo "to $spec"
	await alone
done
ls
rm -f user* bogus* .err`,
		deviates: "a facility without a priority of syslog is no name of a file", ours: `
Invalid --output argument: 'user.bogus' (Unknown priority bogus; a file is ./user.bogus)
USAGE
exit 1
Invalid --output argument: 'user.' (Unknown priority ; a file is ./user.)
USAGE
exit 1
bogus.err
user
-- left --
`},

	{name: "no syslog", script: `
rm -f /dev/log
d -n web -o user.err -- sh -c 'echo a; exit 3'
await alone
mkdir /dev/log`},

	{name: "each stream to a log of its own", script: `
d -O /srv/here/out -E local3.warning -l /srv/here/err -n web -- sh -c 'echo to out; sleep 0.1; echo to err >&2; printf "no newline"; exit 7'
await alone`},

	{name: "a log that is renamed stays the log", script: `
client talks <<'.'
#!/bin/sh
echo before
while [ ! -e /srv/here/go ]; do sleep 0.05; done
echo after
.
d -n web -o /srv/here/log /srv/here/talks
await lines 1 log
mv log old
: >go
await alone
rm talks go`},

	{name: "bytes that are no text", script: `
d -n web -o /srv/here/log -- sh -c 'printf "a\0b\377\n\n\n\r\nlast"'
await alone
od -c log`},

	// Clients.
	{name: "a client that ignores TERM", script: `
client deaf <<'.'
#!/bin/sh
trap '' TERM
: >/srv/here/begun
while :; do sleep 0.05; done
.
d -n web /srv/here/deaf
await test -e begun
d -n web --stop
sleep 0.5
d -n web --running -v
d -n web --stop
sleep 0.2
d -n web --running
d -n web --signal kill
await alone
rm begun deaf`},

	{name: "a client whose child holds the output, and ends later", script: `
client parent <<'.'
#!/bin/sh
echo begun
sleep 1000 & echo $! >/srv/here/child
exit 3
.
d -n web -o /srv/here/log -l /srv/here/err /srv/here/parent
await test -s child
sleep 0.5
d -n web --running -v
kill $(cat child)
await alone
rm child parent`,
		deviates: "a daemon ends with its client, whoever still holds the output", ours: `
daemon:  web is not running
exit 1
-- left --
/srv/here/err f644 root:root
    TIME web: client (pid PID) exited with 3 status, exiting
/srv/here/log f644 root:root
    begun
`},

	{name: "the same with --ignore-eof", script: `
client parent <<'.'
#!/bin/sh
echo begun
sleep 1000 & echo $! >/srv/here/child
exit 3
.
d --ignore-eof -n web -o /srv/here/log -l /srv/here/err /srv/here/parent
await test -s child
await gone web
ls /run/*pid 2>/dev/null
kill $(cat child)
await alone
rm child parent`},

	{name: "--stop while a child of the client holds the output", script: `
client parent <<'.'
#!/bin/sh
sleep 1000 & echo $! >/srv/here/child.new
mv child.new child
exec sleep 1000
.
d -n web -D /srv/here -o /srv/here/log /srv/here/parent
await test -s child
d -n web --stop
sleep 0.5
d -n web --running -v
kill $(cat child)
await alone
rm child parent`,
		deviates: "a daemon ends with its client, whoever still holds the output", ours: `
daemon:  web is not running
exit 1
-- left --
/srv/here/log f644 root:root
-- syslog --
<27>daemon: web: client (pid PID) killed by signal 15, stopping
`},

	{name: "20,000 lines just before the end", script: `
client flood <<'.'
#!/bin/sh
seq 20000
seq 20001 40000 >&2
.
d -n web -O /srv/here/out -E /srv/here/err /srv/here/flood
await alone
seq 20000 | cmp - out
seq 20001 40000 | cmp - err
rm out err flood`},

	{name: "1,000 lines to syslog just before the end", script: `
d -n web -o user.info seq 1000
await alone`},

	{name: "a client that reads its standard input", script: `
d -n web -o /srv/here/log -- sh -c 'cat; echo ended'
await alone`},

	{name: "a client in the foreground that reads standard input", script: `
printf 'a\nb\n' | daemon -f -n web -- sort -r
echo $?`},

	{name: "a client that closes everything and lives on", script: `
d -n web -o /srv/here/log -- sh -c 'exec 0<&- 1>&- 2>&-; while :; do /bin/sleep 0.05; done'
await runs web
sleep 0.2
d -n web --running
d -n web --stop
await alone`},

	{name: "a client that stops", script: `
d -n web sleep 1000
await runs web
d -n web --signal stop
sleep 0.2
d -n web --running
d -n web --stop
sleep 0.2
d -n web --running
d -n web --signal cont
await alone`,
		deviates: "a client that is stopped is continued to end", ours: `
exit 1
daemon: fatal: failed to find client pid for web: No such file or directory
exit 1
-- left --
-- syslog --
<27>daemon: web: client (pid PID) killed by signal 15, stopping
`},

	{name: "a program that is not there, and one that cannot be executed", script: `
: >empty
printf '\177ELF' >broken
chmod 755 empty broken
printf 'echo no shebang; echo "$0" "$@"' >bare
chmod 755 bare
for program in nosuch /srv/here/nosuch /srv/here/empty /srv/here/broken /srv/here/bare /srv/here; do
	d -U -n web -o /srv/here/log -l /srv/here/err $program a 'b c'
	await alone
done
rm empty broken bare`,
		deviates: "the caller hears that a program is not there; why another one cannot be run is in its log", ours: `
daemon: fatal: failed to start: nosuch: No such file or directory
exit 1
daemon: fatal: failed to start: /srv/here/nosuch: No such file or directory
exit 1
daemon: fatal: failed to start: /srv/here: Is a directory
exit 1
-- left --
/srv/here/err f644 root:root
    TIME web: client (pid PID) exited with 111 status, exiting
/srv/here/log f644 root:root
    argv0: fatal: chain:22: unable to run /srv/here/broken: exec format error
    no shebang
    /srv/here/bare a b c
`},

	{name: "how clients end", script: `
for end in 'exit 0' 'exit 1' 'exit 255' 'kill -9 $$' 'kill -15 $$' 'kill -11 $$' 'kill -1 $$'; do
	d -n web -l /srv/here/err -- sh -c "$end"
	await alone
done`},

	{name: "-f and how clients end", script: `
for end in 'exit 0' 'exit 1' 'exit 255' 'kill -9 $$' 'kill -15 $$'; do
	d -f -n web -l /srv/here/err -- sh -c "$end"
done`,
		deviates: "in the foreground, the exit code is the client's", ours: `
exit 1
exit 255
exit 137
exit 143
-- left --
/srv/here/err f644 root:root
    TIME web: client (pid PID) exited with 1 status, exiting
    TIME web: client (pid PID) exited with 255 status, exiting
    TIME web: client (pid PID) killed by signal 9, exiting
    TIME web: client (pid PID) killed by signal 15, exiting
`},

	{name: "--command and quotes", script: `
for command in 'echo a b' 'echo  a   b' "echo 'a b' c" 'echo "a b" c' 'echo a\ b c' 'echo "a' 'echo $HOME' "echo ''"; do
	d -f -X "$command"
done`,
		deviates: "quotes and backslashes count in --command", ours: `
a b
a b
a b c
a b c
a b c
a
$HOME

-- left --
`},

	{name: "POSIXLY_CORRECT", script: `
d -f echo -n a
POSIXLY_CORRECT=1 d -f echo -n a
echo`},

	// Signals.
	{name: "each signal by name and by number", script: `
client notes <<'.'
#!/usr/bin/perl
$| = 1;
for my $name (qw(HUP INT QUIT USR1 USR2 ALRM TERM CONT WINCH URG CHLD IO)) { $SIG{$name} = sub { print "$name\n" } }
print "ready\n";
sleep 1000 while 1;
.
d -n web -o /srv/here/log /srv/here/notes
await grep -q ready log
n=1
for s in int SIGINT sigquit 3 10 usr1 Usr2 12 alrm 14 cont winch 28 urg 23 chld 17 cld io poll term 15 hup; do
	d -n web --signal $s
	n=$((n+1))
	await lines $n log
done
d -n web --signal kill
await alone
rm notes`},

	{name: "TERM and HUP to the daemon itself", script: still + `
d -r --idiot -a 0 -n web -l /srv/here/err /srv/here/still
await lines 1 begun
await test -s /run/web.clientpid
kill -HUP $(cat /run/web.pid)
sleep 0.2
d -n web --running
kill -TERM $(cat /run/web.pid)
await alone
rm begun still`},

	{name: "USR1 to the daemon itself", script: still + `
d -r --idiot -a 0 -n web -l /srv/here/err /srv/here/still
await lines 1 begun
await test -s /run/web.clientpid
kill -USR1 $(cat /run/web.pid)
sleep 0.5
d -n web --stop
await alone
cat begun
rm begun still`,
		deviates: "--restart is what makes a client start again, and not USR1", ours: `
begun
-- left --
/srv/here/err f644 root:root
    TIME web: client (pid PID) killed by signal 15, stopping
`},

	// Respawning.
	{name: "a good run among short ones", script: `
client some <<'.'
#!/bin/sh
echo begun >>/srv/here/begun
case $(grep -c '' /srv/here/begun) in 3) sleep 2.2;; 6) exec sleep 1000;; esac
.
d -r --idiot -a 2 -A 3 -L 1 -n web -l /srv/here/err /srv/here/some
await lines 6 begun
d -n web --stop
await alone
rm begun some`,
		deviates: "a client that lives long enough makes the failures before it forgotten", ours: `
-- left --
/srv/here/err f644 root:root
    TIME web: client (pid PID) killed by signal 15, stopping
`},

	{name: "--restart during a delay", script: still + `
client ends <<'.'
#!/bin/sh
echo begun >>/srv/here/begun
[ $(grep -c '' /srv/here/begun) -lt 2 ] || exec sleep 1000
.
d -r --idiot -a 5 -A 1 -L 4 -n web -l /srv/here/err /srv/here/ends
await grep -q waiting err
d -n web --running -v
d --list -v
d -n web --restart
sleep 1
cat begun
d -n web --stop
await alone
rm begun ends still`,
		deviates: "--restart ends a delay", ours: `
daemon:  web is running (pid PID) (client is not running)
web is running (pid PID) (client is not running)
begun
begun
-- left --
/srv/here/err f644 root:root
    TIME web: terminating too quickly, waiting 4 seconds
    TIME web: client (pid PID) killed by signal 15, stopping
`},

	{name: "--stop during a delay", script: `
d -r --idiot -a 5 -A 2 -L 60 -n web -l /srv/here/err false
await grep -q waiting err
ls /run/*pid 2>/dev/null
d -n web --stop
await alone`},

	{name: "--restart without --respawn", script: still + `
d -n web -l /srv/here/err /srv/here/still
await lines 1 begun
await runs web
d -n web --restart
await alone
cat begun
rm begun still`},

	{name: "no attempts at all", script: `
d -r --idiot -a 5 -A 0 -L 1 -M 2 -n web -l /srv/here/err false
await alone`},

	// Configuration.
	{name: "a configuration that others may write, as root", script: `
mkdir open etc
chmod 777 open
for file in open/conf etc/conf; do
	echo '* output=/srv/here/taken' >$file
done
chmod 666 etc/conf
d -C /srv/here/open/conf -f echo a
d -C /srv/here/etc/conf -f echo a
d -C /srv/here/etc/conf -U -f echo b
ln -s /srv/here/open/conf link
d -C /srv/here/link -f echo a
rm -r open etc link`},

	{name: "the same as another user", script: `
mkdir open
chmod 777 . open
echo '* output=/srv/here/taken' >open/conf
chmod 666 open/conf
as daemon -C /srv/here/open/conf -f echo a
as daemon -C /srv/here/open/conf -S -f echo b
as daemon -C /srv/here/open/conf -S -f /bin/echo c
rm -r open`},

	{name: "what a configuration may hold", config: `
# a comment
   * output=/srv/here/log   # another
web   command=/bin/echo one \
	two , stderr=/srv/here/err,\
	umask=027

other command=/bin/echo not this
A=1
B=${A}2
web env=C=$B, inherit
`, script: `
d -C /srv/here/conf -n web three
await alone
d -C /srv/here/conf -n other
await alone
d -C /srv/here/conf -f -- /bin/sh -c 'echo $A $B'`,
		deviates: "a tab is a blank in --command", ours: `
1 ${A}2
-- left --
/srv/here/err f640 root:root
/srv/here/log f640 root:root
    one two three
    not this
    1 ${A}2
`},

	{name: "which configuration wins", script: `
mkdir /etc/daemon.conf.d ~/.daemonrc.d
echo '* output=/srv/here/1' >/etc/daemon.conf
echo 'web output=/srv/here/2' >>/etc/daemon.conf
echo '* output=/srv/here/3' >/etc/daemon.conf.d/a
echo '* output=/srv/here/4' >~/.daemonrc
echo 'x output=/srv/here/5' >~/.daemonrc.d/a
for words in '-n web' '-n x' '-n y' '-N -n web' '-N -n x' '-n web -o /srv/here/6' '-C /etc/daemon.conf.d/a -n web'; do
	d $words -- echo "$words"
	await alone
done
rm -r ~/.daemonrc*`},

	{name: "a folder of configurations is read in order", script: `
mkdir conf.d
: >conf
for name in c a b; do echo "* umask=0$((7 * $(printf %d "'$name") % 8))7, output=/srv/here/$name" >conf.d/$name; done
d -C /srv/here/conf echo hello
await alone
rm -r conf.d`},
}

func TestDaemonInTrouble(t *testing.T) {
	need(t, "perl", "timeout")
	compareDaemons(t, troubles)
}
