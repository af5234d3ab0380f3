package daemon

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// A client in the foreground: this program stays, starts the client itself, and passes its output
// on. If it is killed, the client is told to end.

// The client is told to end when the thread ends that has started it.
func init() { runtime.LockOSThread() }

// foreground is a daemon that has not gone into the background.
type foreground struct {
	*settings
	client  []string // the file, the name, the arguments
	signals chan os.Signal
	outputs *outputs
	process *os.Process // nil while there is none

	attempt, burst int  // failures since the last delay, and delays, if no client lived long since
	told           bool // to end
	restarted      bool // the present client was told to end, so that another one is started
}

// stayInForeground returns how the last client has ended.
func (s *settings) stayInForeground(client []string, pidfile *os.File) (code int, err error) {
	f := &foreground{settings: s, client: client, signals: make(chan os.Signal, 16)}
	if pidfile != nil {
		if pid := s.leftClient(); pid != 0 {
			return failed, fmt.Errorf("failed to start: the client (pid %d) of a daemon that was killed runs", pid)
		}
		if err := writePid(pidfile, os.Getpid()); err != nil {
			return failed, because(err, "failed to create pidfile for %s", s.nameForMessages())
		}
		defer func() {
			if isNamed(pidfile, s.pidfile) {
				os.Remove(s.pidfile)
			}
		}()
	}
	for _, known := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGWINCH} {
		if !signal.Ignored(known) {
			signal.Notify(f.signals, known)
		}
	}
	if f.outputs, err = s.openOutputs(); err != nil {
		return failed, err
	}
	defer f.outputs.close()
	for {
		begun := time.Now()
		state, err := f.runOnce()
		if err != nil {
			return failed, err
		}
		how := state.Sys().(syscall.WaitStatus)
		if message := f.ending(how, state.Pid()); message != "" {
			s.errlog.writeAs(s.self, s.self, message)
		}
		if f.told || !s.respawn {
			return exitCode(how), nil
		}
		if gaveUp := f.pause(time.Since(begun)); gaveUp {
			return max(exitCode(how), failed), nil
		}
	}
}

// runOnce starts the client and waits for its end.
func (f *foreground) runOnce() (*os.ProcessState, error) {
	f.restarted = false
	files, attributes, err := f.outputs.begin()
	if err != nil {
		return nil, err
	}
	attributes.Pdeathsig = syscall.SIGTERM
	argv := append([]string{f.client[1]}, f.client[2:]...)
	f.process, err = os.StartProcess(f.client[0], argv, &os.ProcAttr{Env: f.forClient(), Files: files, Sys: attributes})
	f.outputs.begun()
	if err != nil {
		return nil, because(err, "failed to start: %s", f.client[0])
	}
	if f.pidfile != "" {
		if err := writeClientPid(clientPidfile(f.pidfile), f.process.Pid); err != nil {
			f.errlog.writeAs(f.self, f.self, "failed to create client pidfile: "+reason(err))
		}
		defer os.Remove(clientPidfile(f.pidfile))
	}
	ended := make(chan *os.ProcessState, 1)
	go func(process *os.Process) {
		state, _ := process.Wait()
		ended <- state
	}(f.process)
	for {
		select {
		case s := <-f.signals:
			f.heed(s)
		case state := <-ended:
			f.process = nil
			f.outputs.end()
			return state, nil
		}
	}
}

// heed does what a signal asks for.
func (f *foreground) heed(s os.Signal) {
	switch s {
	case syscall.SIGWINCH:
		f.outputs.resize()
		return
	case syscall.SIGUSR1:
		f.attempt, f.burst, f.restarted = 0, 0, true
	default:
		f.told = true
	}
	if f.process != nil {
		f.process.Signal(syscall.SIGTERM)
	}
}

// pause counts a client that has lived for a while, and waits if too many have failed. It
// reports whether that is the end.
func (f *foreground) pause(lived time.Duration) (gaveUp bool) {
	if f.restarted || lived >= time.Duration(f.acceptable)*time.Second {
		f.attempt, f.burst = 0, 0
		return false
	}
	if f.attempt++; f.attempt < f.attempts {
		return false
	}
	f.attempt = 0
	if f.burst++; f.limit > 0 && f.burst >= f.limit {
		f.errlog.writeAs(f.self, f.self, limitReached(f.limit))
		return true
	}
	f.errlog.writeAs(f.self, f.self, tooQuick(f.delay))
	over := time.After(time.Duration(f.delay) * time.Second)
	for !f.told {
		select {
		case s := <-f.signals:
			if f.heed(s); f.restarted {
				return false
			}
		case <-over:
			f.errlog.writeAs(f.self, f.self, delayIsOver(f.delay))
			return false
		}
	}
	f.errlog.writeAs(f.self, f.self, "fatal: terminated")
	return true
}

// ending says how the client has ended, if that is worth a message.
func (f *foreground) ending(how syscall.WaitStatus, pid int) string {
	then := "exiting"
	switch {
	case f.told:
		then = "stopping"
	case f.respawn:
		then = "respawning"
	}
	if how.Signaled() {
		return killedBy(pid, int(how.Signal()), then)
	}
	return exitedWith(pid, how.ExitStatus(), then)
}

// exitCode is the exit code of a client, as shells have it for one that was killed.
func exitCode(how syscall.WaitStatus) int {
	if how.Signaled() {
		return 128 + int(how.Signal())
	}
	return how.ExitStatus()
}

// The messages about clients.

func killedBy(pid, signal int, then string) string {
	return fmt.Sprintf("client (pid %d) killed by signal %d, %s", pid, signal, then)
}

// exitedWith is empty for a client that has ended well.
func exitedWith(pid, code int, then string) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprintf("client (pid %d) exited with %d status, %s", pid, code, then)
}

func limitReached(limit int) string {
	return fmt.Sprintf("fatal: reached respawn attempt burst limit (%d), exiting", limit)
}

func tooQuick(delay int) string {
	text := fmt.Sprintf("terminating too quickly, waiting %d second", delay)
	if delay != 1 {
		text += "s"
	}
	return text
}

func delayIsOver(delay int) string {
	return fmt.Sprintf("end of %d second respawn attempt burst delay", delay)
}
