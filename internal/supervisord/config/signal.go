package config

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/python"
)

// aliases are names of signals that Python has, and x/sys has not.
var aliases = map[string]unix.Signal{"SIGIOT": unix.SIGIOT, "SIGCLD": unix.SIGCLD, "SIGPOLL": unix.SIGPOLL, "SIGRTMIN": 34, "SIGRTMAX": 64}

// Signal converts the name of a signal, with or without SIG, or its number. Python's list has
// no real-time signals but the first and the last.
func Signal(s string) (int, error) {
	if n, err := python.Int(s, 10); err == nil {
		if 0 < n && n < 32 || n == 34 || n == 64 {
			return int(n), nil
		}
		return 0, errors.New("value " + python.Repr(s) + " is not a valid signal number")
	}
	name := strings.ToUpper(python.Strip(s))
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	if n, is := aliases[name]; is {
		return int(n), nil
	}
	return 0, errors.New("value " + python.Repr(s) + " is not a valid signal name")
}

// SignalName is the name of a signal without SIG, or empty if it has none.
func SignalName(n int) string { return strings.TrimPrefix(unix.SignalName(unix.Signal(n)), "SIG") }
