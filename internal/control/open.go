package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// safely is the flags with which files of a supervise folder are opened. Whoever owns the
// folder may put anything there: no symbolic link is followed, nobody is waited for, and no
// terminal becomes the controlling one.
const safely = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// openToRead opens a regular file for reading.
func openToRead(name string) (fd int, err bare.Errno) {
	fd, err = bare.Open(name, unix.O_RDONLY|safely, 0)
	if err == unix.ELOOP {
		return -1, bare.IsLink
	}
	if err != 0 {
		return -1, err
	}
	file, err := bare.StatOpen(fd)
	if err == 0 && file.Kind() != unix.S_IFREG {
		err = bare.NotFile
	}
	if err != 0 {
		bare.Close(fd)
		return -1, err
	}
	return fd, 0
}
