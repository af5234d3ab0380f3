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
	_, _, err := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(gids)), uintptr(unsafe.Pointer(unsafe.SliceData(gids))), 0)
	return err
}

// Setgid sets the group id; the real, effective and saved one for root.
func Setgid(gid uint32) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_SETGID, uintptr(gid), 0, 0)
	return err
}

// Setuid sets the user id; the real, effective and saved one for root.
func Setuid(uid uint32) Errno {
	_, _, err := unix.RawSyscall(unix.SYS_SETUID, uintptr(uid), 0, 0)
	execUnchecked = true
	return err
}

// execUnchecked tells that the uid has changed since the last exec.
var execUnchecked bool

// OnlyExecDropsPrivileges tells that the uid has changed in a process whose
// securebits, other than by default, let it keep capabilities until it execs.
func OnlyExecDropsPrivileges() bool {
	if !execUnchecked {
		return false
	}
	bits, _, err := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_GET_SECUREBITS, 0, 0, 0, 0, 0)
	return err != 0 || bits != 0
}

// CheckExec returns the error of any exec, whatever the file, at this point:
// EAGAIN if Setuid took on a uid that has more processes than RLIMIT_NPROC lets it
// have. The kernel does not fail the setuid but the next exec, and forgives what is
// in order by then, before it looks at the file. So a directory will do; execveat
// and not execve, for the sake of those who count execs.
func CheckExec() Errno {
	if !execUnchecked {
		return 0
	}
	execUnchecked = false
	at, _ := cpath("/")
	_, _, err := unix.RawSyscall6(unix.SYS_EXECVEAT, cwd, at, 0, 0, 0, 0)
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
