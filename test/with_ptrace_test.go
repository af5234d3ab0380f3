package test

// Tests that look into a supervisor at each of its system calls, or change what one
// returns: by ptrace, from a thread of this program.
//
// Not tested in this file: anything.

import (
	"encoding/binary"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A callEnd is the moment in which a system call of a traced process has been done and
// the process has not gone on.
type callEnd struct {
	pid    int
	number uint64
	args   [6]uint64
	result int64
}

// traced starts a program that is stopped at the end of each of its system calls until
// at returns. What it forks is not traced.
func (h *home) traced(t testing.TB, at func(callEnd), words ...string) *supervisor {
	t.Helper()
	s := h.prepare(t, words...)
	s.trace(t, at)
	return s
}

// trace starts what was prepared.
func (s *supervisor) trace(t testing.TB, at func(callEnd)) {
	t.Helper()
	s.SysProcAttr.Ptrace = true
	started := make(chan error)
	go func() {
		// Who traces is a thread. It must not end: other processes may die with it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.Start()
		started <- err
		if err != nil {
			return
		}
		follow(s.Process.Pid, at)
		s.Wait()
		close(s.ended)
	}()
	must(<-started)
	t.Cleanup(s.kill)
}

// follow lets a process that this thread traces go on from stop to stop until it has
// ended. It leaves the end for Wait.
func follow(pid int, at func(callEnd)) {
	const pPID = 1                           // P_PID
	const exited, trapped, stopped = 1, 4, 5 // CLD_*; 2 and 3 are ends as well
	entered := callEnd{pid: pid}
	options := false
	for {
		var info unix.Siginfo
		err := unix.Waitid(pPID, pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || exited <= info.Code && info.Code < trapped {
			return
		}
		var status unix.WaitStatus
		if n, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOHANG, nil); err != nil || n == 0 || !status.Stopped() {
			continue
		}
		if !options {
			unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL)
			options = true
		}
		signal := 0
		switch {
		case status.StopSignal() == unix.SIGTRAP|0x80:
			if entered.read(pid) {
				at(entered)
			}
		case status.StopSignal() != unix.SIGTRAP:
			signal = int(status.StopSignal())
		}
		unix.PtraceSyscall(pid, signal) // fails if it has been killed
	}
}

// read asks the kernel which stop this is; true is the end of a call.
func (c *callEnd) read(pid int) bool {
	const getSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	const entry, exit = 1, 2
	var info [88]byte // struct ptrace_syscall_info: op, arch, ip, sp, and what follows
	_, _, err := unix.RawSyscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(info[24+8*i:]) }
	switch {
	case err != 0:
		return false
	case info[0] == entry:
		c.number = word(0)
		for i := range c.args {
			c.args[i] = word(1 + i)
		}
	case info[0] == exit:
		c.result = int64(word(0))
		return true
	}
	return false
}
