package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cpath returns the address of path as a C string, with the NUL that the kernel
// wants and a Go string lacks. It is valid until the next call.
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

// Cwd stands for the working directory where a function takes a directory's
// descriptor.
const Cwd = unix.AT_FDCWD

// cwd is Cwd as a system call's argument.
const cwd = ^uintptr(-Cwd - 1)

// Open opens a file, relative to the working directory, with flags as open(2)
// takes them; mode counts when the file is created.
func Open(path string, flags int, mode uint32) (fd int, err Errno) {
	return OpenAt(Cwd, path, flags, mode)
}

// OpenAt is Open relative to an open directory.
func OpenAt(dir int, path string, flags int, mode uint32) (fd int, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return -1, err
	}
	r, _, err := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(dir), at, uintptr(flags), uintptr(mode), 0, 0)
	if err != 0 {
		return -1, err
	}
	return int(r), 0
}

// OpenDirectory opens a directory as a place for names, which needs no permission to
// read it.
func OpenDirectory(in int, name string) (fd int, err Errno) {
	return OpenAt(in, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Close closes a descriptor.
func Close(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// Read reads into p once, again if a signal came first. 0 is the end of the file.
func Read(fd int, p []byte) (n int, err Errno) {
	for {
		r, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if err != unix.EINTR {
			return int(r), err
		}
	}
}

// Write writes all of p, again if a signal came first. ENOSPC is the error of a
// file that takes nothing.
func Write(fd int, p []byte) Errno {
	for len(p) > 0 {
		n, _, err := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch {
		case err == unix.EINTR:
		case err != 0:
			return err
		case n == 0:
			return unix.ENOSPC
		default:
			p = p[n:]
		}
	}
	return 0
}

// ReadMore reads once onto the end of the buffer, at most n bytes.
func (b *Buffer) ReadMore(fd, n int) (got int, err Errno) {
	if !b.reserve(n) {
		return 0, unix.ENOMEM
	}
	got, err = Read(fd, bytesAt(b.at+uintptr(b.n), n))
	if err == 0 {
		b.n += got
	}
	return got, err
}

// Chdir changes the working directory.
func Chdir(path string) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall(unix.SYS_CHDIR, at, 0, 0)
	return err
}

// Fchdir changes the working directory to an open one.
func Fchdir(fd int) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_FCHDIR, uintptr(fd), 0, 0)
	return err
}

// SetBlocking makes reads and writes of an open file wait.
func SetBlocking(fd int) {
	unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, 0)
}

// OccupyStandard opens /dev/null in the place of each standard descriptor that is
// closed, closed again on exec, so that no other file gets its number: a message must
// not land in it.
func OccupyStandard() Errno {
	for {
		fd, err := Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != 0 {
			return err
		}
		if fd > 2 {
			Close(fd)
			return 0
		}
	}
}

// Dup duplicates a descriptor to the lowest free number.
func Dup(fd int) (int, Errno) {
	r, _, err := unix.RawSyscall(unix.SYS_DUP, uintptr(fd), 0, 0)
	return int(r), err
}

// DupTo duplicates a descriptor to another number, where it is closed on exec.
func DupTo(fd, number int) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_DUP3, uintptr(fd), uintptr(number), unix.O_CLOEXEC)
	return err
}

// MoveUp moves a descriptor to the lowest free number above it, where it is closed
// on exec.
func MoveUp(fd int) (int, Errno) {
	r, _, err := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, uintptr(fd))
	if err == 0 {
		Close(fd)
	}
	return int(r), err
}

// Pipe makes a pipe, with flags as pipe2(2) takes them.
func Pipe(flags int) (r, w int, err Errno) {
	var fds [2]int32
	_, _, err = unix.RawSyscall(unix.SYS_PIPE2, uintptr(unsafe.Pointer(&fds)), uintptr(flags), 0)
	return int(fds[0]), int(fds[1]), err
}

// Identity tells one file from every other.
type Identity struct {
	device, inode uint64
}

// Append writes the identity as text: the device and the inode, in decimal.
func (id Identity) Append(b *Buffer) bool {
	return b.AppendNumber(id.device) && b.Append(".") && b.AppendNumber(id.inode)
}

// Bytes is the identity as it is kept in files: the device and the inode, little-endian.
func (id Identity) Bytes() (b [16]byte) {
	PutLittle(b[:8], id.device)
	PutLittle(b[8:], id.inode)
	return b
}

// Identify returns a file's identity and mode, following symbolic links.
func Identify(path string) (id Identity, mode uint16, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return Identity{}, 0, err
	}
	return identify(Cwd, at)
}

func identify(dir int, path uintptr) (id Identity, mode uint16, err Errno) {
	var x unix.Statx_t
	_, _, err = unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), path, 0, unix.STATX_INO|unix.STATX_MODE|unix.STATX_TYPE, uintptr(unsafe.Pointer(&x)), 0)
	return identity(&x), x.Mode, err
}

func identity(x *unix.Statx_t) Identity {
	return Identity{uint64(x.Dev_major)<<32 | uint64(x.Dev_minor), x.Ino}
}

// Executable tells whether the process may execute a file, by its effective ids.
func Executable(path string) bool {
	at, err := cpath(path)
	if err != 0 {
		return false
	}
	_, _, err = unix.RawSyscall6(unix.SYS_FACCESSAT2, cwd, at, unix.X_OK, unix.AT_EACCESS, 0, 0)
	return err == 0
}

// Execve replaces the program. It returns only if that fails.
func Execve(path string, argv Words, env *Environment) Errno {
	if HostExecve != nil {
		return HostExecve(path, argv, env)
	}
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = unix.RawSyscall(unix.SYS_EXECVE, at, argv.at, env.Vector())
	return err
}

// Directory reads the names in a directory.
type Directory struct {
	fd       int
	at, have int // in directoryEntries, in bytes
}

// directoryEntries is allocated once: one directory is read at a time.
var directoryEntries uintptr

// ReadDirectory begins to read an open directory.
func ReadDirectory(fd int) Directory { return Directory{fd: fd} }

// Next is the next name in the directory's own order, "." and ".." included,
// valid until the next call; the empty string is the end.
func (d *Directory) Next() (name string, err Errno) {
	const room = 2048 // a name and more
	if d.at == d.have {
		if directoryEntries == 0 {
			var ok bool
			if directoryEntries, ok = allocate(room); !ok {
				return "", unix.ENOMEM
			}
		}
		n, _, err := unix.RawSyscall(unix.SYS_GETDENTS64, uintptr(d.fd), directoryEntries, room)
		if err == unix.ENOENT {
			return "", 0 // the directory has been removed; readdir(3) sees no error
		}
		if err != 0 {
			return "", err
		}
		d.at, d.have = 0, int(n)
		if n == 0 {
			return "", 0
		}
	}
	entry := (*unix.Dirent)(pointer(directoryEntries + uintptr(d.at)))
	d.at += int(entry.Reclen)
	return textAt(uintptr(unsafe.Pointer(&entry.Name))), 0
}

// Tee duplicates at most n bytes of a pipe in another one, without taking or waiting for
// any. 0 is the end of the pipe; EINVAL means that it is none.
func Tee(pipe, to, n int) (there int, err Errno) {
	for {
		r, _, err := unix.RawSyscall6(unix.SYS_TEE, uintptr(pipe), uintptr(to), uintptr(n), unix.SPLICE_F_NONBLOCK, 0, 0)
		if err != unix.EINTR {
			return int(r), err
		}
	}
}

// ReadAway reads n bytes in one call, the first one to an address and the rest to nowhere:
// all over the sink, which is as long as a page.
func ReadAway(fd int, first uintptr, sink []byte, n int) (got int, err Errno) {
	var parts [64]struct{ at, n uintptr }
	parts[0].at, parts[0].n = first, 1
	count, left := 1, n-1
	for ; left > 0 && count < len(parts); count++ {
		part := min(left, len(sink))
		parts[count].at, parts[count].n = uintptr(unsafe.Pointer(unsafe.SliceData(sink))), uintptr(part)
		left -= part
	}
	for {
		r, _, err := unix.RawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&parts)), uintptr(count))
		if err != unix.EINTR {
			return int(r), err
		}
	}
}

// Unread is how many bytes there are in a pipe.
func Unread(pipe int) (n int32) {
	unix.RawSyscall(unix.SYS_IOCTL, uintptr(pipe), unix.TIOCINQ, uintptr(unsafe.Pointer(&n)))
	return n
}

// SetPipeSize asks for room for n bytes in a pipe.
func SetPipeSize(pipe, n int) {
	unix.RawSyscall(unix.SYS_FCNTL, uintptr(pipe), unix.F_SETPIPE_SZ, uintptr(n))
}
