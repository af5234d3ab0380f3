package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Status files: the last selected line is written over the beginning of a file.

// openStatuses opens all status files, and makes those that are missing.
func openStatuses(p *bare.Process) bare.Exit {
	for i := range script.actions.Len() {
		a := script.actions.At(i)
		if a.kind != actStatus {
			continue
		}
		if tried, err := a.open(); err != 0 {
			return p.FatalErrno(err, tried, a.text.String())
		}
	}
	return bare.Continue
}

// open opens a status file, and makes it if it is missing. If that fails, tried says which
// of the two did.
func (a *action) open() (tried string, err bare.Errno) {
	fd, err := bare.Open(a.text.String(), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != 0 {
		return "unable to create ", err
	}
	bare.Close(fd)
	a.fd, err = bare.Open(a.text.String(), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == 0 {
		is, _ := bare.StatOpen(a.fd)
		a.file = is.File
	}
	return "unable to write ", err
}

// replace writes the line, filled up with newlines, over the beginning of the file.
func (a *action) replace(p *bare.Process) {
	for {
		err := bare.WriteAt(a.fd, input.line.text[:], 0)
		if err == 0 {
			return
		}
		p.WarnErrno(err, "unable to write ", a.text.String(), ", pausing")
		if !pause(p) {
			return
		}
	}
}

// followName opens a status file again if somebody has removed or replaced it.
func (a *action) followName(p *bare.Process) {
	is, err := bare.Stat(bare.Cwd, a.text.String())
	if !isGone(err) && (err != 0 || is.File == a.file) || a.retry > 0 && bare.SinceBoot() < a.retry {
		return
	}
	was := a.fd
	if _, err = a.open(); err != 0 {
		if a.retry == 0 {
			p.WarnErrno(err, "unable to write ", a.text.String())
		}
		a.fd, a.retry = was, bare.SinceBoot()+retryAfter
		return
	}
	a.retry = 0
	bare.Close(was)
}
