package test

// What public scripts do with daemon does the same with ours: init scripts, cron jobs, units,
// and programs that manage others. Here are their shapes, with clients that sleep.
//
// Not tested in this file: each option by itself (daemon_upstream_test.go and others).

import "testing"

// served is a client that says that it begins, and sleeps.
const served = `
client /srv/here/server <<'.'
#!/bin/sh
echo serving "$@"
echo warning >&2
exec sleep 1000
.
`

var daemonScripts = []situation{
	{name: "an init script that starts as another user, as Jenkins has it", script: served + `
client jenkins <<'.'
#!/bin/sh
PIDFILE=/var/run/jenkins/jenkins.pid
ARGS="--name=jenkins --inherit --env=JENKINS_HOME=/srv/home --output=/srv/home/jenkins.log --pidfile=$PIDFILE"
as() { setpriv --reuid=4001 --regid=4001 --init-groups env -i PATH="$PATH" HOME=/srv/home "$@"; }
case $1 in
start)
	mkdir -p /var/run/jenkins
	chown app /var/run/jenkins
	if daemon $ARGS --running; then
		echo already running
		exit 1
	fi
	ulimit -n 512
	umask 027
	as daemon $ARGS -- /srv/here/server --port=80 || exit 2
	;;
stop)
	daemon $ARGS --running || { echo not running; exit 1; }
	as daemon $ARGS --stop || exit 2
	for tenth in $(seq 100); do
		daemon $ARGS --running || break
		sleep 0.1
	done
	rm -f $PIDFILE
	;;
status)
	daemon $ARGS --running -v || exit 3
	;;
esac
.
j() { ./jenkins "$@"; echo "$*: $?"; }
j status
j stop
j start
await runs jenkins -F /var/run/jenkins/jenkins.pid
await lines 2 /srv/home/jenkins.log
j status
j start
(
	cd "/proc/$(cat /var/run/jenkins/jenkins.clientpid)"
	tr '\0' '\n' <environ
	readlink cwd
	grep -h -E 'Max open files|^Umask|^Uid|^Groups' limits status
)
j stop
await alone
j status
j start
await runs jenkins -F /var/run/jenkins/jenkins.pid
j stop
await alone
rm server jenkins`},

	{name: "an init script that asks before it does anything, as upstream's example", script: served + `
client init <<'.'
#!/bin/sh
where="--name web --pidfiles /var/run"
case $1 in
start)
	if daemon --running $where; then
		echo web is already running.
	else
		daemon --respawn $where --chdir /srv --umask 027 --stdout daemon.info --stderr daemon.err -- /srv/here/server -x
		echo started.
	fi;;
stop)
	if daemon --running $where; then daemon --stop $where; echo stopped.; else echo web is not running.; fi;;
restart)
	if daemon --running $where; then daemon --restart $where; echo restarted.; else echo web is not running.; exit 1; fi;;
status)
	daemon --running $where --verbose;;
esac
.
i() { ./init "$@"; echo "$*: $?"; }
another() { runs web && [ "$pid" != "$1" ]; }
i stop
i restart
i status
i start
await runs web
i start
i status
old=$pid
i restart
await another "$old"
i status
i stop
await alone
i status
rm server init`},

	{name: "a command in an option, as scripts for Solr and Tika", script: served + `
d --chdir=/srv/here --command "/srv/here/server a -jar b" --respawn --output=/srv/here/log --name=solr --verbose
await runs solr
await lines 2 log
d --running --verbose --name=solr
d --stop --name=solr --verbose
await alone
d --running --verbose --name=solr
rm server`},

	{name: "a job that starts what does not run", script: served + `
job() {
	daemon --running --name wallet
	if [ $? = 1 ]; then
		echo starting
		d --name wallet -D /srv/here -o /srv/here/wallet.log -- /srv/here/server --stack-size=10000
	else
		echo running
	fi
}
job
await runs wallet
await lines 2 wallet.log
job
d --stop --name wallet
await alone
rm server`},

	{name: "short options, all limits, and a pidfile that is touched", script: served + `
chmod 777 .
as daemon -i -r -a 10 -n staging --umask 002 -A 10 -L 10 -M 10 -o /srv/here/staging.log -- /srv/here/server
ping() { as daemon --running -n staging && ([ -w /tmp/staging.pid ] && touch -mc /tmp/staging.pid; echo -n ok) || echo -n 'not ok'; }
await as daemon --running -n staging
await lines 2 staging.log
await test -s /tmp/staging.clientpid
ping
as daemon --stop -n staging
await alone
ping
rm server`},

	{name: "pidfiles in a folder of the home directory", script: served + `
cd /srv/home
as daemon -r --pidfiles=~app/.run --name=sun -- /srv/here/server
await as daemon --pidfiles=/srv/home/.run --name=sun --running
await test -s /srv/home/.run/sun.clientpid
stat -c %a /srv/home/.run
as daemon --pidfiles=/srv/home/.run --name=sun --running -v
as daemon --pidfiles=~app/.run --name=sun --stop
await alone
rm /srv/here/server`},

	{name: "a pidfile without a name, and a signal to the process in it", script: served + `
d --respawn --pidfile /srv/here/.web.pid --chdir /srv/here --unsafe --stdout /srv/here/out -- /srv/here/server --name web
await test -s .web.clientpid
await lines 1 out
kill $(cat .web.pid)
await alone
rm server`},

	{name: "everything to one file, and a core that may be dumped", script: served + `
d --name=dynamic_1 --user=app --pidfile=/srv/home/dynamic_1.pid --unsafe --core --respawn --delay=10 --output=/srv/home/start --errlog=/srv/home/start -- /srv/here/server
await runs dynamic_1 --pidfile=/srv/home/dynamic_1.pid
await lines 2 /srv/home/start
grep core /proc/$(cat /srv/home/dynamic_1.clientpid)/limits
kill $(cat /srv/home/dynamic_1.pid)
await alone
rm server`},

	{name: "the client is the child of the process in the pidfile, and the only one", script: served + `
d --name click --pidfile /srv/here/click.pid -o /srv/here/out -- /srv/here/server
await test -s click.clientpid
await lines 2 out
pgrep -P $(cat click.pid) -c
[ "$(pgrep -P $(cat click.pid))" = "$(cat click.clientpid)" ] && echo the client
d --stop --name click --pidfile /srv/here/click.pid
await alone
rm server`},

	{name: "a list of names and users, as panels have it", script: served + `
d --name one --user=app -- /srv/here/server
d --name two -- /srv/here/server
await runs one --user=app
await runs two
for name in one two; do
	for user in "" --user=app; do
		daemon --running --name $name $user
		echo "$name $user $?"
	done
done
d --list
d --list --user=app
d --restart --name one --user=app
await gone one --user=app
d --stop --name two
await alone
rm server`},

	{name: "a process manager that watches daemon -f", script: served + `
daemon -f -n web -o /srv/here/out -- /srv/here/server >stdout 2>stderr &
await runs web
await lines 2 out
kill $!
wait $!
echo $?
await alone
rm server`,
		deviates: "in the foreground, the exit code is the client's", ours: `
143
-- left --
/srv/here/out f644 root:root
    serving
    warning
/srv/here/stderr f644 root:root
    warning
/srv/here/stdout f644 root:root
    serving
-- syslog --
<27>web: web: client (pid PID) killed by signal 15, stopping
`},
}

func TestPublicScriptsDoTheSameWithOurDaemon(t *testing.T) {
	need(t, "pgrep")
	compareDaemons(t, daemonScripts)
}
