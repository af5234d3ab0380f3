package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Processes by pidfd: a pidfd stands for one process, even if another one has its pid
// later.

// OpenProcess returns a pidfd of a process.
func OpenProcess(pid int) (pidfd int, err Errno) {
	r, _, err := rawSyscall(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0)
	return int(r), named(err, NoPidfdOpen)
}

// Signal sends a signal through a pidfd, to that process and no other.
func Signal(pidfd int, signal unix.Signal) Errno {
	_, _, err := rawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(pidfd), uintptr(signal), 0, 0, 0, 0)
	return err
}

// SignalProcess is Signal for a process whose pid is known as well. If the call is refused,
// it looks whether the process still runs, and at once sends the signal to its pid.
func SignalProcess(pidfd, pid int, signal unix.Signal) Errno {
	err := Signal(pidfd, signal)
	if !isRefusal(err) {
		return err
	}
	if WaitFor(pidfd, 0) {
		return unix.ESRCH
	}
	return Kill(pid, int(signal))
}

// SignalGroup sends a signal to the process group that the process leads or has led. EINVAL
// means that the kernel cannot, as before Linux 6.9.
func SignalGroup(pidfd int, signal unix.Signal) Errno {
	const toGroup = 1 << 2 // PIDFD_SIGNAL_PROCESS_GROUP
	_, _, err := rawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(pidfd), uintptr(signal), 0, toGroup, 0, 0)
	return err
}

// ExitStatus is how a process has ended that is no child of this one. It is known from
// Linux 6.15 on, once the parent has reaped the process. Later means that it may become
// known.
func ExitStatus(pidfd int) (status unix.WaitStatus, known, later bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	_, _, err := rawSyscall(unix.SYS_IOCTL, uintptr(pidfd), unix.PIDFD_GET_INFO, uintptr(unsafe.Pointer(&info)))
	known = err == 0 && info.Mask&unix.PIDFD_INFO_EXIT != 0
	return unix.WaitStatus(info.Exit_code), known, err == 0 && !known
}

// IsPidfs reports whether pidfds are files of a file system of their own, as from Linux 6.9
// on. Then no two processes since the machine booted have the same inode.
func IsPidfs(pidfd int) bool {
	const magic = 0x50494446 // PID_FS_MAGIC
	var s unix.Statfs_t
	_, _, err := rawSyscall(unix.SYS_FSTATFS, uintptr(pidfd), uintptr(unsafe.Pointer(&s)), 0)
	return err == 0 && s.Type == magic
}
