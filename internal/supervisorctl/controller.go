package supervisorctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"catena/internal/execchain"
	"catena/internal/supervisord/python"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// The exit codes, which are those that init scripts have.
const (
	exitGeneric         = 1
	exitInvalidArgument = 2
	exitUnimplemented   = 3
	exitRefused         = 4
	exitWrongVersion    = 5
	exitNotRunning      = 7

	exitStatusStopped = 3 // of status
	exitStatusUnknown = 4
	exitUsage         = 2
)

// A controller carries out commands.
type controller struct {
	options
	server      *server
	out         *bufio.Writer
	errs        io.Writer
	exit        int
	typed       *input          // standard input, or nil if it was not asked for
	editor      *editor         // of the lines that somebody types at a terminal, or nil
	interrupts  chan os.Signal  // of the shell, or nil
	completions []xmlrpc.Struct // what the server has, as it was at this line, or nil
}

// Run is supervisorctl, with its name and its arguments. It returns the exit code.
func Run(words []string) int {
	c := &controller{out: bufio.NewWriter(os.Stdout), errs: os.Stderr}
	c.program = words[0]
	show, err := c.parse(words[1:])
	if err == nil && show == "" {
		err = c.configure()
	}
	switch {
	case err != nil:
		fmt.Fprintf(c.errs, "Error: %v\nFor help, use %s -h\n", err, c.program)
		return exitUsage
	case show == "version":
		c.out.WriteString(execchain.Version)
		return c.finish(0)
	case show != "":
		c.out.WriteString(help)
		return c.finish(0)
	}
	c.server = &server{url: *c.serverURL, username: c.username, password: c.password}
	if len(c.args) > 0 {
		c.do(strings.Join(c.args, " "))
		return c.finish(c.exit)
	}
	c.interactive = true
	c.shell()
	return c.finish(0)
}

// unwritten is what is said of output that is lost.
const unwritten = "supervisorctl: fatal: unable to write output: %v\n"

// finish writes what is left to be written.
func (c *controller) finish(exit int) int {
	if err := c.out.Flush(); err != nil {
		fmt.Fprintf(c.errs, unwritten, errors.Unwrap(err))
		return exitGeneric
	}
	return exit
}

// call calls the server. Whoever waits for it sees what has been said.
func (c *controller) call(method string, params ...xmlrpc.Value) (xmlrpc.Value, error) {
	c.out.Flush()
	return c.server.call(method, params...)
}

// do carries out a line, and tells whether the shell is to end.
func (c *controller) do(line string) (over bool) {
	line = python.Strip(line)
	if line == "" {
		return false
	}
	if line[0] == '?' {
		line = "help " + line[1:]
	}
	name, argument := line, ""
	if i := strings.IndexFunc(line, isNoName); i >= 0 {
		name, argument = line[:i], python.Strip(line[i:])
	}
	run := commandOf(name)
	if run == nil {
		c.fail("*** Unknown syntax: " + line)
		return false
	}
	c.completions = nil
	err := run(c, argument)
	c.server.close()
	var refused protocolError
	switch {
	case err == errOver:
		return true
	case errors.As(err, &refused) && refused.code == 401:
		c.fail("Server requires authentication")
		if c.interactive {
			return c.authenticate(line)
		}
		c.failed(err)
	case err == errInterrupted:
		c.text("\n")
		return true
	case err != nil:
		c.failed(err)
	}
	return false
}

// failed says that something has failed that no command knows of.
func (c *controller) failed(err error) { c.fail("error: " + inPython(err) + ": " + c.server.url) }

// isNoName tells whether a character ends the name of a command.
func isNoName(r rune) bool {
	return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || r == '_')
}

// upcheck asks the server for its version. What the caller does then is no use if it is false.
func (c *controller) upcheck() (bool, error) {
	version, err := c.call("getVersion")
	c.server.close() // as Supervisor: a server may take one call for each connection
	var fault *xmlrpc.Fault
	switch {
	case errors.As(err, &fault) && rpc.Code(fault.Code) == rpc.UnknownMethod:
		c.fail("Sorry, supervisord responded but did not recognize the supervisor namespace commands that supervisorctl uses to control it.  Please check that the [rpcinterface:supervisor] section is enabled in the configuration file (see sample.conf).")
		c.exit = exitUnimplemented
		return false, nil
	case errors.Is(err, syscall.ECONNREFUSED):
		c.fail(c.server.url + " refused connection")
		c.exit = exitRefused
		return false, nil
	case errors.Is(err, syscall.ENOENT):
		c.fail(c.server.url + " no such file")
		c.exit = exitNotRunning
		return false, nil
	case err != nil:
		return false, err
	case version != rpc.Version:
		c.fail(fmt.Sprintf("Sorry, this version of supervisorctl expects to talk to a server with API version %s, but the remote version is %v.", rpc.Version, version))
		c.exit = exitWrongVersion
		return false, nil
	}
	return true, nil
}
