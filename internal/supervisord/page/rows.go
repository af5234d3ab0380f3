package page

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// A row is what the page shows of a process. Two rows are equal if they look the same but for the
// time that the process has been up.
type row struct {
	Group       string
	Name        string // as clients name it: group:process, or the process if its group has the same name
	State       rpc.State
	PID         int
	Start       int64
	Description string // empty if the process runs
	Stdout      bool   // it has this log
	Stderr      bool
}

// rows are those of all processes in the order of Supervisor's page.
func rows(table serve.Table) (list []row) {
	now := time.Now()
	for _, g := range table.Groups() {
		for _, p := range g.Processes {
			i := p.Info()
			r := row{Group: g.Name, Name: config.FullName(g.Name, p.Name()), State: i.State, Stdout: i.Stdout != "", Stderr: i.Stderr != ""}
			if i.State == rpc.Running {
				r.PID, r.Start = i.PID, i.Start
			} else {
				r.Description = i.Description(p.Name(), now)
			}
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b row) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Name, b.Name))
	})
	return list
}

// ID is that of the element that shows the row.
func (r row) ID() string { return "p-" + r.Name }

// Path is the name in a path.
func (r row) Path() string { return url.PathEscape(r.Name) }

// StateName is the state in small letters, as Supervisor's page has it.
func (r row) StateName() string { return strings.ToLower(r.State.String()) }

// MayStart tells whether the process can be started.
func (r row) MayStart() bool { return r.State.IsStopped() && r.State != rpc.Unknown }

// MayStop tells whether the process can be stopped.
func (r row) MayStop() bool { return r.State.IsRunning() }

// Up tells whether the process runs.
func (r row) Up() bool { return r.State == rpc.Running }

// Uptime is since when the process has been up, in words.
func (r row) Uptime() string { return serve.Uptime(time.Now().Unix() - r.Start) }

// isMeant tells whether the name or the state has each word of a search in it.
func (r row) isMeant(search string) bool {
	text := strings.ToLower(r.Words())
	for _, word := range strings.Fields(strings.ToLower(search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// Words are what a search looks in.
func (r row) Words() string { return r.Name + " " + r.StateName() }

// A group is what stands below one heading.
type group struct {
	Name string
	Rows []row
}

// Many tells whether the group is more than one process of its own name.
func (g group) Many() bool { return len(g.Rows) > 1 || g.Rows[0].Name != g.Name }

// grouped puts the rows that a search means below their groups.
func grouped(list []row, search string) (groups []group) {
	for _, r := range list {
		if !r.isMeant(search) {
			continue
		}
		if n := len(groups); n == 0 || groups[n-1].Name != r.Group {
			groups = append(groups, group{Name: r.Group})
		}
		last := &groups[len(groups)-1]
		last.Rows = append(last.Rows, r)
	}
	return groups
}

// A count is how many processes have a state.
type count struct {
	State string
	N     int
}

// order is that of the states in the summary: what needs a look comes first.
var order = []rpc.State{rpc.Fatal, rpc.Backoff, rpc.Unknown, rpc.Starting, rpc.Stopping, rpc.Exited, rpc.Stopped, rpc.Running}

// summary counts the processes of each state.
func summary(list []row) (counts []count) {
	for _, state := range order {
		n := 0
		for _, r := range list {
			if r.State == state {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, count{strings.ToLower(state.String()), n})
		}
	}
	return counts
}
