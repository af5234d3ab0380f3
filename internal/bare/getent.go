package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The name service is asked through getent(1). It runs with the privileges that
// the chain still has, so it is looked for in the system's own folders only, not
// along PATH, and gets no environment.
const (
	getentUsr   = "/usr/bin/getent"
	getentBin   = "/bin/getent"
	getentNixOS = "/run/current-system/sw/bin/getent"
	getentLocal = "/usr/local/bin/getent"
)

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
	getent.pid = 0
	path := getentPath()
	if path == "" {
		readDatabase(-1)
		return Continue
	}
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
	getent.pid, err = Spawn(path, argv, &getent.environment, w)
	Close(w)
	if err != 0 {
		Close(r)
		return p.FatalErrno(err, "unable to run ", path)
	}
	readDatabase(r)
	return Continue
}

func getentPath() string {
	switch {
	case Executable(getentUsr):
		return getentUsr
	case Executable(getentBin):
		return getentBin
	case Executable(getentNixOS):
		return getentNixOS
	case Executable(getentLocal):
		return getentLocal
	}
	return ""
}

// finishGetent reads what is left of getent's answer, so that it does not die of
// a broken pipe, and tells whether it failed: "not found" is exit code 2.
func finishGetent() (failed bool) {
	if getent.pid == 0 {
		return false
	}
	for more := database.err == 0; more; {
		_, more = nextByte()
	}
	Close(database.fd)
	status, err := Wait(getent.pid)
	return err != 0 || status != 0 && status.ExitStatus() != 2
}
