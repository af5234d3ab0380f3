package bare

import "golang.org/x/sys/unix"

// How the process becomes another program, or ends.

// Execve replaces the program. It returns only if that fails.
func Execve(path string, argv Words, env *Environment) Errno {
	if Hosted.Execve != nil {
		return Hosted.Execve(path, argv, env)
	}
	at, err := cpath(path)
	if err != 0 {
		return err
	}
	_, _, err = rawSyscall(unix.SYS_EXECVE, at, argv.at, env.Vector())
	return err
}

// Executable reports whether the effective ids of the process may execute a file.
func Executable(path string) bool {
	return access(Cwd, path) == 0
}

// access is why the process may not execute a file of a directory, or 0.
func access(dir int, file string) Errno {
	at, err := cpath(file)
	if err == 0 {
		_, _, err = rawSyscall6(unix.SYS_FACCESSAT2, uintptr(dir), at, unix.X_OK, unix.AT_EACCESS, 0, 0)
		if isRefusal(err) { // the older call looks at the real ids, which mostly are the effective ones
			_, _, err = rawSyscall(unix.SYS_FACCESSAT, uintptr(dir), at, unix.X_OK)
		}
	}
	return err
}

// SetName sets the name of the process that ps shows. An exec sets it, too.
func SetName(name string) {
	at, err := cpath(name)
	if err == 0 {
		rawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NAME, at, 0, 0, 0, 0)
	}
}

// Quit ends the process.
func Quit(code Exit) {
	for {
		rawSyscall(unix.SYS_EXIT_GROUP, uintptr(code), 0, 0)
		rawSyscall(unix.SYS_EXIT, uintptr(code), 0, 0) // if exit_group is refused
	}
}
