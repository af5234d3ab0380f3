package test

// --stop finds a daemon whatever has become of its pidfile, and while it is being started; and each
// of the two programs finds, refuses and stops what the other one has started.
//
// Not tested in this file: --stop after a kill (daemon_kills_test.go).

import (
	"path/filepath"
	"testing"
)

func TestStopWaitsForAStartThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	need(t, "flock", "pgrep")
	prints(t, `
mkdir -p /run/daemon
mkdir -m 700 /run/daemon/web
flock /run/daemon/web sh -c 'until [ -e /srv/go ]; do sleep 0.01; done' &
refuse flock -n /run/daemon/web true
d -n web sleep 1000 & start=$!
await daemon -n web --running
d -n web --stop & stop=$!
sleep 0.3 # it may be early, and does not matter then
touch go
wait $start
wait $stop
refuse daemon -n web --running
refuse pgrep -x 'sleep|supervise'
ls -I mount /run`, `
daemon
`)
}

func TestDaemonIsFoundWithoutItsPidfile(t *testing.T) {
	t.Parallel()
	need(t, "pgrep")
	prints(t, `
for options in "" "-r" "-u nobody" "-R /" "-R / -u nobody" "-P /srv" "-F /srv/lock.pid"; do
	for files in pid '*pid'; do
		chmod 1777 /srv /tmp
		d -n web $options -- sleep 1000
		await runs web $options
		for folder in /run /tmp /srv; do rm -f $folder/*.$files; done
		d -n web $options --running
		daemon -n web $options --running -v | grep -q "clientpid $(pgrep -x sleep))" || echo "$options: what client?"
		d -n web $options --stop
		refuse pgrep -x sleep
		refuse daemon -n web $options --running
		refuse pgrep -x supervise
		ls /run/*pid /tmp/*pid /srv/*pid 2>/dev/null
	done
done
: # ls found none`, "")
}

func TestEitherDaemonKnowsTheOthers(t *testing.T) {
	t.Parallel()
	theirs := filepath.Join(debian, "daemon")
	need(t, theirs)
	for _, one := range []struct{ name, starts, asks string }{
		{"libslack's", theirs, "daemon"},
		{"ours", "daemon", theirs},
	} {
		t.Run("started by "+one.name, func(t *testing.T) {
			t.Parallel()
			c := newBox(t, ourDaemon())
			got := daemonComparable(c.run(`
starts() { ` + one.starts + ` "$@"; code=$?; [ $code = 0 ] || echo "exit $code"; }
asks() { ` + one.asks + ` "$@"; code=$?; [ $code = 0 ] || echo "exit $code"; }
starts -n web sleep 1000
await runs web
asks -n web --running
asks --list
asks -f -n web true
asks -n web --signal cont
asks -n web --stop
await alone
asks --list
asks -n web --running
ls /run/*pid 2>/dev/null
:`))
			const want = `web
web: fatal: failed to create pidfile for web: Resource temporarily unavailable
exit 1
exit 1
`
			if got != want {
				t.Errorf("%s\nand not\n%s", got, want)
			}
		})
	}
}
