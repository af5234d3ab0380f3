package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/config"
)

// inUse is what Supervisor says when somebody else listens on a socket.
var inUse = errors.New("Another program is already listening on a port that one of our HTTP servers is " +
	"configured to use.  Shut this program down first before starting supervisord.")

// TrySockets looks whether the sockets can be opened, and leaves them closed. A file in the place
// of one stays: whoever waits for the name is not to find one to which nobody listens.
func TrySockets(sockets []config.Socket) error {
	for _, s := range sockets {
		listener, name, err := open(s)
		if err != nil {
			return told(err)
		}
		listener.Close()
		if name == "" {
			continue
		}
		os.Remove(name)
		if info, err := os.Lstat(s.File); err == nil && info.IsDir() {
			return told(&os.PathError{Op: "listen", Path: s.File, Err: syscall.EISDIR})
		}
	}
	return nil
}

// told is an error in Supervisor's words.
func told(err error) error {
	var number syscall.Errno
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return inUse
	case errors.As(err, &number):
		return fmt.Errorf("Cannot open an HTTP server: socket.error reported errno.%s (%d): %w", unix.ErrnoName(number), int(number), err)
	}
	return err
}

// listen opens a socket. What a server that was killed has left in the file system is replaced at
// once, so that its name is never missing.
func listen(s config.Socket) (net.Listener, error) {
	listener, name, err := open(s)
	if err != nil || name == "" {
		return listener, err
	}
	if err = os.Rename(name, s.File); err != nil {
		listener.Close()
		os.Remove(name)
		return nil, err
	}
	return listener, nil
}

// open opens a socket. One in the file system has another name first, which open returns.
func open(s config.Socket) (l net.Listener, name string, err error) {
	if s.Family == config.Inet {
		l, err = net.Listen("tcp4", net.JoinHostPort(s.Host, strconv.FormatInt(s.Port, 10)))
		return l, "", err
	}
	if connect(s) == nil {
		return nil, "", &net.OpError{Op: "listen", Net: "unix", Err: syscall.EADDRINUSE}
	}
	name = fmt.Sprintf("%s.%d", s.File, os.Getpid())
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", err
	}
	before := unix.Umask(0o177) // nobody connects before the mode and the owner are set
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	unix.Umask(before)
	if err != nil {
		return nil, "", err
	}
	listener.SetUnlinkOnClose(false)
	if s.Owner != nil {
		err = os.Chown(name, int(s.Owner.UID), int(s.Owner.GID))
	}
	if err == nil {
		err = os.Chmod(name, os.FileMode(s.Mode&0o777))
	}
	if err != nil {
		listener.Close()
		os.Remove(name)
		return nil, "", err
	}
	return listener, name, nil
}

// connect connects to a socket, and is nil if somebody listens there.
func connect(s config.Socket) error {
	network, address := "unix", s.File
	if s.Family == config.Inet {
		host := s.Host
		if host == "" {
			host = "localhost"
		}
		network, address = "tcp", net.JoinHostPort(host, strconv.FormatInt(s.Port, 10))
	}
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// AwaitSockets waits until the server answers: clients may come as soon as supervisord has exited.
func AwaitSockets(sockets []config.Socket) error {
	const patience = 10 * time.Second
	began := time.Now()
	for _, s := range sockets {
		for err := connect(s); err != nil && !errors.Is(err, syscall.EACCES); err = connect(s) { // it may be for others only
			if time.Since(began) > patience {
				return errors.New("the server does not answer; its log says why")
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return nil
}
