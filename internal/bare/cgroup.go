package bare

import "golang.org/x/sys/unix"

// Control groups of version 2: which one the process is in, and what is in one.

// OwnGroup writes the path of the control group (version 2) that the process is in, without
// a slash at its end. False means that there is no such group, or that the path cannot be
// found out.
func OwnGroup(b *Buffer) bool {
	return appendMount(b, "cgroup2") && appendGroup(b)
}

// appendMount appends where a file system of a type is mounted. In a line of
// /proc/self/mounts the second field is the place, and the third is the type. A place with
// blanks or backslashes stands there escaped, which appendMount does not understand: it
// returns false.
func appendMount(b *Buffer, kind string) bool {
	mounts, err := openReader("/proc/self/mounts")
	if err != 0 {
		return false
	}
	for start := b.Len(); ; b.Cut(start) {
		field, same := 1, 0
		for {
			c, more := mounts.next()
			switch {
			case !more:
				mounts.close()
				return false
			case c == '\n':
			case c == ' ':
				if field == 3 && same == len(kind) {
					mounts.close()
					return true
				}
				field++
				continue
			case field == 2:
				if c == '\\' || !b.appendByte(c) {
					mounts.close()
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

// appendGroup appends the path of the group within the mount: what follows "0::" in a line
// of /proc/self/cgroup.
func appendGroup(b *Buffer) bool {
	const mark = "0::"
	groups, err := openReader("/proc/self/cgroup")
	if err != 0 {
		return false
	}
	start := b.Len()
	for at, ours := 0, true; ; at++ {
		c, more := groups.next()
		switch {
		case !more:
			groups.close()
			return false
		case c == '\n' && ours && at >= len(mark):
			groups.close()
			if b.Len() == start+1 { // the path is "/", the root of the mount
				b.Cut(start)
			}
			return true
		case c == '\n':
			at, ours = -1, true
		case at < len(mark):
			ours = ours && c == mark[at]
		case ours && !b.appendByte(c):
			groups.close()
			return false
		}
	}
}

// Members lists the processes in a control group, given by its path. A process of another PID
// namespace is 0 there.
func Members(group string) ProcessList {
	return openProcessList(Join(group, "cgroup.procs"))
}

// KillGroup kills all processes in a control group at once. False means that the kernel
// cannot, as before Linux 5.14.
func KillGroup(group int) bool {
	fd, err := OpenAt(group, "cgroup.kill", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != 0 {
		return false
	}
	err = Write(fd, BytesOf("1"))
	Close(fd)
	return err == 0
}

// IsEmptyGroup reports whether no process is in a control group, nor in the groups below
// it.
func IsEmptyGroup(group int) bool {
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
