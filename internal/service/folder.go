package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// MakeFolder makes the supervise folder of a service directory. On a read-only file system
// the folder may be a symbolic link; if it leads nowhere, MakeFolder makes the directory that
// the link names. dir must be the directory that has the link, so that a relative link is
// right. fresh means that the folder is new, and so empty. err is why there is no folder.
func MakeFolder(dir int, folder string) (fresh bool, err bare.Errno) {
	err = bare.Mkdir(dir, folder, 0o700)
	if err != unix.EEXIST {
		return err == 0, err
	}
	if bare.Exists(dir, folder) == unix.ENOENT {
		target, err := bare.Readlink(dir, folder, linkRoom[:])
		if err == 0 {
			err = bare.Mkdir(dir, target, 0o700)
		}
		return false, err
	}
	return false, 0
}

// linkRoom is static: on the stack it would push what MakeFolder calls onto one page more.
var linkRoom [unix.PathMax]byte
