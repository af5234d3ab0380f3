package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"catena/internal/supervisord/python"
)

// The values of keys. Each function converts one, and its error has Supervisor's words.

func integer(s string) (int64, error) { return python.Int(s, 10) }

// truths are the words for true and false.
var truths = map[string]bool{"yes": true, "true": true, "on": true, "1": true, "no": false, "false": false, "off": false, "0": false}

func boolean(s string) (bool, error) {
	is, known := truths[strings.ToLower(s)]
	if !known {
		return false, errors.New("not a valid boolean value: " + python.Repr(s))
	}
	return is, nil
}

func autoRestart(s string) (string, error) {
	s = strings.ToLower(s)
	if is, known := truths[s]; known && is {
		return Always, nil
	} else if known {
		return Never, nil
	} else if s != Unexpected {
		return "", errors.New("invalid 'autorestart' value " + python.Repr(s))
	}
	return Unexpected, nil
}

// size converts a number of bytes, which may have a unit.
func size(s string) (int64, error) {
	s = strings.ToLower(s)
	for i, unit := range []string{"kb", "mb", "gb"} {
		if digits, has := strings.CutSuffix(s, unit); has {
			n, err := python.Int(digits, 10)
			most := int64(1)<<62>>(10*(i+1)) - 1
			return max(-most, min(n, most)) << (10 * (i + 1)), err
		}
	}
	return python.Int(s, 10)
}

func octal(s string) (int64, error) {
	n, err := python.Int(s, 8)
	if err != nil {
		return 0, errors.New(s + " can not be converted to an octal type")
	}
	return n, nil
}

// list splits a list at its commas.
func list(s string) (words []string, err error) {
	if s == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		words = append(words, python.Strip(word))
	}
	return words, nil
}

func exitCodes(s string) (codes []int64, err error) {
	codes = []int64{}
	words, _ := list(s)
	for _, word := range words {
		code, err := python.Int(word, 10)
		if err != nil || code < 0 || code > 255 {
			return nil, errors.New("not a valid list of exit codes: " + python.Repr(s))
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// name converts the name of a program or a group.
func name(s string) (string, error) {
	s = python.Strip(s)
	for _, character := range []string{" ", ":", "/"} {
		if strings.Contains(s, character) {
			return "", fmt.Errorf("Invalid name: %s because of character: %s", python.Repr(s), python.Repr(character))
		}
	}
	return s, nil
}

var levels = []string{"critical", "error", "warn", "info", "debug", "trace", "blather"}

func logLevel(s string) (string, error) {
	level := strings.ToLower(s)
	if !slices.Contains(levels, level) {
		return "", errors.New("bad logging level name " + python.Repr(s))
	}
	return level, nil
}

func existingDirectory(s string) (string, error) {
	if dir := expandUser(s); isDirectory(dir) {
		return dir, nil
	}
	return "", errors.New(s + " is not an existing directory")
}

// pathInDirectory converts the path of a file whose directory has to be there.
func pathInDirectory(s string) (string, error) {
	path := expandUser(s)
	i := strings.LastIndexByte(path, '/')
	if i < 0 || isDirectory(path[:i+1]) {
		return path, nil
	}
	return "", errors.New("The directory named as part of the path " + s + " does not exist")
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// syslog is the name of a file that stands for the system's log.
const syslog = "syslog"

func logFile(s string) (string, error) {
	switch lower := strings.ToLower(s); lower {
	case None, "off":
		return None, nil
	case Auto, syslog:
		return lower, nil
	}
	return pathInDirectory(s)
}

// expandUser replaces ~ and ~user at the beginning of a path by the directory at home there.
func expandUser(path string) string {
	if path == "" || path[0] != '~' {
		return path
	}
	of, rest := path[1:], ""
	if i := strings.IndexByte(of, '/'); i >= 0 {
		of, rest = of[:i], of[i:]
	}
	home := homeOf(of)
	if home == "" {
		return path
	}
	if path = strings.TrimRight(home, "/") + rest; path == "" {
		return "/"
	}
	return path
}

// Absolute is a path, which may begin with ~, as an absolute one without dots.
func Absolute(path string) string {
	absolute, err := filepath.Abs(expandUser(path))
	if err != nil { // the working directory has gone
		return path
	}
	return absolute
}

// temporary is where Python makes temporary files.
func temporary(environ func(string) string) string {
	for _, dir := range []string{environ("TMPDIR"), environ("TEMP"), environ("TMP"), "/tmp", "/var/tmp", "/usr/tmp"} {
		if dir == "" {
			continue
		}
		if dir = Absolute(dir); writable(dir) {
			return dir
		}
	}
	return Absolute(".")
}

// port converts the number of a port.
func port(s string) (int64, error) {
	n, err := python.Int(s, 10)
	switch {
	case err != nil:
		return 0, err
	case n < 1:
		return 0, fmt.Errorf("%d is below lower bound (1)", n)
	case n > 65535:
		return 0, fmt.Errorf("%d is above upper bound (65535)", n)
	}
	return n, nil
}

// inetAddress converts a port, or a host and a port. The host is empty if it is all interfaces.
func inetAddress(s string) (host string, number int64, err error) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host = strings.ToLower(s[:i])
		if s = s[i+1:]; s == "" {
			return "", 0, errors.New("no port number specified in ''")
		}
		number, err = port(s)
	} else if number, err = port(s); err != nil {
		err = errors.New("not a valid port number: " + python.Repr(s) + " ")
	}
	if host == "*" {
		host = ""
	}
	return host, number, err
}
