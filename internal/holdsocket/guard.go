package holdsocket

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// asGuard is the first word of the command line of a guard.
const asGuard = "--guard"

// The descriptors of a guard.
const (
	sharedOfGuard = 3 + iota
	handleOfGuard
	lifeOfGuard
)

// beGuarded starts a guard, if the holder has the socket and no guard. Without one it goes on all
// the same.
func (h *holder) beGuarded() {
	if h.shared < 0 || h.isGuard || h.guard != nil {
		return
	}
	var life [2]int
	if err := unix.Pipe2(life[:], unix.O_CLOEXEC); err != nil {
		warn("unable to create pipe", err)
		return
	}
	// Its session is its own: what is sent to the group of the holder is not for the guard.
	pid, err := syscall.ForkExec("/proc/self/exe", append([]string{"holdsocket", asGuard}, h.words...), &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2, uintptr(h.shared), uintptr(h.handle), uintptr(life[0])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	unix.Close(life[0])
	if err == nil {
		h.guard, err = os.FindProcess(pid)
	}
	if err != nil {
		unix.Close(life[1])
		warn("unable to start a guard", err)
		return
	}
	h.life = life[1]
	go func(guard *os.Process) {
		guard.Wait()
		unix.Write(h.wake[1], []byte{unguarded})
	}(h.guard)
}

// standBy waits until the holder is killed; then the guard is to serve. No signal but KILL ends a
// guard.
func (h *holder) standBy() error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2)
	h.shared, h.handle = sharedOfGuard, handleOfGuard
	unix.CloseOnExec(sharedOfGuard)
	unix.CloseOnExec(handleOfGuard)
	var over [1]byte
	n, err := unix.Read(lifeOfGuard, over[:])
	for err == unix.EINTR {
		n, err = unix.Read(lifeOfGuard, over[:])
	}
	if n != 0 || err != nil { // the holder does not need it any more, or this is no guard
		os.Exit(0)
	}
	h.attend()
	return nil
}

// inUse reports whether a service runs that uses the socket, or is to be started. It has inotify
// tell of their changes.
func (h *holder) inUse() (used bool) {
	for _, name := range h.users {
		begin, isPattern := strings.CutSuffix(name, "*")
		if !isPattern {
			used = h.isActive(name) || used
			continue
		}
		entries, err := os.ReadDir(filepath.Dir(begin + "x"))
		if err != nil {
			return true // nobody can say
		}
		for _, entry := range entries {
			name := filepath.Join(filepath.Dir(begin+"x"), entry.Name())
			if strings.HasPrefix(name, begin) && entry.Name()[0] != '.' {
				used = h.isActive(name) || used
			}
		}
	}
	return used
}

// isActive reports whether a service runs or is to be started. What its supervisor publishes comes
// by a rename. If holder and guard were killed at once, a service that runs still has the socket.
func (h *holder) isActive(name string) bool {
	if h.watch >= 0 {
		unix.InotifyAddWatch(h.watch, filepath.Join(name, service.Folder), unix.IN_MOVED_TO|unix.IN_MASK_ADD)
	}
	pid, is := service.Activity(name, h.epoch)
	if h.shared < 0 && pid != 0 {
		h.shared = h.takeFrom(pid)
	}
	return is
}

// takeFrom copies the shared socket from a service that has it as standard input. It returns -1 if
// the service has none, or if the kernel does not allow that.
func (h *holder) takeFrom(pid int) int {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, 0, 0)
	if err != nil {
		return -1
	}
	if !h.isOf(fd) {
		unix.Close(fd)
		return -1
	}
	return fd
}
