package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// holdStreams opens the FIFOs of service.Streams that are there, so that what the service writes to
// them is kept when it has ended and logscan was killed. It is called before each start, because
// there may be other FIFOs by then. A FIFO that cannot be opened is left to the service, whose
// chain says so.
func (s *Service) holdStreams() {
	for i := range service.Streams {
		name := service.Streams[i].FIFO
		fd, err := service.OpenFIFO(s.files.dir, name, unix.O_RDWR)
		if err != 0 {
			continue
		}
		if s.files.streams[i] > 0 {
			bare.Close(s.files.streams[i])
		}
		s.files.streams[i] = fd
	}
}
