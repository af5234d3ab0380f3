package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// How multilog collects the output of a log, and appends it to current.

// outSize is how many bytes multilog collects for one write, and smallSize how many 0.76
// collects.
const (
	outSize   = 128 << 10
	smallSize = 512
)

// diskPiece is how many bytes are given to the disk at once. This leaves less for the fsync
// of a rotation, which everything waits for.
const diskPiece = 512 << 10

// slack says when current is full: when a line ends so many bytes before the size of the
// log, or fewer.
const slack = 2000

// putLine puts the beginning of a line into the output, with the prefix of the log. 0.76,
// which has no prefix, collects the beginning in one piece.
func (l *log) putLine(p *bare.Process, label, text []byte) {
	n := len(label) + len(text)
	if l.prefix.Len() > 0 {
		n += l.prefix.Len() + len(" ")
	}
	if n > smallSize-(l.n-l.settled) {
		l.settle(p)
	}
	l.collect(p, label)
	if l.prefix.Len() > 0 {
		l.collect(p, bare.BytesOf(l.prefix.String()))
		l.collect(p, bare.BytesOf(" "))
	}
	l.collect(p, text)
	if n > smallSize {
		l.settle(p)
	}
}

// putBytes puts bytes into the output that 0.76 collects one by one.
func (l *log) putBytes(p *bare.Process, b []byte) {
	for {
		fits := min(smallSize-(l.n-l.settled), len(b))
		l.collect(p, b[:fits])
		if b = b[fits:]; len(b) == 0 {
			return
		}
		l.settle(p)
	}
}

// collect copies a piece of at most lineMax bytes to out.
func (l *log) collect(p *bare.Process, b []byte) {
	if l.n+len(b) > outSize {
		l.spill(p)
	}
	l.n += copy(bare.BytesAt(l.out+uintptr(l.n), outSize-l.n), b)
}

// settle is called where 0.76 would write what it has collected. 0.76 may end a file there.
// If current is far from full, settle only notes the place, and the write can wait.
func (l *log) settle(p *bare.Process) {
	if l.bytes+int64(l.n) < l.size-slack {
		l.settled = l.n
		return
	}
	piece := bare.BytesAt(l.out+uintptr(l.settled), l.n-l.settled)
	l.write(p, bare.BytesAt(l.out, l.settled))
	l.write(p, piece)
	l.n, l.settled = 0, 0
}

// spill writes the settled part of the output.
func (l *log) spill(p *bare.Process) {
	out := bare.BytesAt(l.out, l.n)
	l.write(p, out[:l.settled])
	l.n, l.settled = copy(out, out[l.settled:]), 0
}

// flush writes all output.
func (l *log) flush(p *bare.Process) {
	l.settle(p)
	l.spill(p)
}

// write appends to current, and rotates the log when current is full. It leaves out what
// the last multilog has written already.
func (l *log) write(p *bare.Process, b []byte) {
	if over := min(l.skip, int64(len(b))); over > 0 {
		l.skip -= over
		l.written += over
		b = b[over:]
	}
	for len(b) > 0 {
		for !l.broken && l.isFull() {
			l.rotate(p)
		}
		if l.broken {
			l.lose(b)
			return
		}
		piece := l.piece(b)
		n, err := bare.WriteSome(l.fd, piece)
		if l.special && err == unix.EAGAIN {
			if !waitForRoom(l.fd) {
				l.broken = true
			}
			continue
		}
		if err != 0 || n == 0 {
			if err == 0 {
				err = unix.ENOSPC
			}
			if l.pause(p, err, "unable to write to ", l.current()) {
				l.checkAfterError(p, err)
			}
			continue
		}
		if l.bytes == 0 && l.every > 0 {
			l.firstLine = bare.SinceBoot()
		}
		l.bytes += int64(n)
		l.written += int64(n)
		if l.bytes >= l.toDisk+diskPiece {
			bare.BeginWriting(l.fd, l.toDisk, l.bytes-l.toDisk)
			l.toDisk = l.bytes
		}
		if l.bytes >= l.size-slack && b[n-1] == '\n' && !l.special {
			l.rotate(p)
		}
		b = b[n:]
	}
}

// isFull reports whether nothing may be appended to current any more.
func (l *log) isFull() bool {
	if l.isFile() {
		return l.full
	}
	return l.bytes >= l.size
}

// piece is how much of b may be appended to current before it is to be seen whether current is
// full. A file that is full goes up to the end of the line.
func (l *log) piece(b []byte) []byte {
	if l.isFile() {
		if l.special || l.bytes+int64(len(b)) < l.size-slack {
			return b
		}
		from := int(max(l.size-slack-1-l.bytes, 0))
		return b[:min(from+newlineIn(b[from:])+1, len(b))]
	}
	piece := b[:min(int64(len(b)), l.size-l.bytes)]
	if l.bytes+int64(len(piece)) >= l.size-slack {
		if end := lastNewline(piece); end > 0 {
			piece = piece[:end]
		}
	}
	return piece
}

// lastNewline is the length of b up to and with its last newline; 0 if there is none.
func lastNewline(b []byte) int {
	for i := len(b); i > 0; i-- {
		if b[i-1] == '\n' {
			return i
		}
	}
	return 0
}
