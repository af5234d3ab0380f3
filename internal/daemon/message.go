package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// A usageError is a wrong command line, or a wrong option in a configuration file: the
// message is followed by the usage.
type usageError struct{ text string }

func (u usageError) Error() string { return u.text }

func misused(format string, values ...any) error { return usageError{fmt.Sprintf(format, values...)} }

// say writes a message of the program, which begins with its name: with the name of the daemon
// once that is about to be started.
func (s *settings) say(w io.Writer, text string) { fmt.Fprintf(w, "%s: %s\n", s.self, text) }

// warn says what is wrong and does not keep the program from going on.
func (s *settings) warn(format string, values ...any) {
	s.say(os.Stderr, fmt.Sprintf(format, values...))
}

// because is an error that says what could not be done, and why in the words of a C library.
func because(err error, format string, values ...any) error {
	return fmt.Errorf("%s: %s", fmt.Sprintf(format, values...), reason(err))
}

// reason is the text that a C library has for an error.
func reason(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
	case errors.Is(err, fs.ErrNotExist):
		number = syscall.ENOENT
	default:
		return err.Error()
	}
	text := number.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
