package supervisorctl

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"catena/internal/supervisord/python"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// usualTail is how many bytes of a log are shown.
const usualTail = 1600

func (c *controller) tail(argument string) error {
	if up, err := c.upcheck(); !up {
		return err
	}
	words := fields(argument)
	switch {
	case len(words) < 1:
		c.fail("Error: too few arguments")
		c.explain("tail")
		return nil
	case len(words) > 3:
		c.fail("Error: too many arguments")
		c.explain("tail")
		return nil
	}
	modifier := ""
	if strings.HasPrefix(words[0], "-") {
		modifier, words = words[0], words[1:]
	}
	channel := "stdout"
	switch len(words) {
	case 0:
		c.fail("Error: tail requires process name")
		return nil
	case 1:
	default:
		if channel = strings.ToLower(words[len(words)-1]); channel != "stderr" && channel != "stdout" {
			c.fail("Error: bad channel " + python.Repr(channel))
			return nil
		}
	}
	name := words[0]
	if modifier == "-f" {
		return c.follow("/logtail/" + name + "/" + channel)
	}
	bytes, ok := c.howMany(modifier)
	if !ok {
		return nil
	}
	method := "readProcessStdoutLog"
	if channel == "stderr" {
		method = "readProcessStderrLog"
	}
	return c.showLog(name, method, name, -bytes, int64(0))
}

func (c *controller) maintail(argument string) error {
	if up, err := c.upcheck(); !up {
		return err
	}
	words, modifier := fields(argument), ""
	switch {
	case len(words) > 1:
		c.fail("Error: too many arguments")
		c.explain("maintail")
		return nil
	case len(words) == 1:
		if modifier = words[0]; modifier[0] != '-' {
			c.fail("Error: bad argument " + modifier)
			return nil
		}
	}
	if modifier == "-f" {
		return c.follow("/mainlogtail")
	}
	bytes, ok := c.howMany(modifier)
	if !ok {
		return nil
	}
	return c.showLog("supervisord", "readLog", -bytes, int64(0))
}

// howMany reads how many bytes are wanted, from "-100" or from nothing.
func (c *controller) howMany(modifier string) (bytes int64, ok bool) {
	if modifier == "" {
		return usualTail, true
	}
	bytes, err := python.Int(modifier[1:], 10)
	if err != nil {
		c.fail("Error: bad argument " + modifier)
		return 0, false
	}
	return bytes, true
}

// showLog shows the end of a log, which a method returns.
func (c *controller) showLog(of, method string, params ...xmlrpc.Value) error {
	log, err := c.call(method, params...)
	code, _, isFault := codeOf(err)
	switch {
	case isFault && code == rpc.NoFile:
		c.fail(of + ": ERROR (no log file)")
	case isFault && code == rpc.Failed:
		c.fail(of + ": ERROR (unknown error reading log)")
	case isFault && code == rpc.BadName && method != "readLog":
		c.fail(of + ": ERROR (no such process name)")
	case err != nil:
		return err
	default:
		c.tell(show(log), field{"log", log})
	}
	return nil
}

// follow shows what is written into a log, until somebody types ^C or the server goes away.
func (c *controller) follow(path string) error {
	c.text("==> Press Ctrl-C to exit <==\n")
	if c.out.Flush() != nil {
		return nil // which is said at the end
	}
	interrupted, giveBack := c.takeInterrupts()
	defer giveBack()
	over := make(chan bool, 1)
	log := c.server.another()
	defer log.hangUp()
	go func() { over <- c.copyLog(log, path) }()
	select {
	case written := <-over:
		if !written {
			c.exit = exitGeneric
		}
	case <-interrupted:
		c.text("\n")
	}
	return nil
}

// copyLog prints a log that the server sends. What is wrong is said where Supervisor says it, on
// standard error, and changes no exit code, unless the log cannot be written here.
func (c *controller) copyLog(s *server, path string) (written bool) {
	answer, err := s.get(path)
	defer s.close()
	switch {
	case s.isHungUp():
		return true
	case err != nil:
		fmt.Fprintf(c.errs, "%s%s Cannot connect, error: %s\n", s.url, path, inParentheses(err))
		return true
	case answer.code != 200:
		fmt.Fprintf(c.errs, "%s%s Cannot read, status code %d\n", s.url, path, answer.code)
		return true
	}
	piece := make([]byte, 64<<10)
	for {
		n, err := answer.body.Read(piece)
		if _, failed := os.Stdout.Write(piece[:n]); failed != nil {
			fmt.Fprintf(c.errs, unwritten, errors.Unwrap(failed))
			return false
		}
		if err != nil {
			return true
		}
	}
}

// inParentheses is an error as Python shows its class and its text apart.
func inParentheses(err error) string {
	class, text, _ := strings.Cut(inPython(err), ", ")
	return class + " (" + text + ")"
}
