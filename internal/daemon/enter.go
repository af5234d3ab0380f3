package daemon

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Another root directory and another user. libslack's daemon changes to both before it looks
// at any file, and so does this one. A supervisor must be outside such a root directory,
// because its program is. So with --chroot this program comes back as root when it has seen to
// the files within, and the chain of the client goes there.

// enter changes to the root directory and the user.
func (s *settings) enter() error {
	if s.user.UID != 0 && s.chroot == "" {
		if err := makeFolderOf(s.user); err != nil {
			return err
		}
	}
	if s.chroot != "" {
		if err := s.goInside(); err != nil {
			return err
		}
	}
	return s.become()
}

// goInside changes the root directory.
func (s *settings) goInside() (err error) {
	if s.outside, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return because(err, "failed to open the root directory")
	}
	if err := os.Chdir(s.chroot); err != nil {
		return because(err, "failed to change directory to new root directory %s", s.chroot)
	}
	if s.realRoot, err = os.Getwd(); err != nil {
		return because(err, "failed to tell what directory %s is", s.chroot)
	}
	if err := syscall.Chroot("."); err != nil {
		return because(err, "failed to change root directory to %s", s.chroot)
	}
	return nil
}

// become takes on the ids of the user: for good, or with --chroot until comeBack. Files belong
// to the effective ids.
func (s *settings) become() error {
	a := s.user
	if a.UID == 0 {
		return nil
	}
	saved := a.UID
	if s.chroot != "" {
		saved = 0
		s.before.GID = os.Getgid()
		s.before.Groups, _ = syscall.Getgroups()
	}
	err := syscall.Setgroups(a.Groups)
	if err == nil {
		err = syscall.Setresgid(a.GID, a.GID, a.GID)
	}
	if err == nil {
		err = syscall.Setresuid(a.UID, a.UID, saved)
	}
	if err != nil {
		return because(err, "failed to set user/group to %s/%d (%d/%d)", a.Name, a.GID, a.UID, a.GID)
	}
	return nil
}

// comeBack leaves the root directory of --chroot, as root.
func (s *settings) comeBack() error {
	if s.outside < 0 {
		return nil
	}
	err := syscall.Setresuid(0, 0, 0)
	if err == nil && s.user.UID != 0 {
		if err = syscall.Setgroups(s.before.Groups); err == nil {
			err = syscall.Setresgid(s.before.GID, s.before.GID, s.before.GID)
		}
	}
	if err == nil {
		err = unix.Fchdir(s.outside)
	}
	if err == nil {
		err = syscall.Chroot(".")
	}
	if err != nil {
		return because(err, "failed to leave root directory %s", s.chroot)
	}
	s.outside = -1
	return nil
}

// makeFolderOf makes, as root, the folder in which a user's daemons are that root starts.
func makeFolderOf(a account) error {
	dir := userFolder(a.UID)
	err := os.MkdirAll(systemFolder, 0o755)
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err == nil {
		err = os.Lchown(dir, a.UID, a.GID)
	}
	if err != nil && !os.IsExist(err) {
		return because(err, "failed to create directory %s", dir)
	}
	return nil
}

// systemFolder is where root's daemons are. A name has no colon, so none is like that of a
// user's folder.
const systemFolder = "/run/daemon"

func userFolder(uid int) string { return systemFolder + "/uid:" + strconv.Itoa(uid) }
