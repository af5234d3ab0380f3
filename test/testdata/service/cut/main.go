// Command cut runs a supervisor and stops it and the process that it forks at
// chosen system calls, by ptrace, which strace can do for one process at a time
// only and not at the end of a call:
//
//	cut [parent=N] [child=N] [then=kill | hold | run] -- program [arg ...]
//
// N counts the beginnings and the ends of the system calls of that process, from
// 1. A process that is given no N runs. When both are where they should be, or
// cannot get there, the parent is killed if it has an N. The child then
//
//	kill   is killed as well
//	hold   goes on when standard input ends
//	run    goes on
//
// It prints, a line each: "parent PID", "child PID"; "stop WHO N CALL" for each
// beginning and each end if there is no N at all; "cut"; and "ended" when the
// parent has. Processes that are traced do not survive the death of cut.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A tracee is one of the two processes.
type tracee struct {
	who     string
	pid     int
	at      int // where to stop it; 0 is nowhere
	stops   int
	there   bool
	ended   bool
	freed   bool
	program bool // the child: it has executed run
}

var (
	parent = tracee{who: "parent"}
	child  = tracee{who: "child"}
	then   = "run"
	listed bool
	done   bool

	// A process that blocks never gets to its stop.
	lastEvent atomic.Int64
)

const silence = 150 * time.Millisecond

func main() {
	runtime.LockOSThread()
	program := words(os.Args[1:])
	listed = parent.at == 0 && child.at == 0
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(err)
	p, err := os.StartProcess(program[0], program, &os.ProcAttr{
		Files: []*os.File{null, null, os.Stderr}, // nothing outlives cut with its output
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	must(err)
	parent.pid = p.Pid
	var status unix.WaitStatus
	_, err = unix.Wait4(p.Pid, &status, unix.WALL, nil)
	must(err)
	must(unix.PtraceSetOptions(p.Pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACEVFORK|
		unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEEXEC|unix.PTRACE_O_EXITKILL))
	fmt.Println("parent", p.Pid)
	must(unix.PtraceSyscall(p.Pid, 0))
	trace()
}

func words(args []string) (program []string) {
	for i, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "parent":
			parent.at, _ = strconv.Atoi(value)
		case "child":
			child.at, _ = strconv.Atoi(value)
		case "then":
			then = value
		case "--":
			return args[i+1:]
		}
	}
	panic("no program")
}

// trace lets both go on from stop to stop until the parent has ended and the child
// is on its own.
func trace() {
	for {
		var status unix.WaitStatus
		pid, err := wait(&status)
		if err == unix.ECHILD {
			return
		}
		must(err)
		switch {
		case pid == 0:
			cut()
		case status.Exited() || status.Signaled():
			if who := find(pid); who != nil {
				who.ended = true
			}
			if pid == parent.pid {
				fmt.Println("ended")
			}
		case status.Stopped():
			stopped(pid, status)
		}
		if !done && arrived() {
			cut()
		}
		if done && parent.at != 0 && parent.ended && child.there {
			if then == "hold" {
				io.Copy(io.Discard, os.Stdin)
			}
			child.release()
		}
		if parent.ended && (child.pid == 0 || child.ended || child.freed) {
			return
		}
	}
}

// wait waits for an event; without one for a while pid is 0. It asks again and
// again, because a call that blocks could not be given up.
func wait(status *unix.WaitStatus) (pid int, err error) {
	begun := time.Now()
	for pause := time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		pid, err = unix.Wait4(-1, status, unix.WALL|unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if pid != 0 || err != nil {
			return pid, err
		}
		if !done && !listed && time.Since(begun) > silence {
			return 0, nil
		}
		time.Sleep(pause)
	}
}

func find(pid int) *tracee {
	switch pid {
	case parent.pid:
		return &parent
	case child.pid:
		return &child
	}
	return nil
}

func stopped(pid int, status unix.WaitStatus) {
	who := find(pid)
	switch {
	case status.TrapCause() == unix.PTRACE_EVENT_FORK || status.TrapCause() == unix.PTRACE_EVENT_VFORK ||
		status.TrapCause() == unix.PTRACE_EVENT_CLONE:
		forked, err := unix.PtraceGetEventMsg(pid)
		must(err)
		if child.pid == 0 {
			child.pid = int(forked)
			fmt.Println("child", child.pid)
		}
		unix.PtraceSyscall(pid, 0)
	case who == nil:
		// A child that was seen before its parent's fork was, or a later one.
		if child.pid == 0 {
			child.pid = pid
			fmt.Println("child", pid)
			unix.PtraceSyscall(pid, 0)
			return
		}
		unix.PtraceDetach(pid)
	case status.StopSignal() == unix.SIGTRAP|0x80:
		who.count()
	case status.TrapCause() == unix.PTRACE_EVENT_EXEC:
		who.program = true
		unix.PtraceSyscall(pid, 0)
	case status.StopSignal() == unix.SIGSTOP || status.StopSignal() == unix.SIGTRAP:
		unix.PtraceSyscall(pid, 0)
	default:
		unix.PtraceSyscall(pid, int(status.StopSignal()))
	}
}

// count counts a stop at a system call and goes on if it is not the one.
func (p *tracee) count() {
	p.stops++
	if listed {
		call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.pid))
		must(err)
		number, _, _ := strings.Cut(string(call), " ")
		fmt.Println("stop", p.who, p.stops, number)
	}
	if p.at != 0 && p.stops == p.at && !done {
		p.there = true
		return
	}
	if p == &child && (p.program || done && parent.at != 0) {
		p.release() // it is the service now, or will be
		return
	}
	unix.PtraceSyscall(p.pid, 0)
}

func arrived() bool {
	return !listed && (parent.at == 0 || parent.there) && (child.at == 0 || child.there || child.ended)
}

// cut does what is to be done.
func cut() {
	if done {
		return
	}
	done = true
	switch {
	case parent.at != 0:
		unix.Kill(parent.pid, unix.SIGKILL)
		if then == "kill" && child.pid != 0 {
			unix.Kill(child.pid, unix.SIGKILL)
		}
	case child.pid != 0:
		unix.Kill(child.pid, unix.SIGKILL)
	}
	fmt.Println("cut")
}

func (p *tracee) release() {
	unix.PtraceDetach(p.pid)
	p.freed, p.there = true, false
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
