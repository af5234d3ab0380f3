//go:build !bare

// Package hosted runs tools under the Go runtime: in a build without the entry flag, and on
// architectures that have no entry. It is ordinary Go, and no other package of a chain is.
package hosted

import (
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// The kernel keeps ids per thread. When a thread execs, the new program gets its ids. So
// the tools must stay on one thread. An init function runs on the first thread of the
// program, which is the parent of its children.
func init() { runtime.LockOSThread() }

// Main is the life of a program under the runtime. It runs the same code as
// execchain.Start, and does not return either.
//
// What the runtime has done by then cannot all be undone: ignored signals and blocked
// SIGTERM and SIGCHLD are lost, standard descriptors that were closed are open, and the
// runtime has taken its memory and threads.
func Main(tools []*execchain.Tool) {
	// The runtime has raised the soft limit on open files. Exec puts the limit back, and
	// then fails, because the name is empty.
	syscall.Exec("", []string{""}, nil)

	// One by one: a struct that is assigned whole brings the names of all its types into the
	// binary.
	bare.Hosted.Args = os.Args
	bare.Hosted.Execve = execve
	bare.Hosted.StartHelper = spawn
	bare.Hosted.Start = start
	bare.Hosted.CatchSignals = catchSignals
	bare.Hosted.NextSignal = nextSignal
	bare.Hosted.Flock = flockWithin

	p := bare.This()
	if !p.AdoptStrings(os.Args, environment()) {
		bare.Quit(p.NoMemory())
	}
	pairs, err := unix.Auxv()
	if err != nil {
		// AT_UID, AT_EUID, AT_GID and AT_EGID; AT_SECURE is set, to be on the safe side
		pairs = [][2]uintptr{{11, uintptr(unix.Getuid())}, {12, uintptr(unix.Geteuid())},
			{13, uintptr(unix.Getgid())}, {14, uintptr(unix.Getegid())}, {23, 1}}
	}
	for _, pair := range pairs {
		p.Auxiliary(pair[0], pair[1])
	}
	execchain.RunChain(tools)
}

// environment is the environment that the program was started with. os.Environ would drop
// duplicates, and os.ReadFile would open descriptors that the program is to find free.
func environment() []string {
	fd, err := unix.Open("/proc/self/environ", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.Environ()
	}
	defer unix.Close(fd)
	var text []byte
	for piece := make([]byte, 64<<10); ; {
		n, err := unix.Read(fd, piece)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.Environ()
		}
		if n == 0 {
			break
		}
		text = append(text, piece[:n]...)
	}
	list := strings.Split(string(text), "\x00")
	return list[:len(list)-1]
}

func execve(path string, argv bare.Words, env *bare.Environment) bare.Errno {
	return errno(syscall.Exec(path, list(argv), list(env)))
}

// spawn starts the first of some files that can be executed. ENOENT means that none of them
// exists.
func spawn(paths []string, argv bare.Words, env *bare.Environment, stdout int) (int, bare.Errno) {
	nowhere, _ := bare.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0) // if this fails, standard error is closed
	defer bare.Close(nowhere)
	failure := unix.ENOENT
	for _, path := range paths {
		pid, err := forkExec(path, argv, env, stdout, nowhere)
		if err == 0 {
			return pid, 0
		}
		switch {
		case err != unix.ENOENT:
			failure = err
		case bare.Exists(bare.Cwd, path) == 0:
			failure = unix.ENOEXEC // the file exists, so ENOENT is about its interpreter
		}
	}
	return 0, failure
}

func forkExec(path string, argv bare.Words, env *bare.Environment, stdout, stderr int) (int, bare.Errno) {
	pid, err := syscall.ForkExec(path, list(argv), &syscall.ProcAttr{
		Env:   list(env),
		Files: []uintptr{0, uintptr(stdout), uintptr(stderr)},
	})
	return pid, errno(err)
}

func start(p *bare.Process, program bare.Words) (int, bare.Errno) {
	s := execchain.Look(p, program.At(0))
	for s.Next() {
		pid, err := forkExec(s.Candidate(), program, &p.Env, 1, 2)
		if err == 0 {
			return pid, 0
		}
		s.Failed(err)
	}
	return 0, s.Why()
}

// list makes a Go slice of a vector of C strings.
func list(vector interface {
	Len() int
	At(int) string
}) []string {
	texts := make([]string, vector.Len())
	for i := range texts {
		texts[i] = vector.At(i)
	}
	return texts
}

// errno is the kernel's number behind an error of package syscall.
func errno(err error) bare.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return unix.EINVAL
}

var signals = make(chan os.Signal, 64)

func catchSignals() { signal.Notify(signals) }

func nextSignal() (int, bool) {
	for s := range signals {
		// The runtime sends SIGURG to itself, to preempt goroutines.
		if s != syscall.SIGURG {
			return int(s.(syscall.Signal)), false
		}
	}
	return 0, false
}

// flockWithin waits for the lock in a thread of its own. If the lock does not come in time,
// that thread ends with the program.
func flockWithin(fd, how int, milliseconds uint64) bare.Errno {
	const most = uint64(1<<63-1) / uint64(time.Millisecond)
	done := make(chan bare.Errno, 1)
	go func() { done <- flock(fd, how) }()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Duration(min(milliseconds, most)) * time.Millisecond):
		return unix.ETIMEDOUT
	}
}

// flock is bare.Flock for a goroutine: this call tells the scheduler that it waits.
func flock(fd, how int) bare.Errno {
	for {
		if err := errno(unix.Flock(fd, how)); err != unix.EINTR {
			return err
		}
	}
}
