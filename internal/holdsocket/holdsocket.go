// Package holdsocket is the command holdsocket: it holds a socket for services that accept
// connections from it, as long as one of them runs or is to be started. takesocket, a link, gives the
// socket to them.
package holdsocket

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const synopsis = "holdsocket [-m mode] [-o uid[:gid]] [-b backlog] address service ..."

const help = "usage: " + synopsis + `
  -m mode       of the file, in octal; without it, 700
  -o uid[:gid]  who owns the file
  -b backlog    how many connections may wait; without it, 4096
The address is unix:///path or tcp://1.2.3.4:port. Services are names beside the
working directory; NAME* is each name that begins with NAME.
`

const version = "catena 0.1.0\n"

// The exit codes, as those of links.
const (
	misused = 100
	failed  = 111
)

// Main is the program. It returns the exit code.
func Main(args []string) int {
	h := &holder{shared: -1, address: address{mode: 0o700, uid: -1, gid: -1, backlog: 4096}}
	words, err := h.parse(args)
	var text shown
	var wrong misuse
	switch {
	case errors.As(err, &text):
		if _, err := io.WriteString(os.Stdout, string(text)); err != nil {
			return failed
		}
		return 0
	case errors.As(err, &wrong):
		if wrong != "" {
			fmt.Fprintf(os.Stderr, "holdsocket: %s\n", wrong)
		}
		fmt.Fprintf(os.Stderr, "holdsocket: usage: %s\n", synopsis)
		return misused
	case err == nil:
		h.words, h.users = args, words[1:]
		if err = h.begin(); err == nil {
			err = h.serve()
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "holdsocket: fatal: %v\n", err)
		return failed
	}
	return 0
}

// A misuse is what is wrong with a command line; it may be empty. A shown is a text that is asked
// for.
type (
	misuse string
	shown  string
)

func (m misuse) Error() string { return string(m) }
func (s shown) Error() string  { return string(s) }

// parse reads the options, and returns the words behind them.
func (h *holder) parse(args []string) (words []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		option := args[0]
		args = args[1:]
		switch option {
		case "--help":
			return nil, shown(help)
		case "--version":
			return nil, shown(version)
		case asGuard:
			h.isGuard = true
			continue
		}
		if option == "--" {
			break
		}
		letter, value := option[1], option[2:]
		if !strings.ContainsRune("mob", rune(letter)) {
			return nil, misuse("illegal option -- " + string(letter))
		}
		if value == "" {
			if len(args) == 0 {
				return nil, misuse("option requires an argument -- " + string(letter))
			}
			value, args = args[0], args[1:]
		}
		if err := h.set(letter, value); err != nil {
			return nil, err
		}
	}
	if len(args) < 2 {
		return nil, misuse("")
	}
	if !h.read(args[0]) {
		return nil, errors.New("not an address: " + args[0])
	}
	return args, nil
}

// set sets what an option says.
func (h *holder) set(letter byte, value string) error {
	switch letter {
	case 'm':
		mode, err := strconv.ParseUint(value, 8, 12)
		if err != nil {
			return errors.New("not a mode: " + value)
		}
		h.mode = uint32(mode)
	case 'o':
		user, group, both := strings.Cut(value, ":")
		uid, err := strconv.ParseUint(user, 10, 32)
		gid, wrong := strconv.ParseUint(group, 10, 32)
		if err != nil || both && wrong != nil {
			return errors.New("not an owner: " + value)
		}
		if h.uid = int(uid); both {
			h.gid = int(gid)
		}
	case 'b':
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 {
			return errors.New("not a backlog: " + value)
		}
		h.backlog = int(n)
	}
	return nil
}

// warn says what has gone wrong, and goes on.
func warn(what string, err error) {
	fmt.Fprintf(os.Stderr, "holdsocket: warning: %s: %v\n", what, err)
}

// errorByte is an error number as a byte, for takesocket.
func errorByte(err error) byte {
	var number unix.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &number):
		return byte(min(number, 255))
	}
	return byte(unix.EIO)
}
