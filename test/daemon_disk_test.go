package test

// A disk that is full ends no client and loses no line that comes after; a start that it
// prevents is said, and leaves nothing.
//
// Not tested in this file: multilog's journal, which may be on another disk
// (multilog_disk_test.go).

import "testing"

var fullDisks = []situation{
	{name: "the log's disk is full, and has room again", script: `
mkdir small
mount -t tmpfs -o size=64k small small
dd if=/dev/zero of=small/filler bs=4096 count=15 2>/dev/null
client talks <<'.'
#!/bin/sh
seq 4000
while [ ! -e /srv/here/go ]; do sleep 0.05; done
echo after
: >/srv/here/done
exec sleep 1000
.
d -n web -o /srv/here/small/log /srv/here/talks
await runs web
sleep 0.5
rm small/filler
: >go
await test -e done
await grep -q after small/log
grep -c after small/log
d -n web --running
d -n web --stop
await alone
umount small
rm -r small talks go done`,
		deviates: "the client, which writes to the log itself, sees the error, and no message says it", ours: `
1
-- left --
-- syslog --
<27>daemon: web: client (pid PID) killed by signal 15, stopping
`},

	{name: "the disk of the pidfiles is full", script: `
mkdir small
mount -t tmpfs -o size=4k small small
dd if=/dev/zero of=small/filler bs=4096 count=1 2>/dev/null
client begins <<'.'
#!/bin/sh
: >/srv/here/begun
exec sleep 1000
.
d -n web -P /srv/here/small /srv/here/begins
sleep 0.5
ls begun small
daemon -n web -P /srv/here/small --stop 2>/dev/null
sweep
await alone
umount small
rm -rf small begins begun`,
		deviates: "the caller hears of it, and nothing is started", ours: `
web: fatal: failed to create pidfile for web: No space left on device
exit 1
ls: cannot access 'begun': No such file or directory
small:
filler
-- left --
`},

	{name: "the disk of the pidfiles has no inode left", script: `
mkdir small
mount -t tmpfs -o nr_inodes=1 small small
d -f -n web -P /srv/here/small true
umount small
rmdir small`},
}

func TestDaemonOnAFullDisk(t *testing.T) {
	compareDaemons(t, fullDisks)
}
