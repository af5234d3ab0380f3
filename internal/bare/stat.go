package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel knows of a file: which one it is, its mode and its times.

// Status is what statx(2) says of a file.
type Status struct {
	Mode    uint16
	Links   uint32
	Owner   uint32
	Size    int64 // in bytes
	File    Identity
	Written int64  // when the content was changed last, in nanoseconds since the beginning of 1970
	Changed int64  // when anything of the file was changed last, likewise; nobody can set that time
	Born    uint64 // when the file was made, in nanoseconds, the low 7 bytes; 0 if nobody knows
}

// Kind is the kind of the file: unix.S_IFREG, S_IFIFO and so on.
func (s Status) Kind() uint16 { return s.Mode & unix.S_IFMT }

// Stat is the status of a file, by its name in an open directory or in Cwd.
func Stat(dir int, path string) (s Status, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return s, err
	}
	return stat(dir, at, 0)
}

// StatLink is Stat, but of a symbolic link itself.
func StatLink(dir int, path string) (s Status, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return s, err
	}
	return stat(dir, at, unix.AT_SYMLINK_NOFOLLOW)
}

// StatOpen is the status of an open file.
//
//go:noinline
func StatOpen(fd int) (Status, Errno) {
	return stat(fd, uintptr(unsafe.Pointer(&common.noPath)), unix.AT_EMPTY_PATH)
}

func stat(dir int, path, flags uintptr) (Status, Errno) {
	var x unix.Statx_t
	_, _, err := rawSyscall6(unix.SYS_STATX, uintptr(dir), path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, uintptr(unsafe.Pointer(&x)), 0)
	if isRefusal(err) {
		return olderStat(dir, path, flags)
	}
	born := (uint64(x.Btime.Sec)*1e9 + uint64(x.Btime.Nsec)) & (1<<56 - 1)
	written := int64(x.Mtime.Sec)*1e9 + int64(x.Mtime.Nsec)
	changed := int64(x.Ctime.Sec)*1e9 + int64(x.Ctime.Nsec)
	return Status{x.Mode, x.Nlink, x.Uid, int64(x.Size), identity(&x), written, changed, born}, err
}

// olderStat is stat by the system call that was there before statx.
func olderStat(dir int, path, flags uintptr) (Status, Errno) {
	var x unix.Stat_t
	_, _, err := rawSyscall6(sysFstatat, uintptr(dir), path, uintptr(unsafe.Pointer(&x)), flags, 0, 0)
	id := Identity{uint64(unix.Major(uint64(x.Dev)))<<32 | uint64(unix.Minor(uint64(x.Dev))), uint64(x.Ino)}
	written := int64(x.Mtim.Sec)*1e9 + int64(x.Mtim.Nsec)
	changed := int64(x.Ctim.Sec)*1e9 + int64(x.Ctim.Nsec)
	return Status{uint16(x.Mode), uint32(x.Nlink), x.Uid, int64(x.Size), id, written, changed, 0}, named(err, noStatx)
}

// Identity tells one file from every other.
type Identity struct {
	device, inode uint64
}

// Below returns what stands for a name in the directory of an identity, whichever file has the name.
func (id Identity) Below(name string) Identity { return Identity{id.device, Hash(id.inode, name)} }

// SameFileSystem reports whether two files are on the same file system.
func (id Identity) SameFileSystem(other Identity) bool { return id.device == other.device }

// Append appends the identity as text: the device and the inode, in decimal.
func (id Identity) Append(b *Buffer) bool {
	return b.AppendNumber(id.device) && b.Append(".") && b.AppendNumber(id.inode)
}

// Bytes is the identity as files keep it: the device and the inode, little-endian.
func (id Identity) Bytes() (b [16]byte) {
	PutLittle(b[:8], id.device)
	PutLittle(b[8:], id.inode)
	return b
}

// Identify returns the identity and the mode of a file. It follows symbolic links.
func Identify(path string) (id Identity, mode uint16, err Errno) {
	at, err := cpath(path)
	if err != 0 {
		return Identity{}, 0, err
	}
	return identify(Cwd, at)
}

func identify(dir int, path uintptr) (id Identity, mode uint16, err Errno) {
	var x unix.Statx_t
	_, _, err = rawSyscall6(unix.SYS_STATX, uintptr(dir), path, 0, unix.STATX_INO|unix.STATX_MODE|unix.STATX_TYPE, uintptr(unsafe.Pointer(&x)), 0)
	if isRefusal(err) {
		s, err := olderStat(dir, path, 0)
		return s.File, s.Mode, err
	}
	return identity(&x), x.Mode, err
}

func identity(x *unix.Statx_t) Identity {
	return Identity{uint64(x.Dev_major)<<32 | uint64(x.Dev_minor), x.Ino}
}

// Chmod sets the mode of a file.
func Chmod(dir int, path string, mode uint32) Errno {
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_FCHMODAT, uintptr(dir), at, uintptr(mode))
	return err
}

// Fchmod sets the mode of an open file.
func Fchmod(fd int, mode uint32) Errno {
	_, _, err := rawSyscall(unix.SYS_FCHMOD, uintptr(fd), uintptr(mode), 0)
	return err
}

// NeverWritten sets the times of an open file to the beginning of 1970: Status.Written is 0
// then.
func NeverWritten(fd int) {
	var times [2]unix.Timespec
	rawSyscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
}
