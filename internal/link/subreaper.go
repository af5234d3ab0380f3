package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// fghack -s: waiting for every descendant, as a subreaper.

// fghackSubreaper waits for every descendant. When the parent of a descendant dies, the
// kernel makes the descendant a child of this process, whatever it did with its
// descriptors.
func fghackSubreaper(p *bare.Process, program bare.Words) bare.Exit {
	if err := bare.BecomeSubreaper(); err != 0 {
		return p.FatalErrno(err, "unable to become a subreaper")
	}
	signals := bare.CatchSignals()
	var pid int
	var err bare.Errno
	if bare.Hosted.Start != nil {
		if pid, err = bare.Hosted.Start(p, program); err != 0 {
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

// waitForAll waits until there are no children left. Meanwhile it passes signals on to the
// children. It ends as the first child did.
func waitForAll(p *bare.Process, first int) bare.Exit {
	var status unix.WaitStatus
	for {
		for {
			ended, how, err := bare.Reap(bare.AnyChild)
			if err == unix.ECHILD {
				return exitAs(status)
			}
			if err != 0 {
				return p.FatalErrno(err, "wait failed")
			}
			if ended <= 0 {
				break
			}
			if ended == first {
				status = how
			}
		}
		if signal, fromKernel := bare.NextSignal(); signal != int(unix.SIGCHLD) {
			passOn(first, signal, fromKernel && fromTerminal(signal))
			if stops(signal) {
				bare.Raise(signal) // a shell waits until all processes of its job have stopped
			}
		}
	}
}

func exitAs(status unix.WaitStatus) bare.Exit {
	if status.Signaled() {
		bare.DieOf(int(status.Signal()))
		return bare.Exit(128 + int(status.Signal())) // process 1 is not ended by a signal
	}
	return bare.Exit(status.ExitStatus())
}

// passOn sends a signal to every child: to the first child while it lives, and to
// descendants whose parents have died. If the signal is from a terminal, the terminal has
// sent it to the children in this process group already.
func passOn(first, signal int, terminals bool) {
	sent := false
	children := bare.Children()
	for child, ok := children.Next(); ok; child, ok = children.Next() {
		// /proc may belong to another pid namespace.
		if !bare.IsChild(child) {
			continue
		}
		sent = true
		if !terminals || bare.Getpgid(child) != bare.Getpgid(0) {
			bare.Kill(child, signal)
		}
	}
	if !sent && bare.IsChild(first) { // without /proc only the first child is known
		bare.Kill(first, signal)
	}
}

// fromTerminal reports whether a signal from the kernel may come from a terminal, which
// signals a whole process group.
func fromTerminal(signal int) bool {
	switch unix.Signal(signal) {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGCONT, unix.SIGWINCH:
		return true
	}
	return stops(signal)
}

func stops(signal int) bool {
	switch unix.Signal(signal) {
	case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	}
	return false
}
