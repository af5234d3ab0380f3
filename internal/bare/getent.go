package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bare asks the name service through getent(1). getent runs with the privileges that the
// chain still has. So bare looks for it in the folders of the system only, not along PATH,
// and gives it no environment.
var getentPaths = [...]string{
	"/usr/bin/getent",
	"/bin/getent",
	"/run/current-system/sw/bin/getent", // NixOS
}

// notRunning stands for the pid of a getent that exists and cannot be executed.
const notRunning = -1

var getent struct {
	pid         int
	argv        [4]uintptr
	null        uintptr // the vector of an empty environment
	environment Environment
}

// askGetent starts getent for a key of a database (a constant that ends with NUL), and
// returns a reader of the answer. If there is no getent, the answer is empty. Any exit but
// Continue is a failure, which has been reported.
func askGetent(p *Process, database, key string) (answer reader, exit Exit) {
	var word Buffer
	if !word.Append(key) || !word.Finish() {
		return answer, p.NoMemory()
	}
	getent.argv = [4]uintptr{address("getent\x00"), address(database), word.at, 0}
	argv := Words{uintptr(unsafe.Pointer(&getent.argv)), 3}
	getent.environment = Environment{at: uintptr(unsafe.Pointer(&getent.null))}

	r, w, err := Pipe(unix.O_CLOEXEC)
	if err != 0 {
		return answer, p.FatalErrno(err, "unable to create pipe")
	}
	getent.pid, err = startHelper(getentPaths[:], argv, &getent.environment, w)
	Close(w)
	switch err {
	case 0, unix.ENOENT:
	case unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE:
		Close(r)
		return answer, p.FatalErrno(err, "unable to run getent")
	default: // under the runtime, whose spawn knows at once that exec fails
		getent.pid = notRunning
	}
	return reader{fd: r}, Continue
}

// finishGetent reads the rest of getent's answer, so that getent does not die of a broken
// pipe. It reports whether getent failed, in which case the answer does not count.
//
// Exit code 2 means "not found". If there is no getent, there is nothing that it could have
// found. If no exit code can be had (SIGCHLD is ignored, and a runtime or an emulator is in
// between), the answer counts.
func finishGetent(answer *reader) (failed bool) {
	for more := answer.err == 0; more; {
		_, more = answer.next()
	}
	failed = answer.err != 0
	answer.close()
	switch getent.pid {
	case 0: // under the runtime: there is no getent
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
