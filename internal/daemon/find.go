package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// Which process a daemon is, where the pidfile does not say so: while it is being started, and
// after somebody has removed the file.

// waitForStart waits while a daemon is being started: somebody has locked its pidfile, and no
// supervisor has begun.
func (s *settings) waitForStart() {
	for range 1000 {
		if is, err := isRunning(s.pidfile); err != nil || !is || s.hasBegun() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// hasBegun reports whether the process in the pidfile is a daemon that TERM ends. A supervisor
// hears TERM from the moment on at which it is on record; before that TERM would end it alone, and
// not the client that it is about to take over.
func (s *settings) hasBegun() bool {
	pid, err := readPid(s.pidfile)
	if err != nil || syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	switch comm(pid) {
	case "pidfile":
		return false
	case "supervise":
	default: // a daemon in the foreground, or libslack's
		return true
	}
	dir := fmt.Sprintf("/proc/%d/cwd", pid)
	if _, err := os.Stat(filepath.Join(dir, "supervise")); errors.Is(err, fs.ErrPermission) {
		return true // another user's: nobody can tell
	}
	held, recorded := supervisorIn(dir)
	return held && (recorded == pid || recorded == 0)
}

// supervisorIn looks for the supervisor of a service directory. pid is 0 if none could be recorded.
func supervisorIn(dir string) (held bool, pid int) {
	held, pid, pidfd := service.Supervisor(dir, service.ThisEpoch())
	if pidfd >= 0 {
		unix.Close(pidfd)
	}
	return held, pid
}

// withoutPidfile finds a daemon whose pidfile somebody has removed, and its client, by the service
// directory. pid is 0 if there is none. It leaves the root directory of --chroot.
func (s *settings) withoutPidfile() (pid, client int) {
	if s.comeBack() != nil {
		return 0, 0
	}
	for _, folder := range s.folders() {
		dir := filepath.Join(folder, s.key())
		if !isUsable(dir) {
			continue
		}
		held, pid := supervisorIn(dir)
		// svscan may look after the client by now: its supervisor has no pidfile.
		file, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, pidfileFD))
		if held && strings.TrimSuffix(file, " (deleted)") == s.realPidfile() {
			return pid, clientIn(dir)
		}
	}
	return 0, 0
}

// clientIn is the client of a service directory; 0 if there is none.
func clientIn(dir string) (pid int) {
	lock, err := unix.Open(filepath.Join(dir, service.Lock), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(lock)
	record, found := service.ReadRecord(lock, service.OfRun, service.ThisEpoch())
	if found != service.ThisOne || record.PID == 0 || record.Finish || !record.Runs() {
		return 0
	}
	return int(record.PID)
}
