package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Paths: as Go code joins them, and as the kernel takes them.

// Cwd stands for the working directory where a function takes the descriptor of a
// directory.
const Cwd = unix.AT_FDCWD

// cwd is Cwd as the argument of a system call.
const cwd = ^uintptr(-Cwd - 1)

// Join is the path of a file in a directory. The path is valid until the next call of
// anything in this package that needs memory or takes a path; that call may take this path.
//
// If the path is too long, or if there is no memory, Join returns one that every call
// refuses as too long.
func Join(dir, file string) string {
	n := min(len(dir)+1+len(file), unix.PathMax)
	at, ok := scratch(uintptr(n))
	if !ok {
		return unsafe.String(&nextBlock[0], unix.PathMax)
	}
	room := bytesAt(at, n)
	end := copy(room, dir)
	end += copy(room[end:], "/")
	copy(room[end:], file)
	return TextOf(room)
}

// cpath returns the address of a path as a C string: the kernel wants a NUL, which a Go
// string lacks. The C string is valid until the next call.
func cpath(path string) (uintptr, Errno) {
	if len(path) >= unix.PathMax {
		return 0, unix.ENAMETOOLONG
	}
	addr, ok := scratch(uintptr(len(path)) + 1)
	if !ok {
		return 0, unix.ENOMEM
	}
	room := bytesAt(addr, len(path)+1)
	room[copy(room, path)] = 0
	return addr, 0
}

// twoPaths makes a system call that takes two names in a directory.
func twoPaths(call uintptr, dir int, from, to string, flags uintptr) Errno {
	if len(from) >= unix.PathMax || len(to) >= unix.PathMax {
		return unix.ENAMETOOLONG
	}
	n := len(from) + 1 + len(to) + 1
	at, ok := scratch(uintptr(n))
	if !ok {
		return unix.ENOMEM
	}
	room := bytesAt(at, n)
	second := copy(room, from) + 1
	room[second-1] = 0
	room[second+copy(room[second:], to)] = 0
	_, _, err := rawSyscall6(call, uintptr(dir), at, uintptr(dir), at+uintptr(second), flags, 0)
	return err
}
