//go:build amd64 || arm64

package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// start makes the child, which runs become(c) in the memory of its parent, on the stack
// below the parent's, while the parent waits until the child has execed or ended. That
// saves a copy of the memory, which takes longer than all else that there is to do.
// If it is to share its descriptors, then what either of them opens or closes, it does
// so for both, until the child calls bare.CloseFrom: a copy of very many would be slow.
func (c *child) start() (pid int, err bare.Errno) {
	flags := uintptr(unix.SIGCHLD) | unix.CLONE_VM | unix.CLONE_VFORK
	if c.shared {
		flags |= unix.CLONE_FILES
	}
	memory := bare.Mark()
	r := vfork(flags, c)
	memory.Release() // what the child has taken
	if !many && !c.published {
		// The parent is woken in the middle of the exec. What it has to publish would hold
		// the service up on this processor. (Here another service may be waiting for that.)
		bare.Yield()
	}
	if r < 0 {
		return -1, bare.Errno(-r)
	}
	return r, 0
}

// vfork is clone(2), for a child that calls become(c) at once: it cannot return from a
// function of its parent's, whose return address it would overwrite.
//
//go:noescape
func vfork(flags uintptr, c *child) (r int)
