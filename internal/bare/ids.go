package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// User and group ids, and capabilities.
//
// These are raw calls, and the kernel keeps ids per thread. Before the runtime there is one
// thread. Under the runtime package hosted locks the goroutine to its thread and execs from
// that thread, and the new program gets the ids of the thread that execs.

// Setgroups sets the supplementary groups.
func Setgroups(gids []uint32) Errno {
	_, _, err := rawSyscall(sysSetgroups, uintptr(len(gids)), uintptr(unsafe.Pointer(unsafe.SliceData(gids))), 0)
	return err
}

// Setgid sets the group id. For root it sets the real, the effective and the saved one.
func Setgid(gid uint32) Errno {
	_, _, err := rawSyscall(sysSetgid, uintptr(gid), 0, 0)
	return err
}

// Getuid is the real user id.
func Getuid() uint32 {
	r, _, _ := rawSyscall(sysGetuid, 0, 0, 0)
	return uint32(r)
}

// Getgid is the real group id.
func Getgid() uint32 {
	r, _, _ := rawSyscall(sysGetgid, 0, 0, 0)
	return uint32(r)
}

// Geteuid is the effective user id.
func Geteuid() uint32 {
	r, _, _ := rawSyscall(sysGeteuid, 0, 0, 0)
	return uint32(r)
}

// Setuid sets the user id. For root it sets the real, the effective and the saved one.
func Setuid(uid uint32) Errno {
	was := Geteuid()
	_, _, err := rawSyscall(sysSetuid, uintptr(uid), 0, 0)
	common.newID.set, common.newID.stillRoot = true, was == 0 && uid == 0
	return err
}

// A newID says whether Setuid was called since the last exec, and whether it went from root
// to root.
type newID struct{ set, stillRoot bool }

// ExecIsNeeded reports whether, after Setuid, only an exec of a file sets the capabilities
// right. A process that became root gets all of them at an exec. A process that was allowed
// to keep some (by securebits, or as ambient ones) loses these at an exec. And a file may
// come with capabilities.
func ExecIsNeeded(file string) bool {
	if !common.newID.set || common.newID.stillRoot {
		return false
	}
	if KeepsCapabilities() {
		return true
	}
	at, err := cpath(file)
	if err != 0 {
		return true
	}
	name := address("security.capability\x00")
	_, _, err = rawSyscall6(unix.SYS_GETXATTR, at, name, 0, 0, 0, 0)
	return err != unix.ENODATA && err != unix.EOPNOTSUPP
}

// KeepsCapabilities reports whether, after Setuid, the process has capabilities that an exec
// would set right. It is true as well if nobody can say.
func KeepsCapabilities() bool {
	if !common.newID.set || common.newID.stillRoot {
		return false
	}
	has, err := capabilities()
	return err != 0 || has[0].Permitted|has[1].Permitted|has[0].Effective|has[1].Effective != 0
}

func capabilities() (has [2]unix.CapUserData, err Errno) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_, _, err = rawSyscall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&has)), 0)
	return has, err
}

// moreThanAmbient reports whether the process has a capability that is not an ambient one.
// It is true as well if nobody can say.
func moreThanAmbient() bool {
	has, err := capabilities()
	if err != 0 {
		return true
	}
	for capability := range uintptr(64) {
		if has[capability/32].Permitted&(1<<(capability%32)) == 0 {
			continue
		}
		ambient, _, err := rawSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, capability, 0, 0, 0)
		if err != 0 || ambient == 0 {
			return true
		}
	}
	return false
}

// CheckExec returns the error that any exec would have now, whatever the file. This is
// EAGAIN if Setuid took on a uid that has more processes than RLIMIT_NPROC allows. The
// kernel lets such a setuid succeed and fails the next exec, unless the number is in order
// by then. It does so before it looks at the file, so a directory will do. The call is
// execveat, so that a trace of execve has only programs that are run.
func CheckExec() Errno {
	if !common.newID.set {
		return 0
	}
	common.newID.set = false
	argv := OneWord("/\x00")
	at, err := cpath("/")
	if err == 0 {
		_, _, err = rawSyscall6(unix.SYS_EXECVEAT, cwd, at, argv.at, 0, 0, 0)
	}
	if err == unix.EAGAIN {
		return err
	}
	return 0
}

// GainNoPrivileges keeps the process, and all that it will start, from gaining privileges by the
// files that it executes.
func GainNoPrivileges() Errno {
	_, _, err := rawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	return err
}
