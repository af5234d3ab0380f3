package serve

import (
	"context"
	"errors"
	"fmt"
	"math"

	"catena/internal/supervisord/python"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// A Server answers calls from a table.
type Server struct {
	Table   Table
	Version string // of supervisord, for getSupervisorVersion
}

// A call is of one method, whose parameters are of the right number.
type call struct {
	*Server
	ctx    context.Context // it ends when nobody waits for the answer any more
	params []xmlrpc.Value
}

// Call calls a method. What is wrong is a *[xmlrpc.Fault], unless the client has gone away.
func (s *Server) Call(ctx context.Context, name string, params []xmlrpc.Value) (xmlrpc.Value, error) {
	m := methodOf(name)
	if m == nil {
		return nil, rpc.UnknownMethod.Fault()
	}
	if n := len(params); n > len(m.params) || n < len(m.params)-m.optional {
		return nil, rpc.IncorrectParameters.Fault()
	}
	if !m.always && s.Table.Mood() != Up {
		return nil, rpc.ShutdownState.Fault()
	}
	result, err := m.call(&call{Server: s, ctx: ctx, params: params})
	if fault := (*xmlrpc.Fault)(nil); err != nil && !errors.As(err, &fault) && ctx.Err() == nil {
		return nil, rpc.Failed.Fault(err.Error())
	}
	return result, err
}

// text is a parameter that is a string. A number is taken for its digits.
func (c *call) text(i int) (string, error) {
	switch v := c.params[i].(type) {
	case string:
		return v, nil
	case int64:
		return fmt.Sprint(v), nil
	}
	return "", rpc.IncorrectParameters.Fault()
}

// int is a parameter that int() of Python takes.
func (c *call) int(i int) (int64, error) {
	switch v := c.params[i].(type) {
	case int64:
		return v, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case float64:
		if math.Abs(v) < 1<<62 {
			return int64(v), nil
		}
	case string:
		if n, err := python.Int(v, 10); err == nil {
			return n, nil
		}
	}
	return 0, rpc.IncorrectParameters.Fault()
}

// flag is a parameter that may be missing, and is true then.
func (c *call) flag(i int) bool {
	if i >= len(c.params) {
		return true
	}
	switch v := c.params[i].(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case string:
		return v != ""
	case nil:
		return false
	}
	return true
}

// group finds the group of a name.
func (c *call) group(name string) (Group, error) {
	for _, g := range c.Table.Groups() {
		if g.Name == name {
			return g, nil
		}
	}
	return Group{}, rpc.BadName.Fault(name)
}

// named is a process, or a group if the process is nil.
type named struct {
	name    string // as the client has it
	group   Group
	process Process
}

// named finds what the first parameter names.
func (c *call) named() (named, error) {
	name, err := c.text(0)
	if err != nil {
		return named{}, err
	}
	inGroup, process := rpc.Split(name)
	g, err := c.group(inGroup)
	if err != nil {
		return named{}, rpc.BadName.Fault(name)
	}
	n := named{name: name, group: g}
	if process == "" {
		return n, nil
	}
	for _, p := range g.Processes {
		if p.Name() == process {
			n.process = p
			return n, nil
		}
	}
	return named{}, rpc.BadName.Fault(name)
}

// process finds the process that the first parameter names. A group is none.
func (c *call) process() (named, error) {
	n, err := c.named()
	if err == nil && n.process == nil {
		err = rpc.BadName.Fault(n.name)
	}
	return n, err
}
