// Package server is the service :supervisord of a run directory: it answers clients, and tells the
// log what becomes of the programs. It may be killed at any time, and no program notices.
package server

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/applied"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/page"
	"catena/internal/supervisord/serve"
	"catena/internal/supervisord/table"
)

// garbage is how much memory may be garbage, in percent of what is used. The server is small, mostly
// idle and always there.
const garbage = 20

// Run serves a run directory, and returns the exit code.
func Run(run string) int {
	state, err := applied.Read(run)
	if err == nil {
		err = os.Chdir(state.Launched)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "supervisord: fatal: unable to serve %s: %v\n", run, err)
		return 111
	}
	debug.SetGCPercent(garbage)
	signal.Ignore(syscall.SIGPIPE) // a log may have no reader
	log, err := journal.Open(state.Server)
	if err != nil {
		fmt.Fprintf(os.Stderr, "supervisord: warning: unable to open the log: %v\n", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR2)
	s := &server{log: log, table: table.New(run, state, log), ready: make(chan struct{})}
	s.answers = &serve.Server{Table: s.table, Version: config.Version}
	s.page = page.New(s.answers)
	for _, socket := range state.Sockets {
		s.open(socket, false)
	}
	s.table.Begin()
	debug.FreeOSMemory() // what reading the configuration has taken
	close(s.ready)
	return s.obey(signals)
}

// A server is what Run has.
type server struct {
	log   *journal.Journal
	table *table.Table
	ready chan struct{} // it is closed when the table is known

	answers *serve.Server
	page    http.Handler

	mu    sync.Mutex
	files []string // of sockets that are served
}

// open opens a socket and serves it. If somebody else has it, open says so once, and tries again
// until the socket is free.
func (s *server) open(socket config.Socket, again bool) {
	listener, err := listen(socket)
	if err == nil {
		s.serve(socket, listener)
		return
	}
	if !again {
		s.log.Say(journal.Critical, fmt.Sprintf("[%s]: %v", socket.Section, told(err)))
	}
	time.AfterFunc(time.Second, func() { s.open(socket, true) })
}

func (s *server) serve(socket config.Socket, listener net.Listener) {
	if socket.Username == nil || *socket.Username == "" {
		s.log.Say(journal.Critical, fmt.Sprintf("Server '%s' running without any HTTP authentication checking", socket.Section))
	}
	if socket.Family == config.Unix {
		s.mu.Lock()
		s.files = append(s.files, socket.File)
		s.mu.Unlock()
	}
	go func() {
		<-s.ready
		s.answers.Serve(listener, socket, s.page)
	}()
}

// obey does what signals ask for, until svscan ends everything.
func (s *server) obey(signals <-chan os.Signal) int {
	for received := range signals {
		name := unix.SignalName(received.(syscall.Signal))
		switch received {
		case syscall.SIGHUP:
			s.log.Say(journal.Warning, "received "+name+" indicating restart request")
			s.table.End(true)
		case syscall.SIGUSR2:
			s.log.Say(journal.Info, "received "+name+" indicating log reopen request")
			if err := s.log.Reopen(); err != nil {
				s.log.Say(journal.Critical, "unable to reopen the log: "+err.Error())
			}
		default:
			if s.table.IsEnding() { // otherwise svscan starts another server
				s.end(name)
			}
			return 0
		}
	}
	return 0
}

// end waits until all programs have ended, and then ends as well.
func (s *server) end(name string) {
	if s.table.Mood() == serve.Up {
		s.log.Say(journal.Warning, "received "+name+" indicating exit request")
	}
	s.table.Ending()
	const sayEvery = 3 * time.Second
	var said time.Time
	for !s.table.Over() && s.table.PID() != 0 {
		if names := s.table.Unstopped(); len(names) > 0 && time.Since(said) > sayEvery {
			s.log.Say(journal.Info, "waiting for "+strings.Join(names, ", ")+" to die")
			said = time.Now()
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.table.Forget(); err != nil {
		s.log.Say(journal.Warning, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		os.Remove(file)
	}
}
