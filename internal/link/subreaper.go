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
			ended, how, err := bare.Reap(bare.AnyChild)
			if err == unix.ECHILD {
				return exitAs(p, status)
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
				bare.Raise(signal) // the shell waits for all of its job to stop
			}
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
// descendants that have no other parent left. If it is a terminal's, the children in
// this process group have got it as well.
func passOn(first, signal int, terminals bool) {
	sent := false
	if bare.OpenChildren() == 0 {
		for child := bare.NextChild(); child != 0; child = bare.NextChild() {
			// The /proc may be another pid namespace's.
			if !bare.IsChild(child) {
				continue
			}
			sent = true
			if !terminals || bare.Getpgid(child) != bare.Getpgid(0) {
				bare.Kill(child, signal)
			}
		}
	}
	if !sent && bare.IsChild(first) { // without /proc: better than nothing
		bare.Kill(first, signal)
	}
}

// fromTerminal tells whether a signal that comes from the kernel may be a
// terminal's, which sends it to a whole process group.
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
