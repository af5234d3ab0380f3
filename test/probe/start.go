package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the probe exits with when it cannot report, and when it cannot start what
// it should. No tool uses these.
const (
	failed     = 99
	notStarted = 97
)

// start makes a state and begins a chain in it, because os/exec cannot:
//
//	probe start [word ...] -- file argv0 [arg ...]
//
// It does what the words say, in order, and executes the file:
//
//	call=NR:A:B:C:D  a system call with numbers for arguments
//	ignore=SIGNAL    the signal is ignored
//	block=MASK       SIG_BLOCK; the lowest bit is signal 1
//	raise=SIGNAL     the process sends the signal to itself
//	limit=R:S:H      soft and hard limit of a resource
//	groups=G:G       two supplementary groups
//	alarm=SECONDS    ALRM comes after so long
//	env=ENTRY        one more entry at the end of the environment, as it is
//	chdir=PATH rmdir=PATH
//	fork             a child goes on, the process waits for it
//
// Numbers are decimal.
func start(words []word) {
	n := copy(entries[:], envp)
	for i, w := range words {
		s := text(w)
		if s == "--" {
			entries[n] = nil
			execute(words[i+1:])
		}
		if _, ok := after(s, "env="); ok {
			// Not the data of what is after it: of an empty string there is none.
			entries[n] = word(unsafe.Add(unsafe.Pointer(w), len("env=")))
			n++
			continue
		}
		if err := prepare(s); err != 0 {
			complain(s, err)
		}
	}
	complain("no command", 0)
}

// execute passes on the end of our own argv, which has its null already.
func execute(words []word) {
	if len(words) < 2 {
		complain("no command", 0)
	}
	_, err := call(unix.SYS_EXECVE, address(unsafe.Pointer(words[0])), address(unsafe.Pointer(&words[1])),
		address(unsafe.Pointer(&entries)), 0)
	complain(text(words[0]), err)
}

// prepare does what one word says.
func prepare(s string) (err unix.Errno) {
	if v, ok := after(s, "call="); ok {
		nr, a, b, c, d := number(&v), number(&v), number(&v), number(&v), number(&v)
		_, err = call(nr, a, b, c, d)
	} else if v, ok := after(s, "ignore="); ok {
		action = handling{handler: ignored}
		_, err = call(unix.SYS_RT_SIGACTION, number(&v), address(unsafe.Pointer(&action)), 0, 8)
	} else if v, ok := after(s, "block="); ok {
		set = uint64(number(&v))
		_, err = call(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, address(unsafe.Pointer(&set)), 0, 8)
	} else if v, ok := after(s, "raise="); ok {
		_, err = call(unix.SYS_KILL, ask(unix.SYS_GETPID), number(&v), 0, 0)
	} else if v, ok := after(s, "limit="); ok {
		r := number(&v)
		rlimit.Cur, rlimit.Max = uint64(number(&v)), uint64(number(&v))
		_, err = call(unix.SYS_PRLIMIT64, 0, r, address(unsafe.Pointer(&rlimit)), 0)
	} else if v, ok := after(s, "groups="); ok {
		groups[0], groups[1] = uint32(number(&v)), uint32(number(&v))
		_, err = call(unix.SYS_SETGROUPS, 2, address(unsafe.Pointer(&groups)), 0, 0)
	} else if v, ok := after(s, "alarm="); ok {
		timer.Value.Sec = int64(number(&v))
		_, err = call(unix.SYS_SETITIMER, uintptr(unix.ITIMER_REAL), address(unsafe.Pointer(&timer)), 0, 0)
	} else if v, ok := after(s, "chdir="); ok {
		_, err = call(unix.SYS_CHDIR, address(unsafe.Pointer(unsafe.StringData(v))), 0, 0, 0)
	} else if v, ok := after(s, "rmdir="); ok {
		_, err = call(unix.SYS_UNLINKAT, cwd, address(unsafe.Pointer(unsafe.StringData(v))), unix.AT_REMOVEDIR, 0)
	} else if s == "fork" {
		err = fork()
	} else {
		err = unix.EINVAL
	}
	return err
}

func fork() unix.Errno {
	child, err := call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0)
	if err == 0 && child != 0 {
		call(unix.SYS_WAIT4, child, 0, 0, 0)
		exit(0)
	}
	return err
}

func complain(what string, err unix.Errno) {
	used = 0
	print("probe: start: ")
	print(what)
	print(": error ")
	decimal(uint64(err))
	print("\n")
	call(unix.SYS_WRITE, 2, address(unsafe.Pointer(&report)), uintptr(used), 0)
	exit(notStarted)
}

func text(w word) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(w), n)) != 0 {
		n++
	}
	return unsafe.String(w, n)
}

// after cuts a prefix. What it leaves of a C string is still one.
func after(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return "", false
	}
	return s[len(prefix):], true
}

// number reads a decimal number and the colon behind it.
func number(s *string) uintptr {
	n, i := uintptr(0), 0
	for i < len(*s) && (*s)[i] != ':' {
		n = 10*n + uintptr((*s)[i]-'0')
		i++
	}
	*s = (*s)[min(i+1, len(*s)):]
	return n
}

// cwd is AT_FDCWD as an argument of a system call.
const cwd = ^uintptr(-unix.AT_FDCWD - 1)

func open(path word, flags uintptr) (uintptr, unix.Errno) {
	return call(unix.SYS_OPENAT, cwd, address(unsafe.Pointer(path)), flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

func exit(code uintptr) { call(unix.SYS_EXIT_GROUP, code, 0, 0, 0) }

func address(p unsafe.Pointer) uintptr { return uintptr(p) }

// ask makes a system call that needs no arguments, or zeros.
func ask(nr uintptr) uintptr {
	n, _ := call(nr, 0, 0, 0, 0)
	return n
}

func call(nr, a, b, c, d uintptr) (uintptr, unix.Errno) {
	n, _, err := unix.RawSyscall6(nr, a, b, c, d, 0, 0)
	if err != 0 {
		return 0, err
	}
	return n, 0
}
