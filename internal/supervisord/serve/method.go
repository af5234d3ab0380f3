package serve

import (
	"strings"

	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// A method is what a client may call.
type method struct {
	name     string
	returns  string
	params   []string // their types
	optional int      // how many of the last ones may be missing
	always   bool     // it may be called while the server ends
	help     string
	call     func(c *call) (xmlrpc.Value, error)
}

// The types of parameters that methods have in common.
var (
	ofName      = []string{"string"}
	ofNameWait  = []string{"string", "boolean"}
	ofPart      = []string{"int", "int"}
	ofNamePart  = []string{"string", "int", "int"}
	ofTwoTexts  = []string{"string", "string"}
	justWaiting = []string{"boolean"}
)

// methods is the list of all methods, in the order of their names.
var methods []method

func init() {
	methods = []method{
		{name: "supervisor.addProcessGroup", returns: "boolean", params: ofName, call: addProcessGroup, help: "Takes a group of the configuration into use, and starts what starts by itself."},
		{name: "supervisor.clearAllProcessLogs", returns: "array", call: clearAllProcessLogs, help: "Empties the logs of all processes. Returns a struct for each."},
		{name: "supervisor.clearLog", returns: "boolean", call: clearLog, help: "Empties the log of the server."},
		{name: "supervisor.clearProcessLog", returns: "boolean", params: ofName, call: clearProcessLogs, help: "The same as clearProcessLogs."},
		{name: "supervisor.clearProcessLogs", returns: "boolean", params: ofName, call: clearProcessLogs, help: "Empties both logs of a process."},
		{name: "supervisor.getAPIVersion", returns: "string", call: getVersion, help: "Returns the version of these methods."},
		{name: "supervisor.getAllConfigInfo", returns: "array", call: getAllConfigInfo, help: "Returns a struct for each process of the configuration, sorted by name."},
		{name: "supervisor.getAllProcessInfo", returns: "array", call: getAllProcessInfo, help: "Returns what getProcessInfo does of each process, sorted by group and name."},
		{name: "supervisor.getIdentification", returns: "string", call: getIdentification, help: "Returns the identifier of the configuration."},
		{name: "supervisor.getPID", returns: "int", call: getPID, help: "Returns the process id of the server."},
		{name: "supervisor.getProcessInfo", returns: "struct", params: ofName, call: getProcessInfo, help: "Returns how a process is."},
		{name: "supervisor.getState", returns: "struct", call: getState, help: "Returns how the server is, as statecode and statename."},
		{name: "supervisor.getSupervisorVersion", returns: "string", call: getSupervisorVersion, help: "Returns the version of Supervisor that the server is like."},
		{name: "supervisor.getVersion", returns: "string", call: getVersion, help: "The same as getAPIVersion."},
		{name: "supervisor.readLog", returns: "string", params: ofPart, call: readLog, help: "Returns part of the log of the server: offset and length, or minus the length of the end and 0."},
		{name: "supervisor.readMainLog", returns: "string", params: ofPart, call: readLog, help: "The same as readLog."},
		{name: "supervisor.readProcessLog", returns: "string", params: ofNamePart, call: readStdout, help: "The same as readProcessStdoutLog."},
		{name: "supervisor.readProcessStderrLog", returns: "string", params: ofNamePart, call: readStderr, help: "Returns part of the log of standard error of a process, as readLog."},
		{name: "supervisor.readProcessStdoutLog", returns: "string", params: ofNamePart, call: readStdout, help: "Returns part of the log of standard output of a process, as readLog."},
		{name: "supervisor.reloadConfig", returns: "array", call: reloadConfig, help: "Reads the configuration. Returns an array that has an array of three: the groups that are added, changed and removed."},
		{name: "supervisor.removeProcessGroup", returns: "boolean", params: ofName, call: removeProcessGroup, help: "Takes a group out of use. None of its processes may run."},
		{name: "supervisor.restart", returns: "boolean", call: restart, help: "Starts the server and all programs again."},
		{name: "supervisor.sendProcessStdin", returns: "boolean", params: ofTwoTexts, call: sendProcessStdin, help: "Writes a text to the standard input of a process."},
		{name: "supervisor.sendRemoteCommEvent", returns: "boolean", params: ofTwoTexts, always: true, call: sendRemoteCommEvent, help: "Sends an event to event listeners: its type and its data."},
		{name: "supervisor.shutdown", returns: "boolean", call: shutdown, help: "Ends the server and all programs."},
		{name: "supervisor.signalAllProcesses", returns: "array", params: ofName, call: signalAllProcesses, help: "Sends a signal to all processes. Returns a struct for each."},
		{name: "supervisor.signalProcess", returns: "boolean", params: ofTwoTexts, call: signalProcess, help: "Sends a signal, which is a name or a number, to a process."},
		{name: "supervisor.signalProcessGroup", returns: "array", params: ofTwoTexts, call: signalProcessGroup, help: "Sends a signal to all processes of a group. Returns a struct for each."},
		{name: "supervisor.startAllProcesses", returns: "array", params: justWaiting, optional: 1, call: startAllProcesses, help: "Starts all processes, and waits until they run. Returns a struct for each."},
		{name: "supervisor.startProcess", returns: "boolean", params: ofNameWait, optional: 1, call: startProcess, help: "Starts a process, and waits until it runs."},
		{name: "supervisor.startProcessGroup", returns: "array", params: ofNameWait, optional: 1, call: startProcessGroup, help: "Starts all processes of a group, and waits until they run. Returns a struct for each."},
		{name: "supervisor.stopAllProcesses", returns: "array", params: justWaiting, optional: 1, call: stopAllProcesses, help: "Stops all processes, and waits until they have ended. Returns a struct for each."},
		{name: "supervisor.stopProcess", returns: "boolean", params: ofNameWait, optional: 1, call: stopProcess, help: "Stops a process, and waits until it has ended."},
		{name: "supervisor.stopProcessGroup", returns: "array", params: ofNameWait, optional: 1, call: stopProcessGroup, help: "Stops all processes of a group, and waits until they have ended. Returns a struct for each."},
		{name: "supervisor.tailProcessLog", returns: "array", params: ofNamePart, call: tailStdout, help: "The same as tailProcessStdoutLog."},
		{name: "supervisor.tailProcessStderrLog", returns: "array", params: ofNamePart, call: tailStderr, help: "As tailProcessStdoutLog, of standard error."},
		{name: "supervisor.tailProcessStdoutLog", returns: "array", params: ofNamePart, call: tailStdout, help: "Returns the end of a log from an offset on, at most so many bytes; the offset of the end; and whether some of it was left out."},
		{name: "system.listMethods", returns: "array", always: true, call: listMethods, help: "Returns the names of all methods."},
		{name: "system.methodHelp", returns: "string", params: ofName, always: true, call: methodHelp, help: "Says what a method does."},
		{name: "system.methodSignature", returns: "array", params: ofName, always: true, call: methodSignature, help: "Returns the types of a method: of its result and of its parameters."},
		{name: "system.multicall", returns: "array", params: []string{"array"}, always: true, call: multicall, help: "Calls methods one after the other: structs of methodName and params. Returns the results, and for a fault a struct of faultCode and faultString."},
	}
}

// methodOf finds a method by its name.
func methodOf(name string) *method {
	for i := range methods {
		if methods[i].name == name {
			return &methods[i]
		}
	}
	return nil
}

func listMethods(*call) (xmlrpc.Value, error) {
	list := xmlrpc.Array{}
	for _, m := range methods {
		list = append(list, m.name)
	}
	return list, nil
}

// asked is the method that the first parameter names.
func (c *call) asked() (*method, error) {
	if name, is := c.params[0].(string); is {
		if m := methodOf(name); m != nil {
			return m, nil
		}
	}
	return nil, rpc.SignatureUnsupported.Fault()
}

// methodHelp says what a method does, with its types, as Supervisor writes them.
func methodHelp(c *call) (xmlrpc.Value, error) {
	m, err := c.asked()
	if err != nil {
		return nil, err
	}
	lines := []string{m.help, ""}
	for _, p := range m.params {
		lines = append(lines, "@param "+p)
	}
	return strings.Join(append(lines, "@return "+m.returns), "\n"), nil
}

func methodSignature(c *call) (xmlrpc.Value, error) {
	m, err := c.asked()
	if err != nil {
		return nil, err
	}
	types := xmlrpc.Array{m.returns}
	for _, p := range m.params {
		types = append(types, p)
	}
	return types, nil
}

// multicall calls one method after the other. A call that is no struct has no name.
func multicall(c *call) (xmlrpc.Value, error) {
	calls, is := c.params[0].(xmlrpc.Array)
	if !is {
		return nil, rpc.IncorrectParameters.Fault()
	}
	results := xmlrpc.Array{}
	for _, v := range calls {
		members, _ := v.(xmlrpc.Struct)
		params, isArray := members.Get("params").(xmlrpc.Array)
		var result xmlrpc.Value
		var err error
		switch name, hasName := members.Get("methodName").(string); {
		case !hasName:
			err = rpc.IncorrectParameters.Fault("No methodName")
		case name == "system.multicall":
			err = rpc.IncorrectParameters.Fault("Recursive system.multicall forbidden")
		case members.Get("params") != nil && !isArray:
			err = rpc.IncorrectParameters.Fault()
		default:
			result, err = c.Call(c.ctx, name, params)
		}
		if fault, is := err.(*xmlrpc.Fault); is {
			result = xmlrpc.Struct{{Name: "faultCode", Value: fault.Code}, {Name: "faultString", Value: fault.Text}}
		} else if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}
