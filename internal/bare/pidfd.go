package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signal sends a signal through a pidfd: to that process and no other.
func Signal(pidfd int, signal unix.Signal) Errno {
	_, _, err := unix.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(pidfd), uintptr(signal), 0, 0, 0, 0)
	return err
}

// SignalGroup sends a signal to the process group that this process leads or has led.
// EINVAL means that Linux is older than 6.9 and cannot.
func SignalGroup(pidfd int, signal unix.Signal) Errno {
	const toGroup = 1 << 2 // PIDFD_SIGNAL_PROCESS_GROUP
	_, _, err := unix.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(pidfd), uintptr(signal), 0, toGroup, 0, 0)
	return err
}

// ExitStatus is how a process ended that was not a child: known from Linux 6.15
// on, once its parent has reaped it. Later means that this may be still to come.
func ExitStatus(pidfd int) (status unix.WaitStatus, known, later bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	_, _, err := unix.RawSyscall(unix.SYS_IOCTL, uintptr(pidfd), unix.PIDFD_GET_INFO, uintptr(unsafe.Pointer(&info)))
	known = err == 0 && info.Mask&unix.PIDFD_INFO_EXIT != 0
	return unix.WaitStatus(info.Exit_code), known, err == 0 && !known
}
