package table

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"catena/internal/supervisord/applied"
	"catena/internal/supervisord/compile"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/rpc"
)

// What changes which groups are in use. A group that is added gets its service directories, and
// svscan finds them.

// reread reads the configuration. What is wrong with it is one error.
func (t *Table) reread() (*config.Config, error) {
	c, problems := config.Read(t.state.File, os.Environ())
	if len(problems) == 0 {
		_, problems = compile.Compile(c, t.state.Around)
	}
	var wrong []string // without their places, as Supervisor has it
	for _, problem := range problems {
		wrong = append(wrong, problem.Text)
	}
	if wrong != nil {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	return c, nil
}

// Reload reads the configuration, and returns the groups that differ from those in use.
func (t *Table) Reload() (added, changed, removed []string, err error) {
	c, err := t.reread()
	if err != nil {
		return nil, nil, nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.configured = c.Groups
	for _, g := range c.Groups {
		used := t.inUse(g.Name)
		if used == nil {
			added = append(added, g.Name)
		} else if !same(*used, g) {
			changed = append(changed, g.Name)
		}
	}
	for _, g := range t.state.Groups {
		if !slices.ContainsFunc(c.Groups, func(other config.Group) bool { return other.Name == g.Name }) {
			removed = append(removed, g.Name)
		}
	}
	return added, changed, removed, nil
}

// inUse is a group that is in use, or nil.
func (t *Table) inUse(name string) *config.Group {
	i := slices.IndexFunc(t.state.Groups, func(g config.Group) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &t.state.Groups[i]
}

// same reports whether two groups mean the same. Which files were made for logs does not count.
func same(a, b config.Group) bool {
	text := func(g config.Group) string {
		g.Programs = slices.Clone(g.Programs)
		for i := range g.Programs {
			g.Programs[i].Stdout.Path, g.Programs[i].Stderr.Path = "", ""
		}
		text, _ := json.Marshal(g)
		return string(text)
	}
	return text(a) == text(b)
}

// Add takes a group of the configuration into use.
func (t *Table) Add(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.configured, func(g config.Group) bool { return g.Name == name })
	if i < 0 || t.inUse(name) != nil {
		return rpc.BadName.Fault(name)
	}
	g := t.configured[i]
	g.Programs = slices.Clone(g.Programs)
	only := config.Config{Server: t.state.Server, Groups: []config.Group{g}}
	if err := compile.SetPaths(&only, t.state.Around.Directory, applied.MakeLogs(nil, t.state.Server)); err != nil {
		return err
	}
	next := *t.state
	next.Groups = append(slices.Clone(t.state.Groups), g)
	slices.SortStableFunc(next.Groups, func(a, b config.Group) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	if err := t.apply(&next); err != nil {
		return err
	}
	for _, p := range t.processesOf(g) {
		t.processes = append(t.processes, p)
		t.begin(p)
	}
	t.regroup()
	t.tell(news{group: name, added: true})
	return nil
}

// apply writes the service directories of a state, and takes the state for the present one.
func (t *Table) apply(next *applied.State) error {
	services, problems := compile.Compile(&next.Config, next.Around)
	if len(problems) > 0 {
		return problems[0]
	}
	if err := compile.Write(t.run, services); err != nil {
		return err
	}
	if err := next.Write(t.run); err != nil {
		return err
	}
	t.state = next
	return nil
}

// Remove takes a group, none of whose processes runs, out of use.
func (t *Table) Remove(name string) error {
	t.mu.Lock()
	g := t.inUse(name)
	if g == nil {
		t.mu.Unlock()
		return rpc.BadName.Fault(name)
	}
	holder := compile.HolderOf(*g)
	var gone []*process
	for _, p := range t.processes {
		if p.group == name {
			gone = append(gone, p)
		}
	}
	next := *t.state
	next.Groups = slices.DeleteFunc(slices.Clone(t.state.Groups), func(g config.Group) bool { return g.Name == name })
	err := next.Write(t.run)
	if err == nil {
		t.state = &next
		t.regroup()
	}
	t.mu.Unlock()
	if err != nil {
		return err
	}
	for _, p := range gone {
		if err := t.dismiss(p); err != nil {
			return rpc.Failed.Fault(p.fullName() + ": " + err.Error())
		}
	}
	if holder != "" {
		if err := t.dismissHolder(holder); err != nil {
			return rpc.Failed.Fault(holder + ": " + err.Error())
		}
	}
	t.tell(news{group: name})
	return nil
}

// dismissHolder does for the service that holds a socket what dismiss does for a process.
func (t *Table) dismissHolder(name string) error {
	if err := compile.Hide(t.run, name); err != nil {
		return err
	}
	t.mu.Lock()
	heard := t.tellSupervisor(t.dir(name), "dx") == nil // otherwise nobody listens
	t.mu.Unlock()
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		t.mu.Lock()
		supervised := heard && read(t.dir(name), t.epoch).supervised
		t.mu.Unlock()
		if !supervised {
			return compile.Remove(t.run, name)
		}
		if time.Since(began) > patience {
			return fmt.Errorf("its supervisor does not end")
		}
	}
}

// dismiss ends the supervision of a process, and removes its service directory.
func (t *Table) dismiss(p *process) error {
	if err := compile.Hide(t.run, p.fullName()); err != nil {
		return err
	}
	t.mu.Lock()
	p.dismissed = true
	p.look()
	heard := p.facts.supervised && t.tellSupervisor(p.dir, "dx") == nil // if nobody listens, there is nobody to dismiss
	t.mu.Unlock()
	if heard {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if p.await(ctx, func() bool { return !p.facts.supervised }) != nil {
			return fmt.Errorf("its supervisor does not end")
		}
	}
	t.mu.Lock()
	t.unfollow(p)
	t.processes = slices.DeleteFunc(t.processes, func(other *process) bool { return other == p })
	t.mu.Unlock()
	return compile.Remove(t.run, p.fullName())
}
