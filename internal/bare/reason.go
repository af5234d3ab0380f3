package bare

import "golang.org/x/sys/unix"

// Errno is the kernel's error number; 0 is success.
type Errno = unix.Errno

// Reason is daemontools' text for an error number. daemontools has its own texts instead of
// the C library's, so that the words are the same on every system.
func Reason(why Errno) string {
	switch why {
	case IsLink:
		return "symbolic link"
	case NotFIFO:
		return "not a FIFO"
	case NotFile:
		return "not a file"
	case NotOwn:
		return "belongs to another account"
	case IsChain:
		return "a chain file cannot lead to another"
	}
	// Errno is unsigned, and a forged lock file may hold any number.
	if why >= firstRefusal && why-firstRefusal < Errno(len(refusals)) {
		return refusals[why-firstRefusal]
	}
	if why < Errno(len(reasons)) && reasons[why] != "" {
		return reasons[why]
	}
	return "unknown error"
}

// Reasons for which the kernel has no number.
const (
	IsLink  Errno = 1<<12 + iota // a symbolic link where there must be none
	NotFIFO                      // not a FIFO
	NotFile                      // not a regular file
	NotOwn                       // a file that belongs to the wrong account
	IsChain                      // a program that is a chain file, at the end of a chain file
)

// The texts of daemontools 0.76, as its programs print them when each error is
// injected.
var reasons = [...]string{
	0:                    "no error",
	unix.EPERM:           "permission denied",
	unix.ENOENT:          "file does not exist",
	unix.ESRCH:           "no such process",
	unix.EINTR:           "interrupted system call",
	unix.EIO:             "input/output error",
	unix.ENXIO:           "device not configured",
	unix.E2BIG:           "argument list too long",
	unix.ENOEXEC:         "exec format error",
	unix.EBADF:           "file descriptor not open",
	unix.ECHILD:          "no child processes",
	unix.EAGAIN:          "temporary failure",
	unix.ENOMEM:          "out of memory",
	unix.EACCES:          "access denied",
	unix.EFAULT:          "bad address",
	unix.ENOTBLK:         "not a block device",
	unix.EBUSY:           "device busy",
	unix.EEXIST:          "file already exists",
	unix.EXDEV:           "cross-device link",
	unix.ENODEV:          "device does not support operation",
	unix.ENOTDIR:         "not a directory",
	unix.EISDIR:          "is a directory",
	unix.EINVAL:          "invalid argument",
	unix.ENFILE:          "system cannot open more files",
	unix.EMFILE:          "process cannot open more files",
	unix.ENOTTY:          "not a tty",
	unix.ETXTBSY:         "text busy",
	unix.EFBIG:           "file too big",
	unix.ENOSPC:          "out of disk space",
	unix.ESPIPE:          "unseekable descriptor",
	unix.EROFS:           "read-only file system",
	unix.EMLINK:          "too many links",
	unix.EPIPE:           "broken pipe",
	unix.EDOM:            "input out of range",
	unix.ERANGE:          "output out of range",
	unix.EDEADLK:         "operation would cause deadlock",
	unix.ENAMETOOLONG:    "file name too long",
	unix.ENOLCK:          "no locks available",
	unix.ENOSYS:          "system call not available",
	unix.ENOTEMPTY:       "directory not empty",
	unix.ELOOP:           "symbolic link loop",
	unix.ENOMSG:          "no message of desired type",
	unix.EIDRM:           "identifier removed",
	unix.ENOSTR:          "not a stream device",
	unix.ETIME:           "timer expired",
	unix.ENOSR:           "out of stream resources",
	unix.ENONET:          "machine not on network",
	unix.EREMOTE:         "too many levels of remote in path",
	unix.ENOLINK:         "link severed",
	unix.EADV:            "advertise error",
	unix.ESRMNT:          "srmount error",
	unix.ECOMM:           "communication error",
	unix.EPROTO:          "protocol error",
	unix.EMULTIHOP:       "multihop attempted",
	unix.EBADMSG:         "bad message type",
	unix.EREMCHG:         "remote address changed",
	unix.EUSERS:          "too many users",
	unix.ENOTSOCK:        "not a socket",
	unix.EDESTADDRREQ:    "destination address required",
	unix.EMSGSIZE:        "message too long",
	unix.EPROTOTYPE:      "incorrect protocol type",
	unix.ENOPROTOOPT:     "protocol not available",
	unix.EPROTONOSUPPORT: "protocol not supported",
	unix.ESOCKTNOSUPPORT: "socket type not supported",
	unix.EOPNOTSUPP:      "operation not supported",
	unix.EPFNOSUPPORT:    "protocol family not supported",
	unix.EAFNOSUPPORT:    "address family not supported",
	unix.EADDRINUSE:      "address already used",
	unix.EADDRNOTAVAIL:   "address not available",
	unix.ENETDOWN:        "network down",
	unix.ENETUNREACH:     "network unreachable",
	unix.ENETRESET:       "network reset",
	unix.ECONNABORTED:    "connection aborted",
	unix.ECONNRESET:      "connection reset",
	unix.ENOBUFS:         "out of buffer space",
	unix.EISCONN:         "already connected",
	unix.ENOTCONN:        "not connected",
	unix.ESHUTDOWN:       "socket shut down",
	unix.ETOOMANYREFS:    "too many references",
	unix.ETIMEDOUT:       "timed out",
	unix.ECONNREFUSED:    "connection refused",
	unix.EHOSTDOWN:       "host down",
	unix.EHOSTUNREACH:    "host unreachable",
	unix.EALREADY:        "operation already in progress",
	unix.EINPROGRESS:     "operation in progress",
	unix.ESTALE:          "stale NFS file handle",
	unix.EDQUOT:          "disk quota exceeded",
}
