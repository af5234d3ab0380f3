// Package table is what a server knows of its programs, and does to them. It reads what their
// supervisors publish, and nothing else makes a program run: the table may be gone at any time.
package table

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
	"catena/internal/supervisord/applied"
	"catena/internal/supervisord/compile"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/python"
	"catena/internal/supervisord/serve"
)

// A Table is the services of a run directory. It is what [serve.Server] answers from.
type Table struct {
	Remote func(kind, data string) // gets what clients send to event listeners, if it is not nil

	run string
	log *journal.Journal
	new bool // svscan is, and there was no server of it before

	mu         sync.Mutex
	epoch      service.Epoch
	state      *applied.State // its groups are in use
	configured []config.Group // as they were read last
	processes  []*process
	groups     []serve.Group
	mood       serve.Mood
	late       bool // what is told has happened while there was no server
	inotify    int  // its descriptor; -1 if there is none
	watched    map[int32]*process
	blind      bool // all services are looked at every second

	changes subscribers[Change]
	moods   subscribers[serve.Mood]
	comings subscribers[news]
	telling struct {
		mu         sync.Mutex
		come, done *sync.Cond
		queue      []news
		held       bool // the queue is not complete
		idle       bool
	}
}

var _ serve.Table = (*Table)(nil)

// New makes a table of a run directory.
func New(run string, state *applied.State, log *journal.Journal) *Table {
	t := &Table{run: run, log: log, state: state, configured: state.Groups, mood: serve.Up, watched: map[int32]*process{}}
	t.telling.come, t.telling.done = sync.NewCond(&t.telling.mu), sync.NewCond(&t.telling.mu)
	t.telling.idle = true
	for _, g := range state.Groups {
		t.processes = append(t.processes, t.processesOf(g)...)
	}
	t.regroup()
	return t
}

func (t *Table) processesOf(g config.Group) (list []*process) {
	for _, p := range g.Programs {
		list = append(list, &process{table: t, group: g.Name, program: p, dir: t.dir(config.FullName(g.Name, p.Name)), changed: make(chan struct{})})
	}
	return list
}

// dir is the service directory of a name.
func (t *Table) dir(name string) string { return filepath.Join(t.run, compile.Services, name) }

// Begin tells what has happened while there was no server, and follows what comes.
func (t *Table) Begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch = service.ThisEpoch()
	t.sayStarted()
	go t.tellAll()
	t.watch()
	t.late = !t.new
	t.telling.held = true
	for _, p := range t.processes {
		t.begin(p)
	}
	t.late = false
	t.release()
	go t.sayOutput()
}

// sayStarted says that there is a new svscan, which people take for the server.
func (t *Table) sayStarted() {
	file := filepath.Join(t.dir(compile.OwnService), told)
	text := strconv.Itoa(t.svscan())
	if before, err := os.ReadFile(file); err == nil && string(before) == text {
		return
	}
	t.new = true
	t.log.Say(journal.Info, "supervisord started with pid "+text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.log.Say(journal.Warning, err.Error())
	}
}

// begin takes up a process where the last server has left it.
func (t *Table) begin(p *process) {
	p.memory = recall(p.dir)
	t.follow(p)
	p.look()
}

// Groups are those that are in use.
func (t *Table) Groups() []serve.Group {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.groups)
}

// regroup makes the groups of the processes that are in use.
func (t *Table) regroup() {
	of := map[string][]serve.Process{}
	for _, p := range t.processes {
		if !p.dismissed {
			of[p.group] = append(of[p.group], p)
		}
	}
	t.groups = nil
	for _, g := range t.state.Groups {
		t.groups = append(t.groups, serve.Group{Name: g.Name, Processes: of[g.Name]})
	}
}

// Configured are the groups of the configuration as it was read last.
func (t *Table) Configured() []config.Group {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.configured)
}

// Mood is the state of the server.
func (t *Table) Mood() serve.Mood {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mood
}

// Identification is the identifier of the configuration.
func (t *Table) Identification() string { return t.state.Server.Identifier }

// LogFile is the log of the server.
func (t *Table) LogFile() string { return t.log.Name() }

// ClearLog empties the log of the server.
func (t *Table) ClearLog() error { return t.log.Clear() }

// Notify passes on what a client sends to event listeners.
func (t *Table) Notify(kind, data string) {
	if t.Remote != nil {
		t.Remote(kind, data)
	}
}

// PID is the process of svscan. It is 0 if there is none.
func (t *Table) PID() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.svscan()
}

// svscan is the supervisor on record of the server's own service.
func (t *Table) svscan() int { return t.supervisor(t.dir(compile.OwnService)) }

// supervisor is the supervisor on record of a service, if it runs; otherwise 0.
func (t *Table) supervisor(dir string) int {
	lock, err := open(filepath.Join(dir, service.Lock))
	if err != nil {
		return 0
	}
	defer unix.Close(lock)
	record, found := service.ReadRecord(lock, service.OfSupervise, t.epoch)
	if found != service.ThisOne || !record.Runs() {
		return 0
	}
	return int(record.PID)
}

// command is the file that the command of a program names, and what that is; nil if there is none.
func (t *Table) command(p config.Program) (file string, info os.FileInfo) {
	words, err := python.Words(p.Command)
	if err != nil || len(words) == 0 {
		return p.Command, nil
	}
	around := t.state.Around
	file = compile.LookUp(words[0], p, around)
	info, err = os.Stat(file)
	if err != nil {
		return words[0], nil
	}
	return file, info
}

// End ends svscan with all services, or has it start again.
func (t *Table) End(restart bool) {
	if restart {
		if err := t.prepareRestart(); err != nil {
			t.log.Say(journal.Critical, "not started again: "+err.Error())
			return
		}
	}
	pid := t.PID()
	if pid == 0 {
		t.log.Say(journal.Critical, "there is no svscan to end")
		return
	}
	t.setMood(restart)
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.log.Say(journal.Critical, fmt.Sprintf("unable to end svscan, process %d: %v", pid, err))
	}
}

func (t *Table) setMood(restart bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mood != serve.Up {
		return
	}
	if t.mood = serve.ShuttingDown; restart {
		t.mood = serve.Restarting
	}
	mood := t.mood
	t.tell(news{mood: &mood})
}

// Ending notes that svscan ends everything.
func (t *Table) Ending() { t.setMood(false) }

// Over reports whether svscan has no other service left than the server.
func (t *Table) Over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !slices.ContainsFunc(t.processes, func(p *process) bool { return p.facts.supervised })
}

// Unstopped are the names of the processes that have not ended.
func (t *Table) Unstopped() (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.processes {
		if !p.memory.State.IsStopped() {
			names = append(names, p.program.Name)
		}
	}
	return names
}

// Again is the word with which supervisord, and a run directory, starts what ran there again.
const Again = "again"

// prepareRestart has svscan become supervisord when everything has stopped. A configuration that
// supervisord would refuse ends nothing.
func (t *Table) prepareRestart() error {
	_, err := t.reread()
	if err != nil {
		return err
	}
	chain, err := compile.ChainText([][]string{{t.state.Around.Supervisord, Again, t.run}})
	if err != nil {
		return err
	}
	return applied.Replace(filepath.Join(t.run, compile.Scan, compile.FinishChain), []byte(chain), 0o644)
}

// Forget forgets what was told, because svscan has ended everything: the next one begins anew.
func (t *Table) Forget() error {
	t.Flush()
	t.mu.Lock()
	defer t.mu.Unlock()
	var problems []error
	os.Remove(filepath.Join(t.dir(compile.OwnService), told))
	for _, p := range t.processes {
		if err := os.Remove(filepath.Join(p.dir, told)); err != nil && !os.IsNotExist(err) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// IsEnding reports whether svscan ends everything, and not the server alone. It waits a moment for
// svscan to say so.
func (t *Table) IsEnding() bool {
	const tries, pause = 50, 20 * time.Millisecond
	own := t.dir(compile.OwnService)
	for range tries {
		t.mu.Lock()
		exit := read(own, t.epoch).state.Exit
		others := len(t.processes) == 0
		for _, p := range t.processes {
			f := read(p.dir, t.epoch)
			others = others || f.state.Exit || !f.supervised
		}
		t.mu.Unlock()
		if exit && others {
			return true
		}
		time.Sleep(pause)
	}
	return false
}
