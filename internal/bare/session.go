package bare

import "golang.org/x/sys/unix"

// The place of the process among others: its id, its process group and its session.

// Getpid is the process's id.
func Getpid() int {
	r, _, _ := rawSyscall(unix.SYS_GETPID, 0, 0, 0)
	return int(r)
}

// Getpgid is the process group of a process. A pid of 0 stands for the calling process.
func Getpgid(pid int) int {
	r, _, _ := rawSyscall(unix.SYS_GETPGID, uintptr(pid), 0, 0)
	return int(r)
}

// Setsid makes the process the leader of a new session and process group. The process must
// not lead a group.
func Setsid() Errno {
	_, _, err := rawSyscall(unix.SYS_SETSID, 0, 0, 0)
	return named(err, noSetsid)
}
