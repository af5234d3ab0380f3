package supervisorctl

import (
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// foreground shows what a program writes, and sends it what somebody types.
func (c *controller) foreground(argument string) error {
	if up, err := c.upcheck(); !up {
		return err
	}
	names := fields(argument)
	switch {
	case len(names) == 0:
		c.fail("ERROR: no process name supplied")
		c.explain("fg")
		return nil
	case len(names) > 1:
		c.fail("ERROR: too many process names supplied")
		return nil
	}
	name := names[0]
	up, err := c.isRunning(name)
	code, text, isFault := codeOf(err)
	switch {
	case isFault && code == rpc.BadName:
		c.fail("ERROR: bad process name supplied")
	case isFault:
		c.complain("ERROR: " + showFault(&xmlrpc.Fault{Code: int64(code), Text: text}))
	case err != nil:
		return err
	case !up:
		c.fail("ERROR: process not running")
	default:
		return c.attach(name)
	}
	return nil
}

func (c *controller) isRunning(name string) (bool, error) {
	result, err := c.call("getProcessInfo", name)
	info, _ := result.(xmlrpc.Struct)
	return rpc.State(info.Int("state")) == rpc.Running, err
}

// attach copies both logs of a running program, and lines from standard input to the program,
// until the input ends, the program does, or somebody types ^C.
func (c *controller) attach(name string) error {
	c.text("==> Press Ctrl-C to exit <==\n")
	c.out.Flush()
	interrupted, giveBack := c.takeInterrupts()
	defer giveBack()
	for _, channel := range []string{"stdout", "stderr"} {
		log := c.server.another()
		go c.copyLog(log, "/logtail/"+name+"/"+channel)
		defer log.hangUp()
	}
	for {
		line, err := c.stdin().line(interrupted)
		if err != nil { // ^C, or no more input
			c.text("Exiting foreground\n")
			return nil
		}
		if over, err := c.send(name, line+"\n"); over || err != nil {
			return err
		}
	}
}

// send sends a line to a program. It tells whether the program is gone.
func (c *controller) send(name, line string) (over bool, err error) {
	_, err = c.call("sendProcessStdin", name, line)
	code, text, isFault := codeOf(err)
	up := false
	switch {
	case isFault && code != rpc.NotRunning:
		c.complain("ERROR: " + showFault(&xmlrpc.Fault{Code: int64(code), Text: text}))
	case err != nil && !isFault:
		return true, err
	case err == nil:
		if up, err = c.isRunning(name); err != nil {
			return true, err
		}
		fallthrough
	default:
		if !up {
			c.text("Process got killed\n")
		}
	}
	if !up {
		c.text("Exiting foreground\n")
	}
	c.out.Flush()
	return !up, nil
}
