package daemon

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// The start of a daemon in the background: its directory, its supervisor, and what this program
// waits for.

// detach starts a supervisor, and returns when it runs.
func (s *settings) detach(client []string, pidfile *os.File) error {
	s.debugf("%s", s)
	messages, left := s.openMessages(), 0
	if pidfile != nil {
		left = s.leftClient()
	}
	if err := s.comeBack(); err != nil {
		return err
	}
	place, err := s.openPlace()
	if err != nil {
		return err
	}
	defer place.lock.Close()
	if err := waitForEnd(place.dir); err != nil {
		return err
	}
	runs, _, _ := service.Left(place.dir, service.ThisEpoch())
	switch {
	case runs:
	case left != 0:
		return fmt.Errorf("failed to become a daemon: the client (pid %d) of a daemon that was killed runs", left)
	default:
		os.RemoveAll(filepath.Join(place.dir, "supervise"))
	}
	if err := s.compile(place.dir, client); err != nil {
		return err
	}
	if err := s.seeToClientPid(runs, left); err != nil {
		return err
	}
	s.debugf("chain: %q", s.chain(client))
	process, err := s.supervise(place.dir, messages, pidfile)
	if err != nil {
		return err
	}
	return s.waitForBegin(place.dir, process)
}

// seeToClientPid says that a client is taken over, or removes what stands in the place of the
// client's pidfile.
func (s *settings) seeToClientPid(runs bool, left int) (err error) {
	c, failure := s.card(), error(nil)
	err = c.inside(func(*settings) {
		if runs && left != 0 { // otherwise the client is just being started
			c.Errlog.write(c.Name, fmt.Sprintf("client (pid %d) of a daemon that was killed still runs", left))
		} else if !runs && s.pidfile != "" {
			failure = removeOld(clientPidfile(s.pidfile))
		}
	})
	if failure != nil {
		return because(failure, "failed to create client pidfile")
	}
	return err
}

// waitForEnd waits for the supervisor of a daemon that has just ended. Its pidfile has gone by
// then, or this program would not have the lock.
func waitForEnd(dir string) error {
	for range 200 {
		if !isHeld(dir) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("failed to become a daemon: a supervisor runs in %s", dir)
}

// supervise starts a supervisor in a session of its own. Its pid goes into the pidfile.
func (s *settings) supervise(dir string, messages, pidfile *os.File) (*os.Process, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, because(err, "failed to find this program")
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, because(err, "failed to open %s", os.DevNull)
	}
	defer null.Close()
	if messages == nil {
		messages = null
	}
	files := []*os.File{null, null, messages}
	program := filepath.Join(filepath.Dir(own), "supervise")
	words := []string{"supervise", dir}
	if pidfile != nil {
		files = append(files, pidfile)
		if s.chroot == "" { // otherwise its name means another file there
			words = []string{"pidfile", s.pidfile, program, dir}
			program = filepath.Join(filepath.Dir(own), "pidfile")
		}
	}
	signal.Ignore(syscall.SIGHUP)
	syscall.Umask(0o022)
	unix.CloseRange(3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC) // what the caller had open stays here
	process, err := os.StartProcess(program, words, &os.ProcAttr{
		Dir: "/", Env: s.forClient(), Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, because(err, "failed to start %s", program)
	}
	if pidfile != nil && s.chroot != "" {
		if err := writePid(pidfile, process.Pid); err != nil {
			process.Signal(syscall.SIGTERM)
			return nil, because(err, "failed to create pidfile for %s", s.nameForMessages())
		}
	}
	return process, nil
}

// waitForBegin waits until a supervisor runs. What a killed one has just started may have its FIFOs
// open, for an instant.
func (s *settings) waitForBegin(dir string, process *os.Process) error {
	ended := make(chan *os.ProcessState, 1)
	go func() {
		state, _ := process.Wait()
		ended <- state
	}()
	for {
		if held, pid := supervisorIn(dir); held && (pid == process.Pid || pid == 0) {
			if fd, err := service.OpenFIFO(unix.AT_FDCWD, filepath.Join(dir, service.OK), unix.O_WRONLY); err == 0 {
				unix.Close(fd)
				return nil
			}
		}
		select {
		case state := <-ended:
			if state != nil && state.Success() { // the client has ended meanwhile
				return nil
			}
			return fmt.Errorf("failed to become a daemon: supervise %s: %v (%s has its message)", dir, state, s.errlog.Spec)
		case <-time.After(time.Millisecond):
		}
	}
}

// openMessages opens where the supervisor's own messages go: the file of --errlog, or syslog,
// which takes each message as a record.
func (s *settings) openMessages() *os.File {
	if s.errlog.IsFile {
		file, _ := openLog(s.errlog.Spec)
		return file
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "/dev/log"}); err != nil {
		unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), "/dev/log")
}
