//go:build !amd64 && !arm64

package bare

import "unsafe"

// Vfork is Fork where there is nothing better: then the child has a copy of everything.
func Vfork(share bool, child func(arg unsafe.Pointer), arg unsafe.Pointer) (pid int, err Errno) {
	pid, err = Fork()
	if err == 0 && pid == 0 {
		child(arg)
	}
	return pid, err
}
