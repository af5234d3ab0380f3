package daemon

import (
	"bytes"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// What a client in the foreground reads and writes. Without --output and a terminal that is what
// this program has. With --output it comes through here, and goes to both.

// outputs are the streams of the client, for all of its lives.
type outputs struct {
	streams  [3]*relay // of standard output and standard error, where they come through here
	terminal *terminal // in their place; nil if the client gets none

	theirs []*os.File // ends that only the client has
	copies sync.WaitGroup
}

// A relay copies what a client writes.
type relay struct {
	to   []io.Writer
	from *os.File
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
		log, err := specs[fd].open()
		if err != nil {
			return nil, because(err, "failed to open %s to log client std%s", specs[fd].Spec, [3]string{1: "out", 2: "err"}[fd])
		}
		o.streams[fd] = &relay{to: []io.Writer{own[fd], log}}
	}
	if !s.pty && !isTerminal(os.Stdin) {
		return o, nil
	}
	to := []io.Writer{os.Stdout}
	if o.streams[1] != nil {
		to = o.streams[1].to
	}
	o.streams = [3]*relay{}
	var err error
	o.terminal, err = newTerminal(to, s.noecho)
	return o, err
}

// begin prepares a start of the client: it returns the client's standard descriptors.
func (o *outputs) begin() (files []*os.File, attributes *syscall.SysProcAttr, err error) {
	if o.terminal != nil {
		user, err := o.terminal.begin()
		if err != nil {
			return nil, nil, err
		}
		o.theirs = []*os.File{user}
		o.copy(&relay{o.terminal.to, o.terminal.master()})
		return []*os.File{user, user, user}, &syscall.SysProcAttr{Setsid: true, Setctty: true}, nil
	}
	files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for fd, r := range o.streams {
		if r == nil {
			continue
		}
		from, to, err := os.Pipe()
		if err != nil {
			return nil, nil, because(err, "failed to create pipe")
		}
		r.from, files[fd] = from, to
		o.theirs = append(o.theirs, to)
		o.copy(r)
	}
	return files, &syscall.SysProcAttr{}, nil
}

// copy begins to copy what comes from the client.
func (o *outputs) copy(r *relay) {
	o.copies.Go(func() {
		buffer := make([]byte, 32<<10)
		for {
			n, err := r.from.Read(buffer)
			for _, to := range r.to {
				to.Write(buffer[:n])
			}
			if err != nil {
				r.from.Close()
				return
			}
		}
	})
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
	late := time.Now().Add(100 * time.Millisecond)
	for _, r := range o.streams {
		if r != nil {
			r.from.SetReadDeadline(late)
		}
	}
	if o.terminal != nil {
		o.terminal.master().SetReadDeadline(late)
	}
	o.copies.Wait()
	for _, r := range o.streams {
		if r != nil {
			flush(r.to)
		}
	}
	if o.terminal != nil {
		flush(o.terminal.to)
	}
}

func flush(all []io.Writer) {
	for _, to := range all {
		if l, is := to.(*lineSender); is {
			l.flush()
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

// open opens a log.
func (o output) open() (io.Writer, error) {
	if o.IsFile {
		return openLog(o.Spec)
	}
	return &lineSender{priority: o.Priority}, nil
}

// A lineSender sends lines to syslog.
type lineSender struct {
	priority int
	held     []byte // of a line whose end is still to come
}

func (l *lineSender) Write(text []byte) (int, error) {
	l.held = append(l.held, text...)
	for {
		line, rest, has := bytes.Cut(l.held, []byte("\n"))
		if !has {
			return len(text), nil
		}
		sendRecord(record(l.priority, "daemon", string(line)))
		l.held = rest
	}
}

// flush sends a line without an end.
func (l *lineSender) flush() {
	if len(l.held) > 0 {
		sendRecord(record(l.priority, "daemon", string(l.held)))
		l.held = nil
	}
}
