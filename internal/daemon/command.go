package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"catena/internal/service"
)

// What --running, --stop, --restart and --signal do with a daemon that runs. They find the daemon
// by its pidfile, and so find libslack's as well; find.go has what they do without a pidfile. With
// --chroot the files are within, and the processes are root's.

func (s *settings) tellRunning() (code int, err error) {
	is, err := isRunning(s.pidfile)
	if err != nil {
		return failed, because(err, "failed to tell if the %s daemon is running", s.name)
	}
	code, state := failed, "is not running"
	pid, client := 0, 0
	if is {
		pid, _ = readPid(s.pidfile)
		client, _ = readPid(clientPidfile(s.pidfile))
	} else {
		pid, client = s.withoutPidfile()
		is = pid != 0
	}
	if is {
		code, state = done, fmt.Sprintf("is running (pid %d) (client is not running)", pid)
		if client != 0 {
			state = fmt.Sprintf("is running (pid %d) (clientpid %d)", pid, client)
		}
	}
	if s.verbose > 0 {
		fmt.Printf("daemon:  %s %s\n", s.name, state)
	}
	return code, nil
}

// stopDaemon ends the supervisor, which ends the client before.
func (s *settings) stopDaemon() error {
	s.waitForStart()
	is, err := isRunning(s.pidfile)
	pid := 0
	switch {
	case err != nil:
	case is:
		pid, err = s.trustedPid(s.pidfile)
	default:
		removeStale(s.pidfile)
		if pid, _ = s.withoutPidfile(); pid == 0 {
			err = syscall.ESRCH
		}
	}
	if err == nil {
		err = s.terminate(pid)
	}
	if err != nil {
		return because(err, "failed to stop the %s daemon: pidfile %s", s.name, s.shown())
	}
	return nil
}

// terminate ends a daemon by the pid in its pidfile. If there is no client, as in a delay, the
// supervisor ends at once, and no finish removes the pidfile: terminate does.
func (s *settings) terminate(pid int) error {
	_, noClient := os.Lstat(clientPidfile(s.pidfile))
	c, notOurs := readCard(fmt.Sprintf("/proc/%d/cwd", pid))
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil || noClient == nil || notOurs != nil || s.chroot != "" {
		return err
	}
	for range 100 {
		if is, err := isRunning(s.pidfile); err != nil || !is {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := os.Lstat(s.pidfile); err != nil {
		return nil // finish has removed it
	}
	file, err := s.lockPidfile()
	if err != nil {
		return nil // the daemon goes on, or another one has begun
	}
	defer file.Close()
	os.Remove(s.pidfile)
	c.Errlog.write(c.Name, "fatal: terminated")
	return nil
}

// restartClient ends the client, which is then started again; or the daemon, if it does not
// respawn. A delay between attempts ends.
func (s *settings) restartClient() error {
	if _, err := readPid(s.pidfile); err != nil {
		return because(err, "failed to find pid for %s", s.name)
	}
	client, _ := readPid(clientPidfile(s.pidfile))
	is, err := isRunning(s.pidfile)
	if err == nil && !is {
		err = syscall.ESRCH
	}
	pid := 0
	if err == nil {
		pid, err = s.trustedPid(s.pidfile)
	}
	if err == nil {
		err = restart(pid, client)
	}
	if err != nil {
		return because(err, "failed to send sigusr1 to %s daemon", s.name)
	}
	return nil
}

// trustedPid reads the pid in a file, and leaves the root directory of --chroot for what is done
// to the process. Somebody who may write where pidfiles are must not choose which process root
// ends: the file is root's, or this user's, or the process is its owner's; or it is the
// supervisor in the daemon's directory.
func (s *settings) trustedPid(file string) (pid int, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	if pid, err = readPid(file); err != nil {
		return 0, err
	}
	user := os.Geteuid()
	where := filepath.Join(systemFolder, s.key())
	if err := s.comeBack(); err != nil {
		return 0, err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner == 0 || owner == user && s.chroot == "" {
		return pid, nil
	}
	process, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return 0, syscall.ESRCH
	}
	if int(process.Sys().(*syscall.Stat_t).Uid) == owner {
		return pid, nil
	}
	if dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); dir != where {
		return 0, syscall.EPERM
	}
	return pid, nil
}

// restart has a supervisor restart its client. In the foreground this program is the supervisor,
// and takes the signal that libslack's takes.
func restart(pid, client int) error {
	if comm(pid) != "supervise" {
		return syscall.Kill(pid, syscall.SIGUSR1)
	}
	dir := fmt.Sprintf("/proc/%d/cwd", pid)
	policy, err := os.ReadFile(dir + "/restart")
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case strings.TrimSpace(string(policy)) == "never":
		// The client alone: it exits, and nobody has told the daemon to stop.
		if parent(client) == pid {
			return syscall.Kill(client, syscall.SIGTERM)
		}
		return syscall.Kill(pid, syscall.SIGTERM)
	}
	signal.Ignore(syscall.SIGPIPE)
	if failed := service.Tell(dir, "tu"); failed != 0 { // u after t: a client that is down is started, and not ended then
		return failed
	}
	return nil
}

// parent is the parent of a process; 0 if there is no such process.
func parent(pid int) (parent int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fmt.Sscanf(rest, "%1s %d", new(string), &parent)
	return parent
}

// comm is the name of the program that a process runs.
func comm(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSuffix(string(text), "\n")
}

func (s *settings) signalClient() error {
	is, err := isRunning(s.pidfile)
	if err == nil {
		_, err = readPid(clientPidfile(s.pidfile))
	}
	if err != nil {
		return because(err, "failed to find client pid for %s", s.name)
	}
	pid, err := s.trustedPid(clientPidfile(s.pidfile))
	if err == nil && !is {
		err = syscall.ESRCH // whoever has the pid in the file now is another
	}
	if err == nil {
		err = syscall.Kill(pid, s.signal.number)
	}
	if err != nil {
		return because(err, "failed to send %s signal to %s daemon client", s.signal.name, s.name)
	}
	return nil
}
