package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// fghackSubreaper waits for every descendant, which the kernel makes its children
// when their own parents die, whatever they did with their descriptors.
func fghackSubreaper(p *bare.Process, program bare.Words) bare.Exit {
	if err := bare.BecomeSubreaper(); err != 0 {
		return p.FatalErrno(err, "unable to become a subreaper")
	}
	signals := bare.CatchSignals()
	var pid int
	var err bare.Errno
	if execchain.HostStart != nil {
		if pid, err = execchain.HostStart(p, program); err != 0 {
			return p.FatalErrno(err, "unable to run ", program.At(0))
		}
	} else {
		if pid, err = bare.Fork(); err != 0 {
			return p.FatalErrno(err, "unable to fork")
		}
		if pid == 0 {
			signals.Restore()
			return p.Run(program)
		}
	}
	return waitForAll(p, pid)
}

// waitForAll waits until there are no children left, passes signals on to them in
// the meantime, and ends as the first child did.
func waitForAll(p *bare.Process, first int) bare.Exit {
	var status unix.WaitStatus
	for {
		for {
			ended, how, err := bare.Reap()
			if err != 0 {
				return exitAs(p, status) // there are none left
			}
			if ended <= 0 {
				break
			}
			if ended == first {
				status = how
			}
		}
		if signal, fromKernel := bare.NextSignal(); signal != int(unix.SIGCHLD) {
			passOn(first, signal, fromKernel)
		}
	}
}

func exitAs(p *bare.Process, status unix.WaitStatus) bare.Exit {
	if status.Signaled() {
		bare.DieOf(int(status.Signal()))
		return p.Fatal("child crashed")
	}
	return bare.Exit(status.ExitStatus())
}

// passOn sends a signal to every child: the first one while it lives, and the
// descendants that have no other parent left. What came from the kernel, from a
// terminal say, the children in this process group have got as well.
func passOn(first, signal int, fromKernel bool) {
	if err := bare.OpenChildren(); err != 0 {
		bare.Kill(first, signal) // without /proc: better than nothing
		return
	}
	for child := bare.NextChild(); child != 0; child = bare.NextChild() {
		if !fromKernel || bare.Getpgid(child) != bare.Getpgid(0) {
			bare.Kill(child, signal)
		}
	}
}
