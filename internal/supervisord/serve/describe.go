package serve

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

func getVersion(*call) (xmlrpc.Value, error)             { return rpc.Version, nil }
func getSupervisorVersion(c *call) (xmlrpc.Value, error) { return c.Version, nil }
func getIdentification(c *call) (xmlrpc.Value, error)    { return c.Table.Identification(), nil }
func getPID(c *call) (xmlrpc.Value, error)               { return int64(c.Table.PID()), nil }

func getState(c *call) (xmlrpc.Value, error) {
	mood := c.Table.Mood()
	return xmlrpc.Struct{{Name: "statecode", Value: int64(mood)}, {Name: "statename", Value: mood.String()}}, nil
}

func shutdown(c *call) (xmlrpc.Value, error) {
	c.Table.End(false)
	return true, nil
}

func restart(c *call) (xmlrpc.Value, error) {
	c.Table.End(true)
	return true, nil
}

func sendRemoteCommEvent(c *call) (xmlrpc.Value, error) {
	kind, err := c.text(0)
	if err != nil {
		return nil, err
	}
	data, err := c.text(1)
	if err != nil {
		return nil, err
	}
	c.Table.Notify(kind, data)
	return true, nil
}

func reloadConfig(c *call) (xmlrpc.Value, error) {
	added, changed, removed, err := c.Table.Reload()
	if err != nil {
		return nil, rpc.CantReread.Fault(err.Error())
	}
	return xmlrpc.Array{xmlrpc.Array{array(added), array(changed), array(removed)}}, nil
}

func array[T any](list []T) xmlrpc.Array {
	values := xmlrpc.Array{}
	for _, v := range list {
		values = append(values, v)
	}
	return values
}

func addProcessGroup(c *call) (xmlrpc.Value, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.Table.Configured(), func(g config.Group) bool { return g.Name == name }) {
		return nil, rpc.BadName.Fault(name)
	}
	if _, err := c.group(name); err == nil {
		return nil, rpc.AlreadyAdded.Fault(name)
	}
	return true, c.Table.Add(name)
}

func removeProcessGroup(c *call) (xmlrpc.Value, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	g, err := c.group(name)
	if err != nil {
		return nil, err
	}
	for _, p := range g.Processes {
		if !p.Info().State.IsStopped() {
			return nil, rpc.StillRunning.Fault(name)
		}
	}
	return true, c.Table.Remove(name)
}

func getProcessInfo(c *call) (xmlrpc.Value, error) {
	n, err := c.process()
	if err != nil {
		return nil, err
	}
	return describe(n.group, n.process, time.Now()), nil
}

func getAllProcessInfo(c *call) (xmlrpc.Value, error) {
	groups := slices.Clone(c.Table.Groups())
	slices.SortFunc(groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	now := time.Now()
	list := xmlrpc.Array{}
	for _, g := range groups {
		processes := slices.Clone(g.Processes)
		slices.SortFunc(processes, func(a, b Process) int { return strings.Compare(a.Name(), b.Name()) })
		for _, p := range processes {
			list = append(list, describe(g, p, now))
		}
	}
	return list, nil
}

// capped is a time as XML-RPC can carry it.
func capped(seconds int64) int64 { return min(max(seconds, math.MinInt32), math.MaxInt32) }

// describe is what clients learn about a process.
func describe(g Group, p Process, now time.Time) xmlrpc.Struct {
	i := p.Info()
	return xmlrpc.Struct{
		{Name: "name", Value: p.Name()},
		{Name: "group", Value: g.Name},
		{Name: "start", Value: capped(i.Start)},
		{Name: "stop", Value: capped(i.Stop)},
		{Name: "now", Value: capped(now.Unix())},
		{Name: "state", Value: int64(i.State)},
		{Name: "statename", Value: i.State.String()},
		{Name: "spawnerr", Value: i.SpawnError},
		{Name: "exitstatus", Value: i.ExitStatus},
		{Name: "logfile", Value: i.Stdout},
		{Name: "stdout_logfile", Value: i.Stdout},
		{Name: "stderr_logfile", Value: i.Stderr},
		{Name: "pid", Value: int64(i.PID)},
		{Name: "description", Value: i.Description(p.Name(), now)},
	}
}

// Description says in words what a process does.
func (i Info) Description(name string, now time.Time) string {
	switch i.State {
	case rpc.Running:
		return fmt.Sprintf("pid %d, uptime %s", i.PID, Uptime(now.Unix()-i.Start))
	case rpc.Fatal, rpc.Backoff:
		if i.SpawnError == "" {
			return fmt.Sprintf(`unknown error (try "tail %s")`, name)
		}
		return i.SpawnError
	case rpc.Stopped, rpc.Exited:
		if i.Start == 0 {
			return "Not started"
		}
		return time.Unix(i.Stop, 0).Format("Jan 02 03:04 PM")
	}
	return ""
}

// Uptime is a time as Python prints it, with its days in front.
func Uptime(seconds int64) string {
	seconds = max(0, seconds) // the clock may have been set back
	text := fmt.Sprintf("%d:%02d:%02d", seconds/3600%24, seconds/60%60, seconds%60)
	switch days := seconds / 86400; days {
	case 0:
		return text
	case 1:
		return "1 day, " + text
	default:
		return fmt.Sprintf("%d days, %s", days, text)
	}
}

func getAllConfigInfo(c *call) (xmlrpc.Value, error) {
	inUse := map[string]Group{}
	for _, g := range c.Table.Groups() {
		inUse[g.Name] = g
	}
	type entry struct {
		name string
		info xmlrpc.Struct
	}
	var list []entry
	for _, g := range c.Table.Configured() {
		for _, p := range g.Programs {
			used, is := inUse[g.Name]
			for _, process := range used.Processes {
				if process.Name() == p.Name {
					p.Stdout.File, p.Stderr.File = chosen(p.Stdout.File, process.Info().Stdout), chosen(p.Stderr.File, process.Info().Stderr)
				}
			}
			list = append(list, entry{p.Name, configured(g, p, is)})
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	infos := xmlrpc.Array{}
	for _, e := range list {
		infos = append(infos, e.info)
	}
	return infos, nil
}

// chosen is the file that was made for a log, if the configuration leaves that to the server.
func chosen(configured, made string) string {
	if configured == config.Auto && made != "" {
		return made
	}
	return configured
}

// configured is what clients learn about the configuration of a process. What is not set is "none".
func configured(g config.Group, p config.Program, inUse bool) xmlrpc.Struct {
	orNone := func(text string) xmlrpc.Value {
		if text == "" {
			return "none"
		}
		return text
	}
	uid := xmlrpc.Value("none")
	if p.UID != nil {
		uid = *p.UID
	}
	info := xmlrpc.Struct{
		{Name: "autostart", Value: p.AutoStart},
		{Name: "directory", Value: orNone(p.Directory)},
		{Name: "uid", Value: uid},
		{Name: "command", Value: p.Command},
		{Name: "exitcodes", Value: array(p.ExitCodes)},
		{Name: "group", Value: g.Name},
		{Name: "group_prio", Value: g.Priority},
		{Name: "inuse", Value: inUse},
		{Name: "killasgroup", Value: p.KillAsGroup},
		{Name: "name", Value: p.Name},
		{Name: "process_prio", Value: p.Priority},
		{Name: "redirect_stderr", Value: p.RedirectStderr},
		{Name: "startretries", Value: p.StartRetries},
		{Name: "startsecs", Value: p.StartSecs},
	}
	info = append(info, logOf("stdout", p.Stdout)...)
	info = append(info, xmlrpc.Member{Name: "stopsignal", Value: int64(p.StopSignal)}, xmlrpc.Member{Name: "stopwaitsecs", Value: p.StopWaitSecs})
	info = append(info, logOf("stderr", p.Stderr)...)
	return append(info, xmlrpc.Member{Name: "serverurl", Value: orNone(p.ServerURL)})
}

func logOf(stream string, l config.Log) xmlrpc.Struct {
	return xmlrpc.Struct{
		{Name: stream + "_capture_maxbytes", Value: l.CaptureMaxBytes},
		{Name: stream + "_events_enabled", Value: l.Events},
		{Name: stream + "_logfile", Value: l.File},
		{Name: stream + "_logfile_backups", Value: l.Backups},
		{Name: stream + "_logfile_maxbytes", Value: l.MaxBytes},
		{Name: stream + "_syslog", Value: l.Syslog},
	}
}
