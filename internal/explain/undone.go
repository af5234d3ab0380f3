package explain

import "golang.org/x/sys/unix"

// undone are the system calls that change files, and no process. None is done: it seems to
// succeed. A link of catena makes none of them; a shell has some of them built in.
var undone = map[uint64]string{
	unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHMODAT2: "fchmodat2", unix.SYS_FCHOWN: "fchown",
	unix.SYS_FCHOWNAT: "fchownat", unix.SYS_LINKAT: "linkat", unix.SYS_MKDIRAT: "mkdirat",
	unix.SYS_MKNODAT: "mknodat", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_SYMLINKAT: "symlinkat",
	unix.SYS_TRUNCATE: "truncate", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_UTIMENSAT: "utimensat",
}

// leaves leaves a call out that changes files, or that sends a signal to a process that is not of
// the chain. It reports whether it has done so.
func (t *tracer) leaves(p *process) bool {
	name := undone[p.number]
	switch {
	case p.number == unix.SYS_OPENAT2: // older kernels have only openat, which whoever calls this tries next
		p.skip(-int64(unix.ENOSYS))
		return true
	case p.number == unix.SYS_KILL && !t.has(int(int32(p.args[0]))):
		name = "kill"
	case name == "":
		name = undoneHere[p.number]
	}
	if name == "" {
		return false
	}
	t.note("%s(2) is not done", name)
	p.skip(0)
	return true
}

// has reports whether a process is one of the chain.
func (t *tracer) has(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.processes[pid] != nil
}
