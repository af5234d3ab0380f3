package execchain

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// defaultPath is what daemontools searches when there is no PATH.
const defaultPath = "/bin:/usr/bin"

// searchPath is where the process looks for programs.
func searchPath(p *bare.Process) string {
	if path, ok := p.Env.Get("PATH"); ok {
		return path
	}
	return defaultPath
}

// next looks the program in p.Args up and execs it. It returns a tool if that is
// the program and is to run in this process, and else why there is none.
func next(p *bare.Process, path string, tools []*Tool) (*Tool, bare.Errno) {
	s := Search{file: p.Args.At(0), path: path}
	for s.Next() {
		tool, err := try(p, s.Candidate(), tools)
		if tool != nil {
			return tool, 0
		}
		s.Failed(err)
	}
	return nil, s.Why()
}

// Exec replaces the process by a program, looked up as a chain's next one is. It
// returns only if that fails.
func Exec(p *bare.Process, argv bare.Words) bare.Errno {
	s := Look(p, argv.At(0))
	for s.Next() {
		s.Failed(bare.Execve(s.Candidate(), argv, &p.Env))
	}
	return s.Why()
}

// A Search tries the files that a program's name may stand for, as daemontools
// does: one that does not exist is passed over; one that may not be executed as
// well, but if nothing better follows, that is the error; any other error ends
// the search. A name with a slash is the file.
type Search struct {
	file, path string
	at         int // where the next component of the path begins
	from, to   int // the component that is being tried
	denied     bare.Errno
	over       bool
}

// Look begins to look for a program where the process looks for programs.
func Look(p *bare.Process, file string) Search {
	return Search{file: file, path: searchPath(p)}
}

// Next steps to the next file; false means that the search is over.
func (s *Search) Next() bool {
	if s.over {
		return false
	}
	if bare.Index(s.file, '/') < len(s.file) {
		s.over, s.to = true, -1
		return true
	}
	s.from = s.at
	s.to = s.from + bare.Index(s.path[s.from:], ':')
	s.at = s.to + 1
	s.over = s.to == len(s.path)
	return true
}

// Candidate is the file to try, in bare.Scratch.
func (s *Search) Candidate() string {
	if s.to < 0 {
		return s.file
	}
	dir := s.path[s.from:s.to]
	if dir == "" {
		dir = "."
	}
	// The kernel takes no name that fills this room, and neither does package
	// bare: a name that is cut off is never used.
	room := bare.Scratch(min(len(dir)+1+len(s.file), unix.PathMax))
	n := copy(room, dir)
	n += copy(room[n:], "/")
	n += copy(room[n:], s.file)
	return unsafe.String(unsafe.SliceData(room), n)
}

// Failed takes note of why the candidate could not be executed.
func (s *Search) Failed(why bare.Errno) {
	switch why {
	case unix.ENOENT:
	case unix.EACCES, unix.EPERM, unix.EISDIR:
		s.denied = why
	default:
		s.denied, s.over = why, true
	}
}

// Why is the error of the whole search.
func (s *Search) Why() bare.Errno {
	if s.denied != 0 {
		return s.denied
	}
	return unix.ENOENT
}

// try execs a file, or returns the tool that it is.
func try(p *bare.Process, file string, tools []*Tool) (*Tool, bare.Errno) {
	if tool := find(tools, bare.Base(file)); tool != nil && !tool.Stays && fusible(p, file) {
		if err := bare.CheckExec(); err != 0 {
			return nil, err
		}
		return tool, 0
	}
	return nil, bare.Execve(file, p.Args, &p.Env)
}

// self is the identity of the running file, if a chain could come back to it.
var self struct {
	id    bare.Identity
	known bool
}

// identifySelf finds out which file this is, if a later word of the command line
// is a tool's name.
//
// The file is the one that the kernel was asked to execute. That name holds only
// now, before anything has changed; /proc/self/exe would hold later too, but it is
// not everywhere, and the first look at a new process in /proc takes as long as a
// dozen other calls. A script that has this program for its interpreter goes by the
// script's name, and is a word of the command line.
func identifySelf(p *bare.Process, tools []*Tool) {
	executable, wanted := p.Executable(), false
	for i := 1; i < p.Args.Len(); i++ {
		word := p.Args.At(i)
		if word == executable {
			return
		}
		wanted = wanted || find(tools, bare.Base(word)) != nil
	}
	if wanted && executable != "" {
		id, _, err := bare.Identify(executable)
		self.id, self.known = id, err == 0
	}
}

// fusible tells whether execing a file would only start this very program again.
// In every doubt the answer is no, and the kernel decides what becomes of it.
func fusible(p *bare.Process, file string) bool {
	// The kernel takes arguments and environment of at least 128 KiB in all and
	// for a single string, whatever the limits are. What could be too large for
	// it must fail where it would have failed.
	const certain = 120 << 10
	if !self.known || p.Bytes() > certain {
		return false
	}
	id, mode, err := bare.Identify(file)
	return err == 0 && id == self.id && mode&(unix.S_ISUID|unix.S_ISGID) == 0 &&
		bare.Executable(file) && !bare.ExecIsNeeded(file)
}
