package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// The logs, by their numbers in Logs.
const (
	OutputLog = 1
	ErrorLog  = 2
)

// Logs are the logs that a service may have. The index is the standard descriptor of the service
// whose lines the log reads; no log has 0.
//
// Join is a command that only svscan sends, when a service gets the log after its supervisor was
// started: from its next start on, the service writes to the log.
var Logs = [...]struct {
	Dir  string // the directory of the log
	Pipe string // the FIFO between the service and the log
	Join string
}{
	OutputLog: {Log, "supervise/pipe", ">"},
	ErrorLog:  {"errlog", "supervise/errpipe", "&"},
}

// A Stream is what a service writes to a FIFO in its directory. The supervisor holds the FIFO open,
// so that what is in it is kept, and logscan writes it to the file that the settings name.
type Stream struct{ FIFO, Settings string }

// Streams are the streams that a service may have.
var Streams = [...]Stream{{"stdout", "stdout-log"}, {"stderr", "stderr-log"}}

// Ends are the ends of pipes to logs that a process has as standard descriptors. A bit stands for
// the FIFO of Logs with the number of the bit. With bit 0 the process is the log that reads this
// FIFO; without, it is the service, which may have several logs.
type Ends uint8

// NoPipe is for a service without logs.
const NoPipe Ends = 0

// PipeTo is the end that a service has of the FIFO to a log.
func PipeTo(log int) Ends { return 1 << log }

// PipeOf is the end that a log has.
func PipeOf(log int) Ends { return 1<<log | 1 }

// AreOfLog reports whether the process is a log.
func (e Ends) AreOfLog() bool { return e&1 != 0 }

// Log returns which log the process is, if it is one.
func (e Ends) Log() int {
	log := 1
	for !e.Has(log) {
		log++
	}
	return log
}

// Has reports whether there is an end of the FIFO of a log.
func (e Ends) Has(log int) bool { return e&(1<<log) != 0 }

// OpenPipe opens the FIFO between the service of the directory dir and one of its logs for
// reading and writing, and makes it first if it is not there. What is in the FIFO is kept for as
// long as fd is open. was is as for MakeFIFO.
func OpenPipe(dir, log int) (fd int, was, err bare.Errno) {
	_, unmade := MakeFolder(dir, Folder)
	fd, was, err = MakeFIFO(dir, Logs[log].Pipe)
	if err == unix.ENOENT && unmade != 0 {
		err = unmade
	}
	return fd, was, err
}

// HoldPipes opens pipes for reading and writing under numbers from first on, a number for each
// log, closed on exec, so that what is in the pipes is kept. It may fail.
func HoldPipes(dir int, ends Ends, first int) {
	for log := 1; log < len(Logs); log++ {
		if !ends.Has(log) {
			continue
		}
		if fd, err := OpenFIFO(dir, Logs[log].Pipe, unix.O_RDWR); err == 0 {
			bare.DupTo(fd, first+log-1)
			bare.Close(fd)
		}
	}
}

// JoinPipes makes standard descriptors ends of the pipes. reader and unused are as for Reader.
// If that fails, it returns for which log.
//
// The standard output of a service is for writing only. If everyone else who has the reading
// end were killed, the next line of the service would be a broken pipe. So the service has
// the reading end as well, under the number of Reader, which nobody reads by mistake; or under
// the lowest free number if that one is beyond the limit on open files.
func JoinPipes(dir int, ends Ends, reader, unused int) (log int, err bare.Errno) {
	for log := len(Logs) - 1; log > 0; log-- {
		if !ends.Has(log) {
			continue
		}
		if ends.AreOfLog() {
			err = useEnd(dir, log, unix.O_RDONLY, 0)
		} else if err = keepReader(dir, log, Reader(log, reader, unused)); err == 0 {
			err = useEnd(dir, log, unix.O_WRONLY, log)
		}
		if err != 0 {
			return log, err
		}
	}
	return 0, 0
}

// Reader is the descriptor under which a service has the reading end of the pipe to a log:
// reader for the first log, and numbers below it for the others, but not the number unused.
func Reader(log, reader, unused int) int {
	if number := reader - (log - 1); number != unused {
		return number
	}
	return reader + 1
}

// keepReader opens a pipe for reading under a number.
func keepReader(dir, log, number int) bare.Errno {
	fd, err := OpenFIFO(dir, Logs[log].Pipe, unix.O_RDONLY)
	if err != 0 {
		return err
	}
	if bare.Replace(number, fd) != 0 {
		number = fd
		bare.Replace(fd, fd)
	}
	if fd != number {
		bare.Close(fd)
	}
	return 0
}

// useEnd opens a pipe as a standard descriptor.
func useEnd(dir, log, how, standard int) bare.Errno {
	fd, err := OpenFIFO(dir, Logs[log].Pipe, how)
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
