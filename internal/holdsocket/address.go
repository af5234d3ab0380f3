package holdsocket

import (
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// An address is what the shared socket has: a path, or an address of IPv4 and a port.
type address struct {
	word     string // as the command line has it
	path     string // empty if it is no file
	inet     netip.AddrPort
	mode     uint32 // of the file
	uid, gid int    // who owns the file; -1 if that stays as it is
	backlog  int
}

// read reads unix:///path or tcp://1.2.3.4:port.
func (a *address) read(word string) (ok bool) {
	a.word = word
	if path, is := strings.CutPrefix(word, "unix://"); is {
		a.path = path
		return strings.HasPrefix(path, "/")
	}
	inet, is := strings.CutPrefix(word, "tcp://")
	var err error
	a.inet, err = netip.ParseAddrPort(inet)
	return is && err == nil && a.inet.Addr().Is4() && a.inet.Port() != 0
}

// sockaddr is the address for the kernel.
func (a *address) sockaddr() unix.Sockaddr {
	if a.path != "" {
		return &unix.SockaddrUnix{Name: a.path}
	}
	return &unix.SockaddrInet4{Addr: a.inet.Addr().As4(), Port: int(a.inet.Port())}
}

// A file tells one file from all others.
type file struct{ device, inode uint64 }

// listen makes the socket. made is the file that an earlier call has made, which may go; a socket
// of somebody else must not, as long as somebody listens there.
func (a *address) listen(made file) (fd int, is file, err error) {
	if a.path != "" {
		if err := a.clear(made); err != nil {
			return -1, is, err
		}
		fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	} else {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return -1, is, err
	}
	if a.path == "" { // a connection of earlier times does not keep the port
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	before := unix.Umask(0o777) // nobody is to connect before the owner and the mode are right
	if err == nil {
		err = unix.Bind(fd, a.sockaddr())
	}
	unix.Umask(before)
	if err == nil && a.path != "" {
		if is, err = a.own(); err != nil {
			unix.Unlink(a.path)
		}
	}
	if err == nil {
		err = unix.Listen(fd, a.backlog)
	}
	if err != nil {
		unix.Close(fd)
		return -1, is, err
	}
	return fd, is, nil
}

// own gives the file its owner and its mode.
func (a *address) own() (is file, err error) {
	if a.uid >= 0 || a.gid >= 0 {
		err = unix.Lchown(a.path, a.uid, a.gid)
	}
	if err == nil {
		err = unix.Chmod(a.path, a.mode)
	}
	var status unix.Stat_t
	if err == nil {
		err = unix.Stat(a.path, &status)
	}
	return file{uint64(status.Dev), uint64(status.Ino)}, err
}

// clear removes the file in the way: a socket that nobody listens to.
func (a *address) clear(made file) error {
	var status unix.Stat_t
	err := unix.Stat(a.path, &status)
	switch {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return err
	case status.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return unix.ENOTSOCK
	}
	if made != (file{uint64(status.Dev), uint64(status.Ino)}) {
		fd, err := connect(a.path)
		if err == nil {
			unix.Close(fd)
		}
		if err != unix.ECONNREFUSED {
			return unix.EADDRINUSE
		}
	}
	return unix.Unlink(a.path)
}

// connect connects to a socket, and does not wait.
func connect(path string) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// isOf reports whether a descriptor is a socket that listens on the address.
func (a *address) isOf(fd int) bool {
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listens == 0 {
		return false
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	switch name := name.(type) {
	case *unix.SockaddrUnix:
		return a.path != "" && name.Name == a.path
	case *unix.SockaddrInet4:
		return a.path == "" && netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)) == a.inet
	}
	return false
}
