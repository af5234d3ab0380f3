package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// OwnGroup writes the path of the control group (version 2) that the process is in,
// without a slash at its end; false means that there is none or that it cannot be told.
func OwnGroup(b *Buffer) bool {
	return appendMount(b, "cgroup2") && appendGroup(b)
}

// appendMount finds where a file system of a type is mounted: the second of the fields
// of a line of /proc/self/mounts, if the third is the type. A path with blanks or
// backslashes, which stand there escaped, is not understood.
func appendMount(b *Buffer, kind string) bool {
	if openDatabase("/proc/self/mounts") != 0 {
		return false
	}
	for start := b.Len(); ; b.Cut(start) {
		field, same := 1, 0
		for {
			c, more := nextByte()
			switch {
			case !more:
				Close(database.fd)
				return false
			case c == '\n':
			case c == ' ':
				if field == 3 && same == len(kind) {
					Close(database.fd)
					return true
				}
				field++
				continue
			case field == 2:
				if c == '\\' || !b.appendByte(c) {
					Close(database.fd)
					return false
				}
				continue
			case field == 3 && same >= 0:
				if same < len(kind) && kind[same] == c {
					same++
				} else {
					same = -1
				}
				continue
			default:
				continue
			}
			break
		}
	}
}

// appendGroup finds the group within the mount: what follows "0::" in a line of
// /proc/self/cgroup.
func appendGroup(b *Buffer) bool {
	const mark = "0::"
	if openDatabase("/proc/self/cgroup") != 0 {
		return false
	}
	start := b.Len()
	for at, ours := 0, true; ; at++ {
		c, more := nextByte()
		switch {
		case !more:
			Close(database.fd)
			return false
		case c == '\n' && ours && at >= len(mark):
			Close(database.fd)
			if b.Len() == start+1 { // the root of the mount
				b.Cut(start)
			}
			return true
		case c == '\n':
			at, ours = -1, true
		case at < len(mark):
			ours = ours && c == mark[at]
		case ours && !b.appendByte(c):
			Close(database.fd)
			return false
		}
	}
}

func (b *Buffer) appendByte(c byte) bool {
	return b.Append(unsafe.String(&c, 1))
}

// ForkInto is Fork into another control group, an open directory.
func ForkInto(group int) (pid int, err Errno) {
	// struct clone_args of <linux/sched.h>, the second version, which has the group.
	args := [...]uint64{
		0: unix.CLONE_INTO_CGROUP, 4: uint64(unix.SIGCHLD), 10: uint64(group),
	}
	r, _, err := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return int(r), err
}

// killEach kills the processes that a control group lists, or some of very many.
func killEach(group int) {
	fd, err := OpenAt(group, "cgroup.procs", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return
	}
	var list [1024]byte
	n, _ := Read(fd, list[:])
	Close(fd)
	for text := TextOf(list[:max(n, 0)]); ; {
		pid, digits := Number(text)
		if digits == 0 || digits == len(text) {
			return // the last may be a part of a number
		}
		if pid > 1 { // 0 is one of another PID namespace
			Kill(int(pid), int(unix.SIGKILL))
		}
		text = text[digits+1:]
	}
}

// KillGroup kills everything in a control group; false means that something is still
// there.
func KillGroup(group int) bool {
	if fd, err := OpenAt(group, "cgroup.kill", unix.O_WRONLY|unix.O_CLOEXEC, 0); err == 0 {
		Write(fd, BytesOf("1"))
		Close(fd)
	} else { // before Linux 5.14
		killEach(group)
	}
	fd, err := OpenAt(group, "cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return true
	}
	const empty = "populated 0\n"
	var text [256]byte
	n, _ := Read(fd, text[:])
	Close(fd)
	for at := range max(0, n-len(empty)+1) {
		if TextOf(text[at:at+len(empty)]) == empty {
			return true
		}
	}
	return false
}
