package supervisorctl

import (
	"errors"
	"strings"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/python"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// errOver is what a command returns that ends the shell.
var errOver = errors.New("over")

// commandOf is the function of a command, or nil.
func commandOf(name string) func(c *controller, argument string) error {
	switch name {
	case "add":
		return (*controller).add
	case "avail":
		return (*controller).avail
	case "clear":
		return (*controller).clear
	case "EOF", "exit", "quit":
		return (*controller).quit
	case "fg":
		return (*controller).foreground
	case "help":
		return (*controller).help
	case "maintail":
		return (*controller).maintail
	case "open":
		return (*controller).open
	case "pid":
		return (*controller).pid
	case "reload":
		return (*controller).reload
	case "remove":
		return (*controller).remove
	case "reread":
		return (*controller).reread
	case "restart":
		return (*controller).restart
	case "shutdown":
		return (*controller).shutdown
	case "signal":
		return (*controller).signal
	case "start":
		return (*controller).start
	case "status":
		return (*controller).status
	case "stop":
		return (*controller).stop
	case "tail":
		return (*controller).tail
	case "update":
		return (*controller).update
	case "version":
		return (*controller).version
	}
	return nil
}

// fields splits an argument into words.
func fields(argument string) []string { return strings.FieldsFunc(argument, python.IsSpace) }

// codeOf is the code of a fault, if the error is one.
func codeOf(err error) (code rpc.Code, text string, isFault bool) {
	var fault *xmlrpc.Fault
	if !errors.As(err, &fault) {
		return 0, "", false
	}
	return rpc.Code(fault.Code), fault.Text, true
}

// isFault tells whether an error is a fault of some code.
func isFault(err error, code rpc.Code) bool {
	is, _, isFault := codeOf(err)
	return isFault && is == code
}

// structs are the structs in a list that the server has returned.
func structs(v xmlrpc.Value) (list []xmlrpc.Struct) {
	values, _ := v.(xmlrpc.Array)
	for _, v := range values {
		if s, is := v.(xmlrpc.Struct); is {
			list = append(list, s)
		}
	}
	return list
}

// texts are the strings in a list that the server has returned.
func texts(v xmlrpc.Value) (list []string) {
	values, _ := v.(xmlrpc.Array)
	for _, v := range values {
		if s, is := v.(string); is {
			list = append(list, s)
		}
	}
	return list
}

// noArguments refuses the arguments of a command that takes none.
func (c *controller) noArguments(command, argument string) bool {
	if argument == "" {
		return true
	}
	c.fail("Error: " + command + " accepts no arguments")
	c.explain(command)
	return false
}

func (c *controller) quit(string) error {
	c.text("\n")
	return errOver
}

func (c *controller) status(argument string) error {
	if up, err := c.upcheck(); !up {
		if err == nil {
			c.exit = exitStatusUnknown
		}
		return err
	}
	result, err := c.call("getAllProcessInfo")
	if err != nil {
		return err
	}
	all, matching := structs(result), []xmlrpc.Struct{}
	names := fields(argument)
	if len(names) == 0 || contains(names, "all") {
		matching, names = all, nil
	}
	for _, name := range names {
		group, process := rpc.Split(name)
		found := false
		for _, info := range all {
			if info.Text("group") == group && (process == "" || info.Text("name") == process) {
				matching, found = append(matching, info), true
			}
		}
		if !found {
			c.exit = exitStatusUnknown
			if process == "" {
				c.tell(group+": ERROR (no such group)", field{"group", group}, field{"error", "no such group"})
			} else {
				c.tell(name+": ERROR (no such process)", field{"group", group}, field{"name", process}, field{"error", "no such process"})
			}
		}
	}
	c.showStatuses(matching)
	for _, info := range matching {
		if rpc.State(info.Int("state")).IsStopped() {
			c.exit = exitStatusStopped
		}
	}
	return nil
}

func (c *controller) showStatuses(list []xmlrpc.Struct) {
	widest := 30
	for _, info := range list {
		widest = max(widest, width(nameOf(info)))
	}
	for _, info := range list {
		line := pad(nameOf(info), widest+3) + pad(info.Text("statename"), 10) + info.Text("description")
		c.tell(line, membersOf(info)...)
	}
}

// nameOf is the name of a process, as it is typed.
func nameOf(info xmlrpc.Struct) string {
	return config.FullName(info.Text("group"), info.Text("name"))
}

func (c *controller) pid(argument string) error {
	if up, err := c.upcheck(); !up {
		return err
	}
	names := fields(argument)
	switch {
	case len(names) == 0:
		pid, err := c.call("getPID")
		if err != nil {
			return err
		}
		c.tell(show(pid), field{"pid", pid})
		return nil
	case contains(names, "all"):
		result, err := c.call("getAllProcessInfo")
		if err != nil {
			return err
		}
		for _, info := range structs(result) {
			c.showPID(info)
		}
		return nil
	}
	for _, name := range names {
		result, err := c.call("getProcessInfo", name)
		switch {
		case isFault(err, rpc.BadName):
			c.fail("No such process " + name)
		case err != nil:
			return err
		default:
			info, _ := result.(xmlrpc.Struct)
			c.showPID(info)
			if info.Int("pid") == 0 {
				c.exit = exitNotRunning
			}
		}
	}
	return nil
}

func (c *controller) showPID(info xmlrpc.Struct) {
	pid := info.Get("pid")
	c.tell(show(pid), field{"group", info.Text("group")}, field{"name", info.Text("name")}, field{"pid", pid})
}

func (c *controller) version(argument string) error {
	if !c.noArguments("version", argument) {
		return nil
	}
	if up, err := c.upcheck(); !up {
		return err
	}
	version, err := c.call("getSupervisorVersion")
	if err != nil {
		return err
	}
	c.tell(show(version), field{"version", version})
	return nil
}

// open goes on with another server. It shows the status there, which has no say in the exit code.
func (c *controller) open(argument string) error {
	if name, _ := scheme(argument); name != "unix" && name != "http" {
		c.fail("ERROR: url must be http:// or unix://")
		return nil
	}
	c.server.close()
	c.server.url = argument
	exit := c.exit
	err := c.status("")
	if err == nil {
		c.exit = exit
	}
	return err
}
