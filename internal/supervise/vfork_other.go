//go:build !amd64 && !arm64

package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// start makes the child by an ordinary fork. This only has to compile: on these
// architectures supervise refuses to run.
func (c *child) start() (pid int, err bare.Errno) {
	process.copied = true
	pid, err = bare.Fork()
	if err == 0 && pid == 0 {
		become(c)
	}
	return pid, err
}

// startInto fails: there are no control groups for services here.
func (c *child) startInto(int) (pid int, err bare.Errno) { return -1, unix.ENOSYS }
