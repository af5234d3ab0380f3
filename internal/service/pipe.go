package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// The standard descriptors that are the ends of the pipe to a log.
const (
	NoPipe    = -1
	PipeOfLog = 0
	PipeToLog = 1
)

// OpenPipe makes the FIFO between a service, whose directory is dir, and its log, if it
// is not there, and opens it for both ends, so that what is in it is kept.
func OpenPipe(dir int) (fd int, err bare.Errno) {
	MakeFolder(dir, Folder)
	bare.Mkfifo(dir, Pipe, 0o600)
	return bare.OpenAt(dir, Pipe, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

// HoldPipe makes a descriptor, closed on exec, both ends of the pipe, if that can be, so
// that what is in it is kept meanwhile.
func HoldPipe(dir, as int) {
	fd, err := bare.OpenAt(dir, Pipe, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == 0 {
		bare.DupTo(fd, as)
		bare.Close(fd)
	}
}

// JoinPipe makes a standard descriptor one of the ends of the pipe.
func JoinPipe(dir, standard int) bare.Errno {
	// The service has both ends: it keeps what is in the pipe, and does not die of
	// it, while nobody else is left.
	how := unix.O_RDWR
	if standard == PipeOfLog {
		how = unix.O_RDONLY | unix.O_NONBLOCK // there may be no writer to wait for
	}
	fd, err := bare.OpenAt(dir, Pipe, how, 0)
	if err != 0 {
		return err
	}
	bare.SetBlocking(fd)
	bare.Replace(standard, fd)
	if fd != standard {
		bare.Close(fd)
	}
	return 0
}
