package bare

// What differs under the Go runtime, where a program has threads and signal
// handlers that are not its own. Package hosted sets these when a program
// comes in through main; before the runtime they are nil.
var (
	// HostExecve replaces the program. See Execve.
	HostExecve func(path string, argv Words, env *Environment) Errno

	// HostSpawn starts a program through the runtime. See Spawn.
	HostSpawn func(paths []string, argv Words, env *Environment, stdout int) (pid int, err Errno)

	// HostCatchSignals begins to catch signals. See CatchSignals.
	HostCatchSignals func()

	// HostNextSignal waits for a signal to the process. See NextSignal.
	HostNextSignal func() (signal int, fromKernel bool)

	// HostFlock is Flock with a bound in milliseconds.
	HostFlock func(fd, how int, milliseconds uint64) Errno
)
