package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockets.

// ConnectDatagrams opens a socket, closed on exec, by which datagrams go to the Unix domain
// socket of a path. The path must be shorter than 108 bytes.
func ConnectDatagrams(path string) (fd int, err Errno) {
	r, _, err := rawSyscall(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
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
