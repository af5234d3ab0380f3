package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// Where the service directory of a daemon is. It must be the same one at the next start, which
// takes over what a killed supervisor has left; and nobody else may make or change it.

// A place is a service directory that this program has locked, so that no other start changes it
// or takes it away.
type place struct {
	dir  string
	lock *os.File
}

// unnamed begins the name of the directory of a daemon without a name.
const unnamed = "unnamed:"

// openPlace makes and locks the directory of the daemon.
func (s *settings) openPlace() (p place, err error) {
	folder, err := s.place()
	if err != nil {
		return p, err
	}
	if s.pidfile == "" {
		sweep(folder)
		p.dir, err = os.MkdirTemp(folder, unnamed)
	} else {
		p.dir = filepath.Join(folder, s.key())
		if err = os.Mkdir(p.dir, 0o700); os.IsExist(err) {
			err = nil
		}
	}
	if err != nil {
		return p, because(err, "failed to create directory %s", p.dir)
	}
	if p.lock, err = lockFolder(p.dir, unix.LOCK_EX); err != nil {
		return p, because(err, "failed to lock %s", p.dir)
	}
	return p, nil
}

func lockFolder(dir string, how int) (*os.File, error) {
	file, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err = isOwnFolder(file); err == nil {
		err = unix.Flock(int(file.Fd()), how)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// isOwnFolder refuses a folder that others can change.
func isOwnFolder(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() || info.Mode()&0o022 != 0 {
		return syscall.EPERM
	}
	return nil
}

// place is the folder with the directories of this user's daemons.
func (s *settings) place() (folder string, err error) {
	folders := s.folders()
	if os.Geteuid() == 0 {
		if err := os.MkdirAll(systemFolder, 0o755); err != nil {
			return "", because(err, "failed to create directory %s", systemFolder)
		}
		return folders[0], nil
	}
	if isUsable(folders[0]) {
		return folders[0], nil
	}
	tried := folders[1:]
	for _, folder := range tried {
		if err := os.MkdirAll(folder, 0o700); err == nil && isUsable(folder) {
			return folder, nil
		}
	}
	if len(tried) == 0 {
		tried = []string{"no home directory of this user's, and no XDG_RUNTIME_DIR"}
	}
	return "", because(syscall.EACCES, "failed to find a folder for the daemon (%s)", strings.Join(tried, ", "))
}

// folders are those of which the first one that this user can use has the directories: for a user
// at first the one that root has made, and XDG_RUNTIME_DIR last, because it may be emptied when the
// user logs out.
func (s *settings) folders() (list []string) {
	if os.Geteuid() == 0 {
		return []string{systemFolder}
	}
	list = []string{userFolder(os.Geteuid())}
	host, _ := os.Hostname() // several machines may share a home directory
	for _, parent := range []string{s.environ.get("HOME"), s.homeOf(""), s.environ.get("XDG_RUNTIME_DIR")} {
		if filepath.IsAbs(parent) && isUsable(parent) {
			list = append(list, filepath.Join(parent, ".daemon", host))
		}
	}
	return list
}

// isUsable reports whether a folder is this user's own.
func isUsable(folder string) bool {
	file, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return isOwnFolder(file) == nil
}

// key is the name of the directory for a pidfile: the name of the daemon if the pidfile is where
// it usually is, and otherwise the path with colons, which no path has here, for slashes.
func (s *settings) key() string {
	file := s.realPidfile()
	usual := filepath.Join(withoutLinks(usualFolder()), s.name+".pid")
	if s.realRoot == "" && file == usual && s.name != "." && s.name != ".." {
		return s.name
	}
	return strings.ReplaceAll(file, "/", ":")
}

// realPidfile is the path of the pidfile outside the root directory of --chroot, and without links.
func (s *settings) realPidfile() string {
	return filepath.Join(s.realRoot, withoutLinks(filepath.Dir(s.pidfile)), filepath.Base(s.pidfile))
}

func withoutLinks(folder string) string {
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		return real
	}
	return folder
}

// sweep removes what daemons without a name have left that have ended.
func sweep(folder string) {
	left, _ := filepath.Glob(filepath.Join(folder, unnamed+"*"))
	epoch := service.ThisEpoch()
	for _, dir := range left {
		lock, err := lockFolder(dir, unix.LOCK_EX|unix.LOCK_NB)
		if err != nil {
			continue
		}
		if isHeld(dir) {
			lock.Close()
			continue
		}
		if runs, _, err := service.Left(dir, epoch); !runs && err == 0 {
			os.RemoveAll(dir)
		}
		lock.Close()
	}
}

// isHeld reports whether a supervisor runs in a directory.
func isHeld(dir string) bool {
	held, _ := supervisorIn(dir)
	return held
}
