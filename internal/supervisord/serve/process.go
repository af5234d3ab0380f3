package serve

import (
	"errors"
	"syscall"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/python"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// An action is what is done to a process: its first part at once, and then it may take time until
// it is done. finish is nil if nothing is left.
type action func(n named) (finish func() error, err error)

// toOne does an action to the process that is named, and waits for it.
func toOne(n named, do action) (xmlrpc.Value, error) {
	finish, err := do(n)
	if err == nil && finish != nil {
		err = finish()
	}
	if err != nil {
		return nil, err
	}
	return true, nil
}

// toMany does an action to those of the processes that it is for, one after the other, and then
// waits for all of them. Each has a struct in the result.
func toMany(groups []Group, isFor func(rpc.State) bool, do action) (xmlrpc.Value, error) {
	results := xmlrpc.Array{}
	type unfinished struct {
		named
		finish func() error
	}
	var waiting []unfinished
	for _, g := range groups {
		for _, p := range g.Processes {
			if !isFor(p.Info().State) {
				continue
			}
			n := named{config.FullName(g.Name, p.Name()), g, p}
			finish, err := do(n)
			if err == nil && finish != nil {
				waiting = append(waiting, unfinished{n, finish})
				continue
			}
			result, err := resultOf(n, err)
			if err != nil {
				return nil, err
			}
			results = append(results, result)
		}
	}
	for _, w := range waiting {
		result, err := resultOf(w.named, w.finish())
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// resultOf says how a process has fared. An error that is no fault ends the call.
func resultOf(n named, err error) (xmlrpc.Value, error) {
	code, text := int64(rpc.Success), "OK"
	var fault *xmlrpc.Fault
	if errors.As(err, &fault) {
		code, text = fault.Code, fault.Text
	} else if err != nil {
		return nil, err
	}
	return xmlrpc.Struct{{Name: "name", Value: n.process.Name()}, {Name: "group", Value: n.group.Name}, {Name: "status", Value: code}, {Name: "description", Value: text}}, nil
}

// starting starts a process, and waits until it runs if that is wanted.
func (c *call) starting(wait bool) action {
	return func(n named) (func() error, error) {
		if err := n.process.Executable(); err != nil {
			return nil, err
		}
		switch state := n.process.Info().State; {
		case state.IsRunning():
			return nil, rpc.AlreadyStarted.Fault(n.name)
		case state == rpc.Unknown:
			return nil, rpc.Failed.Fault(n.name + " is in an unknown process state")
		}
		if err := n.process.Start(); err != nil {
			return nil, err
		}
		info := n.process.Info()
		switch {
		case !wait && info.SpawnError != "":
			return nil, rpc.SpawnError.Fault(n.name)
		case !wait || info.State == rpc.Running:
			return nil, nil
		}
		return func() error {
			info, err := n.process.Await(c.ctx, func(i Info) bool { return i.SpawnError != "" || i.State != rpc.Starting })
			switch {
			case err != nil:
				return err
			case info.SpawnError != "":
				return rpc.SpawnError.Fault(n.name)
			case info.State != rpc.Running:
				return rpc.AbnormalTermination.Fault(n.name)
			}
			return nil
		}, nil
	}
}

// stopping stops a process, and waits until it has ended if that is wanted.
func (c *call) stopping(wait bool) action {
	return func(n named) (func() error, error) {
		if !n.process.Info().State.IsRunning() {
			return nil, rpc.NotRunning.Fault(n.name)
		}
		if err := n.process.Stop(); err != nil {
			return nil, err
		}
		if !wait || n.process.Info().State.IsStopped() {
			return nil, nil
		}
		return func() error {
			_, err := n.process.Await(c.ctx, func(i Info) bool { return i.State.IsStopped() })
			return err
		}, nil
	}
}

// signalling sends a signal to a process.
func signalling(name string) action {
	return func(n named) (func() error, error) {
		signal, err := config.Signal(name)
		if n, isNumber := python.Int(name, 10); isNumber == nil && n == 0 {
			err = nil // it asks whether the process is there
		}
		switch {
		case err != nil:
			return nil, rpc.BadSignal.Fault(name)
		case !n.process.Info().State.TakesSignals():
			return nil, rpc.NotRunning.Fault(n.name)
		}
		return nil, n.process.Signal(syscall.Signal(signal))
	}
}

func isNotRunning(s rpc.State) bool { return !s.IsRunning() }

// oneOrGroup does an action to what the first parameter names.
func (c *call) oneOrGroup(isFor func(rpc.State) bool, do action) (xmlrpc.Value, error) {
	n, err := c.named()
	if err != nil {
		return nil, err
	}
	if n.process == nil {
		return toMany([]Group{n.group}, isFor, do)
	}
	return toOne(n, do)
}

// wholeGroup does an action to the group that the first parameter is.
func (c *call) wholeGroup(isFor func(rpc.State) bool, do action) (xmlrpc.Value, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	g, err := c.group(name)
	if err != nil {
		return nil, err
	}
	return toMany([]Group{g}, isFor, do)
}

func startProcess(c *call) (xmlrpc.Value, error) {
	return c.oneOrGroup(isNotRunning, c.starting(c.flag(1)))
}

func startProcessGroup(c *call) (xmlrpc.Value, error) {
	return c.wholeGroup(isNotRunning, c.starting(c.flag(1)))
}

func startAllProcesses(c *call) (xmlrpc.Value, error) {
	return toMany(c.Table.Groups(), isNotRunning, c.starting(c.flag(0)))
}

func stopProcess(c *call) (xmlrpc.Value, error) {
	return c.oneOrGroup(rpc.State.IsRunning, c.stopping(c.flag(1)))
}

func stopProcessGroup(c *call) (xmlrpc.Value, error) {
	return c.wholeGroup(rpc.State.IsRunning, c.stopping(c.flag(1)))
}

func stopAllProcesses(c *call) (xmlrpc.Value, error) {
	return toMany(c.Table.Groups(), rpc.State.IsRunning, c.stopping(c.flag(0)))
}

func signalProcess(c *call) (xmlrpc.Value, error) {
	signal, err := c.text(1)
	if err != nil {
		return nil, err
	}
	return c.oneOrGroup(rpc.State.TakesSignals, signalling(signal))
}

func signalProcessGroup(c *call) (xmlrpc.Value, error) {
	signal, err := c.text(1)
	if err != nil {
		return nil, err
	}
	return c.wholeGroup(rpc.State.TakesSignals, signalling(signal))
}

func signalAllProcesses(c *call) (xmlrpc.Value, error) {
	signal, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return toMany(c.Table.Groups(), rpc.State.TakesSignals, signalling(signal))
}

func sendProcessStdin(c *call) (xmlrpc.Value, error) {
	var data []byte
	switch v := c.params[1].(type) {
	case string:
		data = []byte(v)
	case []byte:
		data = v
	case int64:
		text, _ := c.text(1)
		return nil, rpc.IncorrectParameters.Fault(text)
	default:
		return nil, rpc.IncorrectParameters.Fault()
	}
	n, err := c.process()
	if err != nil {
		return nil, err
	}
	if info := n.process.Info(); info.PID == 0 || info.Stopping {
		return nil, rpc.NotRunning.Fault(n.name)
	}
	if err := n.process.Write(data); errors.Is(err, syscall.EPIPE) {
		return nil, rpc.NoFile.Fault(n.name)
	} else if err != nil {
		return nil, err
	}
	return true, nil
}
