//go:build linux && (amd64 || arm64)

package logging

// What became of a flood of numbered lines when the logger got a signal in it: the
// logs, and after TERM what is still in the pipe, against what was written.
//
// Not measured: signals while nothing happens; power failures.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A tally is what is wrong with a number of lines.
type tally struct {
	lost    int // whole in no log
	doubled int // in the logs again
	torn    int // no whole lines of the flood
}

// A reckoning compares lines with a flood of them.
type reckoning struct {
	flood []byte
	size  int // of a line
	seen  []int
	torn  int
}

func reckon(flood []byte, size int) *reckoning {
	return &reckoning{flood: flood, size: size, seen: make([]int, len(flood)/size)}
}

// see notes a line, its newline included, and reports whether it is a whole line of the
// flood.
func (r *reckoning) see(line []byte) (whole bool) {
	const digits = 8
	if len(line) == r.size {
		n, err := strconv.Atoi(string(line[:digits]))
		if err == nil && n >= 0 && n < len(r.seen) && bytes.Equal(line, r.flood[n*r.size:(n+1)*r.size]) {
			r.seen[n]++
			return true
		}
	}
	return false
}

// logged notes the text of a log, whose lines have labels.
func (r *reckoning) logged(text []byte) {
	const label = len("@4000000037c219bf2ef02e94 ")
	for line := range bytes.Lines(text) {
		if len(line) < label || line[0] != '@' || line[label-1] != ' ' || !r.see(line[label:]) {
			r.torn++
		}
	}
}

// left notes what was left in the pipe. The rest of a line that it may begin with is
// missing elsewhere.
func (r *reckoning) left(text []byte) {
	beginning := true
	for line := range bytes.Lines(text) {
		if !r.see(line) && !beginning {
			r.torn++
		}
		beginning = false
	}
}

func (r *reckoning) tally() tally {
	t := tally{torn: r.torn}
	for _, n := range r.seen {
		if n == 0 {
			t.lost++
		} else {
			t.doubled += n - 1
		}
	}
	return t
}

// logs notes all files of a log.
func (r *reckoning) logs(dir string) error {
	files, err := filepath.Glob(dir + "/@*")
	if err != nil {
		return err
	}
	for _, name := range append(files, dir+"/current") {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		r.logged(text)
	}
	return nil
}

// allFiles is more files than a flood fills.
const allFiles = 1000

// inFlood is a round with a signal that did not come too late.
func inFlood(by *logger, dir string, text []byte, signal syscall.Signal) (t tally, err error) {
	for range 10 {
		if t, err = interrupted(by, dir, text, signal); !errors.Is(err, errTooLate) {
			break
		}
	}
	return t, err
}

// interrupted floods a logger and sends it a signal when a part of the flood, of random
// size, has been written. After KILL it is started again, and reads the rest.
func interrupted(by *logger, dir string, text []byte, signal syscall.Signal) (tally, error) {
	if err := by.makeLog(dir, usual, allFiles); err != nil {
		return tally{}, err
	}
	s, err := newSource()
	if err != nil {
		return tally{}, err
	}
	s.feed(text, len(text)/20+rand.IntN(len(text)*2/3), 1)
	argv := by.argv(usual, allFiles)
	err = s.interrupt(argv, dir, signal)
	if err == nil && signal == unix.SIGKILL {
		err = s.restart(argv, dir)
	}
	rest, unread := s.end()
	if err == nil && signal == unix.SIGTERM && len(rest) == 0 {
		err = errTooLate
	}
	r := reckon(text, usual.size)
	r.left(rest)
	for _, failed := range []error{err, unread, r.logs(dir + "/main")} {
		if failed != nil {
			return tally{}, fmt.Errorf("%s, %v: %w", by.maker, signal, failed)
		}
	}
	return r.tally(), nil
}

// errTooLate says that the flood was over before the signal came.
var errTooLate = errors.New("the signal came too late")

// interrupt starts a program, sends it a signal when the part has been written,
// and waits for its end.
func (s *source) interrupt(argv []string, dir string, signal syscall.Signal) error {
	cmd, err := s.spawn(argv, dir, nil)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- finish(cmd) }()
	select {
	case <-s.reached:
		cmd.Process.Signal(signal) // fails if it has ended
		err = <-ended
	case err = <-ended:
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case signal == unix.SIGKILL && status.Signaled() && status.Signal() == signal:
		return nil
	case signal == unix.SIGKILL && err == nil:
		return errTooLate
	}
	return err
}

// restart runs a logger to its end, and once more after a second if it fails, as its supervisor
// would: s6-log at times finds a file of the name that it wants to give one.
func (s *source) restart(argv []string, dir string) (err error) {
	const tries = 5
	for range tries {
		var cmd *exec.Cmd
		if cmd, err = s.spawn(argv, dir, nil); err == nil {
			err = finish(cmd)
		}
		if err == nil {
			break
		}
		time.Sleep(time.Second)
	}
	return err
}
