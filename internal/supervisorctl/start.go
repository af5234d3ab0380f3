package supervisorctl

import (
	"fmt"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// A verb is a command that does one thing to programs, groups or all programs.
type verb struct {
	done     string // what a program is then
	one      string // the methods
	group    string
	all      string
	ignored  rpc.Code // which is no failure: the program is already as it is to be
	problems map[rpc.Code]string
	noGroup  int // the exit code if there is no such group
}

var (
	startVerb = verb{
		done: "started", one: "startProcess", group: "startProcessGroup", all: "startAllProcesses",
		ignored: rpc.AlreadyStarted, noGroup: exitInvalidArgument,
		problems: map[rpc.Code]string{
			rpc.BadName:             "no such process",
			rpc.NoFile:              "no such file",
			rpc.NotExecutable:       "file is not executable",
			rpc.AlreadyStarted:      "already started",
			rpc.SpawnError:          "spawn error",
			rpc.AbnormalTermination: "abnormal termination",
		},
	}
	stopVerb = verb{
		done: "stopped", one: "stopProcess", group: "stopProcessGroup", all: "stopAllProcesses",
		ignored: rpc.NotRunning, noGroup: exitGeneric, problems: signalProblems,
	}
	signalVerb = verb{
		done: "signalled", one: "signalProcess", group: "signalProcessGroup", all: "signalAllProcesses",
		noGroup: exitGeneric, problems: signalProblems,
	}
	signalProblems = map[rpc.Code]string{
		rpc.BadName:    "no such process",
		rpc.BadSignal:  "bad signal name",
		rpc.NotRunning: "not running",
		rpc.Failed:     "", // the server's own words, and nothing else
	}
	clearVerb = verb{
		done: "cleared", one: "clearProcessLogs", all: "clearAllProcessLogs",
		problems: map[rpc.Code]string{
			rpc.BadName: "no such process",
			rpc.Failed:  "failed",
		},
	}
)

// toEach does a verb to what is named. More parameters follow the name in each call.
func (c *controller) toEach(v *verb, names []string, more ...xmlrpc.Value) error {
	if contains(names, "all") {
		return c.toMany(v, v.all, more...)
	}
	for _, name := range names {
		group, process := rpc.Split(name)
		params := append([]xmlrpc.Value{name}, more...)
		if process == "" && v.group != "" {
			params[0] = group
			err := c.toMany(v, v.group, params...)
			switch {
			case isFault(err, rpc.BadName):
				c.tell(group+": ERROR (no such group)", field{"group", group}, field{"error", "no such group"})
				c.exit = v.noGroup
			case err != nil:
				return err
			}
			continue
		}
		if process == "" {
			process = "None" // as Python prints it
		}
		_, err := c.call(v.one, params...)
		code, text, isFault := codeOf(err)
		if err != nil && !isFault {
			return err
		}
		if err == nil {
			code = rpc.Success
		}
		if err := c.result(v, group, process, code, text); err != nil {
			return err
		}
	}
	return nil
}

// toMany calls a method that returns a list of results.
func (c *controller) toMany(v *verb, method string, params ...xmlrpc.Value) error {
	list, err := c.call(method, params...)
	if err != nil {
		return err
	}
	for _, r := range structs(list) {
		if err := c.result(v, r.Text("group"), r.Text("name"), rpc.Code(r.Int("status")), r.Text("description")); err != nil {
			return err
		}
	}
	return nil
}

// result tells how a program has fared.
func (c *controller) result(v *verb, group, process string, code rpc.Code, text string) error {
	name := config.FullName(group, process)
	problem, known := v.problems[code]
	id := []field{{"group", group}, {"name", process}}
	switch {
	case code == rpc.Success:
		c.tell(name+": "+v.done, append(id, field{"result", v.done})...)
		return nil
	case !known:
		return pythonError{"ValueError", fmt.Sprintf("Unknown result code %d for %s", int64(code), name)}
	case problem == "":
		c.tell(text, append(id, field{"error", text})...)
	default:
		c.tell(name+": ERROR ("+problem+")", append(id, field{"error", problem})...)
	}
	switch code {
	case v.ignored:
	case rpc.SpawnError, rpc.AbnormalTermination, rpc.NotRunning:
		c.exit = exitNotRunning
	default:
		c.exit = exitGeneric
	}
	return nil
}

// namesFor asks whether the server is there, and returns the names that a command is given. There
// have to be some.
func (c *controller) namesFor(command, argument string, exit int) (names []string, err error) {
	if up, err := c.upcheck(); !up {
		return nil, err
	}
	names = fields(argument)
	if len(names) == 0 {
		c.fail("Error: " + command + " requires a process name")
		c.explain(command)
		c.exit = exit
	}
	return names, nil
}

func (c *controller) start(argument string) error {
	names, err := c.namesFor("start", argument, exitInvalidArgument)
	if len(names) == 0 {
		return err
	}
	return c.toEach(&startVerb, names)
}

func (c *controller) stop(argument string) error {
	names, err := c.namesFor("stop", argument, exitGeneric)
	if len(names) == 0 {
		return err
	}
	return c.toEach(&stopVerb, names)
}

func (c *controller) restart(argument string) error {
	names, err := c.namesFor("restart", argument, exitGeneric)
	if len(names) == 0 {
		return err
	}
	if err := c.stop(argument); err != nil {
		return err
	}
	return c.start(argument)
}

func (c *controller) clear(argument string) error {
	names, err := c.namesFor("clear", argument, exitGeneric)
	if len(names) == 0 {
		return err
	}
	return c.toEach(&clearVerb, names)
}

func (c *controller) signal(argument string) error {
	if up, err := c.upcheck(); !up {
		return err
	}
	words := fields(argument)
	if len(words) < 2 {
		c.fail("Error: signal requires a signal name and a process name")
		c.explain("signal")
		return nil
	}
	signal, names := words[0], words[1:]
	if contains(names, "all") {
		return c.toMany(&signalVerb, signalVerb.all, signal)
	}
	return c.toEach(&signalVerb, names, signal)
}
