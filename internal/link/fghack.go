package link

import (
	"catena/internal/bare"
	"catena/internal/execchain"
)

// Fghack stays in the foreground as long as a program runs that puts itself into the
// background.
var Fghack = execchain.Tool{
	Name:    "fghack",
	Does:    "keeps a program in the foreground",
	Usage:   "fghack: usage: fghack child",
	Misused: bare.Misused,
	Help: `usage: fghack [-s] child
  -s  no pipe: wait for every descendant, pass signals on to them, and exit as
      the child did
`,
	Stays: true,
	Run:   fghack,
}

func fghack(p *bare.Process) bare.Exit {
	switch {
	case p.Args.Len() < 2:
		return p.Usage()
	case p.Args.At(1) != "-s":
		return fghackPipe(p, p.Args.From(1))
	case p.Args.Len() < 3:
		return p.Usage()
	}
	return fghackSubreaper(p, p.Args.From(2))
}

// fghackPipe gives the child a pipe, and waits until no process has that open any more. So
// it waits for the end of every descendant that does not close descriptors which it knows
// nothing of. Programs close a few by number, so the child gets many copies.
func fghackPipe(p *bare.Process, program bare.Words) bare.Exit {
	r, w, err := bare.Pipe(0)
	if err != 0 {
		return p.FatalErrno(err, "unable to create pipe")
	}
	if bare.Hosted.Start != nil {
		return fghackHosted(p, program, r, w)
	}
	pid, err := bare.Fork()
	if err != 0 {
		return p.FatalErrno(err, "unable to fork")
	}
	if pid == 0 {
		bare.Close(r)
		for range copies {
			bare.Dup(w)
		}
		return p.Run(program)
	}
	bare.Close(w)
	return waitForPipe(p, pid, r)
}

const copies = 30

// waitForPipe discards what comes through the pipe until the pipe ends, and exits as the
// child did.
func waitForPipe(p *bare.Process, pid, r int) bare.Exit {
	var discarded [512]byte
	for {
		if n, err := bare.Read(r, discarded[:]); n <= 0 || err != 0 {
			break
		}
	}
	status, err := bare.Wait(pid)
	if err != 0 {
		return p.FatalErrno(err, "wait failed")
	}
	if status.Signaled() {
		return p.Fatal("child crashed")
	}
	return bare.Exit(status.ExitStatus())
}

// fghackHosted is fghackPipe under the runtime, which has to start the child. So the
// descriptors are arranged before that, as the child would arrange them.
func fghackHosted(p *bare.Process, program bare.Words, r, w int) bare.Exit {
	var made [copies]int
	for i := range copies - 1 {
		made[i], _ = bare.Dup(w)
	}
	// The child must not have r, and is to have a copy of w under that number. So that copy
	// is made last.
	r, err := bare.MoveUp(r)
	if err != 0 {
		return p.FatalErrno(err, "unable to create pipe")
	}
	made[copies-1], _ = bare.Dup(w)

	pid, err := bare.Hosted.Start(p, program)
	if err != 0 {
		return p.FatalErrno(err, "unable to run ", program.At(0))
	}
	bare.Close(w)
	for _, fd := range made {
		if fd >= 0 {
			bare.Close(fd)
		}
	}
	return waitForPipe(p, pid, r)
}
