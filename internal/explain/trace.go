package explain

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A step is a program of the chain, from its exec until the next one.
type step struct {
	begins *state
	notes  []string // what was not done for it, and what it would have met
	says   []byte   // what it has written to its standard descriptors
}

// An ending is how a process of the chain has ended that has not executed another program.
type ending struct {
	exit   int    // or -1
	signal string // or empty
	execs  bool   // the kernel has ended it as it executed the next program
	late   string // what it was waiting for when its time was over, or empty
}

// A tracer runs a chain up to its program. The kernel stops each process of the chain at every
// system call and after each exec, and lets it go on when the tracer says so: ptrace(2).
type tracer struct {
	links names

	steps   []*step
	chain   int  // the process that the chain is in
	reached bool // the last step is the program
	circle  bool // the chain never ends
	ended   *ending

	opened map[fileID]substitute
	locked map[string]int  // the locks that the chain would hold: LOCK_SH or LOCK_EX
	waits  map[string]bool // and those for which it would have waited before

	mu        sync.Mutex
	processes map[int]*process // those that are, or were, traced
	late      bool             // the time is over
}

// mostSteps is how many programs a chain may have.
const mostSteps = 1000

// inCircle reports whether the last program has been executed before, with the same of everything.
func (t *tracer) inCircle() bool {
	last := len(t.steps) - 1
	for _, s := range t.steps[:last] {
		if slices.Equal(s.begins.Argv, t.steps[last].begins.Argv) && s.begins.File == t.steps[last].begins.File &&
			slices.Equal(s.begins.facts(), t.steps[last].begins.facts()) {
			return true
		}
	}
	return last >= mostSteps
}

// run runs a chain. The file is its first program, and argv all of its words.
func (t *tracer) run(file string, argv []string, within time.Duration) error {
	runtime.LockOSThread() // who traces is a thread
	defer runtime.UnlockOSThread()
	t.processes, t.opened = map[int]*process{}, map[fileID]substitute{}
	t.locked, t.waits = map[string]int{}, map[string]bool{}
	self := &reader{pid: os.Getpid()}
	environment := self.strings("environ") // os.Environ drops duplicates
	if self.err != nil {
		return self.err
	}
	started, err := os.StartProcess(file, argv, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Env:   environment,
		Sys:   &unix.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return err
	}
	t.chain = started.Pid
	t.process(t.chain).known = true
	defer t.killAll()
	timer := time.AfterFunc(within, t.timeIsOver)
	defer timer.Stop()
	return t.follow()
}

// process is what is known of a process that is traced.
func (t *tracer) process(pid int) *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.processes[pid]; p == nil || p.gone {
		t.processes[pid] = &process{pid: pid}
	}
	return t.processes[pid]
}

// forget notes that a process is traced no longer.
func (t *tracer) forget(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.gone = true
}

// kill ends every process that is traced.
func (t *tracer) kill() {
	for pid, p := range t.processes {
		if !p.gone {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// timeIsOver ends every process, so that the tracer waits no longer.
func (t *tracer) timeIsOver() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = true
	t.kill()
}

func (t *tracer) isLate() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.late
}

// killAll leaves no process behind.
func (t *tracer) killAll() {
	t.kill()
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if err != nil && err != unix.EINTR {
			return
		}
	}
}

// follow lets the processes go on from stop to stop, until the program is reached or nothing
// of the chain is left.
func (t *tracer) follow() error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECHILD:
			return nil
		case err != nil:
			return os.NewSyscallError("wait4", err)
		case !status.Stopped():
			t.hasEnded(pid, status)
			continue
		}
		signal, err := t.stopped(t.process(pid), status)
		if err != nil || t.reached || t.circle {
			return err
		}
		if t.isLate() {
			unix.Kill(pid, unix.SIGKILL)
		}
		unix.PtraceSyscall(pid, signal) // fails if it has been killed
	}
}

// hasEnded notes the end of a process. The last one of the chain's own counts.
func (t *tracer) hasEnded(pid int, status unix.WaitStatus) {
	p := t.process(pid)
	t.forget(p)
	if pid != t.chain {
		return
	}
	t.ended = &ending{exit: status.ExitStatus()}
	if status.Signaled() {
		t.ended.signal = unix.SignalName(status.Signal())
		t.ended.execs = p.number == unix.SYS_EXECVE // its last call
	}
	if t.isLate() {
		t.ended.late = p.doing()
	}
}

// stopped deals with a stop of a process, and returns the signal with which it goes on.
func (t *tracer) stopped(p *process, status unix.WaitStatus) (signal int, err error) {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE
	first := !p.seen
	p.seen = true
	switch {
	case first && p.known: // explain has executed the first program
		if err := unix.PtraceSetOptions(p.pid, options); err != nil {
			return 0, os.NewSyscallError("ptrace", err)
		}
		return 0, t.executed(p)
	case status.StopSignal() == unix.SIGTRAP|0x80:
		return 0, t.call(p)
	case status.StopSignal() == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_EXEC:
		return 0, t.executed(p)
	case status.StopSignal() == unix.SIGTRAP:
		return 0, nil
	case first && status.StopSignal() == unix.SIGSTOP: // a new process begins so
		return 0, nil
	}
	return int(status.StopSignal()), nil
}

// executed looks at a process that has executed a program.
func (t *tracer) executed(p *process) error {
	p.calls = calls{}
	s, err := readState(p.pid)
	if err != nil {
		return err
	}
	if p.pid != t.chain && helpers[filepath.Base(s.File)] {
		t.forget(p)
		unix.PtraceDetach(p.pid)
		return nil
	}
	t.chain, t.ended = p.pid, nil
	t.nameOpened(s, p.pid)
	t.steps = append(t.steps, &step{begins: s})
	if t.reached = !t.links.isLink(s); !t.reached {
		keepApart(p.pid, s)
		t.circle = t.inCircle()
	}
	return nil
}

// helpers are programs that a link has work for it, in a child. Whatever else a child of a link
// executes is taken for the chain: a program that is run by mistake might do harm.
var helpers = names{"getent": true, "unix_chkpwd": true}

// keepApart has a link of catena exec the next one also where that is in the same file, so that it
// can be looked at. A link runs the next one in the same process if that is the file that the link
// itself was executed by. It takes that name from AT_EXECFN; here the name is taken away. In a chain
// from a file the tools of catena need no look-up: there the name says what is wanted. It is execchain's
// apart.
func keepApart(pid int, s *state) {
	const apart = "/proc/0/run" // it fits: behind "run" the kernel leaves 9 bytes
	name := ""
	if s.readsFile() || s.asked == procSelf {
		name = apart
	}
	unix.PtracePokeData(pid, s.askedAt, []byte(name+"\x00"))
}

// lookUp finds the first program, as execvp(3) does.
func lookUp(word string) (string, error) {
	file, err := exec.LookPath(word)
	if e, is := err.(*exec.Error); is && e.Err == exec.ErrDot {
		return file, nil
	}
	return file, err
}
