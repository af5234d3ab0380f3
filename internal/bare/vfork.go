//go:build amd64 || arm64

package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Vfork makes a child that calls child(arg) in the memory of its parent, on the stack
// below the parent's, while the parent waits until the child has execed or ended. It
// saves the copy of the memory, which takes longer than all else that Fork does. What
// the child writes, the parent finds. With share both have the same descriptors as well:
// what either of them opens or closes, it does so for both, until the child calls
// CloseFrom; a copy of very many would be slow. Child must not return.
func Vfork(share bool, child func(arg unsafe.Pointer), arg unsafe.Pointer) (pid int, err Errno) {
	flags := uintptr(unix.SIGCHLD) | unix.CLONE_VM | unix.CLONE_VFORK
	if share {
		flags |= unix.CLONE_FILES
	}
	mark := arena
	r := vfork(flags, child, arg)
	mark.release()
	if r < 0 {
		return -1, Errno(-r)
	}
	return r, 0
}

// vfork is clone(2), for a child that calls child(arg) at once: it cannot return from a
// function of its parent's, whose return address it would overwrite.
//
//go:noescape
func vfork(flags uintptr, child func(arg unsafe.Pointer), arg unsafe.Pointer) (r int)
