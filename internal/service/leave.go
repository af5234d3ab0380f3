package service

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// What svscan does to services while it stops, past their supervisors.

// SetExit writes into the lock file of a service directory without a supervisor whether the
// next supervisor is to exit once the service is down, and to start nothing. EWOULDBLOCK
// means that somebody has the lock.
func SetExit(dir string, exit bool) bare.Errno {
	at, err := bare.OpenDirectory(bare.Cwd, dir)
	if err != 0 {
		return err
	}
	fd, file, err := open(at, Lock, unix.O_RDWR, 0)
	if err == 0 {
		if err = judge(at, file); err == 0 {
			err = bare.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		}
		if err == 0 {
			if state, _ := ReadState(fd); state.Exit != exit {
				state.Exit, state.Asked = exit, state.Asked && !exit
				err = WriteState(fd, state)
			}
		}
		bare.Close(fd)
	}
	bare.Close(at)
	return err
}

// IsToExit reports whether the state in the lock file says that the supervisor is to exit
// once the service is down.
func IsToExit(dir int) bool {
	fd, file, err := open(dir, Lock, unix.O_RDONLY, 0)
	if err != 0 {
		return false
	}
	state, _ := ReadState(fd)
	bare.Close(fd)
	return judge(dir, file) == 0 && state.Exit
}

// Kill kills the process of a service, whose directory is open as dir: run only, or with
// finish set whichever of run and finish there is. It takes the process on record, or the one
// in the status where a supervisor of daemontools' has written no record. It returns the pid,
// or 0 if there was none to kill.
func Kill(dir int, finish bool, now Epoch) (pid int, err bare.Errno) {
	var found Finding
	fd, _, err := open(dir, Lock, unix.O_RDONLY, 0)
	if err == 0 {
		err = Find(dir, fd, now, &found)
		bare.Close(fd)
	}
	if r := found.Record; err == 0 && r.PID > 1 && (found.What == ThisOne || found.What == OfStatus) && (finish || !r.Finish) {
		return r.kill()
	}
	return 0, 0
}

// kill kills the recorded process and returns its pid, or 0 if the process has gone.
func (r Record) kill() (pid int, err bare.Errno) {
	pidfd, err := r.Process()
	switch {
	case pidfd >= 0:
		err = bare.SignalProcess(pidfd, int(r.PID), unix.SIGKILL)
		bare.Close(pidfd)
	case pidfd == NoPidfd:
		err = bare.Kill(int(r.PID), int(unix.SIGKILL))
	case err == 0: // it has gone
		return 0, 0
	}
	if err == unix.ESRCH {
		return 0, 0
	}
	return int(r.PID), err
}

// KillSupervisor kills the supervisor of a service directory, if one runs and is on record.
func KillSupervisor(dir string, now Epoch) {
	held, pid, pidfd := Supervisor(dir, now)
	switch {
	case pidfd >= 0:
		bare.SignalProcess(pidfd, pid, unix.SIGKILL)
		bare.Close(pidfd)
	case held && pid > 1:
		bare.Kill(pid, int(unix.SIGKILL))
	}
}
