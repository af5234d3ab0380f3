package test

// readproctitle shows the end of what it has read, and svscanboot starts it with svscan as the
// first programs of a machine.
//
// Not tested in this file: what readproctitle does with single words and bytes (the
// scripts readproctitle_*); how fast it is; svscan itself; the inits that start it.

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Random input in random pieces: after each, every build and daemontools' program show
// the same.
func TestReadproctitleShowsTheEndOfWhatItHasRead(t *testing.T) {
	for _, p := range []path{fused, separate, plain, {"oracle", oracleDir}} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			need(t, filepath.Join(p.dir, "readproctitle"))
			random := rand.New(rand.NewPCG(1, 2)) // the same for each
			for range 20 {
				showsTheEnd(t, filepath.Join(p.dir, "readproctitle"), random)
			}
		})
	}
}

func showsTheEnd(t *testing.T, file string, random *rand.Rand) {
	t.Helper()
	shown := bytes.Repeat([]byte("."), 5+random.IntN(600))
	cmd := exec.Command(file, "two", "words", strings.Repeat("x", len(shown)))
	input, err := cmd.StdinPipe()
	must(err)
	must(cmd.Start())
	defer func() {
		input.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	for range 10 {
		piece := make([]byte, random.IntN(1000)*(1+random.IntN(100)*random.IntN(2)))
		mostlyNULs := random.IntN(3) == 0
		for i := range piece {
			if !mostlyNULs || random.IntN(300) == 0 {
				piece[i] = byte(random.Uint32())
			}
		}
		_, err := input.Write(piece)
		must(err)
		all := append(shown, bytes.ReplaceAll(piece, []byte{0}, nil)...)
		copy(shown[3:], all[3+len(all)-len(shown):])
		want := fmt.Sprintf("%s\x00two\x00words\x00%s\x00", file, shown)
		got := ""
		for end := time.Now().Add(patience); got != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it shows\n%q, want\n%q", got, want)
			}
			got = textOf(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		}
	}
}

// onMachine runs a script as process 1 of a machine and wants it to print just this.
// The machine has the programs of this one and, in /command, the tools under test;
// its /service is empty, and all of it ends with the script.
func onMachine(t *testing.T, script, want string) {
	t.Helper()
	needRoot(t)
	need(t, "unshare", "mount", "chroot")
	t.Parallel()
	const machine = `
	mount --make-rprivate /
	mount -t tmpfs machine .
	cd "$PWD"
	for dir in usr bin sbin lib lib32 lib64 libx32; do
		if [ -L /$dir ]; then cp -P /$dir .; elif [ -d /$dir ]; then mkdir $dir; mount --bind /$dir $dir; fi
	done
	mkdir command proc dev etc run tmp service
	mount --bind "$TOOLS" command
	mount -t proc proc proc
	mount -t tmpfs run run
	mount -t tmpfs dev dev
	>dev/null; mount --bind /dev/null dev/null
	install -m 755 "$ROOT/init/svscanboot" svscanboot
	exec chroot . sh -uc "$SCRIPT" 2>&1`
	const library = `
	cd /
	# add NAME makes a service of a script.
	add() {
		mkdir -p made/$1
		cat >made/$1/run
		chmod +x made/$1/run
		mv made/$1 service/$1
	}
	# await CONDITION, or end.
	await() {
		tries=0
		until eval "$1"; do
			sleep 0.02
			tries=$((tries + 1))
			[ $tries -lt 1000 ] || { echo "still not: $1"; ps -eo pid,ppid,args ww; exit 1; }
		done
	}
	# called NAME prints the processes of that name.
	called() {
		for comm in /proc/[0-9]*/comm; do
			read -r name <$comm && [ "$name" = $1 ] && pid=${comm%/comm} && echo ${pid#/proc/}
		done 2>/dev/null
	}
	words() { tr '\0' ' ' </proc/${1-0}/cmdline; } 2>/dev/null
	`
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-euc", machine)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=/command:" + systemPath, "TOOLS=" + fused.dir, "ROOT=" + root, "SCRIPT=" + library + script, "SECRET=x"}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("%v; it prints\n%s\nwant\n%s", err, out, want)
	}
}

const bootPath = "PATH=/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin\n"

func TestSvscanbootBecomesSvscanWithErrorsForPsAndNoEnvironment(t *testing.T) {
	onMachine(t, `
	echo '#!/nowhere' | add bad
	add good <<-'E'
	#!/usr/bin/env sh
	tr '\0' '\n' </proc/$PPID/environ >/environ
	readlink /proc/$$/fd/0 /proc/$$/fd/4 /proc/$$/fd/5 >/files
	echo from the service
	exec sleep 1000
	E
	/svscanboot <svscanboot & boot=$!
	svwait service/good
	await '[ -s files ]'
	words $boot; echo
	cat environ files
	await 'words $(called readproctitle) | grep -q "unable to start bad/run: file does not exist"'
	await 'words $(called readproctitle) | grep -q "from the service"'
	words $(called readproctitle) | head -c 43; echo
	words $(called readproctitle) | wc -c
	find run tmp dev ! -type d
	`, "svscan /service \n"+bootPath+"/dev/null\nreadproctitle service errors: .............\n431\ndev/null\n")
}

func TestSvscanbootEndsInGoodOrderByTERM(t *testing.T) {
	onMachine(t, `
	add slow <<-'E'
	#!/bin/sh
	trap 'sleep 0.2; echo >/down; exit' TERM
	echo >/up
	while :; do sleep 0.01; done
	E
	/svscanboot & boot=$!
	await '[ -e up ]'
	kill $boot
	wait $boot; echo svscan exited $?
	ls down
	await '[ -z "$(called supervise)$(called readproctitle)" ]'
	`, "svscan exited 0\ndown\n")
}

// As init sends it at a change of the runlevel. The last words are seen to the end.
func TestSvscanbootEndsInGoodOrderByTERMToItsGroup(t *testing.T) {
	onMachine(t, `
	add slow <<-'E'
	#!/bin/sh
	trap 'sleep 0.2; echo my last words >&2; exit' TERM
	echo >/up
	while :; do sleep 0.01; done
	E
	setsid -f /svscanboot
	await '[ -e up ] && [ -n "$(called readproctitle)" ]'
	exec 9>/proc/$(called svscan)/fd/2
	kill -TERM -$(called svscan)
	await '[ -z "$(called svscan)$(called supervise)" ]'
	words $(called readproctitle) | tail -c 15
	exec 9>&-
	await '[ -z "$(called readproctitle)" ]'
	`, "my last words\n ")
}

func TestSvscanbootTakesOverWhatAKilledOneHasLeft(t *testing.T) {
	onMachine(t, `
	printf '#!/bin/sh\necho $$ >>/starts\nexec sleep 1000\n' | add s
	printf '#!/bin/sh\necho $$ >>/starts\nexec sleep 1000\n' | add t
	/svscanboot & boot=$!
	svwait service/s service/t
	await '[ "$(cat starts 2>/dev/null | wc -l)" = 2 ]'
	kill -9 $boot
	wait $boot 2>dev/null
	/svscanboot & boot=$!
	printf '#!/bin/sh\nexec sleep 1000\n' | add later
	svwait service/later
	wc -l <starts
	kill $boot
	wait $boot; echo svscan exited $?
	await '[ -z "$(called supervise)$(called sleep)$(called readproctitle)" ]'
	`, "2\nsvscan exited 0\n")
}

func TestSvscanbootGoesToTheDocumentedPlace(t *testing.T) {
	onMachine(t, `
	shows() {
		"$@" & boot=$!
		await '[ -n "$(called svscan)" ] && grep -q "^SigBlk:.*[1-9a-f]" /proc/$(called svscan)/status' # it catches TERM
		words $boot; echo
		kill $boot; wait $boot
	}
	mkdir etc/service
	shows /svscanboot
	rmdir service
	shows /svscanboot
	shows /svscanboot tmp
	rmdir etc/service
	/svscanboot; echo exited $?
	/svscanboot nowhere; echo exited $?
	/svscanboot ''; echo exited $?
	/svscanboot -x; echo exited $?
	/svscanboot etc tmp; echo exited $?
	/svscanboot nowhere 2 3 4 5 6 7 8 9 10; echo exited $?
	`, `svscan /service 
svscan /etc/service 
svscan tmp 
svscanboot: fatal: /service is not a directory
exited 111
svscanboot: fatal: nowhere is not a directory
exited 111
svscanboot: usage: svscanboot [-1] [dir]
exited 100
svscanboot: usage: svscanboot [-1] [dir]
exited 100
svscanboot: usage: svscanboot [-1] [dir]
exited 100
svscanboot: usage: svscanboot [-1] [dir]
exited 100
`)
}

func TestSvscanbootHelps(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(filepath.Join(root, "init", "svscanboot"), "--help").Output()
	if err != nil || !strings.HasPrefix(string(out), "usage: "+strings.Join(strings.Fields(pageSynopsis(t, "svscanboot")), " ")+"\n") {
		t.Errorf("%v %s", err, out)
	}
}

func TestSvscanbootSaysThatAToolIsMissing(t *testing.T) {
	onMachine(t, `
	mkdir some
	cp -P command/catena command/svscan command/pgrphack some
	umount command
	mv some/* command
	[ ! -e usr/bin/readproctitle ] || mount --bind dev/null usr/bin/readproctitle
	/svscanboot; echo exited $?
	`, "svscanboot: fatal: readproctitle is not in "+bootPath[len("PATH="):]+"exited 111\n")
}

// The services can be written to, or there would be no supervise.
func TestSvscanbootNeedsNoRootThatCanBeWritten(t *testing.T) {
	onMachine(t, `
	mount -t tmpfs service service
	printf '#!/bin/sh\necho from s >&2\nexec sleep 1000\n' | add s
	mount -o remount,ro /
	try() {
		/svscanboot 2>service/.said & boot=$!
		svwait service/s
		readlink /proc/$boot/fd/2 | sed s/$boot/PID/
		await 'words $(called readproctitle) | grep -q "from s" || grep -q "from s" service/.said'
		kill $boot; wait $boot
		await '[ -z "$(called readproctitle)" ]'
		cat service/.said
	}
	try
	mount -o remount,ro run
	try
	mount -o remount,ro dev
	try
	mount -t tmpfs tmp tmp
	try
	find run tmp dev ! -type d
	`, `/run/svscanboot.PID (deleted)
/dev/svscanboot.PID (deleted)
/service/.said
svscanboot: warning: no place for a pipe, errors are not for ps
from s
/tmp/svscanboot.PID (deleted)
dev/null
`)
}

// The scripts and the unit for an init.
func TestScriptsForInitAreClean(t *testing.T) {
	need(t, "shellcheck")
	for _, script := range []string{"svscanboot", "catena.openrc"} {
		if out, err := exec.Command("shellcheck", "-s", "sh", filepath.Join(root, "init", script)).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		skipHere(t, "systemd-analyze is not installed") // nor need be, in CI
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(root, "init", "catena.service")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
