package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockets. All of them are closed on exec.

// ConnectDatagrams opens a socket by which datagrams go to the Unix domain socket of a path. The
// path must be shorter than 108 bytes. The flags are those of socket(2).
func ConnectDatagrams(path string, flags int) (fd int, err Errno) {
	return connect(path, unix.SOCK_DGRAM|flags)
}

// ConnectUnix connects to the Unix domain socket of a path, likewise. It does not wait: EAGAIN means
// that somebody listens there, but is slow.
func ConnectUnix(path string) (fd int, err Errno) {
	return connect(path, unix.SOCK_STREAM|unix.SOCK_NONBLOCK)
}

func connect(path string, kind int) (fd int, err Errno) {
	r, _, err := rawSyscall(unix.SYS_SOCKET, unix.AF_UNIX, uintptr(kind|unix.SOCK_CLOEXEC), 0)
	if err != 0 {
		return -1, err
	}
	address := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range min(len(path), len(address.Path)-1) {
		address.Path[i] = int8(path[i])
	}
	_, _, err = rawSyscall(unix.SYS_CONNECT, r, uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	if err != 0 {
		Close(int(r))
		return -1, err
	}
	return int(r), 0
}

// passed is the message that has two descriptors.
type passed struct {
	head unix.Cmsghdr
	fds  [2]int32
}

// ReceiveDescriptors receives a byte with two descriptors, which are closed on exec. Where none
// came, they are -1. EPIPE means that the other side has gone.
func ReceiveDescriptors(connection int) (with byte, first, second int, err Errno) {
	var control passed
	text := unix.Iovec{Base: &with}
	text.SetLen(1)
	message := unix.Msghdr{Iov: &text, Control: (*byte)(unsafe.Pointer(&control))}
	message.SetIovlen(1)
	message.SetControllen(int(unsafe.Sizeof(control)))
	n, _, err := rawSyscall(unix.SYS_RECVMSG, uintptr(connection), uintptr(unsafe.Pointer(&message)), unix.MSG_CMSG_CLOEXEC)
	switch {
	case err != 0:
		return 0, -1, -1, err
	case n == 0:
		return 0, -1, -1, unix.EPIPE
	case control.head.Type != unix.SCM_RIGHTS || int(control.head.Len) != int(unsafe.Sizeof(control)):
		return with, -1, -1, 0
	}
	return with, int(control.fds[0]), int(control.fds[1]), 0
}
