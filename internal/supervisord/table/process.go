package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// A process is one service directory. The lock of the table guards it.
type process struct {
	table   *Table
	group   string
	program config.Program
	dir     string

	facts     facts
	memory    memory
	killAt    int64         // when the process that was told to end is killed, since boot in ns; or 0
	changed   chan struct{} // it is closed when the memory changes, or the facts do
	timer     *time.Timer   // when it has to be looked at again
	watching  int32         // the number of its watch; 0 if there is none
	waits     bool          // for its supervise folder, which is not there
	isDue     bool          // it was named by an event
	dismissed bool          // its group is out of use
	forgetful bool          // it was said that the memory cannot be written
	reports   *time.Timer   // when it is said next that the process is waited for

	stdin sync.Mutex // of who writes there
}

var _ serve.Process = (*process)(nil)

func (p *process) Name() string { return p.program.Name }

func (p *process) fullName() string { return config.FullName(p.group, p.program.Name) }

// look reads the facts, and tells what they have changed.
func (p *process) look() {
	facts, memory := p.facts, p.memory
	p.facts = read(p.dir, p.table.epoch)
	if !p.dismissed {
		p.advance(time.Now())
	}
	if p.memory != memory {
		p.table.tell(news{of: p, memory: p.memory})
	}
	if p.memory != memory || p.facts != facts {
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// lookIn has the process looked at again after a while.
func (p *process) lookIn(d time.Duration) {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(d, func() {
		p.table.mu.Lock()
		defer p.table.mu.Unlock()
		p.look()
	})
}

func (p *process) Info() serve.Info {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	return p.info()
}

func (p *process) info() serve.Info {
	m := p.memory
	return serve.Info{
		State:      m.State,
		Start:      seconds(m.Start),
		Stop:       seconds(m.Stop),
		PID:        m.PID,
		Starts:     int64(m.Starts),
		ExitStatus: m.ExitStatus,
		SpawnError: m.SpawnError,
		Stdout:     p.program.Stdout.Path,
		Stderr:     p.program.Stderr.Path,
		Stopping:   m.State == rpc.Stopping,
	}
}

// Await waits until something holds of the process.
func (p *process) Await(ctx context.Context, holds func(serve.Info) bool) (serve.Info, error) {
	var info serve.Info
	err := p.await(ctx, func() bool {
		info = p.info()
		return holds(info)
	})
	return info, err
}

// await waits until something holds, which it asks under the lock of the table.
func (p *process) await(ctx context.Context, holds func() bool) error {
	for {
		p.table.mu.Lock()
		held, changed := holds(), p.changed
		p.table.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// patience is how long a supervisor may take to obey.
const patience = 10 * time.Second

// obeyed gives a supervisor commands, and waits until something holds of the facts.
func (p *process) obeyed(commands string, holds func(before, now facts) bool) error {
	p.table.mu.Lock()
	before := p.facts
	err := p.table.tellSupervisor(p.dir, commands)
	p.table.mu.Unlock()
	if err != nil {
		return rpc.Failed.Fault(p.fullName() + ": " + err.Error())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if p.await(ctx, func() bool { return holds(before, p.facts) }) != nil {
		return rpc.Failed.Fault(p.fullName() + ": its supervisor does not answer")
	}
	return nil
}

// tellSupervisor writes commands of svc to the supervisor of a service. A supervisor is on record
// before it listens, so tellSupervisor waits for one that runs. The caller must hold the lock of
// the table, which is given up meanwhile.
func (t *Table) tellSupervisor(dir, commands string) error {
	const pause = 2 * time.Millisecond
	for began := time.Now(); ; {
		err := service.Tell(dir, commands)
		switch {
		case err == 0:
			return nil
		case err != unix.ENXIO && err != unix.ENOENT:
			return err
		case t.supervisor(dir) == 0 || time.Since(began) > patience:
			return errors.New("it has no supervisor")
		}
		t.mu.Unlock()
		time.Sleep(pause)
		t.mu.Lock()
	}
}

// Start starts the process.
func (p *process) Start() error {
	if waits, err := p.setDown(false); waits || err != nil {
		return err
	}
	return p.obeyed("u", func(before, now facts) bool {
		return now.state.Starts != before.state.Starts || now.state.Asked || now.pid != 0 ||
			now.state.Why != service.Told && now.state.Failed != before.state.Failed
	})
}

// Stop stops the process.
func (p *process) Stop() error {
	if waits, err := p.setDown(true); waits || err != nil {
		return err
	}
	p.table.mu.Lock()
	if p.memory.PID != 0 {
		p.report()
	}
	p.table.mu.Unlock()
	return p.obeyed("d", func(_, now facts) bool { return now.want == service.WantDown || !now.supervised })
}

// setDown decides what svscan does with a service that has no supervisor yet, because it waits for
// what it needs. waits reports whether the service is such a one.
func (p *process) setDown(down bool) (waits bool, err error) {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	if p.look(); p.facts.supervised {
		return false, nil
	}
	file := filepath.Join(p.dir, service.Down)
	if down {
		err = os.WriteFile(file, nil, 0o644)
	} else if err = os.Remove(file); os.IsNotExist(err) {
		err = nil
	}
	p.look()
	return true, err
}

// reportEvery is how often it is said that a process is waited for.
const reportEvery = 2 * time.Second

// report says that a process is waited for, again and again until it has ended.
func (p *process) report() {
	p.say(time.Now(), journal.Info, "waiting for "+p.program.Name+" to stop")
	if p.reports != nil {
		p.reports.Stop()
	}
	p.reports = time.AfterFunc(reportEvery, func() {
		p.table.mu.Lock()
		defer p.table.mu.Unlock()
		if p.memory.State == rpc.Stopping {
			p.report()
		}
	})
}

// Signal sends a signal to the process itself. A letter of svc would not do: who ends a service
// by that has it started again.
func (p *process) Signal(signal syscall.Signal) error {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	if p.facts.pid == 0 {
		return rpc.NotRunning.Fault(p.fullName())
	}
	pidfd, err := p.facts.record.Process()
	switch {
	case err != 0:
		return rpc.Failed.Fault(p.fullName() + ": " + err.Error())
	case pidfd == service.Gone:
		return nil // its death is about to be published
	case pidfd == service.NoPidfd:
		return failed(p, unix.Kill(p.facts.pid, signal))
	}
	defer unix.Close(pidfd)
	return failed(p, unix.PidfdSendSignal(pidfd, signal, nil, 0))
}

func failed(p *process, err error) error {
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return rpc.Failed.Fault(p.fullName() + ": " + err.Error())
}

// Write writes to the FIFO that is standard input of the process.
func (p *process) Write(data []byte) error {
	p.stdin.Lock()
	defer p.stdin.Unlock()
	fifo, err := os.OpenFile(filepath.Join(p.dir, "stdin"), os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOENT): // nobody has it open, or a socket is in its place
		return syscall.EPIPE
	case err != nil:
		return rpc.Failed.Fault(p.fullName() + ": " + err.Error())
	}
	defer fifo.Close()
	fifo.SetWriteDeadline(time.Now().Add(patience))
	if _, err := fifo.Write(data); errors.Is(err, syscall.EPIPE) {
		return syscall.EPIPE
	} else if err != nil {
		return rpc.Failed.Fault(p.fullName() + ": it does not read its standard input")
	}
	return nil
}

// ClearLogs empties the logs, to which the process itself appends.
func (p *process) ClearLogs() error {
	for _, log := range []config.Log{p.program.Stdout, p.program.Stderr} {
		info, err := os.Stat(log.Path)
		if log.Path == "" || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err == nil {
			err = os.Truncate(log.Path, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Executable tells why the process cannot be started.
func (p *process) Executable() error {
	if code, why := p.unexecutable(); why != "" {
		return code.Fault(why)
	}
	return nil
}

// unexecutable says why the command cannot be executed, in Supervisor's words. It is empty if the
// command can be executed, as far as this account can tell.
func (p *process) unexecutable() (code rpc.Code, why string) {
	file, info := p.table.command(p.program)
	switch {
	case info == nil:
		return rpc.NoFile, fmt.Sprintf("can't find command '%s'", file)
	case info.IsDir():
		return rpc.NotExecutable, fmt.Sprintf("command at '%s' is a directory", file)
	case info.Mode()&0o111 == 0:
		return rpc.NotExecutable, fmt.Sprintf("command at '%s' is not executable", file)
	case unix.Access(file, unix.X_OK) != nil:
		return rpc.NotExecutable, fmt.Sprintf("no permission to run command '%s'", file)
	}
	return 0, ""
}
