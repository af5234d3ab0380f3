package test

// daemon starts, lists and stops daemons, and takes over what a killed supervisor has left. What
// it cannot do it says before it goes into the background.
//
// Not tested in this file: whether libslack's program does the same.

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// room runs a script in a mount and a PID namespace of its own, with an empty /run, /tmp and
// /srv, where it starts. The namespaces end with the script, and all that it has started.
// It returns what the script prints, without the numbers of processes.
func room(t *testing.T, script string) string {
	t.Helper()
	needRoot(t)
	cmd := exec.Command("sh", "-c", `
mount --make-rprivate / && mount -t proc proc /proc
mount --bind "$PROGRAMS" /mnt # they may be below /tmp
for dir in /run /tmp /srv; do mount -t tmpfs tmp $dir; done
await() { n=0; until "$@" >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 1000 ] || { echo "never: $*"; exit 98; }; sleep 0.01; done; }
refuse() { n=0; while "$@" >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 1000 ] || { echo "always: $*"; exit 98; }; sleep 0.01; done; }
d() { daemon "$@"; code=$?; [ $code = 0 ] || echo "exit $code"; }
lines() { [ "$(grep -c "$2" "$3")" -ge "$1" ]; }
runs() { daemon -v --running -n "$@" | grep -q clientpid; }
cd /srv
`+script)
	cmd.Env = []string{"PATH=/mnt:" + systemPath, "PROGRAMS=" + fused.dir, "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Setsid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			t.Fatal(err)
		}
		t.Errorf("the script: %v\n%s", err, &out)
	}
	text := regexp.MustCompile(`pid \d+`).ReplaceAllString(out.String(), "pid N")
	return regexp.MustCompile(`(?m)^\d{8} \d\d:\d\d:\d\d `).ReplaceAllString(text, "")
}

// prints fails unless a script prints this.
func prints(t *testing.T, script, want string) {
	t.Helper()
	if got := room(t, script); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("%s\nprints\n%s\nand not\n%s", script, got, want)
	}
}

func TestDaemonRunsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	prints(t, `
d -n web -D /srv -o out -- sh -c 'echo "$0"; sleep 1000; :'
await runs web
d --list
d --list -v
d -v --running -n web
tr '\0' ' ' <"/proc/$(cat /run/web.clientpid)/cmdline"; echo
await test -s out
cat out
ls -I mount /run
d -n web --stop
refuse daemon --running -n web
d -v --running -n web
ls -I mount /run
refuse pgrep supervise`, `
web
web is running (pid N) (client pid N)
daemon:  web is running (pid N) (clientpid N)
web: sh -c echo "$0"; sleep 1000; : 
web: sh
daemon
web.clientpid
web.pid
daemon:  web is not running
exit 1
daemon
`)
}

// Of a daemon one process stays, a bare one, and a second one if syslog gets the output.
func TestDaemonLeavesOneProcess(t *testing.T) {
	t.Parallel()
	prints(t, `
d -n web sleep 1000
d -n out -o /srv/out sleep 1000
d -n log -o user.info sleep 1000
for name in web out log; do await runs $name; done
for stat in /proc/[1-9]*/comm; do
	pid=${stat%/comm}
	case $(basename "$(readlink $pid/exe)") in
	catena | daemon) cat $stat;;
	esac
done 2>/dev/null | sort | uniq -c | sed 's/^ *//'`, `
3 supervise
1 tosyslog
`)
}

func TestDaemonTakesOverAfterTheSupervisorWasKilled(t *testing.T) {
	t.Parallel()
	prints(t, `
for options in "" "-r" "-u nobody" "-R /" "-R / -u nobody" "-P /srv" "-F /srv/lock.pid"; do
	mkdir -m 1777 -p /srv
	d -n web $options -- sleep 1000
	await runs web $options
	for round in 1 2; do
		client=$(pgrep -x sleep)
		kill -9 "$(pgrep -x supervise)"
		refuse daemon -n web $options --running
		d -n web $options -- sleep 1000
		await runs web $options
		[ "$(pgrep -x sleep)" = "$client" ] || echo "$options: another client"
	done
	d -n web $options --stop
	refuse pgrep -x sleep
	refuse daemon -n web $options --running
	refuse pgrep -x supervise
done
# A client that has died meanwhile is started anew, also without --respawn.
d -n web sleep 1000
await runs web
kill -9 "$(pgrep -x supervise)" "$(pgrep -x sleep)"
refuse pgrep -x sleep
d -n web sleep 1000
await runs web
pgrep -c sleep`, `
1
`)
}

func TestOfTwoStartsOfADaemonOneSaysSo(t *testing.T) {
	t.Parallel()
	prints(t, `
for n in 1 2 3 4 5 6 7 8; do
	{ daemon -n web sleep 1000; echo $?; } >said.$n 2>&1 &
	starts="$starts $!"
done
wait $starts
cat said.* | sort | uniq -c | sed 's/^ *//'
await runs web
pgrep -c sleep
rm /run/web.pid
d -n web sleep 1000
pgrep -c sleep`, `
1 0
7 1
7 web: fatal: failed to create pidfile for web: Resource temporarily unavailable
1
web: fatal: failed to become a daemon: a supervisor runs in /run/daemon/web
exit 1
1
`)
}

func TestDaemonSaysBeforeItDetachesWhatCannotBe(t *testing.T) {
	t.Parallel()
	prints(t, `
d -n web -o /nowhere/out sleep 1000
d -n web -l /nowhere/err sleep 1000
d -n web -E /srv sleep 1000
d -n web -D /nowhere sleep 1000
d -n web -U nosuch
d -n web nosuch
d -n web /usr
d -f -U /srv
d -n web -o user.bogus sleep 1000 2>&1 | grep -v '^ \|^$\|^usage\|^options'
d -n a/b sleep 1000 2>&1 | head -n 1
: >target
ln -s /srv/target /run/web.pid
d -n web sleep 1000
rm /run/web.pid
touch /run/other
ln /run/other /run/web.pid
d -n web sleep 1000
rm /run/web.pid
touch /run/web.pid
chown nobody /run/web.pid
d -n web sleep 1000
rm /run/web.pid /run/other
find /run target -type f -size +0
pgrep -c 'sleep|supervise'`+" || :", `
web: fatal: failed to open /nowhere/out to log client stdout: No such file or directory
exit 1
web: fatal: failed to start error delivery to /nowhere/err: No such file or directory
exit 1
web: fatal: failed to open /srv to log client stderr: Is a directory
exit 1
web: fatal: failed to change directory to /nowhere: No such file or directory
exit 1
daemon: fatal: failed to start: nosuch: No such file or directory
exit 1
daemon: fatal: failed to tell if nosuch is safe: No such file or directory
exit 1
daemon: fatal: failed to start: /usr: Is a directory
exit 1
daemon: fatal: failed to start: /srv: Is a directory
exit 1
Invalid --output argument: 'user.bogus' (Unknown priority bogus; a file is ./user.bogus)
exit 1
Invalid --name argument: 'a/b' (Must consist entirely of [-._a-zA-Z0-9])
web: fatal: failed to create pidfile for web: Too many levels of symbolic links
exit 1
web: fatal: failed to create pidfile for web: It has another name
exit 1
web: fatal: failed to create pidfile for web: It belongs to somebody else
exit 1
0
`)
}

func TestDaemonIgnoresConfigurationThatOthersMayWrite(t *testing.T) {
	t.Parallel()
	prints(t, `
chmod 755 /srv
printf 'web command=/bin/echo from conf\n' >conf
mkdir conf.d
printf '* output=/srv/out\n' >conf.d/all
printf 'web command=/bin/echo unsafe\n' >conf.d/zzz
chmod 666 conf.d/zzz
d -C /srv/conf -n web more
await test -s out
cat out
refuse daemon --running -n web
chmod 777 conf.d
d -C /srv/conf -n web -o /srv/other more
await test -s other
cat other`, `
daemon: ignoring unsafe /srv/conf.d/zzz (/srv/conf.d/zzz is group- and world-writable)
from conf more
daemon: ignoring unsafe /srv/conf.d/all (/srv/conf.d is group- and world-writable)
daemon: ignoring unsafe /srv/conf.d/zzz (/srv/conf.d/zzz is group- and world-writable)
from conf more
`)
}

func TestDaemonRespawnsInBursts(t *testing.T) {
	t.Parallel()
	prints(t, `
d -n web -r --idiot -a 1 -A 2 -L 1 -M 2 -l err -D /srv -- sh -c 'exit 3'
refuse daemon --running -n web
refuse pgrep -x supervise
cat err
# A restart ends a delay.
d -n web -r --idiot -a 100 -A 1 -L 1000 -l err2 -D /srv -- sh -c 'echo >>/srv/begun; [ -e /srv/stay ] && exec sleep 1000'
await grep waiting err2
d -v --running -n web
touch stay
d -n web --restart
await runs web
grep -c '' begun
d -n web --signal=kill
await lines 2 waiting err2
d -n web --stop
grep -v client err2
ls /run/web.pid
# Without --respawn a restart is the end.
d -n web -l err3 -D /srv sleep 1000
await runs web
d -n web --restart
refuse daemon --running -n web
cat err3`, `
web: client (pid N) exited with 3 status, respawning
web: client (pid N) exited with 3 status, respawning
web: terminating too quickly, waiting 1 second
web: end of 1 second respawn attempt burst delay
web: client (pid N) exited with 3 status, respawning
web: client (pid N) exited with 3 status, respawning
web: fatal: reached respawn attempt burst limit (2), exiting
daemon:  web is running (pid N) (client is not running)
2
web: terminating too quickly, waiting 1000 seconds
web: terminating too quickly, waiting 1000 seconds
web: fatal: terminated
ls: cannot access '/run/web.pid': No such file or directory
web: client (pid N) killed by signal 15, exiting
`)
}

func TestDaemonInTheForeground(t *testing.T) {
	t.Parallel()
	prints(t, `
d -f -- sh -c 'echo out; echo err >&2; exit 3'
echo input | d -f -n web cat
d -f -o out -- sh -c 'echo both; kill -9 $$'
cat out
daemon -f -n web sleep 1000 & first=$!
await runs web
d -f -n web true
d -n web true
d -n web --stop
wait $first
echo $?
ls -I mount /run
# The client does not outlive a daemon in the foreground, and there is no second one meanwhile.
daemon -f -n web -- sh -c 'trap "" TERM; while :; do sleep 0.1; done' & first=$!
await runs web
kill -9 $first
wait $first 2>/dev/null
d -n web true
d -f -n web true
kill -9 "$(cat /run/web.clientpid)"
await daemon -f -n web true`, `
out
err
exit 3
input
both
exit 137
both
web: fatal: failed to create pidfile for web: Resource temporarily unavailable
exit 1
web: fatal: failed to create pidfile for web: Resource temporarily unavailable
exit 1
143
web: fatal: failed to become a daemon: the client (pid N) of a daemon that was killed runs
exit 1
web: fatal: failed to start: the client (pid N) of a daemon that was killed runs
exit 1
`)
}

// A user's daemons are below the home directory, and root's for a user below /run/daemon; each of the
// two takes over what the other one has started.
func TestDaemonOfAUser(t *testing.T) {
	t.Parallel()
	prints(t, `
chmod 1777 /tmp
mkdir -m 700 home runtime
chown nobody home runtime
export HOME=/srv/home
user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; code=$?; [ $code = 0 ] || echo "exit $code"; }
killed() { kill -9 "$(pgrep -x supervise)"; refuse pgrep -x supervise; }
user daemon -n web sleep 1000
await runs web -P /tmp
client=$(pgrep -x sleep)
ls home/.daemon/*
killed
user daemon -n web sleep 1000
[ "$(pgrep -x sleep)" = "$client" ] || echo another client
user daemon -n web --stop
refuse pgrep -x 'sleep|supervise'
d -n web -u nobody sleep 1000
await runs web -P /tmp
client=$(pgrep -x sleep)
ls -l /run/daemon | sed 1d | cut -d' ' -f1,3,4
user daemon -v -n web --running
killed
user daemon -n web sleep 1000
[ "$(pgrep -x sleep)" = "$client" ] || echo another client
user daemon -n web --restart
refuse pgrep -x 'sleep|supervise'
rm -r /run/daemon
HOME=/ user daemon -n web sleep 1000
HOME=/ XDG_RUNTIME_DIR=/srv/runtime user daemon -n web -- sleep 1000
await runs web -P /tmp
ls runtime/.daemon/*
user daemon -n web --stop
refuse pgrep -x 'sleep|supervise'
# Somebody else's pidfile makes root end nothing else.
user daemon -n trap sleep 1000
await runs trap -P /tmp
sleep 1000 & other=$!
user sh -c "echo $other >/tmp/trap.pid; echo $other >/tmp/trap.clientpid"
d -n trap -P /tmp --signal=kill
d -n trap -P /tmp --restart
d -n trap -P /tmp --stop
kill -0 $other && echo lives on`, `
web
drwx------ nobody nogroup
daemon:  web is running (pid N) (clientpid N)
web: fatal: failed to find a folder for the daemon (no home directory of this user's, and no XDG_RUNTIME_DIR): Permission denied
exit 1
web
daemon: fatal: failed to send kill signal to trap daemon client: Operation not permitted
exit 1
daemon: fatal: failed to send sigusr1 to trap daemon: Operation not permitted
exit 1
daemon: fatal: failed to stop the trap daemon: pidfile /tmp/trap.pid: Operation not permitted
exit 1
lives on
`)
}

// A link to the directory makes a daemon a service of svscan, which keeps the client when the
// supervisor of daemon is killed.
func TestDaemonIsHandedOverToSvscan(t *testing.T) {
	t.Parallel()
	prints(t, `
d -n web sleep 1000
await runs web
client=$(pgrep -x sleep)
mkdir service
ln -s /run/daemon/web service/web
svscan service 2>said & svscan=$!
kill -9 "$(cat /run/web.pid)"
await sh -c 'svstat service/web | grep -q "up (pid '$client')"'
await svok service/web
d --running -n web
d -n web --stop
d -n web sleep 1000
svc -t service/web
await sh -c 'svstat -l service/web | grep -q "up.*starts 2"'
kill "$(pgrep -x sleep)"
await sh -c 'svstat service/web | grep -q down'
kill $svscan
wait $svscan
cat said`, `
exit 1
daemon: fatal: failed to stop the web daemon: pidfile web: No such process
exit 1
web: fatal: failed to become a daemon: a supervisor runs in /run/daemon/web
exit 1
`)
}

// What a daemon without a name leaves goes when the next one is started.
func TestDaemonsWithoutANameLeaveNothingForLong(t *testing.T) {
	t.Parallel()
	prints(t, `
for n in 1 2 3; do d -- sh -c 'echo $$ >>/srv/begun; exec sleep 1000'; done
await lines 3 . begun
ls /run/daemon | wc -l
kill $(cat begun)
refuse pgrep -x 'sleep|supervise'
d sleep 1000
ls /run/daemon | wc -l`, `
3
1
`)
}

// daemonFormats are the calls by which package daemon makes its messages.
var daemonFormats = regexp.MustCompile(`(?:misused|because\([a-z.]+, |fmt\.Errorf|s\.warn|\.write\([sf]\.self, )\(?"([^"]+)"`)

func TestMessagesOfDaemonStandInItsPage(t *testing.T) {
	text := section(t, "daemon", "DIAGNOSTICS")
	sources, err := filepath.Glob(filepath.Join(root, "internal", "daemon", "*.go"))
	must(err)
	var constant int
	for _, file := range sources {
		source, err := os.ReadFile(file)
		must(err)
		for _, m := range daemonFormats.FindAllStringSubmatch(string(source), -1) {
			format, _, _ := strings.Cut(m[1], ":\\n")
			part := regexp.QuoteMeta(format)
			part = regexp.MustCompile(`%[scdv]`).ReplaceAllString(part, `[^"]+`)
			if constant++; !regexp.MustCompile(`\.It ".*` + part).MatchString(text) {
				t.Errorf("daemon.8 lacks %q of %s", m[1], filepath.Base(file))
			}
		}
	}
	if constant < 40 {
		t.Errorf("only %d messages were found", constant)
	}
}
