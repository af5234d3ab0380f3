package supervisorctl

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"catena/internal/supervisord/python"
	"catena/internal/xmlrpc"
)

// A pythonError is an exception that supervisorctl would show. People look for these texts, and
// programs too.
type pythonError struct{ class, text string }

func (e pythonError) Error() string { return fmt.Sprintf("<class '%s'>, %s", e.class, e.text) }

// A protocolError is an answer of the server other than 200.
type protocolError struct {
	code   int
	reason string
}

func (e protocolError) Error() string {
	// Supervisor's client knows the server by this name, wherever it is.
	return fmt.Sprintf("<class 'xmlrpc.client.ProtocolError'>, <ProtocolError for 127.0.0.1/RPC2: %d %s>", e.code, e.reason)
}

// The subclasses of OSError, by the error of the system.
var classes = map[syscall.Errno]string{
	syscall.ECONNREFUSED: "ConnectionRefusedError",
	syscall.ECONNRESET:   "ConnectionResetError",
	syscall.ECONNABORTED: "ConnectionAbortedError",
	syscall.EPIPE:        "BrokenPipeError",
	syscall.ENOENT:       "FileNotFoundError",
	syscall.EACCES:       "PermissionError",
	syscall.EPERM:        "PermissionError",
	syscall.ENOTDIR:      "NotADirectoryError",
	syscall.ETIMEDOUT:    "TimeoutError",
}

// inPython shows an error as Supervisor's supervisorctl does.
func inPython(err error) string {
	var fault *xmlrpc.Fault
	var errno syscall.Errno
	var unknownHost *net.DNSError
	switch {
	case errors.As(err, &fault):
		return fmt.Sprintf("<class 'xmlrpc.client.Fault'>, %s", showFault(fault))
	case errors.As(err, &errno):
		class := classes[errno]
		if class == "" {
			class = "OSError"
		}
		text := errno.Error()
		return fmt.Sprintf("<class '%s'>, [Errno %d] %s", class, int(errno), strings.ToUpper(text[:1])+text[1:])
	case errors.As(err, &unknownHost):
		if unknownHost.IsNotFound {
			return "<class 'socket.gaierror'>, [Errno -2] Name or service not known"
		}
		return "<class 'socket.gaierror'>, [Errno -3] Temporary failure in name resolution"
	}
	return err.Error()
}

func showFault(f *xmlrpc.Fault) string {
	return "<Fault " + strconv.FormatInt(f.Code, 10) + ": " + python.Repr(f.Text) + ">"
}

// errGone is a server that closes the connection and says nothing.
var errGone = pythonError{"http.client.RemoteDisconnected", "Remote end closed connection without response"}

func incomplete(read, more int) error {
	return pythonError{"http.client.IncompleteRead", fmt.Sprintf("IncompleteRead(%d bytes read, %d more expected)", read, more)}
}
