package test

// Whatever is killed, no program notices, and what has happened is told.
//
// Not tested in this file: the logger, svscan that is killed (supervisord_test.go).

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ownLock is the lock file of the server itself.
func ownLock(s *debianServer) string {
	return filepath.Join(s.dir, "run/svc/:supervisord/supervise/lock")
}

func TestNoProgramNoticesThatTheServerIsKilled(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	s := supervisedByOurs(t, "[program:a]\ncommand=/bin/sleep 1000\n[program:b]\ncommand=/bin/cat\nstartsecs=0\n")
	status := func() string { return s.run(ours, "", "status").out }
	both := func() bool { return strings.Count(status(), "RUNNING") == 2 }
	eventually(t, "both run", both, status)
	for range 10 {
		server := recordedIn(ownLock(s))
		must(unix.Kill(server, unix.SIGKILL))
		eventually(t, "another server answers", func() bool { return recordedIn(ownLock(s)) != server && both() }, status)
	}
	for _, name := range []string{"a", "b"} {
		out, _ := exec.Command(ourSvstat(), "-j", filepath.Join(s.dir, "run/svc", name)).Output()
		if !strings.Contains(string(out), `"starts":1,`) {
			t.Errorf("%s", out)
		}
	}
	log := textOf(filepath.Join(s.dir, "log"))
	for _, once := range []string{"spawned: 'a'", "spawned: 'b'", "success: a ", "success: b ", "supervisord started with pid"} {
		if strings.Count(log, once) != 1 {
			t.Errorf("%d times %q:\n%s", strings.Count(log, once), once, log)
		}
	}
}

// A program that dies while there is no server.
func TestDeathsWithoutAServerAreTold(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	s := supervisedByOurs(t, "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\nautorestart=true\n")
	lock, log := filepath.Join(s.dir, "run/svc/a/supervise/lock"), filepath.Join(s.dir, "log")
	eventually(t, "a runs", func() bool { return strings.Contains(s.run(ours, "", "status").out, "RUNNING") })
	server := recordedIn(ownLock(s))
	svc := func(letter string) {
		t.Helper()
		must(exec.Command(filepath.Join(fused.dir, "svc"), letter, filepath.Join(s.dir, "run/svc/:supervisord")).Run())
	}
	svc("-d")
	eventually(t, "there is no server", func() bool { return stateOf(server) == "" })
	signals := []unix.Signal{unix.SIGKILL, unix.SIGUSR1, unix.SIGTERM}
	for _, signal := range signals {
		pid := recordedIn(lock)
		must(unix.Kill(pid, signal))
		eventually(t, "a is started again", func() bool { now := recordedIn(lock); return now != pid && now != 0 })
	}
	svc("-u")
	last := fmt.Sprintf("spawned: 'a' with pid %d\n", recordedIn(lock))
	eventually(t, "the last start is told", func() bool { return strings.Contains(textOf(log), last) }, func() string { return textOf(log) })
	var told []string
	for _, m := range regexp.MustCompile(`exited: a \(terminated by (\w+); not expected\)`).FindAllStringSubmatch(textOf(log), -1) {
		told = append(told, m[1])
	}
	if strings.Join(told, " ") != "SIGKILL SIGUSR1 SIGTERM" {
		t.Errorf("%q:\n%s", told, textOf(log))
	}
	eventually(t, "it answers", func() bool { return strings.Contains(s.run(ours, "", "status").out, "RUNNING") })
}

// Supervisor has five descriptors for each program; a soft limit that is usual ends it at 200.
func TestThreeHundredProgramsRunUnderAUsualLimit(t *testing.T) {
	_, ours := clients(t)
	const programs = 300
	dir := t.TempDir()
	script(filepath.Join(dir, "limited"), "#!/bin/sh\nulimit -Sn 1024\nexec "+ourSupervisord()+` "$@"`+"\n")
	s := supervisedBy(t, filepath.Join(dir, "limited"), serverOf+oursOnly+
		fmt.Sprintf("[program:p]\ncommand=/bin/sleep 1000\nstartsecs=0\nprocess_name=p%%(process_num)03d\nnumprocs=%d\n", programs))
	eventually(t, "all run", func() bool {
		return strings.Count(s.run(ours, "", "status").out, "RUNNING") == programs
	}, func() string { return textOf(filepath.Join(s.dir, "log")) })
	if info, err := os.ReadDir(fmt.Sprint("/proc/", recordedIn(ownLock(s)), "/fd")); err == nil && len(info) > 40 {
		t.Errorf("the server has %d descriptors", len(info))
	}
}
