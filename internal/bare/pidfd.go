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

// ExitStatus is how a process ended that was not a child: known from Linux 6.15
// on, once its parent has reaped it.
func ExitStatus(pidfd int) (status unix.WaitStatus, known bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	_, _, err := unix.RawSyscall(unix.SYS_IOCTL, uintptr(pidfd), unix.PIDFD_GET_INFO, uintptr(unsafe.Pointer(&info)))
	return unix.WaitStatus(info.Exit_code), err == 0 && info.Mask&unix.PIDFD_INFO_EXIT != 0
}
