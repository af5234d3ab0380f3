package bare

import "golang.org/x/sys/unix"

// reader reads a file or a pipe of lines: passwd(5), group(5), and lists in /proc. It hands
// out a byte at a time, so that neither the file nor a line of it has a size limit.
//
// All readers share one buffer, so one reader is in use at a time. Whoever opens a reader
// closes it before anything else can open another: a look-up of an account reads one file
// after the other, and nobody opens a reader while he walks a list of processes.
type reader struct {
	fd       int
	at, have int   // bytes of the buffer that were handed out, and that were read
	err      Errno // why the last read failed, or 0
}

const readerRoom = 1024

func openReader(path string) (r reader, err Errno) {
	r.fd, err = Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return r, err
}

func (r *reader) close() { Close(r.fd) }

// next is the next byte. At the end of the file, and after an error, next is a newline and
// more is false. So whoever finds something must look at err before it counts.
func (r *reader) next() (c byte, more bool) {
	if r.at == r.have && !r.fill() {
		return '\n', false
	}
	c = *(*byte)(pointer(common.lines + uintptr(r.at)))
	r.at++
	return c, true
}

func (r *reader) fill() bool {
	if r.err != 0 {
		return false
	}
	if common.lines == 0 {
		var ok bool
		if common.lines, ok = allocate(readerRoom); !ok {
			r.err = unix.ENOMEM
			return false
		}
	}
	r.at, r.have = 0, 0
	n, err := Read(r.fd, bytesAt(common.lines, readerRoom))
	if r.err = err; err != 0 || n == 0 {
		return false
	}
	r.have = n
	return true
}

// ProcessList is a list of processes in /proc that is being read. Blanks or newlines
// separate the pids.
type ProcessList struct{ file reader }

func openProcessList(path string) ProcessList {
	file, err := openReader(path)
	file.err = err // so that the list is empty
	return ProcessList{file}
}

// Next is the next process of the list. Ok is false at its end, which closes the list: so
// everybody reads to the end.
func (l *ProcessList) Next() (pid int, ok bool) {
	for {
		c, more := l.file.next()
		switch {
		case !more:
			l.file.close()
			return 0, false
		case c == ' ' || c == '\n':
			return pid, true
		}
		pid = pid*10 + int(c-'0')
	}
}
