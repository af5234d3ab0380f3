package machine

// Measured: how often a program executes the instruction CPUID, and how long
// that takes on this machine. A virtual machine's host traps it, which makes it
// some hundred times dearer than on bare hardware, and glibc's start-up executes
// dozens. Ratios against dynamically linked peers depend on that more than on
// anything else, so they are shown without it as well.
//
// Not measured: other instructions that a host may trap, and page faults, which
// are dearer in a virtual machine too.

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"catena/bench/figures"
)

// cpuid executes the instruction; what it answers does not matter here.
func cpuid(leaf, subleaf uint32)

// startCPUID counts the CPUIDs of a command and measures how long they take by
// executing each of them again.
func startCPUID(argv, env []string) (count int, took time.Duration, err error) {
	asked, err := recordCPUID(argv, env)
	for _, q := range asked {
		var times []time.Duration
		for range 101 {
			start := time.Now()
			cpuid(q.leaf, q.subleaf)
			times = append(times, time.Since(start))
		}
		took += figures.Median(times)
	}
	return len(asked), took, err
}

// A query is what a CPUID asks for; the time depends on it.
type query struct{ leaf, subleaf uint32 }

// recordCPUID runs a command an instruction at a time and lists its CPUIDs. That
// takes seconds for each program of the command.
func recordCPUID(argv, env []string) (asked []query, err error) {
	// Every ptrace request has to come from the thread that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(argv[0])
	cmd.Args, cmd.Env = argv, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer cmd.Process.Release()
	pid := cmd.Process.Pid
	for {
		status, err := waitStep(pid)
		if err != nil {
			return nil, err
		}
		if status.Exited() || status.Signaled() {
			if status != 0 {
				return nil, fmt.Errorf("%s: wait status %#x instead of 0", argv[0], status)
			}
			return asked, nil
		}
		if q, ok := atCPUID(pid); ok {
			asked = append(asked, q)
		}
		// Singlestepping raises SIGTRAP; any other signal is the command's own.
		signal := status.StopSignal()
		if signal == syscall.SIGTRAP {
			signal = 0
		}
		if err := step(pid, signal); err != nil {
			return nil, err
		}
	}
}

// waitStep waits for the process to stop or end. The call is raw for speed:
// there are some hundred thousand of them.
func waitStep(pid int) (status syscall.WaitStatus, err error) {
	errno := syscall.EINTR
	for errno == syscall.EINTR {
		_, _, errno = syscall.RawSyscall6(syscall.SYS_WAIT4, uintptr(pid),
			uintptr(unsafe.Pointer(&status)), syscall.WALL, 0, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return status, nil
}

// atCPUID tells whether the stopped process is about to execute CPUID, and what
// for.
func atCPUID(pid int) (query, bool) {
	var regs syscall.PtraceRegs
	var word uint64
	if syscall.PtraceGetRegs(pid, &regs) != nil {
		return query{}, false
	}
	syscall.RawSyscall6(syscall.SYS_PTRACE, syscall.PTRACE_PEEKTEXT, uintptr(pid),
		uintptr(regs.Rip), uintptr(unsafe.Pointer(&word)), 0, 0)
	return query{uint32(regs.Rax), uint32(regs.Rcx)}, word&0xffff == 0xa20f
}

// step lets the process execute one instruction, delivering a signal if it is
// not 0.
func step(pid int, signal syscall.Signal) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, syscall.PTRACE_SINGLESTEP,
		uintptr(pid), 0, uintptr(signal), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
