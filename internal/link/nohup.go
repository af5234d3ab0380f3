package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Nohup runs a program that a hangup does not end. It does what nohup of GNU coreutils does,
// with its messages and exit codes.
var Nohup = execchain.Tool{
	Name:    "nohup",
	Does:    "keeps a hangup from a program",
	Usage:   "Try 'nohup --help' for more information.",
	Misused: gnuFailed,
	Help: `usage: nohup command [arg ...]
Input from a terminal is ignored, and output to a terminal is appended to
nohup.out, or to $HOME/nohup.out.
`,
	Run:      nohup,
	NotRun:   nohupNotRun,
	ByExecvp: true,
}

// hangup is what nohup knows of its process.
type hangup struct {
	gnu

	// Which standard descriptors are terminals, and whether standard output is closed.
	input, output, errors, closed bool
}

func nohup(p *bare.Process) bare.Exit {
	h := hangup{gnu: asGNU(p.Args.At(0))}
	options := p.OwnOptions("")
	if options.Next() {
		return posix(p, h.refuse(&options))
	}
	command := options.Rest()
	if command.Len() == 0 {
		return posix(p, h.misused("missing operand", "", ""))
	}

	exit := h.redirect(p)
	switch {
	case exit != bare.Continue:
		return posix(p, exit)
	case h.unheard != 0: // the user would not know where the output is
		return posix(p, gnuFailed)
	}
	bare.IgnoreSignal(int(unix.SIGHUP))
	return p.Run(command)
}

// nohupNotRun says why the command cannot be run, to whoever reads what standard error was.
func nohupNotRun(p *bare.Process, called string, why bare.Errno) bare.Exit {
	g, saved := asGNU(called), p.Kept()
	if saved == 0 {
		saved = 2
	}
	if bare.Replace(2, saved) == 0 {
		g.sayErrno(why, "failed to run command ", quoted(p.Args.At(0)))
	}
	return posix(p, g.notRun(why))
}

// posix is an exit code of nohup as POSIX has it, if that is wanted.
func posix(p *bare.Process, exit bare.Exit) bare.Exit {
	if _, wanted := p.Env.Get("POSIXLY_CORRECT"); wanted && exit == gnuFailed {
		return gnuMissing
	}
	return exit
}

// redirect takes the terminals away from the standard descriptors, and says so.
func (h *hangup) redirect(p *bare.Process) bare.Exit {
	h.input, _ = bare.IsTerminal(0)
	output, why := bare.IsTerminal(1)
	h.output, h.closed = output, why == unix.EBADF
	h.errors, _ = bare.IsTerminal(2)

	if h.input {
		// Standard input is open for writing only, so that the command finds an error where
		// it reads, and no end.
		if _, err := openAs(0, "/dev/null", unix.O_WRONLY, 0); err != 0 {
			return h.fatal(err, "failed to render standard input unusable", "")
		}
		if !h.output && !h.errors {
			h.say(h.name, ": ignoring input")
		}
	}
	out := 1
	if h.output || h.errors && h.closed {
		fd, exit := h.openOutput(p)
		if exit != bare.Continue {
			return exit
		}
		out = fd
	}
	if !h.errors {
		return bare.Continue
	}
	saved, why := bare.CopyAbove(2, 3)
	if why != 0 {
		saved = -1 // the message will be missing, and nothing else
	}
	p.KeepUntilExec(saved)
	if !h.output {
		h.tell("redirecting stderr to stdout", "")
	}
	if err := bare.Replace(2, out); err != 0 {
		return h.fatal(err, "failed to redirect standard error", "")
	}
	if h.closed {
		bare.Close(out)
	}
	return bare.Continue
}

// openOutput opens the file for the output, for its owner alone whatever the umask is. The
// file becomes standard output if that is a terminal.
func (h *hangup) openOutput(p *bare.Process) (fd int, exit bare.Exit) {
	const file, flags, mode = "nohup.out", unix.O_CREAT | unix.O_WRONLY | unix.O_APPEND, 0o600
	number := 1
	if !h.output {
		number = -1
	}
	umask := bare.Umask(^mode & 0o777)
	name := file
	fd, err := openAs(number, file, flags, mode)
	if err != 0 {
		home, set := p.Env.Get("HOME")
		second := err
		if set {
			name = under(home, file)
			fd, second = openAs(number, name, flags, mode)
		}
		if second != 0 {
			h.sayErrno(err, "failed to open ", quoted(file))
			if set {
				h.sayErrno(second, "failed to open ", quoted(name))
			}
			return 0, gnuFailed
		}
	}
	bare.Umask(umask)
	h.tell("appending output to ", quoted(name))
	return fd, bare.Continue
}

// tell says what becomes of the output, and of the input if that is ignored.
func (h *hangup) tell(what, name string) {
	ignoring := ""
	if h.input {
		ignoring = "ignoring input and "
	}
	h.say(h.name, ": ", ignoring, what, name)
}

// openAs opens a file as a descriptor of a number, or as any if the number is negative.
func openAs(number int, file string, flags int, mode uint32) (fd int, err bare.Errno) {
	fd, err = bare.Open(file, flags, mode)
	if err != 0 || number < 0 || fd == number {
		return fd, err
	}
	err = bare.Replace(number, fd)
	bare.Close(fd)
	return number, err
}

// under is a file of a directory, without slashes that the directory has at its end.
func under(dir, file string) string {
	n := len(dir)
	for n > 0 && dir[n-1] == '/' {
		n--
	}
	var b bare.Buffer
	if n == 0 { // the root, or no directory at all
		b.Append(dir)
	} else {
		b.Append(dir[:n])
		b.Append("/")
	}
	b.Append(file)
	return b.String()
}
