package daemon

import (
	"fmt"

	"catena/internal/execchain"
)

// options is the table of all options, in the order of libslack's, which getopt_long's messages
// show.
var options []option

// It is filled in by init because the help prints it.
func init() {
	options = []option{
		{long: "config", short: 'C', takes: required, shows: "path", does: "read this configuration in place of /etc/daemon.conf", set: (*settings).setConfig},
		{long: "noconfig", short: 'N', does: "do not read /etc/daemon.conf", set: on(func(s *settings) *bool { return &s.noConfig })},
		{long: "name", short: 'n', takes: required, shows: "name", does: "let only one daemon of this name run", set: (*settings).setName},
		{long: "command", short: 'X', takes: required, shows: `"cmd"`, does: "the client, before the words of the command line", set: (*settings).setCommand},
		{long: "pidfiles", short: 'P', takes: required, shows: "/dir", does: "where the files NAME.pid and NAME.clientpid are", set: (*settings).setPidfiles},
		{long: "pidfile", short: 'F', takes: required, shows: "/path", does: "the file in place of NAME.pid", set: (*settings).setPidfile, parts: true},

		{long: "user", short: 'u', takes: required, shows: "user[:group]", does: "run all as this user", set: (*settings).setUser},
		{long: "chroot", short: 'R', takes: required, shows: "path", does: "change the root directory", set: (*settings).setChroot},
		{long: "chdir", short: 'D', takes: required, shows: "path", does: "the client's working directory, / without this", set: (*settings).setChdir},
		{long: "umask", short: 'm', takes: required, shows: "umask", does: "the client's umask, 022 without this", set: (*settings).setUmask},
		{long: "env", short: 'e', takes: required, shows: `"var=val"`, does: "put this into an environment that is empty otherwise", set: (*settings).addEnv},
		{long: "inherit", short: 'i', does: "with --env: keep the rest of the environment", set: on(func(s *settings) *bool { return &s.inherit })},
		{long: "unsafe", short: 'U', does: "read and run also what others may write", set: on(func(s *settings) *bool { return &s.unsafe })},
		{long: "safe", short: 'S', does: "do not, even if not root", set: on(func(s *settings) *bool { return &s.safe })},
		{long: "core", short: 'c', does: "let the client dump core", set: on(func(s *settings) *bool { return &s.core })},
		{long: "nocore", does: "do not (the default)", set: off(func(s *settings) *bool { return &s.core }), parts: true},

		{long: "respawn", short: 'r', does: "start the client again when it ends", set: on(func(s *settings) *bool { return &s.respawn })},
		{long: "acceptable", short: 'a', takes: required, shows: "#", does: "a client that lives for fewer seconds has failed", number: (*settings).setAcceptable},
		{long: "attempts", short: 'A', takes: required, shows: "#", does: "so many failures at once, then a delay", number: (*settings).setAttempts},
		{long: "delay", short: 'L', takes: required, shows: "#", does: "how many seconds that is", number: (*settings).setDelay},
		{long: "limit", short: 'M', takes: required, shows: "#", does: "give up where the delay of this number would be", number: (*settings).setLimit},
		{long: "idiot", does: "root may do without the bounds of these numbers", set: (*settings).setIdiot, parts: true},

		{long: "foreground", short: 'f', does: "stay, and pass the client's output on", set: on(func(s *settings) *bool { return &s.foreground })},
		{long: "pty", short: 'p', takes: optional, shows: "noecho", does: "with that: give the client a terminal", set: (*settings).setPty, parts: true},

		{long: "errlog", short: 'l', takes: required, shows: "spec", does: "where daemon's own messages go", set: (*settings).setErrlog},
		{long: "dbglog", short: 'b', takes: required, shows: "spec", does: "where its debug messages go", set: (*settings).setDbglog},
		{long: "output", short: 'o', takes: required, shows: "spec", does: "where all output of the client goes", set: (*settings).setOutput},
		{long: "stdout", short: 'O', takes: required, shows: "spec", does: "where its standard output goes", set: (*settings).setStdout},
		{long: "stderr", short: 'E', takes: required, shows: "spec", does: "where its standard error goes", set: (*settings).setStderr, parts: true},

		{long: "ignore-eof", does: "has no effect: the client has ended when it ends", set: ignored},
		{long: "read-eof", does: "has no effect either", set: ignored, parts: true},

		{long: "running", does: "tell whether a daemon runs", set: on(func(s *settings) *bool { return &s.running })},
		{long: "restart", does: "have a daemon's client end and start again", set: on(func(s *settings) *bool { return &s.restart })},
		{long: "stop", does: "end a daemon", set: on(func(s *settings) *bool { return &s.stop })},
		{long: "signal", takes: required, shows: "signame", does: "send a daemon's client a signal", set: (*settings).setSignal},
		{long: "list", does: "list the daemons that run", set: on(func(s *settings) *bool { return &s.list })},

		{long: "help", short: 'h', does: "print this and exit", set: (*settings).help},
		{long: "version", short: 'V', does: "print the version and exit", set: (*settings).version},
		{long: "verbose", short: 'v', takes: optional, shows: "level", does: "say more, with --running and --list", number: (*settings).setVerbose},
		{long: "debug", short: 'd', takes: optional, shows: "level", does: "write debug messages", number: (*settings).setDebug, parts: true},
	}
}

func on(flag func(*settings) *bool) func(*settings, string) error {
	return func(s *settings, _ string) error { *flag(s) = true; return nil }
}

func off(flag func(*settings) *bool) func(*settings, string) error {
	return func(s *settings, _ string) error { *flag(s) = false; return nil }
}

func ignored(*settings, string) error { return nil }

func (s *settings) setVerbose(n int) error { s.verbose = n; return nil }
func (s *settings) setDebug(n int) error   { s.debug = n; return nil }

func (s *settings) help(string) error {
	fmt.Print(usage())
	fmt.Print("A spec is the name of a file, or FACILITY.PRIORITY for syslog.\ndaemon(8) says more. This is ", execchain.Version)
	s.over = true
	return nil
}

func (s *settings) version(string) error {
	fmt.Println("daemon-0.8")
	s.over = true
	return nil
}
