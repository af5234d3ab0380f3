//go:build !amd64 && !arm64

package supervise

import "catena/internal/bare"

// start makes the child, with a copy of everything: here supervise does not run before
// the runtime, and so not at all.
func (c *child) start() (pid int, err bare.Errno) {
	pid, err = bare.Fork()
	if err == 0 && pid == 0 {
		become(c)
	}
	return pid, err
}
