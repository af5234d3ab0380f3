package page

// A table whose processes are made up, and servers of it.
//
// Not tested in this file: anything.

import (
	"context"
	"net"
	"net/http"
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
	"catena/internal/supervisord/serve"
)

// A fakeTable has what a page uses of a table. Anything else is nil, and panics.
type fakeTable struct {
	serve.Table
	dir    string
	mu     sync.Mutex
	groups []serve.Group
}

func (f *fakeTable) Mood() serve.Mood       { return serve.Up }
func (f *fakeTable) Identification() string { return "supervisor" }
func (f *fakeTable) LogFile() string        { return filepath.Join(f.dir, "log") }

func (f *fakeTable) Groups() []serve.Group {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.groups)
}

// A fakeProcess does at once what it is told.
type fakeProcess struct {
	name    string
	mu      sync.Mutex
	changed *sync.Cond
	info    serve.Info
	fails   bool
}

// newFake makes a table of programs that run, each with a log of a line. What is called bad cannot
// be started, and what is called fails ends at once; both are down. silent has no logs.
func newFake(t testing.TB, names ...string) *fakeTable {
	t.Helper()
	f := &fakeTable{dir: t.TempDir()}
	must(t, os.WriteFile(f.LogFile(), []byte("log\n"), 0o600))
	for _, name := range names {
		f.add(t, name)
	}
	return f
}

// add adds a program: a name, or group:name.
func (f *fakeTable) add(t testing.TB, full string) *fakeProcess {
	t.Helper()
	group, name := rpc.Split(full)
	p := &fakeProcess{name: name, fails: name == "fails"}
	p.changed = sync.NewCond(&p.mu)
	if name != "silent" {
		p.info.Stdout = filepath.Join(f.dir, strings.ReplaceAll(full, "/", "-")+".out")
		p.info.Stderr = filepath.Join(f.dir, strings.ReplaceAll(full, "/", "-")+".err")
		must(t, os.WriteFile(p.info.Stdout, []byte("hallo\n"), 0o600))
		must(t, os.WriteFile(p.info.Stderr, []byte("oh\n"), 0o600))
	}
	if name != "bad" && name != "fails" {
		must(t, p.Start())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.groups, func(g serve.Group) bool { return g.Name == group })
	if i < 0 {
		i = len(f.groups)
		f.groups = append(f.groups, serve.Group{Name: group})
	}
	f.groups[i].Processes = append(slices.Clone(f.groups[i].Processes), p)
	return p
}

// process finds a program.
func (f *fakeTable) process(t testing.TB, full string) *fakeProcess {
	t.Helper()
	for _, g := range f.Groups() {
		for _, p := range g.Processes {
			if config.FullName(g.Name, p.Name()) == full {
				return p.(*fakeProcess)
			}
		}
	}
	t.Fatal("no program ", full)
	return nil
}

func (p *fakeProcess) Name() string { return p.name }

func (p *fakeProcess) Info() serve.Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

// become changes the process.
func (p *fakeProcess) become(how func(i *serve.Info)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how(&p.info)
	p.changed.Broadcast()
}

func (p *fakeProcess) Executable() error {
	if p.name == "bad" {
		return rpc.NoFile.Fault("can't find command '/nonexistent/x'")
	}
	return nil
}

func (p *fakeProcess) Start() error {
	p.become(func(i *serve.Info) {
		i.State, i.PID, i.Start, i.SpawnError = rpc.Running, 12345, time.Now().Unix(), ""
		i.Starts++
		if p.fails {
			i.State = rpc.Starting
		}
	})
	if p.fails {
		time.AfterFunc(20*time.Millisecond, func() {
			p.become(func(i *serve.Info) {
				i.State, i.PID, i.Stop = rpc.Fatal, 0, time.Now().Unix()
				i.SpawnError = "Exited too quickly (process log may have details)"
			})
		})
	}
	return nil
}

func (p *fakeProcess) Stop() error {
	p.become(func(i *serve.Info) { i.State = rpc.Stopping })
	time.AfterFunc(20*time.Millisecond, func() {
		p.become(func(i *serve.Info) { i.State, i.PID, i.Stop, i.ExitStatus = rpc.Stopped, 0, time.Now().Unix(), -1 })
	})
	return nil
}

func (p *fakeProcess) Await(ctx context.Context, holds func(serve.Info) bool) (serve.Info, error) {
	stop := context.AfterFunc(ctx, func() { p.become(func(*serve.Info) {}) })
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !holds(p.info) && ctx.Err() == nil {
		p.changed.Wait()
	}
	return p.info, ctx.Err()
}

func (p *fakeProcess) ClearLogs() error {
	i := p.Info()
	for _, file := range []string{i.Stdout, i.Stderr} {
		if file == "" {
			continue
		}
		if err := os.Truncate(file, 0); err != nil {
			return err
		}
	}
	return nil
}

func (p *fakeProcess) Signal(syscall.Signal) error { return nil }
func (p *fakeProcess) Write([]byte) error          { return nil }

// A site is a server of a table at an address. It can be ended, and another one be started there.
type site struct {
	t       testing.TB
	table   *fakeTable
	address string
	page    *page
	server  *http.Server
}

// serving serves the page of a table.
func serving(t testing.TB, table *fakeTable) *site {
	t.Helper()
	s := &site{t: t, table: table, address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *site) start() {
	s.t.Helper()
	var listener net.Listener
	waitFor(s.t, "the address is free", func() (is bool) {
		var err error
		listener, err = net.Listen("tcp", s.address)
		return err == nil
	})
	s.address = listener.Addr().String()
	server := &serve.Server{Table: s.table, Version: "4.2.5"}
	s.page = New(server).(*page)
	s.server = &http.Server{Handler: server.Handler(config.Socket{}, s.page)}
	go s.server.Serve(listener)
}

func (s *site) stop() { s.server.Close() }

func (s *site) url(path string) string { return "http://" + s.address + path }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until something holds, however slow the machine is.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("not within two minutes: ", what)
		}
	}
}
