// Package service is a service directory as files: the status that svstat reads,
// the FIFO that svc writes to, the lock. Everyone who touches one goes through
// here. It is bare code.
package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/tai64"
)

// The files of a service directory, as daemontools has them.
const (
	Run       = "./run"
	Down      = "down"
	Pipe      = "supervise/pipe" // ours: between a service and its log
	Log       = "log"
	Folder    = "supervise"
	Lock      = "supervise/lock"
	Control   = "supervise/control"
	OK        = "supervise/ok"
	StatusNew = "supervise/status.new"
	StatusNow = "supervise/status"
)

// StatusSize is the size of a status file in bytes.
const StatusSize = 18

// Status is what a supervisor publishes, in daemontools' format: the label of the
// last start or death, the process (little-endian, 0 if there is none), whether it
// is paused, and what is wanted.
type Status struct {
	Since  tai64.Label
	PID    uint32
	Paused bool
	Want   byte // WantUp, WantDown or WantOnce
}

// What is wanted of a service.
const (
	WantUp   = 'u'
	WantDown = 'd'
	WantOnce = 0 // whatever it is now; it is not started again
)

// Pack returns the bytes of the status file.
func (s Status) Pack() (b [StatusSize]byte) {
	label := s.Since.Pack()
	copy(b[:], label[:])
	for i := range 4 {
		b[12+i] = byte(s.PID >> (8 * i))
	}
	if s.Paused {
		b[16] = 1
	}
	b[17] = s.Want
	return b
}

// UnpackStatus reads the bytes of a status file.
func UnpackStatus(b [StatusSize]byte) (s Status) {
	var label [tai64.Size]byte
	copy(label[:], b[:])
	s.Since = tai64.Unpack(label)
	for i := range 4 {
		s.PID |= uint32(b[12+i]) << (8 * i)
	}
	s.Paused, s.Want = b[16] != 0, b[17]
	return s
}

// WriteStatus publishes a status: whoever reads meanwhile has the old one or the
// new one.
func WriteStatus(dir int, s Status) bare.Errno {
	b := s.Pack()
	return replaceFile(dir, StatusNew, StatusNow, b[:])
}

// replaceFile writes a file under another name first.
func replaceFile(dir int, other, name string, b []byte) bare.Errno {
	fd, err := bare.OpenAt(dir, other, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
	if err != 0 {
		return err
	}
	err = bare.Write(fd, b)
	bare.Close(fd)
	if err != 0 {
		return err
	}
	return bare.Rename(dir, other, name)
}

// NewStatus makes the status where there is none, for WriteFirstStatus.
func NewStatus(dir int) (fd int, err bare.Errno) {
	return bare.OpenAt(dir, StatusNow, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
}

// WriteFirstStatus fills a status that has been made. Nobody looks at it before ok is
// there, so this can do without another name. If it fails, there is no status.
func WriteFirstStatus(dir, fd int, s Status) bare.Errno {
	b := s.Pack()
	err := bare.Write(fd, b[:])
	if err != 0 {
		bare.Unlink(dir, StatusNow)
	}
	return err
}

// ReadStatus reads the status; ok is false if the file has another size.
func ReadStatus(dir int) (s Status, ok bool, err bare.Errno) {
	fd, err := bare.OpenAt(dir, StatusNow, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return s, false, err
	}
	var b [StatusSize]byte
	n, err := bare.Read(fd, b[:])
	bare.Close(fd)
	return UnpackStatus(b), err == 0 && n == StatusSize, err
}
