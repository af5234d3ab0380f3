package logscan

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How text gets from a FIFO into a file, and what becomes of a file that is full. The file is
// opened for what is there to be written, and closed again. So it may be renamed, removed or
// emptied at any time, and there may be more files than descriptors.

// warn reports an error with the file.
//
//go:noinline
func (s *stream) warn(p *bare.Process, err bare.Errno, what, after string) {
	p.WarnErrno(err, what, s.file.String(), after)
}

// open opens the file, and makes it if it is not there.
//
//go:noinline
func (s *stream) open() (fd int, err bare.Errno) {
	return bare.Open(s.file.String(), unix.O_WRONLY|unix.O_CREAT|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
}

// place is where in the table the stream is.
func (s *stream) place() int {
	first := uintptr(unsafe.Pointer(at(0)))
	return int((uintptr(unsafe.Pointer(s)) - first) / unsafe.Sizeof(*s))
}

// empty writes to the file what is in the FIFO now. If that fails, it says so, and the stream
// waits.
func (s *stream) empty(p *bare.Process) {
	left := int(bare.Unread(int(s.fd)))
	if left == 0 && s.leaving && !bare.HasWriter(int(s.fd)) {
		s.forget()
		return
	}
	if left == 0 || s.file.Len() == 0 {
		return
	}
	s.fit(left)
	err := s.write(p, left)
	switch {
	case err == 0:
		s.said = 0
		return
	case err != s.said:
		s.warn(p, err, "unable to write ", ", pausing")
	}
	s.said = err
	s.wait()
}

// fit makes the FIFO larger when so many bytes nearly fill it, so that the service and logscan wait
// less for each other, and small again when it is nearly empty. The kernel limits what all pipes
// of an account have together. It also notes that there is no time to wait for more.
func (s *stream) fit(left int) {
	const usual, large, few = 64 << 10, 1 << 20, 4 << 10
	if left >= large/2 || !s.large && left >= usual/2 {
		scan.calm = false
	}
	switch {
	case !s.large && left >= usual/4*3:
		s.large = bare.SetPipeSize(int(s.fd), large) == 0
	case s.large && left < few:
		s.large = bare.SetPipeSize(int(s.fd), usual) != 0
	}
}

// write moves so many bytes from the FIFO to the file.
func (s *stream) write(p *bare.Process, left int) bare.Errno {
	for left > 0 {
		fd, err := s.open()
		if err != 0 {
			return err
		}
		moved, isFull, err := s.fill(p, fd, left, s.size)
		if err == 0 && isFull && !s.rotate(p, fd) {
			var more int
			more, _, err = s.fill(p, fd, left-moved, 0) // it grows on
			moved += more
		}
		bare.Close(fd)
		if err == 0 && moved == 0 && !isFull {
			err = unix.ENOSPC // it takes nothing
		}
		if err != 0 {
			return err
		}
		left -= moved
	}
	return 0
}

// make makes the file if it is not there, as Supervisor does before there is anything to write.
func (s *stream) make(p *bare.Process) {
	if s.file.Len() == 0 {
		return
	}
	fd, err := s.open()
	if err == 0 {
		bare.Close(fd)
	} else if err != s.said {
		s.warn(p, err, "unable to write ", ", pausing")
		s.said = err
	}
}

// fill moves text to an open file until left bytes are moved, or the file is full by its size; 0 is
// never.
func (s *stream) fill(p *bare.Process, fd, left int, size int64) (moved int, isFull bool, err bare.Errno) {
	is, err := bare.StatOpen(fd)
	if err != 0 {
		return 0, false, err
	}
	limited := size > 0 && is.Kind() == unix.S_IFREG
	if limited && is.Size >= size && s.endsWithLine(is.Size) { // somebody was killed before he had rotated it
		return 0, true, 0
	}
	at := is.Size
	if is.Kind() != unix.S_IFREG {
		at = -1
	}
	for moved < left && !isFull {
		n := left - moved
		if limited && at+int64(n) >= size {
			if n, isFull, err = s.upToLine(n, size-at-1); err != 0 {
				return moved, false, err
			}
		}
		got, grown, err := s.pass(p, fd, at, n)
		moved += got
		if at >= 0 {
			at += int64(grown)
		}
		if err != 0 || got == 0 {
			return moved, false, err
		}
		isFull = isFull && got == n && at >= size
	}
	return moved, isFull, 0
}

// upToLine returns how many of the next n bytes of the FIFO are to be moved: up to the end of the
// line that has the byte at from or, if the line ends before, of the one that follows. Ends says
// whether the line ends there.
func (s *stream) upToLine(n int, from int64) (upTo int, ends bool, err bare.Errno) {
	copied, err := peek(int(s.fd), n)
	if err != 0 {
		return 0, false, err
	}
	there := len(copied)
	begin := int(min(max(from, 0), int64(there)))
	end := begin + bare.Index(bare.TextOf(copied[begin:]), '\n')
	return min(end+1, there), end < there, 0
}

// endsWithLine reports whether the file ends with a newline. If it may not be read, nobody knows.
func (s *stream) endsWithLine(size int64) bool {
	fd, err := bare.Open(s.file.String(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return true
	}
	last := [1]byte{'\n'}
	bare.ReadAt(fd, last[:], size-1)
	bare.Close(fd)
	return last[0] == '\n'
}

// rotate makes an old file of one that is full. It returns false if it cannot, which it has said.
func (s *stream) rotate(p *bare.Process, fd int) bool {
	var err bare.Errno
	var target [1]byte
	if _, notLink := bare.Readlink(bare.Cwd, s.file.String(), target[:]); notLink == 0 {
		err = bare.IsLink // as /dev/stdout, which must stay where it is
	} else if s.num == 0 {
		err = bare.Truncate(fd, 0)
	} else {
		err = bare.Rotate(bare.Cwd, s.file.String(), s.num)
		if err == 0 {
			s.make(p)
		}
	}
	if err != 0 && err != s.stuck {
		s.warn(p, err, "unable to rotate ", "")
	}
	s.stuck = err
	return err == 0
}
