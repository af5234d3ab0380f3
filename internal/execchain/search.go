package execchain

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Finding the next program of a chain, and telling whether it is a tool in this very file.

// defaultPath is where daemontools searches if there is no PATH.
const defaultPath = "/bin:/usr/bin"

// searchPath is where the process looks for programs.
func searchPath(p *bare.Process) string {
	if path, ok := p.Env.Get("PATH"); ok {
		return path
	}
	return defaultPath
}

// proceed looks up the program that a tool has made the next one, and makes the process that
// program. If one of the tools is the program and can run in this process, proceed returns the
// tool, to be run. Otherwise it execs the program, and returns only if that fails.
func proceed(p *bare.Process, before *Tool, path string, tools []*Tool) (*Tool, bare.Errno) {
	program, argv := p.Program(), p.Args
	own := ownTool(program)
	if own != nil && !own.Stays && !isApart(p) && !bare.KeepsCapabilities() {
		p.Run(argv)
		return own, 0
	}
	s := search(p, program, path)
	s.inC = before.ByExecvp
	for s.Next() {
		file := s.Candidate()
		if leadsBack(p, argv.At(0), file) {
			return nil, bare.IsChain
		}
		tool, skipped := fusible(p, argv, file, tools)
		var err bare.Errno
		if tool == nil {
			if err = bare.Execve(file, argv, &p.Env); err == unix.ENOEXEC && s.inC {
				err = execByShell(p, file)
			}
		} else if err = bare.CheckExec(); err == 0 {
			p.Run(argv.From(skipped))
			return tool, 0
		}
		s.Failed(err)
	}
	return nil, s.Why()
}

// execByShell has a shell run a script that does not say what runs it, as execvp(3) does. It
// returns only if that fails.
func execByShell(p *bare.Process, file string) bare.Errno {
	var script bare.Buffer // a candidate is not valid for long
	script.Append(file)
	const shell = "/bin/sh"
	words, ok := p.Args.From(1).Behind(shell, script.String())
	if !ok {
		return unix.ENOMEM
	}
	return bare.Execve(shell, words, &p.Env)
}

// leadsBack reports whether a program of a chain file is this very program, called by a name
// for which it reads a chain file again. Mostly that would be the same one, again and again.
func leadsBack(p *bare.Process, name, file string) bool {
	if fromFile().Tools == 0 || !p.KnowsSelf || chainFile(name) == "" {
		return false
	}
	id, _, err := bare.Identify(file)
	return err == 0 && id == p.Self
}

// Exec looks a program up in PATH, and replaces the process by it. It returns only if that
// fails. The program is never a tool of the running file, which may be older than what is
// installed by now.
func Exec(p *bare.Process, argv bare.Words) bare.Errno {
	s := Search{file: argv.At(0), path: searchPath(p)}
	for s.Next() {
		s.Failed(bare.Execve(s.Candidate(), argv, &p.Env))
	}
	return s.Why()
}

// Search yields the files that the name of a program may stand for, in the order in which
// daemontools tries them. Whoever tries a file tells Search why the file cannot be executed,
// and Search decides whether another file follows. A file that does not exist is passed over.
// A file that may not be executed is passed over as well, but if nothing better follows, that
// is the error. Any other error ends the search. A name with a slash is the file.
//
// In C, a folder that is none is passed over as well, and there is no file without a name.
type Search struct {
	file, path string
	own        string // the running file
	ownNext    bool   // own is to be tried next, and nothing else
	ownNow     bool   // own is being tried
	at         int    // index in path where the next component begins
	from, to   int    // the component of path that is being tried
	inC        bool   // as execvp(3) searches, and not as daemontools do
	denied     bare.Errno
	over       bool
}

// Look begins the search for a program, in the PATH of the process.
func Look(p *bare.Process, file string) Search { return search(p, file, searchPath(p)) }

func search(p *bare.Process, file, path string) Search {
	s := Search{file: file, path: path}
	if ownTool(file) != nil {
		s.own, s.ownNext = ownFile(p), true
	}
	return s
}

// Next steps to the next file; false means that the search is over.
func (s *Search) Next() bool {
	if s.over || s.inC && s.file == "" {
		return false
	}
	s.ownNow, s.ownNext = s.ownNext, false
	if s.ownNow {
		s.over = true
		return true
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

// Candidate is the file to try. It is valid until the next call of package bare that takes a
// path or needs memory; that call may take it.
func (s *Search) Candidate() string {
	if s.ownNow {
		return s.own
	}
	if s.to < 0 {
		return s.file
	}
	dir := s.path[s.from:s.to]
	if dir == "" {
		dir = "."
	}
	return bare.Join(dir, s.file)
}

// Failed notes why the candidate could not be executed.
func (s *Search) Failed(why bare.Errno) {
	switch {
	case s.inC && passedInC(why):
		if s.denied != unix.EACCES {
			s.denied = why
		}
	case why == unix.ENOENT:
	case why == unix.EACCES, !s.inC && (why == unix.EPERM || why == unix.EISDIR):
		s.denied = why
	default:
		s.denied, s.over = why, true
	}
}

// passedInC reports whether execvp(3) goes on after an error, and forgets that error if another
// one follows.
func passedInC(why bare.Errno) bool {
	switch why {
	case unix.ENOENT, unix.ENOTDIR, unix.ESTALE, unix.ENODEV, unix.ETIMEDOUT:
		return true
	}
	return false
}

// findAny steps to the next file that is there, whether it can be executed or not.
func (s *Search) findAny() bool {
	for s.Next() {
		if bare.Exists(bare.Cwd, s.Candidate()) == 0 {
			return true
		}
		s.Failed(unix.ENOENT)
	}
	return false
}

// IsThere reports whether there is a file for a program in the PATH of the process, whether it can
// be executed or not.
func IsThere(p *bare.Process, program string) bool {
	s := Look(p, program)
	return s.findAny()
}

// Why is the error of the whole search.
func (s *Search) Why() bare.Errno {
	if s.denied != 0 {
		return s.denied
	}
	return unix.ENOENT
}

// identifySelf finds out which file is running, if a later word of the command line is the
// name of a tool.
//
// The file is the one that the kernel was asked to execute. Its name holds only now, before
// a tool has changed anything. /proc/self/exe would hold later, too, but not every system
// has it, and the first look at a new process in /proc takes as long as a dozen other
// calls. If this program is the interpreter of a script, the kernel was asked for the
// script, whose name is a word of the command line.
func identifySelf(p *bare.Process, tools []*Tool) {
	executable, wanted := p.Executable(), false
	for i := 1; i < p.Args.Len(); i++ {
		word := p.Args.At(i)
		if bare.Equal(word, executable) {
			return
		}
		wanted = wanted || bare.Base(word) == multicallName || find(tools, bare.Base(word)) != nil
	}
	if wanted {
		identify(p)
	}
}

// identify notes which file is running.
func identify(p *bare.Process) {
	executable := p.Executable()
	if isApart(p) {
		executable = procSelf
	}
	if executable != "" {
		id, _, err := bare.Identify(executable)
		p.Self, p.KnowsSelf = id, err == 0
	}
}

// apart is the name by which a link was executed, as far as the link can tell, in a chain from a
// file that catena-explain looks at. Then each link of the chain is execed. There is no such file.
const apart = "/proc/0/run"

func isApart(p *bare.Process) bool { return bare.Equal(p.Executable(), apart) }

// procSelf is a name of the running file that holds wherever the process has gone, if there
// is a /proc.
const procSelf = "/proc/self/exe"

// ownFile is a name by which the kernel executes the running file again. The name by which
// it was executed holds unless a tool has changed the working directory or the root.
func ownFile(p *bare.Process) string {
	id, _, err := bare.Identify(p.Executable())
	if p.KnowsSelf && err == 0 && id == p.Self {
		return p.Executable()
	}
	return procSelf
}

// fusible is the tool that a command line runs by a file, if to exec the file would only start
// this very program again. Otherwise, and in every doubt, it is nil, and the kernel decides
// what becomes of the file. In "catena TOOL ..." one word is skipped before the tool's own.
func fusible(p *bare.Process, argv bare.Words, file string, tools []*Tool) (tool *Tool, skipped int) {
	// Whatever the limits are, the kernel takes at least 128 KiB of arguments and
	// environment, in all and in a single string. What may be too large for the kernel must
	// fail where an exec would fail.
	const certain = 120 << 10
	if tool = find(tools, bare.Base(file)); tool == nil && bare.Base(file) == multicallName && len(tools) > 1 {
		tool, skipped = find(tools, argv.At(1)), 1
	}
	if tool == nil || tool.Stays || !p.KnowsSelf || isApart(p) || p.Bytes() > certain {
		return nil, 0
	}
	id, mode, err := bare.Identify(file)
	if err != 0 || id != p.Self || mode&(unix.S_ISUID|unix.S_ISGID) != 0 ||
		!bare.Executable(file) || bare.ExecIsNeeded(file) {
		return nil, 0
	}
	return tool, skipped
}

// notRun reports why the program in p.Args could not be run. In daemontools' words a
// program whose interpreter is missing does not exist, and a variable that is too long has
// no name. notRun adds in parentheses what these words leave out.
func notRun(p *bare.Process, before *Tool, why bare.Errno, path string) bare.Exit {
	unable := before.Unable
	if unable == "" {
		unable = "unable to run "
	}
	var room [40]byte
	file := p.Program()
	at := where(&room, file)
	if ownTool(file) != nil {
		return p.FatalErrno(why, at, unable, file, " by ", ownFile(p))
	}
	s := search(p, file, path)
	if (why == unix.ENOENT || why == unix.E2BIG) && s.findAny() {
		return p.FatalExec(why, bare.Cwd, s.Candidate(), p.Args, &p.Env, at, unable, file)
	}
	if at != "" && why == unix.ENOENT && bare.Index(file, ' ') < len(file) {
		return p.Fatal(at, unable, file, ": ", bare.Reason(why), " (a line is one word)")
	}
	return p.FatalErrno(why, at, unable, file)
}
