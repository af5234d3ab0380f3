package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// This program as the finish of a service directory: supervise runs it when the client has
// ended. It says how, removes the pidfiles, and ends the supervisor when nothing is to be
// started any more. When a delay follows, it is the next run as well, to say that the delay is
// over, and becomes the chain then.

// finish is called with the words that supervise gives: the exit code of the client, or 256; the
// signal that has killed it, or 0; the directory, which is the working directory as well; and
// the pid.
func finish(words []string) (code int) {
	c, err := readCard(".")
	if err != nil || len(words) < 5 {
		fmt.Fprintf(os.Stderr, "daemon: fatal: failed to read %s: %v\n", cardFile, err)
		return failed
	}
	signal.Ignore(syscall.SIGPIPE)
	state := lastState()
	waits, gaveUp := c.follows(state)
	last := state.Exit || state.Rests || gaveUp
	err = c.inside(func(s *settings) {
		for _, message := range c.messages(words, state) {
			s.errlog.write(s.self, message)
		}
		if s.pidfile == "" {
			return
		}
		os.Remove(clientPidfile(s.pidfile))
		file := os.NewFile(pidfileFD, s.pidfile)
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
			last = false // svscan has the directory by now: its supervisor has no pidfile, and stays
		} else if last && isNamed(file, s.pidfile) {
			os.Remove(s.pidfile)
		}
	})
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "daemon: fatal: %v\n", err)
	case last:
		service.Tell(".", "dx")
	case waits:
		own, _ := os.Executable()
		link(own, "run")
	}
	return done
}

// resume is this program as run, after a delay: it says so, unless the delay was cut short, and
// becomes the chain. Who cuts it short has the supervisor forget the failures.
func resume(words []string) (code int) {
	c, err := readCard(".")
	own, _ := os.Executable()
	if err == nil && link(filepath.Join(filepath.Dir(own), "catena"), "run") == nil && lastState().Failed != 0 {
		err = c.inside(func(s *settings) { s.errlog.write(s.self, delayIsOver(c.Delay)) })
	}
	if err == nil {
		err = syscall.Exec("./run", words, ownEnvironment())
	}
	fmt.Fprintf(os.Stderr, "daemon: fatal: %v\n", because(err, "failed to start %s", "run"))
	return failed
}

// readCard reads the card in a directory.
func readCard(dir string) (c card, err error) {
	text, err := os.ReadFile(filepath.Join(dir, cardFile))
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

// inside does something where the files of the daemon are: in its root directory and working
// directory, with the ids of its user.
func (c *card) inside(do func(*settings)) error {
	here, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return because(err, "failed to open %s", ".")
	}
	s := newSettings()
	s.self, s.errlog, s.chroot, s.user, s.pidfile = c.Name, c.Errlog, c.Root, c.User, c.Pidfile
	if c.Root == "" {
		s.user = account{} // this process has the user's ids
	}
	umask := syscall.Umask(c.Umask)
	if err = s.enter(); err == nil {
		os.Chdir(c.Directory)
		do(s)
		err = s.comeBack()
	}
	syscall.Umask(umask)
	if err == nil {
		err = unix.Fchdir(here)
	}
	return err
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

// follows says what the policy makes of the end of a client: a delay, or the end of the daemon.
func (c *card) follows(state service.State) (waits, gaveUp bool) {
	if !c.Respawn || state.Exit || state.Rests || c.Acceptable <= 0 || state.Failed == 0 {
		return false, false
	}
	burst := uint32(max(c.Attempts, 1))
	if state.Failed%burst != 0 {
		return false, false
	}
	gaveUp = c.Limit > 0 && state.Failed/burst >= uint32(c.Limit)
	return !gaveUp, gaveUp
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
	switch waits, gaveUp := c.follows(state); {
	case gaveUp:
		all = append(all, limitReached(c.Limit))
	case waits:
		all = append(all, tooQuick(c.Delay))
	}
	return all
}
