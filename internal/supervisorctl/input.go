package supervisorctl

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
)

// errInterrupted is that somebody has typed ^C in place of a line.
var errInterrupted = errors.New("interrupted")

// An input reads standard input in a goroutine of its own, so that whoever waits for a line can
// be interrupted. What the goroutine reads after that is for the next who asks.
type input struct {
	ask    chan struct{}
	pieces chan []byte // nil at the end of the input
	asked  bool
	ended  bool
	left   []byte
}

func newInput() *input {
	in := &input{ask: make(chan struct{}), pieces: make(chan []byte)}
	go func() {
		for range in.ask {
			piece := make([]byte, 4096)
			n, err := os.Stdin.Read(piece)
			if n > 0 || err == nil {
				in.pieces <- piece[:n]
			} else {
				in.pieces <- nil
			}
		}
	}()
	return in
}

// more waits for the next piece. It returns errInterrupted if something comes from stop first.
func (in *input) more(stop <-chan os.Signal) error {
	if in.ended {
		return io.EOF
	}
	if !in.asked {
		in.ask <- struct{}{}
		in.asked = true
	}
	select {
	case piece := <-in.pieces:
		in.asked, in.ended = false, piece == nil
		in.left = append(in.left, piece...)
		if in.ended {
			return io.EOF
		}
		return nil
	case <-stop:
		return errInterrupted
	}
}

// Read is for the editor, which reads keys.
func (in *input) Read(p []byte) (int, error) {
	for len(in.left) == 0 {
		if err := in.more(nil); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.left)
	in.left = in.left[n:]
	return n, nil
}

// line reads a line without its end. The last one may lack a newline.
func (in *input) line(stop <-chan os.Signal) (string, error) {
	for {
		if i := bytes.IndexByte(in.left, '\n'); i >= 0 {
			line := string(in.left[:i])
			in.left = in.left[i+1:]
			return strings.TrimSuffix(line, "\r"), nil
		}
		if err := in.more(stop); err == io.EOF && len(in.left) > 0 {
			line := string(in.left)
			in.left = nil
			return line, nil
		} else if err != nil {
			return "", err
		}
	}
}
