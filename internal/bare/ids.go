package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The ids below are the calling thread's: these are raw calls, and before the
// runtime there is one thread. Under the runtime package hosted locks the goroutine to
// its thread and execs from it, and the kernel takes the ids of the thread that
// execs.

// Setgroups sets the supplementary groups.
func Setgroups(gids []uint32) Errno {
	_, _, err := unix.RawSyscall(sysSetgroups, uintptr(len(gids)), uintptr(unsafe.Pointer(unsafe.SliceData(gids))), 0)
	return err
}

// Setgid sets the group id; the real, effective and saved one for root.
func Setgid(gid uint32) Errno {
	_, _, err := unix.RawSyscall(sysSetgid, uintptr(gid), 0, 0)
	return err
}

// Setuid sets the user id; the real, effective and saved one for root.
func Setuid(uid uint32) Errno {
	was, _, _ := unix.RawSyscall(sysGeteuid, 0, 0, 0)
	_, _, err := unix.RawSyscall(sysSetuid, uintptr(uid), 0, 0)
	newID.set, newID.stillRoot = true, was == 0 && uid == 0
	return err
}

// newID tells that there has been a Setuid since the last exec, and whether that was
// from root to root.
var newID struct{ set, stillRoot bool }

// ExecIsNeeded tells whether only an exec of a file gives the process, after a
// Setuid, the capabilities that it is to have: one that became root has them all
// only then, one that was allowed to keep some (by securebits, or as ambient ones)
// loses them then, and a file may come with some.
func ExecIsNeeded(file string) bool {
	if !newID.set || newID.stillRoot {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	_, _, err := unix.RawSyscall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&has)), 0)
	if err != 0 || has[0].Permitted|has[1].Permitted|has[0].Effective|has[1].Effective != 0 {
		return true
	}
	at, err := cpath(file)
	if err != 0 {
		return true
	}
	name := address("security.capability\x00")
	_, _, err = unix.RawSyscall6(unix.SYS_GETXATTR, at, name, 0, 0, 0, 0)
	return err != unix.ENODATA && err != unix.EOPNOTSUPP
}

// CheckExec returns the error of any exec, whatever the file, at this point:
// EAGAIN if Setuid took on a uid that has more processes than RLIMIT_NPROC lets it
// have. The kernel does not fail the setuid but the next exec, and forgives what is
// in order by then, before it looks at the file. So a directory will do. It is done
// by execveat, so that a trace of execve has the programs that are run and nothing
// else.
func CheckExec() Errno {
	if !newID.set {
		return 0
	}
	newID.set = false
	argv := One("/\x00")
	at, err := cpath("/")
	if err == 0 {
		_, _, err = unix.RawSyscall6(unix.SYS_EXECVEAT, cwd, at, argv.at, 0, 0, 0)
	}
	if err == unix.EAGAIN {
		return err
	}
	return 0
}

// Setsid makes the process the leader of a new session and process group.
func Setsid() Errno {
	_, _, err := unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	return err
}

// Getrlimit reads a limit of the process.
func Getrlimit(resource int) (unix.Rlimit, Errno) {
	var limit unix.Rlimit
	_, _, err := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), 0, uintptr(unsafe.Pointer(&limit)), 0, 0)
	return limit, err
}

// Setrlimit sets a limit of the process.
func Setrlimit(resource int, limit unix.Rlimit) Errno {
	_, _, err := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return err
}
