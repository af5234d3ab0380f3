package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// OpenControl opens the FIFO through which the supervisor of a service directory
// takes commands, a byte each, without waiting. ENXIO means that none is running.
func OpenControl(dir string) (fd int, err bare.Errno) {
	var room [unix.PathMax]byte
	n := copy(room[:], dir)
	n += copy(room[n:], "/"+Control)
	return bare.Open(bare.TextOf(room[:n]), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

// Tell writes commands to the supervisor of a service directory, all of them or
// none. SIGPIPE must be ignored or blocked.
func Tell(dir, commands string) bare.Errno {
	fd, err := OpenControl(dir)
	if err != 0 {
		return err
	}
	err = bare.Write(fd, bare.BytesOf(commands))
	bare.Close(fd)
	return err
}
