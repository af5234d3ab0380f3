package bare

import "golang.org/x/sys/unix"

// The profile of a container, or the kernel of a sandbox, may refuse any system call. The
// error is EPERM or ENOSYS then. If a call cannot fail so by itself, "permission denied"
// would send people to chmod. For such calls the errors below take the place of EPERM and
// ENOSYS, and name the call. Their numbers are beyond those of the kernel.
const firstRefusal Errno = 1 << 13

const (
	noStatx = firstRefusal + iota
	noEpollCreate
	noEpollCtl
	noEpollWait
	noSignalfd
	noInotifyInit
	noInotifyWatch
	NoPidfdOpen
	noClock
	noSigprocmask
	noFlock
	noClone
	noWait4
	noChdir
	noFchdir
	noGetdents
	noDup
	noDup3
	noPipe2
	noFcntl
	noFsync
	noPpoll
	noTee
	noSplice
	noReadv
	noPread
	noPwrite
	noRead
	noWrite
	deniedPwrite
	deniedWrite
	noUnshare
	noSetsid
)

var refusals = [...]string{
	noStatx - firstRefusal:        "statx refused by the system",
	noEpollCreate - firstRefusal:  "epoll_create1 refused by the system",
	noEpollCtl - firstRefusal:     "epoll_ctl refused by the system",
	noEpollWait - firstRefusal:    "epoll_pwait refused by the system",
	noSignalfd - firstRefusal:     "signalfd4 refused by the system",
	noInotifyInit - firstRefusal:  "inotify_init1 refused by the system",
	noInotifyWatch - firstRefusal: "inotify_add_watch refused by the system",
	NoPidfdOpen - firstRefusal:    "pidfd_open refused by the system",
	noClock - firstRefusal:        "clock_gettime refused by the system",
	noSigprocmask - firstRefusal:  "rt_sigprocmask refused by the system",
	noFlock - firstRefusal:        "flock refused by the system",
	noClone - firstRefusal:        "clone refused by the system",
	noWait4 - firstRefusal:        "wait4 refused by the system",
	noChdir - firstRefusal:        "chdir refused by the system",
	noFchdir - firstRefusal:       "fchdir refused by the system",
	noGetdents - firstRefusal:     "getdents64 refused by the system",
	noDup - firstRefusal:          "dup refused by the system",
	noDup3 - firstRefusal:         "dup3 and fcntl refused by the system",
	noPipe2 - firstRefusal:        "pipe2 refused by the system",
	noFcntl - firstRefusal:        "fcntl refused by the system",
	noFsync - firstRefusal:        "fsync refused by the system",
	noPpoll - firstRefusal:        "ppoll and pselect6 refused by the system",
	noTee - firstRefusal:          "tee refused by the system",
	noSplice - firstRefusal:       "splice refused by the system",
	noReadv - firstRefusal:        "readv refused by the system",
	noPread - firstRefusal:        "pread64 refused by the system",
	noPwrite - firstRefusal:       "pwrite64 refused by the system",
	noRead - firstRefusal:         "read refused by the system",
	noWrite - firstRefusal:        "write refused by the system",
	deniedPwrite - firstRefusal:   "permission denied, or pwrite64 refused by the system",
	deniedWrite - firstRefusal:    "permission denied, or write refused by the system",
	noUnshare - firstRefusal:      "close_range and unshare refused by the system",
	noSetsid - firstRefusal:       "setsid refused by the system",
}

// isRefusal reports whether an error may mean that something between this process and its
// kernel has refused the call.
func isRefusal(err Errno) bool { return err == unix.EPERM || err == unix.ENOSYS }

// named is the error of a call that never lacks a permission: a refusal gets the name of
// the call.
func named(err, call Errno) Errno {
	if isRefusal(err) {
		return call
	}
	return err
}

// namedWrite is named for a call that writes. EPERM may mean there that the file is
// immutable or that the call is refused; nobody can say which.
func namedWrite(err, denied, call Errno) Errno {
	if err == unix.EPERM {
		return denied
	}
	return named(err, call)
}

// IsRefused reports whether an error says that a call was refused.
func IsRefused(err Errno) bool { return err >= firstRefusal }
