package supervisorctl

import (
	"errors"
	"slices"
	"syscall"

	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

func (c *controller) avail(argument string) error {
	if !c.noArguments("avail", argument) {
		return nil
	}
	result, err := c.call("getAllConfigInfo")
	if isFault(err, rpc.ShutdownState) {
		c.fail("ERROR: supervisor shutting down")
		return nil
	} else if err != nil {
		return err
	}
	for _, info := range structs(result) {
		use, start := "avail", "manual"
		if isTrue(info.Get("inuse")) {
			use = "in use"
		}
		if isTrue(info.Get("autostart")) {
			start = "auto"
		}
		line := pad(nameOf(info), 32) + " " + pad(use, 9) + " " + pad(start, 9) + " " + show(info.Get("group_prio")) + ":" + show(info.Get("process_prio"))
		c.tell(line, membersOf(info)...)
	}
	return nil
}

// isTrue tells whether Python takes a value for true.
func isTrue(v xmlrpc.Value) bool {
	return v != nil && v != false && v != int64(0) && v != ""
}

// changes are the groups that differ from what runs, as the server has read its configuration.
type changes struct{ added, changed, removed []string }

func (c *controller) readChanges() (changes, error) {
	result, err := c.call("reloadConfig")
	if err != nil {
		return changes{}, err
	}
	outer, _ := result.(xmlrpc.Array)
	if len(outer) == 0 {
		return changes{}, nil
	}
	lists, _ := outer[0].(xmlrpc.Array)
	if len(lists) != 3 {
		return changes{}, errors.New("reloadConfig returned no three lists")
	}
	return changes{texts(lists[0]), texts(lists[1]), texts(lists[2])}, nil
}

func (c *controller) reread(argument string) error {
	if !c.noArguments("reread", argument) {
		return nil
	}
	found, err := c.readChanges()
	switch code, text, isFault := codeOf(err); {
	case isFault && code == rpc.ShutdownState:
		c.fail("ERROR: supervisor shutting down")
		return nil
	case isFault && code == rpc.CantReread:
		c.fail("ERROR: " + text)
		return nil
	case err != nil:
		return err
	}
	how := map[string]string{}
	var names []string
	for _, kind := range []struct {
		names []string
		how   string
	}{{found.added, "available"}, {found.changed, "changed"}, {found.removed, "disappeared"}} {
		for _, name := range kind.names {
			if how[name] == "" {
				names = append(names, name)
			}
			how[name] = kind.how
		}
	}
	if len(names) == 0 {
		c.text("No config updates to processes\n")
	}
	slices.Sort(names)
	for _, name := range names {
		c.tell(name+": "+how[name], field{"group", name}, field{"change", how[name]})
	}
	return nil
}

// groupDone tells what has become of a group.
func (c *controller) groupDone(name, what string) {
	c.tell(name+": "+what, field{"group", name}, field{"result", what})
}

func (c *controller) add(argument string) error {
	for _, name := range fields(argument) {
		_, err := c.call("addProcessGroup", name)
		code, _, isFault := codeOf(err)
		switch {
		case err == nil:
			c.groupDone(name, "added process group")
		case isFault && code == rpc.ShutdownState:
			c.fail("ERROR: shutting down")
		case isFault && code == rpc.AlreadyAdded:
			c.complain("ERROR: process group already active")
		case isFault && code == rpc.BadName:
			c.fail("ERROR: no such process/group: " + name)
		default:
			return err
		}
	}
	return nil
}

func (c *controller) remove(argument string) error {
	for _, name := range fields(argument) {
		_, err := c.call("removeProcessGroup", name)
		code, _, isFault := codeOf(err)
		switch {
		case err == nil:
			c.groupDone(name, "removed process group")
		case isFault && code == rpc.StillRunning:
			c.fail("ERROR: process/group still running: " + name)
		case isFault && code == rpc.BadName:
			c.fail("ERROR: no such process/group: " + name)
		default:
			return err
		}
	}
	return nil
}

func (c *controller) update(argument string) error {
	found, err := c.readChanges()
	if isFault(err, rpc.ShutdownState) {
		c.fail("ERROR: already shutting down")
		return nil
	} else if err != nil {
		return err
	}
	wanted := fields(argument)
	if contains(wanted, "all") {
		wanted = nil
	}
	if err := c.checkGroups(wanted, found.added); err != nil {
		return err
	}
	for _, name := range found.removed {
		if isWanted(name, wanted) {
			if err := c.updateRemoved(name); err != nil {
				return err
			}
		}
	}
	for _, name := range found.changed {
		if isWanted(name, wanted) {
			if err := c.updateChanged(name); err != nil {
				return err
			}
		}
	}
	for _, name := range found.added {
		if isWanted(name, wanted) {
			if _, err := c.call("addProcessGroup", name); err != nil {
				return err
			}
			c.groupDone(name, "added process group")
		}
	}
	return nil
}

// isWanted tells whether a group is to be updated. Without names, all are.
func isWanted(name string, wanted []string) bool {
	return len(wanted) == 0 || contains(wanted, name)
}

// checkGroups names the groups that there are not.
func (c *controller) checkGroups(wanted, added []string) error {
	if len(wanted) == 0 {
		return nil
	}
	result, err := c.call("getAllProcessInfo")
	if err != nil {
		return err
	}
	groups := slices.Clone(added)
	for _, info := range structs(result) {
		groups = append(groups, info.Text("group"))
	}
	for i, name := range wanted {
		if !contains(groups, name) && !contains(wanted[:i], name) {
			c.fail("ERROR: no such group: " + name)
		}
	}
	return nil
}

func (c *controller) updateRemoved(name string) error {
	results, err := c.call("stopProcessGroup", name)
	if err != nil {
		return err
	}
	c.groupDone(name, "stopped")
	for _, r := range structs(results) {
		if rpc.Code(r.Int("status")) == rpc.Failed {
			const problem = "has problems; not removing"
			c.exit = exitGeneric
			c.tell(name+": "+problem, field{"group", name}, field{"error", problem})
			return nil
		}
	}
	if _, err := c.call("removeProcessGroup", name); err != nil {
		return err
	}
	c.groupDone(name, "removed process group")
	return nil
}

func (c *controller) updateChanged(name string) error {
	if _, err := c.call("stopProcessGroup", name); err != nil {
		return err
	}
	c.groupDone(name, "stopped")
	if _, err := c.call("removeProcessGroup", name); err != nil {
		return err
	}
	if _, err := c.call("addProcessGroup", name); err != nil {
		return err
	}
	c.groupDone(name, "updated process group")
	return nil
}

func (c *controller) shutdown(argument string) error {
	if !c.noArguments("shutdown", argument) {
		return nil
	}
	if sure, err := c.isSure("Really shut the remote supervisord process down y/N? "); !sure {
		return err
	}
	_, err := c.call("shutdown")
	switch {
	case isFault(err, rpc.ShutdownState):
		c.complain("ERROR: already shutting down")
	case errors.Is(err, syscall.ECONNREFUSED):
		c.fail("ERROR: " + c.server.url + " refused connection (already shut down?)")
	case errors.Is(err, syscall.ENOENT):
		c.fail("ERROR: " + c.server.url + " no such file (already shut down?)")
	case err != nil:
		return err
	default:
		c.tell("Shut down", field{"result", "Shut down"})
	}
	return nil
}

func (c *controller) reload(argument string) error {
	if !c.noArguments("reload", argument) {
		return nil
	}
	if sure, err := c.isSure("Really restart the remote supervisord process y/N? "); !sure {
		return err
	}
	_, err := c.call("restart")
	switch {
	case isFault(err, rpc.ShutdownState):
		c.fail("ERROR: already shutting down")
	case err != nil:
		return err
	default:
		c.tell("Restarted supervisord", field{"result", "Restarted supervisord"})
	}
	return nil
}
