package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// OpenControl opens, without waiting, the FIFO from which the supervisor of a service
// directory reads commands, a byte each. ENXIO means that no supervisor runs. If anything but
// a FIFO is there, OpenControl fails: commands must not be written into other files.
func OpenControl(dir string) (fd int, err bare.Errno) {
	return OpenFIFO(bare.Cwd, bare.Join(dir, Control), unix.O_WRONLY)
}

// Tell writes commands to the supervisor of a service directory: all of them or none. The
// caller must ignore or block SIGPIPE.
func Tell(dir, commands string) bare.Errno {
	fd, err := OpenControl(dir)
	if err != 0 {
		return err
	}
	err = bare.Write(fd, bare.BytesOf(commands))
	bare.Close(fd)
	return err
}
