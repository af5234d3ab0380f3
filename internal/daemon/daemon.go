// Package daemon is libslack's command daemon, over supervise. It is ordinary Go: it reads
// command lines and configuration files, and it has ended when a daemon runs. What stays is a
// supervise for each daemon, and nothing else.
//
// A daemon is a service directory: place.go says where, compile.go what is in it. supervise
// runs the client by its chain, and runs this program as finish when the client has ended.
// The pidfile of a daemon is locked as libslack locks it, for as long as supervise runs. So
// either program can tell, list and stop what the other one has started.
//
// The messages are libslack's, because scripts look for them.
package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The exit codes. A client in the foreground has its own.
const (
	done   = 0
	failed = 1
)

// Main is the life of the program. It returns the exit code.
func Main(words []string) (code int) {
	switch filepath.Base(words[0]) {
	case "finish":
		return finish(words)
	case "run":
		return resume(words)
	}
	s := newSettings()
	code, err := s.run(words)
	var u usageError
	switch {
	case err == nil:
	case errors.As(err, &u):
		fmt.Fprintf(os.Stderr, "%s\n%s", u.text, usage())
		code = failed
	default:
		s.say(os.Stderr, "fatal: "+err.Error())
		code = failed
	}
	return code
}

// run does what a command line asks for.
func (s *settings) run(words []string) (code int, err error) {
	command, err := s.read(words)
	if err != nil || s.over {
		return done, err
	}
	if err := s.check(); err != nil {
		return failed, err
	}
	if s.pidfile == "" && s.name != "" {
		s.pidfile = filepath.Join(s.folder(), s.name+".pid")
	}
	switch {
	case s.stop:
		return done, s.stopDaemon()
	case s.running:
		return s.tellRunning()
	case s.list:
		return done, s.listDaemons()
	case s.restart:
		return done, s.restartClient()
	case s.signal.number != 0:
		return done, s.signalClient()
	}
	return s.start(command)
}

// read reads the command line and the configuration. The command line comes twice, as in
// libslack's: at first it says where the configuration is, and at last it overrides that.
func (s *settings) read(words []string) (command []string, err error) {
	if _, err = s.parse(words[1:]); err != nil || s.over {
		return nil, err
	}
	if err = s.enter(); err != nil {
		return nil, err
	}
	s.readCommandLine = true
	s.env = nil
	if err = s.readConfiguration(); err != nil {
		return nil, err
	}
	s.readConfigured = true
	return s.parse(words[1:])
}
