package bare

// Exit is how a tool ends: with an exit code from 0 to 255, or not yet.
type Exit int

const (
	// Continue means that the process goes on as the program in Process.Args.
	Continue Exit = -1

	// Misused is daemontools' exit code for a wrong command line.
	Misused Exit = 100

	// Failed is daemontools' exit code for everything else that goes wrong,
	// a program that cannot be run included.
	Failed Exit = 111
)

// Process is what a tool works on besides what the kernel keeps: the command line that is
// left, and the environment of the next program. A program has one.
type Process struct {
	Speaker // of the running tool; see ActAs

	// Args is the command line of the running tool. Its own name is the first word.
	Args Words
	Env  Environment
	// PageSize is the size of a page of memory, in bytes.
	PageSize int

	// Self is the identity of the running file. It is known only if a chain may come back to
	// this file.
	Self      Identity
	KnowsSelf bool
	FromFile  ChainFile

	secure     bool      // AT_SECURE; see MorePrivileged
	ids        [4]uint32 // at the start: uid, euid, gid, egid
	usage      Text      // see ActAs
	misused    Exit
	file       Text    // the program to run, if that is not the first of Args
	strings    int     // bytes of the arguments and the environment at the start
	executable uintptr // a C string
	kept       int     // see KeepUntilExec
}

// ChainFile is the file that has the chain of a process; see execchain.
type ChainFile struct {
	Tools      uintptr // the address of the table of tools in this program; 0 if there is no file
	N          int     // how many tools these are
	Name, Text Text    // empty in a process that such a chain has execed, as for fghack
}

// Adopt takes the command line and the environment from two vectors of C strings, each with
// a null at its end. The strings of the second must stand behind those of the first, in
// memory that Go does not manage.
func (p *Process) Adopt(argv uintptr, argc int, envp uintptr, envc int) {
	p.Args = Words{argv, argc}
	p.Env = Environment{at: envp, n: envc, cap: envc}
	p.strings = 0
	if argc > 0 {
		last := word(argv + uintptr(argc-1)*wordSize)
		if envc > 0 {
			last = p.Env.entry(envc - 1)
		}
		p.strings = int(last-word(argv)) + len(textAt(last)) + 1
	}
}

// Start takes the command line, the environment and the auxiliary vector from the
// top of the stack of a new process.
func (p *Process) Start(stack uintptr) {
	argc := int(word(stack))
	argv := stack + wordSize
	envp := argv + uintptr(argc+1)*wordSize
	envc := 0
	for word(envp+uintptr(envc)*wordSize) != 0 {
		envc++
	}
	p.Adopt(argv, argc, envp, envc)
	// Pairs of a type and a value, ended by type 0.
	for aux := envp + uintptr(envc+1)*wordSize; word(aux) != 0; aux += 2 * wordSize {
		p.Auxiliary(word(aux), word(aux+wordSize))
	}
}

// Auxiliary notes an entry of the auxiliary vector. The types are those of
// <linux/auxvec.h>, for which x/sys has no names.
func (p *Process) Auxiliary(kind, value uintptr) {
	const atPagesz, atUID, atEGID, atSecure, atExecfn = 6, 11, 14, 23, 31
	switch kind {
	case atPagesz:
		p.PageSize = int(value)
	case atUID, atUID + 1, atUID + 2, atEGID:
		p.ids[kind-atUID] = uint32(value)
	case atSecure:
		p.secure = value != 0
	case atExecfn:
		p.executable = value
	}
}

// MorePrivileged reports whether the file gave the program privileges that its caller
// lacks, by a set-user-ID or set-group-ID bit or by capabilities.
//
// AT_SECURE alone does not say so. It is set as well if SELinux or AppArmor change the
// domain, and that gives no more than their rules allow the caller. But a file that gives
// ids makes real and effective ids differ. And if a file gives capabilities, a process that
// is not root's has some that are not ambient: the ambient ones are its caller's. Real root
// has nothing to gain.
func (p *Process) MorePrivileged() bool {
	uid, euid, gid, egid := p.ids[0], p.ids[1], p.ids[2], p.ids[3]
	return p.secure && (uid != euid || gid != egid || uid != 0 && moreThanAmbient())
}

// Executable is the name by which the kernel was asked to execute this program, or empty. A
// relative name counts from the working directory of the start.
func (p *Process) Executable() string {
	if p.executable == 0 {
		return ""
	}
	return textAt(p.executable)
}

// AdoptStrings copies the command line and the environment to memory that Adopt can use.
// False means that there is no memory.
func (p *Process) AdoptStrings(argv, envp []string) bool {
	size := (len(argv) + len(envp) + 2) * int(wordSize)
	for _, s := range argv {
		size += len(s) + 1
	}
	for _, s := range envp {
		size += len(s) + 1
	}
	vector, ok := allocate(size)
	if !ok {
		return false
	}
	text := vector + uintptr(len(argv)+len(envp)+2)*wordSize
	environment := layOut(vector, &text, argv)
	layOut(environment, &text, envp)
	p.Adopt(vector, len(argv), environment, len(envp))
	return true
}

// layOut writes strings at text, and their addresses into a vector. It moves text behind
// the strings, and returns the address behind the null of the vector.
func layOut(vector uintptr, text *uintptr, strings []string) uintptr {
	for _, s := range strings {
		setWord(vector, *text)
		copy(bytesAt(*text, len(s)), s)
		bytesAt(*text+uintptr(len(s)), 1)[0] = 0
		*text += uintptr(len(s)) + 1
		vector += wordSize
	}
	setWord(vector, 0)
	return vector + wordSize
}

// ActAs says which tool the process is from here on. The name stands before messages, Usage
// prints the usage, and misused is the exit code of Usage. Name and usage must be
// constants.
func (p *Process) ActAs(name, usage string, misused Exit) {
	p.Speaker = SpeakAs(name)
	p.usage = Keep(usage)
	p.misused = misused
}

// Run makes program, with its arguments, the next program of the chain.
func (p *Process) Run(program Words) Exit {
	p.Args, p.file = program, Text{}
	return Continue
}

// RunAs is Run for a program that is called by another name: the first of the words is that
// name, and file is the program.
func (p *Process) RunAs(file string, words Words) Exit {
	p.Args, p.file = words, Keep(file)
	return Continue
}

// Program is what is to be run: the first word of Args, but for a program that is called by
// another name.
func (p *Process) Program() string {
	if p.file.Given() {
		return p.file.String()
	}
	return p.Args.At(0)
}

// KeepUntilExec notes a descriptor that an exec closes. If the next program runs in this
// process, CloseKept takes the place of the exec.
func (p *Process) KeepUntilExec(fd int) { p.kept = fd }

// Kept is what KeepUntilExec has noted, or 0.
func (p *Process) Kept() int { return p.kept }

// CloseKept closes what KeepUntilExec has noted.
func (p *Process) CloseKept() {
	if p.kept > 0 {
		Close(p.kept)
		p.kept = 0
	}
}

// Become makes words that come from a file the command line.
func (p *Process) Become(words Words) {
	p.Args = words
	for i := range words.n {
		p.strings += len(words.At(i)) + 1
	}
}

// EUID is the effective user id that the process was started with.
func (p *Process) EUID() uint32 { return p.ids[1] }

// Bytes is the most that the kernel counts for the arguments and the environment at an
// exec: the strings with their NULs, and the two vectors.
func (p *Process) Bytes() int {
	return p.strings + p.Env.added + (p.Args.n+p.Env.n+2)*int(wordSize)
}
