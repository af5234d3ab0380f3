//go:build amd64 || arm64

package supervise

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// start makes a child by vfork. The child runs become(c) in the memory of its parent, on the
// stack below the parent's, and the parent stands still until the child has execed or ended.
// To copy the memory would take longer than all the rest of a start. child.go says what the
// child must not do.
//
// If c.shared is set, the child shares the descriptor table as well: what the child opens or
// closes is open or closed in the parent too, until the child calls bare.CloseFrom. To copy
// a table of thousands would be slow.
func (c *child) start() (pid int, err bare.Errno) {
	flags := uintptr(unix.SIGCHLD) | unix.CLONE_VM | unix.CLONE_VFORK
	if c.shared {
		flags |= unix.CLONE_FILES
	}
	memory := bare.Mark()
	c.pidfd = -1
	if service.HasInodes() && !process.noPidfds && c.kind != ofSupervise {
		r := vfork(unix.SYS_CLONE, flags|unix.CLONE_PIDFD, 0, uintptr(unsafe.Pointer(&c.pidfd)), c)
		if bare.Errno(-r) != unix.EINVAL {
			return c.started(memory, r)
		}
		process.noPidfds = true // an emulator such as qemu-user does not know the flag
	}
	return c.started(memory, vfork(unix.SYS_CLONE, flags, 0, 0, c))
}

// startInto is start for a child that begins in another control group. group is a descriptor
// of the group's directory.
func (c *child) startInto(group int) (pid int, err bare.Errno) {
	// struct clone_args of <linux/sched.h>, the second version, which has the group.
	args := [...]uint64{
		0: unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_INTO_CGROUP, 4: uint64(unix.SIGCHLD), 10: uint64(group),
	}
	memory := bare.Mark()
	c.pidfd = -1
	return c.started(memory, vfork(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0, c))
}

// started is what the parent does once the child has execed or ended. r is the result of the
// system call.
func (c *child) started(memory bare.Space, r int) (pid int, err bare.Errno) {
	memory.Release() // what the child has allocated
	if r < 0 {
		return -1, bare.Errno(-r)
	}
	process.copied = process.copied || !c.ran
	if !process.many && !c.published {
		// The kernel wakes the parent in the middle of the exec. Were the parent to publish
		// the start now, the child would have to wait for the processor. (With many services
		// the next one may be waiting for this parent.)
		bare.Yield()
	}
	return r, 0
}

// vfork calls clone(2) or clone3(2). The child calls become(c) at once and never returns:
// it would overwrite the return address that its parent needs.
//
//go:noescape
func vfork(call, first, second, third uintptr, c *child) (r int)
