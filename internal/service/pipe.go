package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Which standard descriptor is an end of the pipe to a log.
const (
	NoPipe    = -1
	PipeOfLog = 0
	PipeToLog = 1
)

// OpenPipe opens the FIFO between the service of the directory dir and its log for reading and
// writing, and makes it first if it is not there. What is in the FIFO is kept for as long as
// fd is open. was is as for MakeFIFO.
func OpenPipe(dir int) (fd int, was, err bare.Errno) {
	_, unmade := MakeFolder(dir, Folder)
	fd, was, err = MakeFIFO(dir, Pipe)
	if err == unix.ENOENT && unmade != 0 {
		err = unmade
	}
	return fd, was, err
}

// HoldPipe opens the pipe for reading and writing under the number as, closed on exec, so that
// what is in the pipe is kept. It may fail.
func HoldPipe(dir, as int) {
	fd, err := OpenFIFO(dir, Pipe, unix.O_RDWR)
	if err == 0 {
		bare.DupTo(fd, as)
		bare.Close(fd)
	}
}

// JoinPipe makes standard, one of PipeOfLog and PipeToLog, an end of the pipe.
//
// The standard output of a service is for writing only. If everyone else who has the reading
// end were killed, the next line of the service would be a broken pipe. So the service has
// the reading end as well, under the number keeper, which nobody reads by mistake; or under
// the lowest free number if keeper is beyond the limit on open files.
func JoinPipe(dir, standard, keeper int) bare.Errno {
	how := unix.O_RDONLY
	if standard == PipeToLog {
		fd, err := OpenFIFO(dir, Pipe, how)
		if err != 0 {
			return err
		}
		if bare.Replace(keeper, fd) != 0 {
			keeper = fd
			bare.Replace(fd, fd)
		}
		if fd != keeper {
			bare.Close(fd)
		}
		how = unix.O_WRONLY
	}
	fd, err := OpenFIFO(dir, Pipe, how)
	if err != 0 {
		return err
	}
	if err = bare.SetBlocking(fd); err != 0 {
		return err
	}
	bare.Replace(standard, fd)
	if fd != standard {
		bare.Close(fd)
	}
	return 0
}
