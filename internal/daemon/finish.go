package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// This program as the finish of a service directory: supervise runs it when the client has
// ended. It says how, removes the pidfiles, and ends the supervisor when nothing is to be
// started any more.

// finish is called with the words that supervise gives: the exit code of the client, or 256; the
// signal that has killed it, or 0; the directory, which is the working directory as well; and
// the pid.
func finish(words []string) (code int) {
	text, err := os.ReadFile(cardFile)
	var c card
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || len(words) < 5 {
		fmt.Fprintf(os.Stderr, "daemon: fatal: failed to read %s: %v\n", cardFile, err)
		return failed
	}
	signal.Ignore(syscall.SIGPIPE)
	state := lastState()
	last := state.Exit || state.Rests
	here, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		here = unix.AT_FDCWD
	}
	s := newSettings()
	s.self, s.errlog, s.chroot, s.user, s.pidfile = c.Name, c.Errlog, c.Root, c.User, c.Pidfile
	if c.Root == "" {
		s.user = account{} // this process has the user's ids
	}
	if err := s.enter(); err == nil {
		os.Chdir(c.Directory)
		syscall.Umask(c.Umask)
	}
	for _, message := range c.messages(words, state) {
		s.errlog.write(s.self, message)
	}
	if s.pidfile != "" {
		os.Remove(clientPidfile(s.pidfile))
		if file := os.NewFile(pidfileFD, s.pidfile); last && isNamed(file, s.pidfile) {
			os.Remove(s.pidfile)
		}
	}
	s.comeBack()
	if unix.Fchdir(here) == nil && last {
		service.Tell(".", "x")
	}
	return done
}

// lastState is the state that the supervisor has on record.
func lastState() (state service.State) {
	fd, err := unix.Open("supervise/lock", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return state
	}
	defer unix.Close(fd)
	state, _ = service.ReadState(fd)
	return state
}

// messages say how the client has ended, and what follows.
func (c *card) messages(words []string, state service.State) (all []string) {
	then := "exiting"
	switch {
	case state.Exit:
		then = "stopping"
	case c.Respawn:
		then = "respawning"
	}
	code, _ := strconv.Atoi(words[1])
	killed, _ := strconv.Atoi(words[2])
	pid, _ := strconv.Atoi(words[4])
	message := ""
	switch {
	case killed != 0:
		message = killedBy(pid, killed, then)
	case code > 255:
		message = fmt.Sprintf("client (pid %d) ended, nobody knows how, %s", pid, then)
	default:
		message = exitedWith(pid, code, then)
	}
	if message != "" {
		all = append(all, message)
	}
	burst := uint32(max(c.Attempts, 1))
	switch {
	case !c.Respawn || state.Exit:
	case state.Rests:
		all = append(all, limitReached(c.Limit))
	case state.Failed != 0 && state.Failed%burst == 0:
		all = append(all, tooQuick(c.Delay))
	}
	return all
}

// write writes a message of a daemon.
func (o output) write(name, message string) {
	text := name + ": " + message
	if !o.IsFile {
		sendRecord(record(o.Priority, "daemon", text))
		return
	}
	file, err := openLog(filepath.Clean(o.Spec))
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintf(file, "%s %s\n", time.Now().Format("20060102 15:04:05"), text)
}
