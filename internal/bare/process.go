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

// Process is what a tool works on besides the kernel's view of it: the command
// line that is left and the environment to hand on. There is one in a program.
type Process struct {
	// Args is the command line of the running tool, its own name first.
	Args Words
	Env  Environment

	// Secure tells that the kernel gave the program privileges that its caller
	// lacks (set-user-ID, file capabilities, …).
	Secure bool

	name, usage Text // see Begin
	misused     Exit
	strings     int     // bytes of the arguments and the environment at the start
	executable  uintptr // a C string
}

// Adopt takes the command line and the environment from two null-terminated
// vectors of C strings, which stand one after the other, in memory that Go does
// not manage.
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

// Auxiliary takes note of an entry of the auxiliary vector, of the types that are
// in <linux/auxvec.h>; x/sys has no names for them.
func (p *Process) Auxiliary(kind, value uintptr) {
	const atSecure, atExecfn = 23, 31
	switch kind {
	case atSecure:
		p.Secure = value != 0
	case atExecfn:
		p.executable = value
	}
}

// Executable is the name by which the kernel was asked to execute this program, or
// the empty string. A relative one counts from the directory of the start.
func (p *Process) Executable() string {
	if p.executable == 0 {
		return ""
	}
	return textAt(p.executable)
}

// AdoptStrings copies the command line and the environment to where Adopt wants
// them; false means that there is no memory.
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

// layOut writes strings at text, which it moves on, and their addresses into a
// vector, and returns the address behind the vector's null.
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

// Begin says which tool the process is from here on: the constants that its
// messages begin with and that Usage prints, and Usage's exit code.
func (p *Process) Begin(name, usage string, misused Exit) {
	p.name = Keep(name)
	p.usage = Keep(usage)
	p.misused = misused
}

// Run makes program, with its arguments, the next of the chain.
func (p *Process) Run(program Words) Exit {
	p.Args = program
	return Continue
}

// Bytes is what the kernel counts of the arguments and the environment when it
// execs, at most: the strings with their NULs and the two vectors.
func (p *Process) Bytes() int {
	return p.strings + p.Env.added + (p.Args.n+p.Env.n+2)*int(wordSize)
}
