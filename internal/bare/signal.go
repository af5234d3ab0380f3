package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals. Bare code has no signal handlers: it blocks signals, and takes them when it has
// time.

// Signals is what a process had of its signals at its start: which were blocked, and what
// SIGCHLD did. The process itself changes both to wait for signals, and its children get
// the old ones back.
type Signals struct {
	blocked uint64
	child   action
	refused Errno
}

// Refused returns why the signals could not be blocked, or 0.
func (was *Signals) Refused() Errno { return was.refused }

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

// defaultSignal gives a signal its default action, and returns the action that it had.
func defaultSignal(signal int) (was action) {
	var byDefault action // SIG_DFL is 0
	rawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&byDefault)), uintptr(unsafe.Pointer(&was)), setSize, 0, 0)
	return was
}

// IgnoreSignal ignores a signal, in the next program as well.
func IgnoreSignal(signal int) {
	ignore := action{handler: 1} // SIG_IGN
	rawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&ignore)), 0, setSize, 0, 0)
}

// CatchSignals blocks every signal, for NextSignal to take. It gives SIGCHLD its default
// action, or children could not be waited for if it was ignored.
func CatchSignals() Signals {
	if Hosted.CatchSignals != nil {
		Hosted.CatchSignals()
		return Signals{}
	}
	return blockSignals(unix.SIG_SETMASK, everySignal)
}

// BlockSignals blocks the signals of a set, besides those that are blocked already. Bit 0
// of the set stands for signal 1. As for SIGCHLD, it does what CatchSignals does.
func BlockSignals(set uint64) (was Signals) {
	return blockSignals(unix.SIG_BLOCK, set)
}

func blockSignals(how int, set uint64) (was Signals) {
	_, _, err := rawSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(&was.blocked)), setSize, 0, 0)
	was.refused = named(err, noSigprocmask)
	was.child = defaultSignal(int(unix.SIGCHLD))
	return was
}

// Child makes Restore unblock SIGCHLD and give it its default action.
func (was *Signals) Child() {
	was.child = action{}
	was.blocked &^= 1 << (unix.SIGCHLD - 1)
}

// Suspend does what SIGTSTP does by default, unless SIGTSTP was blocked at the start: the
// process stops until SIGCONT. The kernel does not stop it if nobody is there to continue
// it.
func (was Signals) Suspend() {
	stop := uint64(1) << (unix.SIGTSTP - 1)
	if was.blocked&stop != 0 {
		return
	}
	Kill(Getpid(), int(unix.SIGTSTP))
	for _, how := range [...]uintptr{unix.SIG_UNBLOCK, unix.SIG_BLOCK} {
		rawSyscall6(unix.SYS_RT_SIGPROCMASK, how, uintptr(unsafe.Pointer(&stop)), 0, setSize, 0, 0)
	}
}

// Restore makes the signals what they were at the start.
func (was Signals) Restore() {
	rawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&was.child)), 0, setSize, 0, 0)
	rawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&was.blocked)), 0, setSize, 0, 0)
}

// OpenSignals returns a descriptor, closed on exec, that is readable while a signal is
// pending that CatchSignals blocks.
func OpenSignals() (fd int, err Errno) { return OpenSignalsOf(everySignal) }

// OpenSignalsOf is OpenSignals for the set of signals that BlockSignals blocks.
func OpenSignalsOf(set uint64) (fd int, err Errno) {
	r, _, err := rawSyscall6(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&set)), setSize, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK, 0, 0)
	return int(r), named(err, noSignalfd)
}

// CanRead returns why nothing can be read from such a descriptor, or 0. If reading is
// refused, a loop that waits for the descriptor would spin.
func CanRead(fd int) Errno {
	_, _, err := rawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&common.noPath)), 0)
	if isRefusal(err) {
		return noRead
	}
	return 0 // EINVAL: no bytes are too few for a signal
}

// Arrived is a signal that has come, and the process that has sent it, or that it is about.
type Arrived struct {
	Signal unix.Signal
	PID    int32
}

// ReadSignals reads up to four signals from such a descriptor, and returns how many. The
// kernel hands out low numbers first. If only one was read at a time, a SIGCHLD that comes
// again and again would keep signals with higher numbers waiting.
func ReadSignals(fd int, list *[4]Arrived) int {
	var info [len(list)]unix.SignalfdSiginfo
	n, _, err := rawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info))
	if err != 0 {
		return 0
	}
	have := int(n / unsafe.Sizeof(info[0]))
	for i := range have {
		list[i] = Arrived{unix.Signal(info[i].Signo), int32(info[i].Pid)}
	}
	return have
}

// ReadSignal reads one signal from such a descriptor, and the process that has sent it, or
// that it is about. 0 means that no signal has come.
func ReadSignal(fd int) (signal, pid int) {
	var info unix.SignalfdSiginfo
	n, _, err := rawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info))
	if err != 0 || n == 0 {
		return 0, 0
	}
	return int(info.Signo), int(int32(info.Pid))
}

// SignalBefore waits for a signal of a set that BlockSignals blocks, until a time since
// boot in nanoseconds, or Never. Bit 0 of the set stands for signal 1. Late says that the
// time has come. If something else interrupts it, the signal is 0 and late is false. An
// error means that the call is refused.
func SignalBefore(set uint64, until int64) (signal int, late bool, err Errno) {
	var left unix.Timespec
	var limit *unix.Timespec
	if until != Never {
		left = unix.NsecToTimespec(max(until-SinceBoot(), 0))
		limit = &left
	}
	r, _, err := rawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, uintptr(unsafe.Pointer(limit)), setSize, 0, 0)
	switch err {
	case 0:
		return int(r), false, 0
	case unix.EAGAIN:
		return 0, true, 0
	case unix.EINTR:
		return 0, false, 0
	}
	return 0, false, err
}

// NextSignal waits for a signal, and reports whether the kernel has sent it (for a terminal
// or a timer) and not a process.
func NextSignal() (signal int, fromKernel bool) {
	if Hosted.NextSignal != nil {
		return Hosted.NextSignal()
	}
	all := everySignal
	var info unix.Siginfo
	for {
		r, _, err := rawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&info)), 0, setSize, 0, 0)
		if err == 0 {
			return int(r), info.Code > 0
		}
		if err != unix.EINTR { // the call is refused
			return nextOf(everySignal)
		}
	}
}

// nextOf is NextSignal by a descriptor of signals. If that is refused as well, nextOf
// returns SIGCHLD after a tenth of a second. Whoever waits for a signal then looks at the
// children.
func nextOf(set uint64) (signal int, fromKernel bool) {
	const pause = 100e6
	fd, err := OpenSignalsOf(set)
	if err != 0 {
		Sleep(pause)
		return int(unix.SIGCHLD), false
	}
	WaitFor(fd, -1)
	var info unix.SignalfdSiginfo
	n, err := Read(fd, unsafe.Slice((*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info)))
	Close(fd)
	if err != 0 || n == 0 {
		Sleep(pause)
		return int(unix.SIGCHLD), false
	}
	return int(info.Signo), info.Code > 0
}

// Ignore ignores a signal from here on. The programs that this one becomes ignore it, too.
func Ignore(signal unix.Signal) {
	ignore := action{handler: 1} // SIG_IGN
	rawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&ignore)), 0, setSize, 0, 0)
}

// Kill sends a signal.
//
//go:noinline
func Kill(pid, signal int) Errno {
	_, _, err := rawSyscall(unix.SYS_KILL, uintptr(pid), uintptr(signal), 0)
	return err
}

// Raise lets a signal that CatchSignals blocks act on this process. If the signal stops the
// process, Raise returns when it is continued. The kernel decides whether the signal stops
// it.
func Raise(signal int) {
	if UnderRuntime() {
		was := defaultSignal(signal)
		rawSyscall(unix.SYS_TKILL, gettid(), uintptr(signal), 0)
		rawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&was)), 0, setSize, 0, 0)
		return
	}
	set := uint64(1) << (signal - 1)
	Kill(Getpid(), signal)
	rawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_UNBLOCK, uintptr(unsafe.Pointer(&set)), 0, setSize, 0, 0)
	rawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&set)), 0, setSize, 0, 0)
}

func gettid() uintptr {
	tid, _, _ := rawSyscall(unix.SYS_GETTID, 0, 0, 0)
	return tid
}

// DieOf ends the process by the signal that has ended its child, without a second core
// file. It returns only if the signal does not kill, as in PID 1.
func DieOf(signal int) {
	nothing := uint64(0)
	rawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	defaultSignal(signal)
	rawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&nothing)), 0, setSize, 0, 0)
	// A signal to the process may go to another thread, which takes a moment. A signal to
	// this thread acts at once.
	rawSyscall(unix.SYS_TKILL, gettid(), uintptr(signal), 0)
}
