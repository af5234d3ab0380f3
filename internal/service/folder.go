package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// MakeFolder makes the supervise folder of a service directory. Where it is a
// symbolic link that leads nowhere, as on a read-only file system, the directory
// that it names is made. That the folder is not there in the end shows when a file
// in it is opened. A relative link counts from dir, as supervise in a service
// directory does. Fresh tells that nothing can be in the folder, which is new.
func MakeFolder(dir int, folder string) (fresh bool) {
	err := bare.Mkdir(dir, folder, 0o700)
	if err != unix.EEXIST || bare.Exists(dir, folder) != unix.ENOENT {
		return err == 0
	}
	if target, err := bare.Readlink(dir, folder, linkRoom[:]); err == 0 {
		bare.Mkdir(dir, target, 0o700)
	}
	return false
}

// linkRoom is not on the stack, where it would have what is called below use one page
// more.
var linkRoom [unix.PathMax]byte
