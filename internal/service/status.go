// Package service is a service directory as files: the status that svstat reads, the FIFO
// that svc writes to, the lock file with its records, the options. Whoever reads or writes
// one of these files does so through this package. It is bare code.
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

// Status is what a supervisor publishes for everybody, in daemontools' format of 18 bytes, in
// this order.
type Status struct {
	Since  tai64.Label // of the last start or death
	PID    uint32      // of run; 0 if run does not run; little-endian
	Paused bool
	Want   byte // WantUp, WantDown or WantOnce
}

// What is wanted of a service.
const (
	WantUp   = 'u'
	WantDown = 'd'
	WantOnce = 0 // as it is now, and not started again
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

// WriteStatus publishes a status. Who reads meanwhile gets the old status or the new one.
func WriteStatus(dir int, s Status) bare.Errno {
	b := s.Pack()
	return replaceFile(dir, StatusNew, StatusNow, b[:])
}

// replaceFile writes a file under the name other, and then renames it to name.
func replaceFile(dir int, other, name string, b []byte) bare.Errno {
	fd, err := openNew(dir, other)
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

// NewStatus makes an empty status file, where there is none, for WriteFirstStatus.
func NewStatus(dir int) (fd int, err bare.Errno) {
	return bare.OpenAt(dir, StatusNow, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|safely, 0o644)
}

// WriteFirstStatus writes the status into a file of NewStatus. Nobody reads the status before
// ok is there, so it need not be renamed into place. If this fails, there is no status.
func WriteFirstStatus(dir, fd int, s Status) bare.Errno {
	b := s.Pack()
	err := bare.Write(fd, b[:])
	if err != 0 {
		bare.Unlink(dir, StatusNow)
	}
	return err
}

// ReadStatus reads the status. ok is false if the file has another size.
func ReadStatus(dir int) (s Status, ok bool, err bare.Errno) {
	fd, err := bare.OpenAt(dir, StatusNow, unix.O_RDONLY|safely, 0)
	if err != 0 {
		return s, false, err
	}
	var b [StatusSize]byte
	n, err := bare.Read(fd, b[:])
	bare.Close(fd)
	return UnpackStatus(b), err == 0 && n == StatusSize, err
}
