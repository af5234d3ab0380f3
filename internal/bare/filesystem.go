package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// File systems: which are local, and which execute nothing.

// IsLocal reports whether only this kernel can change the file system of a path, so that
// inotify(7) tells of everything that happens there. A kind of file system that is not
// known, or cannot be found out, may be a file server's, and is not local.
func IsLocal(path string) bool {
	at, err := cpath(path)
	if err != 0 {
		return false
	}
	var fs unix.Statfs_t
	return statfs(at, &fs) == 0 && isLocalKind(uint32(fs.Type))
}

// IsLocalDirectory is IsLocal for an open directory, or Cwd. On 32-bit systems, which have
// another call for that, no open directory is local.
func IsLocalDirectory(dir int) bool {
	if dir == Cwd {
		return IsLocal(".")
	}
	var fs unix.Statfs_t
	if wordSize == 8 {
		rawSyscall(unix.SYS_FSTATFS, uintptr(dir), uintptr(unsafe.Pointer(&fs)), 0)
	}
	return isLocalKind(uint32(fs.Type))
}

func isLocalKind(this uint32) bool {
	for _, kind := range localKinds {
		if kind == this {
			return true
		}
	}
	return false
}

// statfs is statfs(2). On 32-bit machines the call takes the size of the result as well.
func statfs(path uintptr, fs *unix.Statfs_t) Errno {
	if wordSize == 4 {
		_, _, err := rawSyscall(sysStatfs, path, unsafe.Sizeof(*fs), uintptr(unsafe.Pointer(fs)))
		return err
	}
	_, _, err := rawSyscall(sysStatfs, path, uintptr(unsafe.Pointer(fs)), 0)
	return err
}

// localKinds are local file systems, by their numbers in statfs(2).
var localKinds = [...]uint32{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.RAMFS_MAGIC,
	unix.OVERLAYFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.SQUASHFS_MAGIC, unix.EROFS_SUPER_MAGIC_V1,
	unix.REISERFS_SUPER_MAGIC, unix.NILFS_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC,
	unix.ISOFS_SUPER_MAGIC, unix.MINIX3_SUPER_MAGIC, unix.CRAMFS_MAGIC,
	0x3153464a, // jfs
	0x24051905, // ubifs
	0x2fc12fc1, // zfs
	0xca451a4e, // bcachefs
	0x7366746e, // ntfs3
	0x15013346, // udf
	0x7275,     // romfs
}

// isNoexec reports whether the file system of an open file is mounted noexec. On 32-bit
// systems, which have another call for that, it is always false.
func isNoexec(fd int) bool {
	const noexec = 8 // ST_NOEXEC
	var s unix.Statfs_t
	if wordSize == 8 {
		rawSyscall(unix.SYS_FSTATFS, uintptr(fd), uintptr(unsafe.Pointer(&s)), 0)
	}
	return s.Flags&noexec != 0
}
