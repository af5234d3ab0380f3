package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// Where messages go if the service of a supervise process has an errlog. The service inherits
// standard error, which is the pipe to the errlog. The messages of supervise go where they go
// without an errlog: to the standard error of svscan.

// handOverMessages is what a child of svscan does before it makes standard error the pipe: it
// leaves a copy of standard error for supervise, one below the reading end of the pipe. If the limit
// on open files does not allow these numbers, there is no copy, and the messages go to the errlog.
func handOverMessages() {
	reader := service.Reader(service.ErrorLog, process.pipeReader, -1)
	if bare.Replace(reader, 2) == 0 { // JoinPipes replaces it once more
		bare.Replace(reader-1, 2)
	}
}

// findMessages finds that copy, and has the messages of this process go there.
func (s *Service) findMessages() {
	if !s.hasPipe(service.ErrorLog) {
		return
	}
	reader := findReader()
	if reader < 0 {
		return
	}
	if fd, err := bare.CopyAbove(reader-1, 3); err == 0 {
		bare.Close(reader - 1)
		bare.MessagesGoTo(fd)
	}
}

// findReader returns the descriptor under which svscan has left the reading end of the pipe to the
// errlog; or -1. If it has not the usual number, because svscan was started with many descriptors,
// then only reading ends of other pipes are above it.
func findReader() int {
	const usual = usualReader - (service.ErrorLog - 1)
	pipe, _ := bare.StatOpen(2)
	is, err := bare.StatOpen(usual)
	if err == 0 && is.File == pipe.File {
		return usual
	}
	last, _ := bare.LastDescriptor()
	for reader := last; reader > usual && reader > last-len(service.Logs); reader-- {
		if is, err = bare.StatOpen(reader); err == 0 && is.File == pipe.File {
			return reader
		}
	}
	return -1
}

// keepMessages is for a service that gets an errlog later: before standard error becomes the pipe,
// it has messages go to a copy of what standard error was until then.
func keepMessages() bare.Errno {
	fd, err := bare.CopyAbove(2, 3)
	if err == 0 {
		bare.MessagesGoTo(fd)
	}
	return err
}
