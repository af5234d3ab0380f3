package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The pidfile of a daemon has the pid of its supervisor, NAME.clientpid that of the client.
// The pidfile is locked as libslack locks it, for as long as the supervisor runs: the lock
// belongs to an open file that the supervisor has inherited.

// folder is where pidfiles are.
func (s *settings) folder() string {
	if s.pidfiles != "" {
		return s.pidfiles
	}
	return usualFolder()
}

func usualFolder() string {
	if os.Getuid() != 0 {
		return "/tmp"
	}
	return "/var/run"
}

func (s *settings) setPidfiles(value string) error {
	value = s.expand(value)
	switch {
	case !isMadeOf(value, pathCharacters):
		return misused("Invalid --pidfiles argument: '%s' (Must consist entirely of [-._a-zA-Z0-9/])", value)
	case !strings.HasPrefix(value, "/"):
		return misused("Invalid --pidfiles argument: '%s' (Must be an absolute directory path)", value)
	}
	if err := s.makeInHome(value); err != nil {
		return err
	}
	if !isFolder(value) {
		return misused("Invalid --pidfiles argument: '%s' (Directory does not exist)", value)
	}
	s.pidfiles = value
	return nil
}

func (s *settings) setPidfile(value string) error {
	value = s.expand(value)
	switch {
	case !isMadeOf(value, pathCharacters):
		return misused("Invalid --pidfile argument: '%s' (Must consist entirely of [-._a-zA-Z0-9/])", value)
	case !strings.HasPrefix(value, "/") || isFolder(value):
		return misused("Invalid --pidfile argument: '%s' (Must be an absolute file path)", value)
	}
	parent := filepath.Dir(value)
	if err := s.makeInHome(parent); err != nil {
		return err
	}
	if !isFolder(parent) {
		return misused("Invalid --pidfile argument: '%s' (Parent directory does not exist)", value)
	}
	s.pidfile = value
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// makeInHome makes a folder that is not there, if it is below the home directory.
func (s *settings) makeInHome(path string) error {
	home := s.homeOf("")
	if _, err := os.Stat(path); err == nil || home == "" || !strings.HasPrefix(path, home+"/") {
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return because(err, "failed to create directory %s", path)
	}
	return nil
}

// checkPidfiles refuses folders in which no pidfile can be made, where one is to be made.
func (s *settings) checkPidfiles() error {
	if s.running || s.list {
		return nil
	}
	if s.pidfiles != "" && unix.Access(s.pidfiles, unix.W_OK) != nil {
		return misused("Invalid --pidfiles argument: '%s' (Directory is not writable)", s.pidfiles)
	}
	if s.pidfile != "" && unix.Access(filepath.Dir(s.pidfile), unix.W_OK) != nil {
		return misused("Invalid --pidfile argument: '%s' (Parent directory is not writable)", s.pidfile)
	}
	return nil
}

// clientPidfile is the file for the client's pid. As in libslack's, the last four characters of
// the pidfile make room for it, whatever they are.
func clientPidfile(pidfile string) string {
	return pidfile[:max(0, len(pidfile)-len(".pid"))] + ".clientpid"
}

// shown is how messages call the pidfile: by the name of the daemon where that is enough.
func (s *settings) shown() string {
	if s.pidfile == filepath.Join(usualFolder(), s.name+".pid") && s.pidfiles == "" {
		return s.name
	}
	return s.pidfile
}

// waitForLock is lockPidfile for a start. Who has the lock may be no daemon: what a killed
// supervisor has just started, client or finish, has it until it execs or ends, and so has another
// start, which may fail. The file is empty then but for a newline: if there is no room for a pid,
// the caller hears of it, and --stop finds no pid of somebody else.
func (s *settings) waitForLock() (file *os.File, err error) {
	for range 500 {
		if file, err = s.lockPidfile(); !errors.Is(err, syscall.EAGAIN) || s.hasBegun() {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	if err = write(file, "\n"); err != nil {
		os.Remove(s.pidfile)
		file.Close()
		return nil, err
	}
	return file, nil
}

// lockPidfile opens the pidfile, makes it if it is not there, and locks it. EAGAIN means that a
// daemon of this name runs.
func (s *settings) lockPidfile() (*os.File, error) {
	for {
		file, err := os.OpenFile(s.pidfile, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
		if err != nil {
			return nil, err
		}
		if err = isOwn(file); err == nil {
			lock := unix.Flock_t{Type: unix.F_WRLCK}
			err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock)
		}
		if err != nil {
			file.Close()
			return nil, err
		}
		if isNamed(file, s.pidfile) {
			return file, nil
		}
		file.Close() // a daemon that has ended has removed it meanwhile
	}
}

// isOwn refuses a file that somebody else may have put there.
func isOwn(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	switch status := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return errors.New("Not a regular file")
	case status.Nlink > 1:
		return errors.New("It has another name")
	case int(status.Uid) != os.Geteuid():
		return errors.New("It belongs to somebody else")
	}
	return nil
}

// isNamed reports whether a path still names an open file.
func isNamed(file *os.File, path string) bool {
	open, err := file.Stat()
	named, failed := os.Lstat(path)
	return err == nil && failed == nil && os.SameFile(open, named)
}

// writePid writes a pid into an open pidfile.
func writePid(file *os.File, pid int) error {
	return write(file, fmt.Sprintf("%d\n", pid))
}

// write makes a text all that is in an open file.
func write(file *os.File, text string) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// writeClientPid writes the client's pid into its file.
func writeClientPid(path string, pid int) error {
	old := syscall.Umask(0o022)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	syscall.Umask(old)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := isOwn(file); err != nil {
		return err
	}
	return writePid(file, pid)
}

// removeStale removes a pidfile that nobody has locked. It locks the file before, because a start
// may have it by now.
func removeStale(pidfile string) {
	file, err := os.OpenFile(pidfile, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err == nil {
		defer file.Close()
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		if unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock) != nil || !isNamed(file, pidfile) {
			return
		}
	}
	unix.Unlink(pidfile)
}

// removeOld removes a file, if it is there.
func removeOld(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// leftClient returns the pid of a client whose daemon has gone: the pid in its file, if that
// process began when the file was written. 0 is none.
func (s *settings) leftClient() (pid int) {
	info, err := os.Lstat(clientPidfile(s.pidfile))
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	if pid, err = readPid(clientPidfile(s.pidfile)); err != nil {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const startTime = 19 // behind the name, in hundredths of a second since boot
	if err != nil || len(fields) <= startTime || fields[0] == "Z" {
		return 0
	}
	ticks, err := strconv.ParseInt(fields[startTime], 10, 64)
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	age := time.Duration(now.Nano()) - time.Duration(ticks)*10*time.Millisecond
	if gap := time.Since(info.ModTime()) - age; gap.Abs() > 2*time.Second {
		return 0
	}
	return pid
}

// isRunning reports whether somebody has locked a pidfile.
func isRunning(pidfile string) (is bool, err error) {
	file, err := os.OpenFile(pidfile, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		return false, err
	}
	return lock.Type != unix.F_UNLCK, nil
}

// readPid reads the pid in a file.
func readPid(file string) (pid int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) == 0 {
		return 0, syscall.EINVAL
	}
	if pid, err = strconv.Atoi(string(fields[0])); err != nil || pid <= 0 {
		return 0, syscall.EINVAL
	}
	return pid, nil
}
