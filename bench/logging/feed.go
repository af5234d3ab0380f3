//go:build linux && (amd64 || arm64)

package logging

// Lines for a program, written into a pipe as it is by default, from memory, in large
// writes, by a thread that does nothing else.
//
// Not measured: what the writing costs. It is the same for all, on another CPU.

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"catena/bench/machine"
	"catena/bench/stage"
)

// A source is the standard input of a program, or of one after the other.
type source struct {
	read    *os.File
	write   int
	reached chan struct{} // closed when the part has been written
	done    chan error    // gets the end of all
}

func newSource() (*source, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	return &source{os.NewFile(uintptr(ends[0]), "pipe"), ends[1], make(chan struct{}), make(chan error, 1)}, nil
}

// feed writes a text so many times, tells when the part that it begins with has been written,
// and closes the pipe.
func (s *source) feed(text []byte, part, times int) {
	go func() {
		err := writeAll(s.write, text[:part])
		close(s.reached)
		for rest := text[part:]; times > 0 && err == nil; times-- {
			err = writeAll(s.write, rest)
			rest = text
		}
		unix.Close(s.write)
		s.done <- err
	}()
}

func writeAll(fd int, text []byte) error {
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("unable to write to the pipe: %w", err)
		}
		text = text[max(n, 0):]
	}
	return nil
}

// end returns what no program has read, when all has been written. The programs may have
// left the pipe so that reading does not wait.
func (s *source) end() ([]byte, error) {
	unread := unix.SetNonblock(int(s.read.Fd()), false)
	var rest []byte
	if unread == nil {
		rest, unread = io.ReadAll(s.read)
	}
	s.read.Close() // so that the writer ends in any case
	if err := <-s.done; err != nil {
		return rest, err
	}
	return rest, unread
}

// longestFeed is how long a program may take.
const longestFeed = time.Minute

// spawn starts a program at the pipe. It ends with the bench, or when it takes too
// long.
func (s *source) spawn(argv []string, dir string, output *os.File) (*exec.Cmd, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, stage.Environment(stage.SystemPath)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.read, output, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd, cmd.Start()
}

// finish waits for a program.
func finish(cmd *exec.Cmd) error {
	late := time.AfterFunc(longestFeed, func() { cmd.Process.Kill() })
	defer late.Stop()
	return cmd.Wait()
}

// A pass is a program that has read all there was.
type pass struct{ took, cpu time.Duration }

// throughput feeds a program and takes its time, from the spawn to the exit.
func throughput(argv []string, dir string, output *os.File, text []byte, times int) (pass, error) {
	s, err := newSource()
	if err != nil {
		return pass{}, err
	}
	begun := machine.Now()
	cmd, err := s.spawn(argv, dir, output)
	s.feed(text, 0, times)
	if err == nil {
		err = finish(cmd)
	}
	took := machine.Now() - begun
	rest, unread := s.end()
	if err == nil {
		err = unread
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes were left in the pipe", len(rest))
	}
	if err != nil {
		return pass{}, fmt.Errorf("%s: %w", argv[0], err)
	}
	return pass{took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}
