package holdsocket

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"catena/internal/service"
)

// A holder has the shared socket as long as a service uses it: as long as one of them runs or is
// to be started. While it has the socket, another process is its guard, which goes on in its place
// if it is killed, until the next holder takes both sockets from the guard.
type holder struct {
	address
	words []string // the command line
	users []string // the services, beside the working directory of the start
	made  file     // of the shared socket, if it was made here

	epoch  service.Epoch
	watch  int    // inotify; -1 if there is none
	handle int    // clients connect to it
	shared int    // the shared socket; -1 while no service uses it
	wake   [2]int // a pipe: a byte says what has happened

	isGuard bool
	guard   *os.Process // nil if there is none
	life    int         // a pipe to the guard, who reads its end if the holder was killed
}

// handle is the socket in the directory of a holder by which clients ask, with a byte. The answer
// is a byte, an error number or 0, with the shared socket and the handle.
const handle = "handle"

// What clients ask for.
const (
	toUse  = 'u' // the shared socket; takesocket does
	toHold = 'h' // to be the next holder. It sends another byte as soon as it is
)

// What comes through the pipe of a holder.
const (
	ended     = 'e' // a signal says that it is to end
	unguarded = 'g' // the guard has ended
)

// begin gets the handle, and from the guard of a holder that was killed the shared socket as well.
func (h *holder) begin() (err error) {
	h.watch, h.epoch = -1, service.ThisEpoch()
	if err := unix.Pipe2(h.wake[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("unable to create pipe: %w", err)
	}
	if h.isGuard {
		return h.standBy()
	}
	connection, err := connect(handle)
	switch {
	case err == nil:
		defer unix.Close(connection)
		err = h.inherit(connection)
	case err == unix.ENOENT || err == unix.ECONNREFUSED:
		err = h.makeHandle()
	}
	if err == nil {
		err = os.Chdir("..")
	}
	if err != nil {
		return fmt.Errorf("unable to listen on %s: %w", handle, err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		unix.Write(h.wake[1], []byte{ended})
	}()
	h.attend()
	if connection < 0 {
		h.inUse() // which finds the socket if a service has it
		return nil
	}
	h.beGuarded()
	unix.Write(connection, []byte{0})
	return nil
}

// inherit takes both sockets from a guard.
func (h *holder) inherit(connection int) error {
	unix.SetNonblock(connection, false)
	if _, err := unix.Write(connection, []byte{toHold}); err != nil {
		return err
	}
	var why [1]byte
	room := make([]byte, unix.CmsgSpace(8))
	n, have, _, _, err := unix.Recvmsg(connection, why[:], room, unix.MSG_CMSG_CLOEXEC)
	switch {
	case err != nil:
		return err
	case n == 1 && why[0] != 0:
		return unix.Errno(why[0])
	}
	messages, err := unix.ParseSocketControlMessage(room[:have])
	if err != nil || len(messages) != 1 {
		return errors.Join(err, unix.EPIPE)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 2 {
		return errors.Join(err, unix.EPIPE)
	}
	h.shared, h.handle = fds[0], fds[1]
	return nil
}

func (h *holder) makeHandle() (err error) {
	if err := unix.Unlink(handle); err != nil && err != unix.ENOENT {
		return err
	}
	if h.handle, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return err
	}
	before := unix.Umask(0o177)
	err = unix.Bind(h.handle, &unix.SockaddrUnix{Name: handle})
	unix.Umask(before)
	if err == nil {
		err = unix.Listen(h.handle, 4096)
	}
	return err
}

// attend prepares to hear of changes of the services.
func (h *holder) attend() {
	var err error
	if h.watch, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		h.watch = -1
	}
}

// serve answers clients until the holder is told to end; a guard, until it is not needed any more.
func (h *holder) serve() error {
	room := make([]byte, 4096)
	for {
		if h.shared >= 0 && !h.inUse() {
			h.close()
		}
		if h.isGuard && h.shared < 0 {
			return nil
		}
		h.beGuarded()
		wait := -1
		if h.shared >= 0 && h.watch < 0 {
			wait = 1000 // nobody tells of changes
		}
		events := []unix.PollFd{{Fd: int32(h.handle), Events: unix.POLLIN}, {Fd: int32(h.wake[0]), Events: unix.POLLIN},
			{Fd: int32(h.watch), Events: unix.POLLIN}}
		if _, err := unix.Poll(events, wait); err != nil && err != unix.EINTR {
			return fmt.Errorf("unable to wait: %w", err)
		}
		if events[2].Revents != 0 {
			unix.Read(h.watch, room)
		}
		if events[1].Revents != 0 && h.wakes(room) {
			h.close()
			return nil
		}
		if events[0].Revents != 0 && h.answer() {
			return nil
		}
	}
}

// wakes reads what has happened, and reports whether the holder is to end.
func (h *holder) wakes(room []byte) (end bool) {
	n, _ := unix.Read(h.wake[0], room)
	for _, what := range room[:max(n, 0)] {
		if what == ended {
			return true
		}
		h.guard = nil
		unix.Close(h.life)
	}
	return false
}

// answer answers a client. It returns true in a guard that has handed over.
func (h *holder) answer() (over bool) {
	connection, _, err := unix.Accept4(h.handle, unix.SOCK_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(connection)
	soon := unix.NsecToTimeval(1e9) // a client has written as soon as it has connected
	unix.SetsockoptTimeval(connection, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &soon)
	var question [1]byte
	n, _ := unix.Read(connection, question[:])
	switch {
	case n != 1:
	case question[0] == toUse:
		if err = h.open(); err == nil {
			h.beGuarded() // before anybody relies on the socket
		}
		h.send(connection, err, h.shared)
	case !h.isGuard:
		h.send(connection, unix.EBUSY, -1)
	default:
		late := unix.NsecToTimeval(60e9)
		unix.SetsockoptTimeval(connection, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &late)
		h.send(connection, nil, h.shared)
		n, _ = unix.Read(connection, question[:])
		return n == 1
	}
	return false
}

// send sends an answer, with the descriptors if there is no error.
func (h *holder) send(connection int, why error, shared int) {
	var rights []byte
	if why == nil {
		rights = unix.UnixRights(shared, h.handle)
	}
	unix.Sendmsg(connection, []byte{errorByte(why)}, rights, nil, unix.MSG_NOSIGNAL) // the client may have gone
}

// open makes the shared socket, if there is none.
func (h *holder) open() error {
	if h.shared >= 0 {
		return nil
	}
	fd, is, err := h.listen(h.made)
	if err != nil {
		warn("unable to listen on "+h.word, err)
		return err
	}
	h.shared, h.made = fd, is
	return nil
}

// close closes the shared socket. The guard is told, and ends. The file stays, as in Supervisor.
func (h *holder) close() {
	if h.shared < 0 {
		return
	}
	unix.Close(h.shared)
	if h.shared = -1; h.guard != nil {
		unix.Write(h.life, []byte{0})
	}
}
