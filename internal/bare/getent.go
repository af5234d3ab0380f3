package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The name service is asked through getent(1). It runs with the privileges that
// the chain still has, so it is looked for in the system's own folders only, not
// along PATH, and gets no environment.
var getentPaths = [...]string{
	"/usr/bin/getent",
	"/bin/getent",
	"/run/current-system/sw/bin/getent", // NixOS
}

// notRunning stands for the pid of a getent that is there and cannot be executed.
const notRunning = -1

var getent struct {
	pid         int
	argv        [4]uintptr
	null        uintptr // the vector of an empty environment
	environment Environment
}

// askGetent starts getent for a key of a database (a constant that ends with
// NUL) and makes its answer the database to be read. Without a getent, the
// answer is empty. Anything but Continue is a failure, which has been said.
func askGetent(p *Process, databaseName, key string) Exit {
	var word Buffer
	if !word.Append(key) || !word.Finish() {
		return p.NoMemory()
	}
	getent.argv = [4]uintptr{address("getent\x00"), address(databaseName), word.at, 0}
	argv := Words{uintptr(unsafe.Pointer(&getent.argv)), 3}
	getent.environment = Environment{at: uintptr(unsafe.Pointer(&getent.null))}

	r, w, err := Pipe(unix.O_CLOEXEC)
	if err != 0 {
		return p.FatalErrno(err, "unable to create pipe")
	}
	getent.pid, err = Spawn(getentPaths[:], argv, &getent.environment, w)
	Close(w)
	switch err {
	case 0, unix.ENOENT:
	case unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE:
		Close(r)
		return p.FatalErrno(err, "unable to run getent")
	default: // under the runtime, which knows at once
		getent.pid = notRunning
	}
	readDatabase(r)
	return Continue
}

// finishGetent reads what is left of getent's answer, so that it does not die of
// a broken pipe, and tells whether it failed: then its answer does not count.
// "Not found" is exit code 2, and where there is no getent there is nothing that it
// could have found. Where no exit code is to be had (SIGCHLD ignored, and the
// runtime or an emulator in between), the answer counts.
func finishGetent() (failed bool) {
	for more := database.err == 0; more; {
		_, more = nextByte()
	}
	failed = database.err != 0
	Close(database.fd)
	switch getent.pid {
	case 0: // under the runtime, where there is no getent
		return failed
	case notRunning:
		return true
	}
	status, err := Wait(getent.pid)
	if err != 0 {
		return failed
	}
	code := status.ExitStatus()
	return failed || code != 0 && code != 2 && code != notThere
}
