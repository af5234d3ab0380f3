package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// The supervise folder is not trusted. If it has been given to the account of the service,
// that account can put anything there under any name: a symbolic link, a second name of a
// file elsewhere, a file of its own. The supervisor is mostly root. So the supervisor looks
// at each file that it has opened there, before it reads or changes the file.

// safely has the flags for opening files of a supervise folder: open(2) follows no symbolic
// link, waits for nobody, and takes no terminal as the controlling one.
const safely = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// open opens a file of a supervise folder, and returns its metadata as well.
func open(dir int, name string, flags int, mode uint32) (fd int, file bare.Status, err bare.Errno) {
	fd, err = bare.OpenAt(dir, name, flags|safely, mode)
	if err == unix.ELOOP {
		err = bare.IsLink
	}
	if err == 0 {
		if file, err = bare.StatOpen(fd); err != 0 {
			bare.Close(fd)
		}
	}
	if err != 0 {
		return -1, file, err
	}
	return fd, file, 0
}

// OpenFIFO opens a FIFO of a supervise folder with flags as open(2) takes them. The FIFO may
// belong to anybody: people give control and ok to those who may control the service.
func OpenFIFO(dir int, name string, flags int) (fd int, err bare.Errno) {
	fd, file, err := open(dir, name, flags, 0)
	if err != 0 {
		return -1, err
	}
	switch {
	case file.Kind() != unix.S_IFIFO:
		err = bare.NotFIFO
	case file.Links != 1:
		err = unix.EMLINK // its other name may be another service's
	default:
		return fd, 0
	}
	bare.Close(fd)
	return -1, err
}

// MakeFIFO makes a FIFO, if it is not there, and opens it for reading and writing. So the FIFO
// always has a reader and a writer, and no end of file wakes the supervisor. MakeFIFO removes
// what stands in the place of the FIFO; was tells why that could not be used.
func MakeFIFO(dir int, name string) (fd int, was, err bare.Errno) {
	unmade := bare.Mkfifo(dir, name, 0o600)
	if fd, err = OpenFIFO(dir, name, unix.O_RDWR); err == 0 || !unfit(err) {
		if err == unix.ENOENT && unmade != 0 {
			err = unmade // why there is none says more than that there is none
		}
		return fd, 0, err
	}
	was = err
	if err = bare.Unlink(dir, name); err == 0 {
		bare.Mkfifo(dir, name, 0o600)
		fd, err = OpenFIFO(dir, name, unix.O_RDWR)
	}
	return fd, was, err
}

// unfit reports whether an error means that a file is of the wrong kind, as against a file
// that could not be opened.
func unfit(err bare.Errno) bool {
	switch err {
	case bare.IsLink, bare.NotFIFO, bare.NotFile, bare.NotOwn, unix.EMLINK, unix.ENXIO: // ENXIO: a socket
		return true
	}
	return false
}

// judge returns why a file of a supervise folder cannot be one that a supervisor has made; 0
// if it can. dir is the service directory.
func judge(dir int, file bare.Status) bare.Errno {
	switch {
	case file.Kind() != unix.S_IFREG:
		return bare.NotFile
	case file.Links != 1:
		return unix.EMLINK
	case !isOwn(dir, file.Owner):
		return bare.NotOwn
	}
	return 0
}

// isOwn reports whether an owner of a file is this supervisor or root. A file server may give
// all files to one account; isOwn makes a file to see who gets it.
func isOwn(dir int, owner uint32) bool {
	if owner == 0 || owner == bare.Geteuid() {
		return true
	}
	const tries = 4 // another supervisor may do the same
	for range tries {
		bare.Unlink(dir, lockNew)
		fd, file, err := open(dir, lockNew, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err == 0 {
			bare.Close(fd)
			bare.Unlink(dir, lockNew)
			return file.Owner == owner
		}
		if err != unix.EEXIST {
			break
		}
	}
	return false
}

// lockNew is the file that isOwn makes, and removes at once.
const lockNew = "supervise/lock.new"

// openNew makes a new file and opens it for writing. It removes what has stood there.
func openNew(dir int, name string) (fd int, err bare.Errno) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | safely
	if fd, err = bare.OpenAt(dir, name, flags, 0o644); err != unix.EEXIST {
		return fd, err
	}
	if err = bare.Unlink(dir, name); err != 0 {
		return -1, err
	}
	return bare.OpenAt(dir, name, flags, 0o644)
}

// OpenLock opens the lock file of a service directory, and makes it if it is not there. If the
// file system has become read-only, OpenLock opens it for reading only. was tells why what
// stands there cannot be a lock file; then fd is -1.
func OpenLock(dir int) (fd int, was, err bare.Errno) {
	fd, err = bare.OpenAt(dir, Lock, unix.O_RDWR|unix.O_CREAT|safely, 0o600)
	switch err {
	case unix.EROFS:
		fd, err = bare.OpenAt(dir, Lock, unix.O_RDONLY|safely, 0)
	case unix.ELOOP:
		return -1, bare.IsLink, 0
	case unix.ENXIO:
		return -1, bare.NotFile, 0
	}
	return fd, 0, err
}

// ReplaceLock puts a new lock file in the place of one that cannot be used. It holds a lock of
// the folder meanwhile, so that another supervisor does not remove the new file.
func ReplaceLock(dir int) bare.Errno {
	folder, err := bare.OpenAt(dir, Folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return err
	}
	if err = bare.Flock(folder, unix.LOCK_EX|unix.LOCK_NB); err == 0 {
		fd, file, unusable := open(dir, Lock, unix.O_RDONLY, 0)
		if unusable == 0 {
			bare.Close(fd)
			unusable = judge(dir, file)
		}
		if unusable != 0 {
			if fd, err = openNew(dir, Lock); err == 0 {
				err = bare.Fchmod(fd, 0o600)
				bare.Close(fd)
			}
		}
	}
	bare.Close(folder)
	return err
}

// Living returns the pid of a running process that a lock file names, whoever has written the
// file; 0 if there is none.
func Living(lock int, now Epoch) (pid int) {
	var l ledger
	err := l.read(lock, now)
	for which := range 2 {
		at := which * recordSize
		if err != 0 || l.n < at+recordSize {
			break
		}
		r, _, another, ok := unpack(l.b[at:at+recordSize], now)
		if ok && !another && r.PID > 1 && l.origin != otherSpace && r.Runs() {
			return int(r.PID)
		}
	}
	return 0
}
