package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals is what a process was started with, to be given on to its children
// while it waits for signals itself.
type Signals struct {
	blocked uint64
	child   action
}

// action is the kernel's struct sigaction on amd64 and arm64, from
// <asm-generic/signal.h>; x/sys has none.
type action struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const (
	setSize     = unsafe.Sizeof(uint64(0))
	everySignal = ^uint64(0)
)

// defaultSignal gives a signal its default action back and returns the one it had.
func defaultSignal(signal int) (was action) {
	var byDefault action // SIG_DFL is 0
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&byDefault)), uintptr(unsafe.Pointer(&was)), setSize, 0, 0)
	return was
}

// CatchSignals blocks every signal, to be taken by NextSignal, and lets children
// be waited for even if SIGCHLD was ignored.
func CatchSignals() Signals {
	var was Signals
	if HostCatchSignals != nil {
		HostCatchSignals()
		return was
	}
	all := everySignal
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&was.blocked)), setSize, 0, 0)
	was.child = defaultSignal(int(unix.SIGCHLD))
	return was
}

// BlockSignals blocks the signals of a set besides those that are, bit 0 standing for
// signal 1, and lets children be waited for even if SIGCHLD was ignored.
func BlockSignals(set uint64) (was Signals) {
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(&was.blocked)), setSize, 0, 0)
	was.child = defaultSignal(int(unix.SIGCHLD))
	return was
}

// Child makes SIGCHLD one that Restore gives its default action and does not block.
func (was *Signals) Child() {
	was.child = action{}
	was.blocked &^= 1 << (unix.SIGCHLD - 1)
}

// Restore makes signals what they were.
func (was Signals) Restore() {
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&was.child)), 0, setSize, 0, 0)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&was.blocked)), 0, setSize, 0, 0)
}

// OpenSignals returns a descriptor, closed on exec, that is readable when a signal
// has come that CatchSignals blocks.
func OpenSignals() (fd int, err Errno) { return OpenSignalsOf(everySignal) }

// OpenSignalsOf is OpenSignals for a set of signals that BlockSignals blocks.
func OpenSignalsOf(set uint64) (fd int, err Errno) {
	r, _, err := unix.RawSyscall6(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&set)), setSize, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK, 0, 0)
	return int(r), err
}

// ReadSignal takes a signal from such a descriptor, and the process that it is from, or
// about; 0 is none.
func ReadSignal(fd int) (signal, pid int) {
	var info unix.SignalfdSiginfo
	n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info))
	if err != 0 || n == 0 {
		return 0, 0
	}
	return int(info.Signo), int(int32(info.Pid))
}

// NextSignal waits for a signal, and tells whether it came from the kernel (a
// terminal, a timer) and not from a process.
func NextSignal() (signal int, fromKernel bool) {
	if HostNextSignal != nil {
		return HostNextSignal()
	}
	all := everySignal
	var info unix.Siginfo
	for {
		r, _, err := unix.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&info)), 0, setSize, 0, 0)
		if err == 0 {
			return int(r), info.Code > 0
		}
	}
}

// Ignore ignores a signal from here on, in the programs that this one becomes as
// well.
func Ignore(signal unix.Signal) {
	ignore := action{handler: 1} // SIG_IGN
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&ignore)), 0, setSize, 0, 0)
}

// Raise lets a signal that CatchSignals blocks have its effect on this process: if
// it stops it, until it is continued. Whether it does is for the kernel to say.
func Raise(signal int) {
	if HostNextSignal != nil {
		was := defaultSignal(signal)
		unix.RawSyscall(unix.SYS_TKILL, gettid(), uintptr(signal), 0)
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&was)), 0, setSize, 0, 0)
		return
	}
	set := uint64(1) << (signal - 1)
	Kill(Getpid(), signal)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_UNBLOCK, uintptr(unsafe.Pointer(&set)), 0, setSize, 0, 0)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&set)), 0, setSize, 0, 0)
}

func gettid() uintptr {
	tid, _, _ := unix.RawSyscall(unix.SYS_GETTID, 0, 0, 0)
	return tid
}

// DieOf ends the process by a signal, as a child of it ended: by the default
// action and without another core file. It returns only where the signal does
// not kill, as in PID 1.
func DieOf(signal int) {
	nothing := uint64(0)
	unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	defaultSignal(signal)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&nothing)), 0, setSize, 0, 0)
	// This thread at once: another one would take a moment.
	unix.RawSyscall(unix.SYS_TKILL, gettid(), uintptr(signal), 0)
}
