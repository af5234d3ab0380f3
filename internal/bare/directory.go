package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The functions of this file work within an open directory, or Cwd.

// Exists returns 0 if there is a file of that name, ENOENT if there is none.
func Exists(dir int, path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = identify(dir, at)
	return err
}

// Mkdir makes a directory.
func Mkdir(dir int, path string, mode uint32) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall(unix.SYS_MKDIRAT, uintptr(dir), at, uintptr(mode))
	return err
}

// Rmdir removes an empty directory.
func Rmdir(dir int, path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall(unix.SYS_UNLINKAT, uintptr(dir), at, unix.AT_REMOVEDIR)
	return err
}

// Mkfifo makes a FIFO.
func Mkfifo(dir int, path string, mode uint32) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall6(unix.SYS_MKNODAT, uintptr(dir), at, unix.S_IFIFO|uintptr(mode), 0, 0, 0)
	return err
}

// IsDirectory tells whether a name is a directory, or a symbolic link to one.
func IsDirectory(dir int, path string) (bool, Errno) {
	at, err := cpath(path)
	if err != 0 {
		return false, err
	}
	_, mode, err := identify(dir, at)
	return mode&unix.S_IFMT == unix.S_IFDIR, err
}

// Readlink reads where a symbolic link leads.
func Readlink(dir int, path string, into []byte) (target string, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return "", err
	}
	n, _, err := unix.RawSyscall6(unix.SYS_READLINKAT, uintptr(dir), at, uintptr(unsafe.Pointer(unsafe.SliceData(into))), uintptr(len(into)), 0, 0)
	if err != 0 {
		return "", err
	}
	return unsafe.String(unsafe.SliceData(into), int(n)), 0
}

// Rename gives a file another name, in place of the file that has it.
func Rename(dir int, from, to string) Errno {
	return twoPaths(unix.SYS_RENAMEAT2, dir, from, to)
}

func twoPaths(call uintptr, dir int, from, to string) Errno {
	if len(from) >= unix.PathMax || len(to) >= unix.PathMax {
		return unix.ENAMETOOLONG
	}
	room := Scratch(len(from) + 1 + len(to) + 1)
	if room == nil {
		return unix.ENOMEM
	}
	second := copy(room, from) + 1
	room[second-1] = 0
	room[second+copy(room[second:], to)] = 0
	at := uintptr(unsafe.Pointer(&room[0]))
	_, _, err := unix.RawSyscall6(call, uintptr(dir), at, uintptr(dir), at+uintptr(second), 0, 0)
	return err
}
