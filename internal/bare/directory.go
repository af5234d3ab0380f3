package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Directories: the names in them, and which one the process works in. The functions that
// take a directory take an open one, or Cwd.

// Exists returns 0 if there is a file of that name, and ENOENT if there is none.
func Exists(dir int, path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = identify(dir, at)
	return err
}

// IsDirectory reports whether a name is a directory, or a symbolic link to one.
func IsDirectory(dir int, path string) (bool, Errno) {
	at, err := cpath(path)
	if err != 0 {
		return false, err
	}
	_, mode, err := identify(dir, at)
	return mode&unix.S_IFMT == unix.S_IFDIR, err
}

// Mkdir makes a directory.
func Mkdir(dir int, path string, mode uint32) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_MKDIRAT, uintptr(dir), at, uintptr(mode))
	return err
}

// Mkfifo makes a FIFO.
func Mkfifo(dir int, path string, mode uint32) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall6(unix.SYS_MKNODAT, uintptr(dir), at, unix.S_IFIFO|uintptr(mode), 0, 0, 0)
	return err
}

// Rmdir removes an empty directory.
func Rmdir(dir int, path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_UNLINKAT, uintptr(dir), at, unix.AT_REMOVEDIR)
	return err
}

// Unlink removes a name of a file.
func Unlink(dir int, path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_UNLINKAT, uintptr(dir), at, 0)
	return err
}

// Readlink returns the target of a symbolic link, in the bytes given. A longer target is
// cut off.
func Readlink(dir int, path string, into []byte) (target string, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return "", err
	}
	n, _, err := rawSyscall6(unix.SYS_READLINKAT, uintptr(dir), at, uintptr(unsafe.Pointer(unsafe.SliceData(into))), uintptr(len(into)), 0, 0)
	if err != 0 {
		return "", err
	}
	return unsafe.String(unsafe.SliceData(into), int(n)), 0
}

// Rename gives a file another name. A file that has that name is replaced.
func Rename(dir int, from, to string) Errno {
	err := twoPaths(unix.SYS_RENAMEAT2, dir, from, to, 0)
	if isRefusal(err) { // a filter of system calls may not know renameat2
		err = twoPaths(sysRenameat, dir, from, to, 0)
	}
	return err
}

// RenameNew gives a file a name that no file has, and fails with EEXIST if one has. If the
// file system cannot look and rename in one step, RenameNew takes two. So only one process
// may give such names.
func RenameNew(dir int, from, to string) Errno {
	err := twoPaths(unix.SYS_RENAMEAT2, dir, from, to, unix.RENAME_NOREPLACE)
	switch err {
	case unix.EINVAL, unix.ENOSYS, unix.EPERM, unix.EOPNOTSUPP:
		there := Exists(dir, to)
		if there == 0 {
			return unix.EEXIST
		}
		if there != unix.ENOENT {
			return err
		}
		return Rename(dir, from, to)
	}
	return err
}

// Directory reads the names in a directory.
type Directory struct {
	Link bool // the last name may be a symbolic link

	fd       int
	at, have int // bytes of the buffer that were looked at, and that were read
}

// ReadDirectory begins to read an open directory.
func ReadDirectory(fd int) Directory { return Directory{fd: fd} }

// Next is the next name in the directory, valid until the next call. The order is the
// directory's own, and "." and ".." are among the names. At the end the name is empty.
func (d *Directory) Next() (name string, err Errno) {
	const room = 1024 // longer than the longest name
	if d.at == d.have {
		if common.entries == 0 {
			var ok bool
			if common.entries, ok = allocate(room); !ok {
				return "", unix.ENOMEM
			}
		}
		n, _, err := rawSyscall(unix.SYS_GETDENTS64, uintptr(d.fd), common.entries, room)
		if err == unix.ENOENT {
			return "", 0 // the directory has been removed; readdir(3) sees no error
		}
		if err != 0 {
			return "", named(err, noGetdents)
		}
		d.at, d.have = 0, int(n)
		if n == 0 {
			return "", 0
		}
	}
	entry := (*unix.Dirent)(pointer(common.entries + uintptr(d.at)))
	d.at += int(entry.Reclen)
	d.Link = entry.Type == unix.DT_LNK || entry.Type == unix.DT_UNKNOWN
	return textAt(uintptr(unsafe.Pointer(&entry.Name))), 0
}

// Chdir changes the working directory.
func Chdir(path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_CHDIR, at, 0, 0)
	return named(err, noChdir)
}

// Chroot makes a directory the root of the process.
func Chroot(path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_CHROOT, at, 0, 0)
	return err
}

// Fchdir makes an open directory the working directory.
func Fchdir(fd int) Errno {
	_, _, err := rawSyscall(unix.SYS_FCHDIR, uintptr(fd), 0, 0)
	return named(err, noFchdir)
}

// WorkingDirectory is the absolute path of the working directory, in memory that stays. Ok
// is false if the directory has been removed, or is not below the root.
func WorkingDirectory() (path Text, ok bool) {
	at, ok := scratch(unix.PathMax)
	if !ok {
		return path, false
	}
	n, _, err := rawSyscall(unix.SYS_GETCWD, at, unix.PathMax, 0)
	if err != 0 || n < 2 || bytesAt(at, 1)[0] != '/' {
		return path, false
	}
	at, ok = allocate(int(n)) // takes the scratch memory that the path is in
	return Text{at, int(n) - 1}, ok
}
