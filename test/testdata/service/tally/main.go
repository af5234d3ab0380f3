// Command tally is the service of the tests of supervision. It writes down in its
// directory what happens to it, a line for each write to the end of the file log:
//
//	start PID
//	signal NUMBER
//	end PID          not if it is killed
//	overlap PID      another one was running already
//
// TERM ends it, unless it is called as "tally deaf", or as "tally mute", which does
// not write signals down either; and so does the death of
// whoever holds the FIFO alive open, so that no test leaves a service behind. It
// has no runtime: signals are noted in their order, and the tests starve it.
//
// As a run script: #!/path/of/tally deaf
package main

import (
	"os"
	"unsafe"

	"catena/internal/boot"

	"golang.org/x/sys/unix"
)

func main() {
	os.Stderr.WriteString("tally: built without the entry flag\n")
	os.Exit(1)
}

const (
	overlap = 98
	trouble = 99
)

// What system calls read and write.
var (
	everything = ^uint64(0)
	info       unix.SignalfdSiginfo
	line       [64]byte
	ready      = [2]unix.PollFd{{Events: unix.POLLIN}, {Events: unix.POLLIN}}
	log, pid   uintptr
)

func bare(stack boot.Stack) {
	words := *(*unsafe.Pointer)(unsafe.Pointer(&stack))
	word := byte(0)
	if *(*int)(words) > 1 {
		word = **(**byte)(unsafe.Add(words, 16))
	}
	mute := word == 'm'
	deaf := mute || word == 'd'

	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, address(unsafe.Pointer(&everything)), 0, 8)
	pid, _ = call(unix.SYS_GETPID, 0, 0, 0, 0)
	log = open("log\x00", unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT)
	only := open("only\x00", unix.O_RDWR|unix.O_CREAT)
	if _, err := call(unix.SYS_FLOCK, only, unix.LOCK_EX|unix.LOCK_NB, 0, 0); err != 0 {
		note("overlap ", pid)
		exit(overlap)
	}
	alive := open("alive\x00", unix.O_RDONLY|unix.O_NONBLOCK)
	if n, err := call(unix.SYS_READ, alive, address(unsafe.Pointer(&line)), 1, 0); n == 0 && err == 0 {
		exit(0) // the test has ended already
	}
	signals, err := call(unix.SYS_SIGNALFD4, ^uintptr(0), address(unsafe.Pointer(&everything)), 8, 0)
	if err != 0 {
		exit(trouble)
	}
	ready[0].Fd, ready[1].Fd = int32(signals), int32(alive)
	note("start ", pid)
	for {
		call(unix.SYS_PPOLL, address(unsafe.Pointer(&ready)), 2, 0, 0)
		if ready[0].Revents != 0 {
			call(unix.SYS_READ, signals, address(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
			if !mute {
				note("signal ", uintptr(info.Signo))
			}
			if info.Signo == uint32(unix.SIGTERM) && !deaf {
				end()
			}
		}
		if ready[1].Revents != 0 {
			end()
		}
	}
}

func end() {
	note("end ", pid)
	exit(0)
}

// note writes a line, whole.
func note(what string, n uintptr) {
	at := copy(line[:], what)
	var digits [20]byte
	i := len(digits)
	for more := true; more; more = n != 0 {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	at += copy(line[at:], digits[i:])
	line[at] = '\n'
	call(unix.SYS_WRITE, log, address(unsafe.Pointer(&line)), uintptr(at+1), 0)
}

// open opens a file in the service directory, whose name ends with a zero byte.
func open(name string, flags uintptr) uintptr {
	const here = ^uintptr(-unix.AT_FDCWD - 1)
	fd, err := call(unix.SYS_OPENAT, here, address(unsafe.Pointer(unsafe.StringData(name))), flags|unix.O_CLOEXEC, 0o644)
	if err != 0 {
		exit(trouble)
	}
	return fd
}

func exit(code uintptr) { call(unix.SYS_EXIT_GROUP, code, 0, 0, 0) }

func address(p unsafe.Pointer) uintptr { return uintptr(p) }

func call(nr, a, b, c, d uintptr) (uintptr, unix.Errno) {
	n, _, err := unix.RawSyscall6(nr, a, b, c, d, 0, 0)
	if err != 0 {
		return 0, err
	}
	return n, 0
}
