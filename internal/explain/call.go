package explain

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A process is one of the chain, or one that a link has forked.
type process struct {
	pid   int
	known bool // explain has started it
	seen  bool // it has stopped before
	gone  bool // it is traced no longer
	calls
}

// calls are the system calls of a process.
type calls struct {
	inside bool   // a call is going on
	number uint64 // of this call, or of the last one
	args   [6]uint64

	saved   *registers         // as they were at the entry, if something is changed for this call
	skipped bool               // the kernel does not do it
	result  int64              // of a call that is skipped
	after   func(result int64) // what there is to do when it has been done
	failed  error              // why a change could not be made
}

// info asks the kernel about the stop of a process at a system call, and takes note of a call that
// begins. Exit says that the call has been done.
func (p *process) info() (exit bool, result int64, err error) {
	const entry, end = 1, 2 // PTRACE_SYSCALL_INFO_*
	var info [88]byte       // struct ptrace_syscall_info: op, arch, ip, sp, and what follows
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(p.pid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(info[24+8*i:]) }
	switch {
	case errno != 0:
		return false, 0, os.NewSyscallError("ptrace", errno)
	case info[0] == end:
		return true, int64(word(0)), nil
	case info[0] != entry:
		return false, 0, nil
	case binary.NativeEndian.Uint32(info[4:]) != architecture:
		return false, 0, fmt.Errorf("a program for another architecture is in the chain")
	}
	p.calls = calls{inside: true, number: word(0)}
	for i := range p.args {
		p.args[i] = word(1 + i)
	}
	return false, 0, nil
}

// call deals with a stop at the entry or at the end of a system call.
func (t *tracer) call(p *process) error {
	exit, result, err := p.info()
	if err != nil {
		return err
	}
	if !exit {
		t.enters(p)
		return p.failed
	}
	if p.skipped {
		result = p.result
	}
	if p.saved != nil {
		p.saved.setResult(result)
		if err := p.saved.write(p.pid); err != nil {
			return err
		}
	}
	if p.after != nil {
		p.after(result)
	}
	p.calls = calls{number: p.number}
	return nil
}

// change changes the registers of a process at the entry of a call. At the end all but the result
// is as it was. If that fails, the process must not go on.
func (p *process) change(f func(r *registers)) {
	var r registers
	if p.failed = r.read(p.pid); p.failed != nil {
		return
	}
	if p.saved == nil {
		saved := r
		p.saved = &saved
	}
	f(&r)
	p.failed = r.write(p.pid)
}

// setArgument gives the call another argument.
func (p *process) setArgument(i int, value uint64) {
	p.args[i] = value
	p.change(func(r *registers) { r.setArgument(i, value) })
}

// skip keeps the kernel from doing the call, which returns a result.
func (p *process) skip(result int64) {
	p.skipped, p.result = true, result
	if p.change(func(*registers) {}); p.failed == nil {
		p.failed = skipCall(p.pid)
	}
}

// readString reads a C string in the memory of a process.
func readString(pid int, at uintptr) string {
	text := readMemory(pid, at, unix.PathMax)
	if end := bytes.IndexByte(text, 0); end >= 0 {
		text = text[:end]
	}
	return string(text)
}

// readMemory reads as much as is there, up to n bytes.
func readMemory(pid int, at uintptr, n int) []byte {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil
	}
	defer memory.Close()
	text := make([]byte, n)
	n, _ = memory.ReadAt(text, int64(at))
	return text[:n]
}

// folder is where paths of a process begin that are relative to a descriptor, or to the working
// directory.
func (p *process) folder(dir int32) string {
	if dir == unix.AT_FDCWD {
		return fmt.Sprintf("/proc/%d/cwd", p.pid)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", p.pid, dir)
}

// here is the name by which explain finds a file of a process, whatever its directories are.
func (p *process) here(dir int32, path string) string {
	if filepath.IsAbs(path) {
		return fmt.Sprintf("/proc/%d/root%s", p.pid, path)
	}
	return p.folder(dir) + "/" + path
}

// absolute is a path as people know it.
func (p *process) absolute(dir int32, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	folder, err := os.Readlink(p.folder(dir))
	if err != nil {
		return path
	}
	return filepath.Join(folder, path)
}

// behindLinks is the name of the file that is made by the name of a symbolic link to nowhere.
func (p *process) behindLinks(name string) string {
	for range 40 { // as many as the kernel follows
		target, err := os.Readlink(p.here(unix.AT_FDCWD, name))
		switch {
		case err != nil:
			return name
		case filepath.IsAbs(target):
			name = target
		default:
			name = filepath.Join(filepath.Dir(name), target)
		}
	}
	return name
}

// doing says in which system call the process is.
func (p *process) doing() string {
	if !p.inside {
		return "computes"
	}
	for _, c := range waits {
		if uint64(c.number) == p.number {
			return c.what
		}
	}
	return fmt.Sprintf("is in system call %d", p.number)
}

// waits says for what a process waits that is in one of these calls.
var waits = []struct {
	number int
	what   string
}{
	{unix.SYS_READ, "waits for something to read"},
	{unix.SYS_OPENAT, "waits for a file to open"},
	{unix.SYS_WAIT4, "waits for a child"},
	{unix.SYS_WAITID, "waits for a child"},
	{unix.SYS_PPOLL, "waits for a descriptor"},
	{unix.SYS_PSELECT6, "waits for a descriptor"},
	{unix.SYS_EPOLL_PWAIT, "waits for a descriptor"},
	{unix.SYS_NANOSLEEP, "sleeps"},
	{unix.SYS_CLOCK_NANOSLEEP, "sleeps"},
	{unix.SYS_CONNECT, "waits for a connection"},
	{unix.SYS_RT_SIGTIMEDWAIT, "waits for a signal"},
	{unix.SYS_RT_SIGSUSPEND, "waits for a signal"},
}
