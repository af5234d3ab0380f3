// Command refuse runs a program for which one system call fails, as the profile of a
// container or the kernel of a sandbox has it:
//
//	refuse NUMBER ERRNO /path/of/program [arg ...]
//
// Without arguments it is a service that needs hardly any system call: it waits until a
// signal ends it, or some minutes have passed. As "refuse log" it is a log, which ends with
// its input as well.
//
// It has no runtime, whose own system calls might be the refused one.
package main

import (
	"os"
	"unsafe"

	tools "catena/internal/bare"
	"catena/internal/boot"

	"golang.org/x/sys/unix"
)

func main() {
	os.Stderr.WriteString("refuse: built without the entry flag\n")
	os.Exit(1)
}

var process tools.Process

func bare(stack boot.Stack) {
	process.Start(uintptr(stack))
	words := process.Args
	if words.Len() < 4 {
		stay(words.Len() == 3) // a script's interpreter
	}
	number, _ := tools.Number(words.At(1))
	errno, _ := tools.Number(words.At(2))
	// Load the number; if it is that one, return the error; or else, allow.
	filter := [...]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(number), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
	call(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)))
	tools.Execve(words.At(3), words.From(3), &process.Env)
	tools.Quit(127)
}

func stay(log bool) {
	const most = 300 // s
	limit := [4]uintptr{2: most}
	call(unix.SYS_SETITIMER, unix.ITIMER_REAL, uintptr(unsafe.Pointer(&limit)), 0)
	var room [512]byte
	for log {
		if n, err := tools.Read(0, room[:]); n == 0 || err != 0 {
			tools.Quit(0)
		}
	}
	for {
		call(unix.SYS_PPOLL, 0, 0, 0)
		pause := unix.Timespec{Sec: most} // if that is refused
		call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
	}
}

func call(number, a, b, c uintptr) { unix.RawSyscall6(number, a, b, c, 0, 0, 0) }
