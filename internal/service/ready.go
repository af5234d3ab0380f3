package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Ready is the FIFO through which a service says that it is ready. It is there while the
// service runs. The service has the FIFO open for reading and writing: so writing does not
// fail while no supervisor runs, and the next supervisor finds what was written.
const Ready = "supervise/ready"

// NewReady makes a new FIFO for a new process, because what an earlier process has left may
// still write to the old FIFO. It opens the new one twice for reading and writing: ours for
// the supervisor, theirs for the service.
func NewReady(dir int) (ours, theirs int, err bare.Errno) {
	bare.Unlink(dir, Ready)
	if err = bare.Mkfifo(dir, Ready, 0o600); err != 0 {
		return -1, -1, err
	}
	if ours, err = OpenFIFO(dir, Ready, unix.O_RDWR); err != 0 {
		return -1, -1, err
	}
	bare.NeverWritten(ours)
	if theirs, err = OpenFIFO(dir, Ready, unix.O_RDWR); err != 0 {
		bare.Close(ours)
		return -1, -1, err
	}
	return ours, theirs, 0
}

// OpenReady opens the FIFO of a process that was found running; fd is -1 if there is none.
// lost means that the FIFO was written to, as its time says, and is empty. Either the service
// has closed the FIFO while nobody else had it open, or a supervisor was killed after it had
// read the FIFO and before it had published that.
func OpenReady(dir int) (fd int, lost bool) {
	fd, err := OpenFIFO(dir, Ready, unix.O_RDWR)
	if err != 0 {
		return -1, false
	}
	is, err := bare.StatOpen(fd)
	return fd, err == 0 && is.Written != 0 && !bare.WaitFor(fd, 0)
}

// NoNewline sets back the time of the open FIFO: what was read from it does not mean ready.
func NoNewline(ready int) { bare.NeverWritten(ready) }

// ForgetReady removes the FIFO of a process that has ended.
func ForgetReady(dir int) { bare.Unlink(dir, Ready) }
