package logscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Ways from a FIFO to an open file.

// pass moves at most n bytes of the stream to an open file, and looks at them if that was asked
// for. at is as for move. It returns how many bytes it has taken from the FIFO, and by how many the
// file has grown. A text with ANSI sequences is copied: if logscan is killed then, the next one
// may write it again.
func (s *stream) pass(p *bare.Process, fd int, at int64, n int) (moved, grown int, err bare.Errno) {
	if !s.strip && !s.sends {
		moved, err = move(int(s.fd), fd, at, n)
		return moved, moved, err
	}
	copied, err := peek(int(s.fd), n)
	if err != 0 || len(copied) == 0 {
		return 0, 0, err
	}
	n = len(copied)
	size := n
	if s.strip && bare.HasANSI(copied) {
		size = bare.WithoutANSI(copied)
	}
	if s.sends {
		s.send(p, copied[:size])
	}
	if size == n {
		moved, err = move(int(s.fd), fd, at, n)
		return moved, moved, err
	}
	if at >= 0 {
		err = bare.WriteAt(fd, copied[:size], at)
	} else {
		err = bare.Write(fd, copied[:size])
	}
	if err != 0 {
		return 0, 0, err
	}
	moved, err = bare.Read(int(s.fd), copied[:n])
	return moved, size, err
}

// send sends lines to syslog. If the daemon does not read for a second, they are lost to it, as the
// other streams do not wait.
func (s *stream) send(p *bare.Process, lines []byte) {
	const lineMax = 8 << 10 // a longer line is several messages
	var room [bare.SyslogHead + lineMax]byte
	for len(lines) > 0 {
		n := min(bare.Index(bare.TextOf(lines), '\n'), lineMax)
		err := scan.syslog.Send(room[:], s.as, s.tag.String(), lines[:n], unix.SOCK_NONBLOCK)
		if err == unix.EAGAIN {
			bare.WaitForRoom(scan.syslog.Socket(), -1, bare.SinceBoot()+1e9)
			err = scan.syslog.Send(room[:], s.as, s.tag.String(), lines[:n], unix.SOCK_NONBLOCK)
		}
		if err != 0 && scan.unsent == 0 {
			p.WarnErrno(err, "unable to send to /dev/log")
		}
		scan.unsent = err
		if n < len(lines) && lines[n] == '\n' {
			n++
		}
		lines = lines[n:]
	}
}

// peek copies the next n bytes of a FIFO, or as many as there is room for.
func peek(fifo, n int) (copied []byte, err bare.Errno) {
	there, err := bare.Tee(fifo, scan.copyIn, min(n, textSize))
	if err != 0 || there == 0 {
		return nil, err
	}
	there, err = bare.Read(scan.copyOut, text()[:there])
	return text()[:there], err
}

// move moves at most n bytes from the FIFO to an open file. at is where in the file; -1 is
// that the file has no places.
func move(fifo, fd int, at int64, n int) (moved int, err bare.Errno) {
	if !scan.unmovable {
		moved, err = bare.Splice(fifo, fd, at, n)
		if err != unix.EINVAL && !bare.IsRefused(err) {
			return moved, err
		}
		scan.unmovable = bare.IsRefused(err)
	}
	return copyTo(fifo, fd, at, n)
}

// copyTo is move where the kernel cannot: it copies the text, writes it, and takes it from the
// FIFO then. If logscan is killed in between, the next one writes the same text again.
func copyTo(fifo, fd int, at int64, n int) (moved int, err bare.Errno) {
	copied, err := peek(fifo, n)
	if err != 0 || len(copied) == 0 {
		return 0, err
	}
	if at >= 0 {
		err = bare.WriteAt(fd, copied, at)
		moved = len(copied)
	} else {
		moved, err = bare.WriteSome(fd, copied)
	}
	if err != 0 {
		return 0, err
	}
	moved, err = bare.Read(fifo, copied[:moved])
	return moved, err
}
