package serve

// A table whose processes are made up: they do at once what they are told.
//
// Not tested in this file: anything.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/rpc"
)

// programs are of every kind. A pattern stands for the folder.
const programs = `[supervisord]
logfile=%(here)s/log
pidfile=%(here)s/pid
childlogdir=%(here)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[unix_http_server]
file=%(here)s/sock
[program:cat]
command=/bin/cat
startsecs=0
environment=A="b"
[program:web]
command=/bin/sleep 1000
numprocs=2
process_name=%(program_name)s_%(process_num)02d
startsecs=0
directory=/tmp
exitcodes=0,2
killasgroup=true
stopsignal=INT
[program:bad]
command=/nonexistent/x
autostart=false
[program:passwd]
command=/etc/passwd
autostart=false
[program:fails]
command=/bin/false
autostart=false
startretries=0
startsecs=1000
[program:says]
command=/bin/sh -c 'echo hallo; exec sleep 1000'
startsecs=0
[program:silent]
command=/bin/sleep 1000
stdout_logfile=NONE
stderr_logfile=NONE
startsecs=0
user=root
`

type fakeTable struct {
	mu         sync.Mutex
	configured []config.Group
	groups     []Group
	mood       Mood
	log        string
}

type fakeProcess struct {
	mu      sync.Mutex
	changed *sync.Cond
	program config.Program
	info    Info
}

// newFake makes a table of a configuration in a folder, and has those run that start by themselves.
func newFake(t testing.TB, dir, text string) *fakeTable {
	t.Helper()
	file := filepath.Join(dir, "c")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	c, problems := config.Read(file, os.Environ())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f := &fakeTable{configured: c.Groups, mood: Up, log: filepath.Join(dir, "log")}
	must(t, os.WriteFile(f.log, []byte("log\n"), 0o600))
	for _, g := range c.Groups {
		f.Add(g.Name)
	}
	return f
}

func (f *fakeTable) Mood() Mood                 { return f.mood }
func (f *fakeTable) Identification() string     { return "supervisor" }
func (f *fakeTable) PID() int                   { return os.Getpid() }
func (f *fakeTable) LogFile() string            { return f.log }
func (f *fakeTable) ClearLog() error            { return os.Truncate(f.log, 0) }
func (f *fakeTable) End(bool)                   { f.mood = ShuttingDown }
func (f *fakeTable) Configured() []config.Group { return f.configured }
func (f *fakeTable) Notify(string, string)      {}

func (f *fakeTable) Groups() []Group {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.groups)
}

func (f *fakeTable) Reload() (added, changed, removed []string, err error) {
	for _, g := range f.configured {
		if !slices.ContainsFunc(f.Groups(), func(in Group) bool { return in.Name == g.Name }) {
			added = append(added, g.Name)
		}
	}
	return added, nil, nil, nil
}

func (f *fakeTable) Add(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.configured {
		if g.Name != name {
			continue
		}
		added := Group{Name: name}
		for _, program := range g.Programs {
			p := &fakeProcess{program: program}
			p.changed = sync.NewCond(&p.mu)
			p.info.Stdout, p.info.Stderr = logFor(f.log, program.Name, "stdout", program.Stdout), logFor(f.log, program.Name, "stderr", program.Stderr)
			if program.AutoStart {
				p.Start()
			}
			added.Processes = append(added.Processes, p)
		}
		f.groups = append(f.groups, added)
	}
	return nil
}

// logFor makes a log as Supervisor names it, or none.
func logFor(beside, name, stream string, l config.Log) string {
	if l.File == config.None {
		return ""
	}
	file := filepath.Join(filepath.Dir(beside), name+"-"+stream+"---x.log")
	if os.WriteFile(file, nil, 0o600) != nil {
		return ""
	}
	return file
}

func (f *fakeTable) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.groups = slices.DeleteFunc(f.groups, func(g Group) bool { return g.Name == name })
	return nil
}

func (p *fakeProcess) Name() string { return p.program.Name }

func (p *fakeProcess) Info() Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

// become changes the process.
func (p *fakeProcess) become(how func(i *Info)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how(&p.info)
	p.changed.Broadcast()
}

func (p *fakeProcess) Executable() error {
	switch command := strings.Fields(p.program.Command)[0]; command {
	case "/nonexistent/x":
		return rpc.NoFile.Fault("can't find command '" + command + "'")
	case "/etc/passwd":
		return rpc.NotExecutable.Fault("command at '" + command + "' is not executable")
	}
	return nil
}

func (p *fakeProcess) Start() error {
	p.become(func(i *Info) {
		i.State, i.PID, i.Start, i.SpawnError = rpc.Running, 12345, time.Now().Unix(), ""
		if p.program.StartSecs > 0 {
			i.State = rpc.Starting
		}
		if i.Stdout != "" && p.program.Name == "says" {
			os.WriteFile(i.Stdout, []byte("hallo\n"), 0o600)
		}
	})
	if p.program.Name == "fails" {
		time.AfterFunc(50*time.Millisecond, func() {
			p.become(func(i *Info) {
				i.State, i.PID, i.Stop, i.ExitStatus = rpc.Fatal, 0, time.Now().Unix(), 0
				i.SpawnError = "Exited too quickly (process log may have details)"
			})
		})
	}
	return nil
}

func (p *fakeProcess) Stop() error {
	p.become(func(i *Info) { i.State, i.Stopping = rpc.Stopping, true })
	time.AfterFunc(20*time.Millisecond, func() {
		p.become(func(i *Info) {
			i.State, i.Stopping, i.PID, i.Stop, i.ExitStatus = rpc.Stopped, false, 0, time.Now().Unix(), -1
		})
	})
	return nil
}

func (p *fakeProcess) Await(ctx context.Context, holds func(Info) bool) (Info, error) {
	stop := context.AfterFunc(ctx, func() { p.become(func(*Info) {}) })
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !holds(p.info) && ctx.Err() == nil {
		p.changed.Wait()
	}
	return p.info, ctx.Err()
}

func (p *fakeProcess) Signal(syscall.Signal) error { return nil }

func (p *fakeProcess) Write(data []byte) error {
	if string(data) == "EPIPE" {
		return syscall.EPIPE
	}
	return nil
}

func (p *fakeProcess) ClearLogs() error {
	for _, file := range []string{p.info.Stdout, p.info.Stderr} {
		if file == "" {
			continue
		}
		if err := os.Truncate(file, 0); err != nil {
			return errors.New("refused")
		}
	}
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
