package daemon

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A pseudo terminal for a client in the foreground.

type terminal struct {
	noecho bool

	own   bool          // standard input is a terminal
	saved *unix.Termios // how it was

	lock    sync.Mutex
	present *os.File // the side of this program
	reading bool
}

func isTerminal(file *os.File) bool {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// newTerminal prepares standard input: if it is a terminal, the client's does all that a
// terminal does to a line.
func newTerminal(noecho bool) (*terminal, error) {
	t := &terminal{noecho: noecho}
	attributes, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return t, nil
	}
	t.own = true
	saved := *attributes
	t.saved = &saved
	attributes.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN | unix.ISIG
	attributes.Iflag &^= unix.BRKINT | unix.ICRNL | unix.INPCK | unix.ISTRIP | unix.IXON
	attributes.Cflag = attributes.Cflag&^unix.CSIZE&^unix.PARENB | unix.CS8
	attributes.Oflag &^= unix.OPOST
	attributes.Cc[unix.VMIN], attributes.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(0, unix.TCSETS, attributes); err != nil {
		return nil, because(err, "failed to set stdin to raw mode")
	}
	return t, nil
}

// restore gives standard input back as it was.
func (t *terminal) restore() {
	if t.saved != nil {
		unix.IoctlSetTermios(0, unix.TCSETS, t.saved)
	}
}

func (t *terminal) master() *os.File {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.present
}

// begin makes a terminal for a client, and returns the client's side.
func (t *terminal) begin() (user *os.File, err error) {
	master, user, err := openTerminal()
	if err != nil {
		return nil, because(err, "failed to allocate a pseudo terminal")
	}
	if t.own {
		unix.IoctlSetTermios(int(user.Fd()), unix.TCSETS, t.saved)
	}
	if t.noecho {
		if attributes, err := unix.IoctlGetTermios(int(user.Fd()), unix.TCGETS); err == nil {
			attributes.Lflag &^= unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHONL
			attributes.Oflag &^= unix.ONLCR
			unix.IoctlSetTermios(int(user.Fd()), unix.TCSETS, attributes)
		}
	}
	t.lock.Lock()
	t.present = master
	t.lock.Unlock()
	t.resize()
	if !t.reading {
		t.reading = true
		go t.passInput()
	}
	return user, nil
}

// openTerminal opens both sides of a new pseudo terminal.
func openTerminal() (master, user *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx") // O_NONBLOCK: reading it may have a deadline
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		master.Close()
		return nil, nil, err
	}
	// Not by its name, which another root directory may lack.
	peer, _, number := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if number != 0 {
		master.Close()
		return nil, nil, number
	}
	return master, os.NewFile(peer, "pseudo terminal"), nil
}

// resize gives the client's terminal the size of standard input.
func (t *terminal) resize() {
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	t.use(func(fd int) { unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

// use calls a function with the descriptor of the present terminal.
func (t *terminal) use(f func(fd int)) {
	if raw, err := t.master().SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// passInput passes standard input on. At its end the client gets the character that means the
// end of input on its terminal at that time.
func (t *terminal) passInput() {
	buffer := make([]byte, 4<<10)
	for {
		n, err := os.Stdin.Read(buffer)
		t.master().Write(buffer[:n])
		if err == nil {
			continue
		}
		end := byte(4)
		t.use(func(fd int) {
			if attributes, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
				end = attributes.Cc[unix.VEOF]
			}
		})
		t.master().Write([]byte{end})
		return
	}
}
