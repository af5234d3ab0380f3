package daemon

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a client in the foreground reads and writes. Without --output and a terminal that is what
// this program has. With --output it comes through here, and goes to both.

// outputs are the streams of the client, for all of its lives.
type outputs struct {
	to       [3][]io.Writer // where standard output and standard error go; nil if not through here
	terminal *terminal      // in the place of both; nil if the client gets none

	from   [3]*os.File // the ends of this program, in the present life
	theirs []*os.File  // ends that only the client has
	stop   *os.File    // closed when the client has ended
	copied chan bool   // closed when all has been copied that the client has written
}

// openOutputs opens the logs.
func (s *settings) openOutputs() (*outputs, error) {
	o := &outputs{}
	specs := [3]output{1: s.stdout, 2: s.stderr}
	own := [3]io.Writer{1: os.Stdout, 2: os.Stderr}
	for fd := 1; fd < len(specs); fd++ {
		if specs[fd].Spec == "" {
			continue
		}
		log, err := specs[fd].open(s.self)
		if err != nil {
			return nil, because(err, "failed to open %s to log client std%s", specs[fd].Spec, [3]string{1: "out", 2: "err"}[fd])
		}
		o.to[fd] = []io.Writer{own[fd], log}
	}
	if !s.pty && !isTerminal(os.Stdin) {
		return o, nil
	}
	if o.to[2] = nil; o.to[1] == nil {
		o.to[1] = []io.Writer{os.Stdout}
	}
	var err error
	o.terminal, err = newTerminal(s.noecho)
	return o, err
}

// begin prepares a start of the client: it returns the client's standard descriptors.
func (o *outputs) begin() (files []*os.File, attributes *syscall.SysProcAttr, err error) {
	stopped, stop, err := os.Pipe()
	if err != nil {
		return nil, nil, because(err, "failed to create pipe")
	}
	o.from, o.stop, o.copied = [3]*os.File{stopped}, stop, make(chan bool)
	files, attributes = []*os.File{os.Stdin, os.Stdout, os.Stderr}, &syscall.SysProcAttr{}
	if o.terminal != nil {
		user, err := o.terminal.begin()
		if err != nil {
			return nil, nil, err
		}
		o.from[1], o.theirs = o.terminal.master(), []*os.File{user}
		files, attributes = []*os.File{user, user, user}, &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	for fd := 1; fd < len(o.to) && o.terminal == nil; fd++ {
		if o.to[fd] == nil {
			continue
		}
		from, to, err := os.Pipe()
		if err != nil {
			return nil, nil, because(err, "failed to create pipe")
		}
		o.from[fd], files[fd] = from, to
		o.theirs = append(o.theirs, to)
	}
	go o.copy()
	return files, attributes, nil
}

// copy copies what the client writes. Where there is something of both streams, standard output
// comes first.
func (o *outputs) copy() {
	defer close(o.copied)
	poll := make([]unix.PollFd, len(o.from))
	for fd, file := range o.from {
		poll[fd].Fd = -1
		if file != nil {
			poll[fd].Fd = int32(file.Fd())
			poll[fd].Events = unix.POLLIN
		}
	}
	patience := -1
	for buffer := make([]byte, 32<<10); ; {
		n, err := unix.Poll(poll, patience)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return
		}
		if poll[0].Revents != 0 {
			poll[0].Fd, patience = -1, 0 // the client has ended: what is there is copied, and no more
		}
		for fd := 1; fd < len(poll); fd++ {
			if poll[fd].Fd < 0 || poll[fd].Revents == 0 {
				continue
			}
			n, err := unix.Read(int(poll[fd].Fd), buffer)
			if n <= 0 && err != unix.EINTR && err != unix.EAGAIN {
				poll[fd].Fd = -1
			}
			for _, to := range o.to[fd] {
				to.Write(buffer[:max(n, 0)])
			}
		}
	}
}

// begun is called when the client has its ends.
func (o *outputs) begun() {
	for _, file := range o.theirs {
		file.Close()
	}
	o.theirs = nil
}

// end is called when the client has ended. What it has written is still copied; what its
// descendants write later is not waited for.
func (o *outputs) end() {
	o.stop.Close()
	<-o.copied
	for fd, file := range o.from {
		if file != nil {
			file.Close()
		}
		for _, to := range o.to[fd] {
			if sender, is := to.(*lineSender); is {
				sender.flush()
			}
		}
	}
}

func (o *outputs) resize() {
	if o.terminal != nil {
		o.terminal.resize()
	}
}

func (o *outputs) close() {
	if o.terminal != nil {
		o.terminal.restore()
	}
}
