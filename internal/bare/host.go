package bare

// Hosted is what bare code asks of the Go runtime in a program that runs under the runtime.
// There a program has threads and signal handlers that are not its own. Package hosted sets
// Hosted. Before the runtime every field is nil.
var Hosted Host

// Host is how bare code does under the Go runtime what it cannot do by system calls alone.
type Host struct {
	// Args is the command line in the memory that the kernel shows to others. Process.Args
	// is a copy there.
	Args []string

	// Execve replaces the program. See Execve.
	Execve func(path string, argv Words, env *Environment) Errno

	// StartHelper starts a program through the runtime. See startHelper.
	StartHelper func(paths []string, argv Words, env *Environment, stdout int) (pid int, err Errno)

	// Start starts a program with its arguments as a child, in place of Fork and an exec.
	// Start looks the program up as the next program of a chain.
	Start func(p *Process, program Words) (pid int, err Errno)

	// CatchSignals makes the runtime catch signals. See CatchSignals.
	CatchSignals func()

	// NextSignal waits for a signal that the runtime has caught. See NextSignal.
	NextSignal func() (signal int, fromKernel bool)

	// Flock is FlockWithin with a thread for the lock.
	Flock func(fd, how int, milliseconds uint64) Errno
}

// UnderRuntime reports whether this program runs under the Go runtime.
func UnderRuntime() bool { return Hosted.Execve != nil }
