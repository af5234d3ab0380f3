package daemon

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// settings are what the command line and the configuration have set.
type settings struct {
	self string // what messages begin with
	over bool   // the program has done what it was asked for, as by --help

	given bool // the option that is being applied has an argument

	// What is read only once, from the command line.
	readCommandLine, readConfigured bool

	config            string
	hasConfig         bool // there is a --config, which may be empty
	noConfig          bool
	name              string
	command           string
	pidfiles, pidfile string

	user               account
	chroot, chdir      string
	directory          string // the working directory, once this program is there
	umask              int
	environ            environment // of this process, with what the configuration sets
	env                environment // what --env adds
	inherit            bool
	unsafe, safe, core bool

	respawn                            bool
	acceptable, attempts, delay, limit int
	idiot                              bool

	foreground, pty, noecho bool

	errlog, dbglog, stdout, stderr output

	running, restart, stop, list bool
	signal                       namedSignal
	verbose, debug               int

	asRoot   bool    // the program was started by root
	outside  int     // a descriptor of the root directory that --chroot has left; or -1
	realRoot string  // the directory of --chroot, without links
	before   account // with --chroot: whose ids comeBack takes on again
}

// The limits of respawning, and what they may be unless --idiot.
const (
	usualAcceptable, leastAcceptable           = 300, 10
	usualAttempts, leastAttempts, mostAttempts = 5, 0, 100
	usualDelay, leastDelay                     = 300, 10
	usualLimit, leastLimit                     = 0, 0
	usualUmask                                 = 0o022
	nameCharacters, pathCharacters             = "-._", "-._/"
)

func newSettings() *settings {
	return &settings{
		self: "daemon", umask: usualUmask, asRoot: os.Getuid() == 0, outside: -1, environ: ownEnvironment(),
		acceptable: usualAcceptable, attempts: usualAttempts, delay: usualDelay, limit: usualLimit,
		errlog: output{Spec: "daemon.err", Priority: facilities["daemon"] | priorities["err"]},
		dbglog: output{Spec: "daemon.debug", Priority: facilities["daemon"] | priorities["debug"]},
	}
}

// isMadeOf reports whether a text has letters, digits and certain others, and nothing else.
func isMadeOf(text, others string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(others, c))
	})
}

func (s *settings) setConfig(value string) error {
	s.config, s.hasConfig = s.expand(value), true
	return nil
}

// misplaced is the error of an option that may not stand in a configuration file.
func misplaced(option, value string) error {
	return misused("Misplaced option: --%s=%s in config file (Must be on the command line)", option, value)
}

func (s *settings) setName(value string) error {
	switch {
	case s.readConfigured:
		return nil
	case s.readCommandLine:
		return misplaced("name", value)
	}
	if value = s.expand(value); !isMadeOf(value, nameCharacters) {
		return misused("Invalid --name argument: '%s' (Must consist entirely of [-._a-zA-Z0-9])", value)
	}
	s.name = value
	return nil
}

func (s *settings) setCommand(value string) error {
	s.command = s.expand(value)
	return nil
}

func (s *settings) setUser(value string) (err error) {
	switch {
	case s.readConfigured:
		return nil
	case s.readCommandLine:
		return misplaced("user", value)
	case !s.asRoot || os.Geteuid() != 0:
		return misused("Invalid option: --user (Only works for root)")
	}
	s.user, err = findAccount(s.expand(value))
	return err
}

func (s *settings) setChroot(value string) error {
	switch {
	case s.readConfigured:
		return nil
	case s.readCommandLine:
		return misplaced("chroot", value)
	}
	s.chroot = s.expand(value)
	return nil
}

func (s *settings) setChdir(value string) error {
	s.chdir = s.expand(value)
	return nil
}

func (s *settings) setUmask(value string) error {
	value = s.expand(value)
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimLeft(value, " \t"), "+"), 8, 32)
	if err != nil || n > 0o777 {
		return misused("Invalid --umask argument: '%s' (Must be a valid octal mode)", value)
	}
	s.umask = int(n)
	return nil
}

func (s *settings) addEnv(value string) error {
	s.env = append(s.env, s.expand(value))
	return nil
}

func (s *settings) setAcceptable(n int) error {
	if !s.idiot && n < leastAcceptable {
		return misused("Invalid --acceptable argument: %d (Less than %d)", n, leastAcceptable)
	}
	s.acceptable = n
	return nil
}

func (s *settings) setAttempts(n int) error {
	if !s.idiot && (n < leastAttempts || n > mostAttempts) {
		return misused("Invalid --attempts argument: %d (Not between %d and %d)", n, leastAttempts, mostAttempts)
	}
	s.attempts = n
	return nil
}

func (s *settings) setDelay(n int) error {
	if !s.idiot && n < leastDelay {
		return misused("Invalid --delay argument: %d (Less than %d)", n, leastDelay)
	}
	s.delay = n
	return nil
}

func (s *settings) setLimit(n int) error {
	if n < leastLimit {
		return misused("Invalid --limit argument: %d (Less than %d)", n, leastLimit)
	}
	s.limit = n
	return nil
}

func (s *settings) setIdiot(string) error {
	if !s.asRoot {
		return misused("Invalid option: --idiot (Only for root)")
	}
	s.idiot = true
	return nil
}

func (s *settings) setPty(value string) error {
	s.pty = true
	if value == "" && !s.given {
		return nil
	}
	if value = s.expand(value); value != "noecho" {
		return misused("Invalid --pty argument: '%s' (Only 'noecho' is supported)", value)
	}
	s.noecho = true
	return nil
}

func (s *settings) setErrlog(value string) (err error) {
	s.errlog, err = s.outputOf("errlog", value)
	return err
}

func (s *settings) setDbglog(value string) (err error) {
	s.dbglog, err = s.outputOf("dbglog", value)
	return err
}

func (s *settings) setStdout(value string) (err error) {
	s.stdout, err = s.outputOf("stdout", value)
	return err
}

func (s *settings) setStderr(value string) (err error) {
	s.stderr, err = s.outputOf("stderr", value)
	return err
}

func (s *settings) setOutput(value string) (err error) {
	s.stdout, err = s.outputOf("output", value)
	s.stderr = s.stdout
	return err
}

// check refuses options that do not go together, once all are known.
func (s *settings) check() error {
	for _, needs := range []struct {
		given    bool
		of       string
		has      bool
		requires string
	}{
		{s.acceptable != usualAcceptable, "acceptable", s.respawn, "respawn"},
		{s.attempts != usualAttempts, "attempts", s.respawn, "respawn"},
		{s.delay != usualDelay, "delay", s.respawn, "respawn"},
		{s.limit != usualLimit, "limit", s.respawn, "respawn"},
		{s.pty, "pty", s.foreground, "foreground"},
		{s.stop, "stop", s.name != "", "name"},
		{s.running, "running", s.name != "", "name"},
		{s.restart, "restart", s.name != "", "name"},
		{s.signal.number != 0, "signal", s.name != "", "name"},
	} {
		if needs.given && !needs.has {
			return misused("Missing option: --%s (Required for --%s)", needs.requires, needs.of)
		}
	}
	signal := s.signal.number != 0
	for _, pair := range []struct {
		both       bool
		one, other string
	}{
		{s.list && s.name != "", "list", "name"},
		{s.running && s.restart, "running", "restart"},
		{s.running && s.stop, "running", "stop"},
		{s.running && signal, "running", "signal"},
		{s.running && s.list, "running", "list"},
		{s.restart && s.stop, "restart", "stop"},
		{s.restart && signal, "restart", "signal"},
		{s.restart && s.list, "restart", "list"},
		{s.stop && signal, "stop", "signal"},
		{s.stop && s.list, "stop", "list"},
		{signal && s.list, "signal", "list"},
		{s.safe && s.unsafe, "safe", "unsafe"},
		{s.hasConfig && s.noConfig, "config", "noconfig"},
	} {
		if pair.both {
			return misused("Incompatible options: --%s and --%s", pair.one, pair.other)
		}
	}
	if s.hasConfig {
		if _, err := os.Stat(s.config); err != nil {
			return misused("Invalid --config option argument %s: %s", s.config, reason(err))
		}
	}
	return s.checkPidfiles()
}

// isCareful reports whether what others may write is neither read nor run.
func (s *settings) isCareful() bool { return s.safe || os.Geteuid() == 0 && !s.unsafe }

// String lists the settings for debug messages.
func (s *settings) String() string {
	return fmt.Sprintf("name %q command %q pidfile %q chdir %q umask %03o respawn %t stdout %q stderr %q errlog %q",
		s.name, s.command, s.pidfile, s.chdir, s.umask, s.respawn, s.stdout.Spec, s.stderr.Spec, s.errlog.Spec)
}
