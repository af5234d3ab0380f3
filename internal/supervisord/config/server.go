package config

import (
	"errors"

	"catena/internal/supervisord/python"
)

// readServer reads the section supervisord. Its variables are known to all that is read later.
func (r *reader) readServer(environ func(string) string) {
	section := r.ini.Section("supervisord")
	if section == nil {
		r.fail(Place{File: r.config.File}, errors.New(".ini file does not include supervisord section"))
		return
	}
	s := &scope{reader: r, section: section, names: python.Names{"here": r.here}}
	r.config.Server = Server{MinFDs: 1024, MinProcs: 200, UMask: 0o22, LogFile: "supervisord.log", LogMaxBytes: 50 << 20, LogBackups: 10,
		LogLevel: "info", PIDFile: "supervisord.pid", Identifier: "supervisor", ChildLogDir: temporary(environ)}
	for _, setting := range settings {
		value(s, setting.key, false, func(text string) (bool, error) {
			return true, setting.set(&r.config.Server, text)
		})
	}
	r.config.Server.Environment = value(s, "environment", nil, func(text string) ([]Variable, error) {
		// Supervisor expands this value once more.
		text, err := python.Expand(text, r.environ.With(python.Names{"here": r.here, "host_node_name": r.node}), "environment")
		if err != nil {
			return nil, err
		}
		return python.Pairs(text)
	})
	for _, variable := range r.config.Server.Environment {
		r.environ["ENV_"+variable.Key] = variable.Value
	}
}

// settings are the keys of the section supervisord that options of the command line may set as
// well, in the order in which Supervisor reads them.
var settings = []struct {
	key string
	set func(*Server, string) error
}{
	{"minfds", into(func(s *Server) *int64 { return &s.MinFDs }, integer)},
	{"minprocs", into(func(s *Server) *int64 { return &s.MinProcs }, integer)},
	{"directory", into(func(s *Server) *string { return &s.Directory }, existingDirectory)},
	{"user", into(func(s *Server) *string { return &s.User }, validUser)},
	{"umask", into(func(s *Server) *int64 { return &s.UMask }, octal)},
	{"logfile", into(func(s *Server) *string { return &s.LogFile }, pathInDirectory)},
	{"logfile_maxbytes", into(func(s *Server) *int64 { return &s.LogMaxBytes }, size)},
	{"logfile_backups", into(func(s *Server) *int64 { return &s.LogBackups }, integer)},
	{"loglevel", into(func(s *Server) *string { return &s.LogLevel }, logLevel)},
	{"pidfile", into(func(s *Server) *string { return &s.PIDFile }, pathInDirectory)},
	{"identifier", into(func(s *Server) *string { return &s.Identifier }, asIs)},
	{"nodaemon", into(func(s *Server) *bool { return &s.NoDaemon }, boolean)},
	{"silent", into(func(s *Server) *bool { return &s.Silent }, boolean)},
	{"childlogdir", into(func(s *Server) *string { return &s.ChildLogDir }, existingDirectory)},
	{"nocleanup", into(func(s *Server) *bool { return &s.NoCleanup }, boolean)},
	{"strip_ansi", into(func(s *Server) *bool { return &s.StripANSI }, boolean)},
	{"rundir", into(func(s *Server) *string { return &s.RunDir }, asIs)},
}

// into returns a function that converts a text and puts it into a field.
func into[T any](field func(*Server) *T, convert func(string) (T, error)) func(*Server, string) error {
	return func(s *Server, text string) error {
		converted, err := convert(text)
		if err == nil {
			*field(s) = converted
		}
		return err
	}
}

// Set sets what a key of the section supervisord would set.
func (s *Server) Set(key, text string) error {
	for _, setting := range settings {
		if setting.key == key {
			return setting.set(s, text)
		}
	}
	return errors.New("there is no key " + key)
}

// validUser checks that a user is there, and returns the text.
func validUser(s string) (string, error) {
	_, err := userID(s)
	return s, err
}

// The parts of Supervisor that a configuration names by where they are in its Python code. The
// first is there, under that name; the others are the defaults.
const (
	rpcFactory     = "supervisor.rpcinterface:make_main_rpcinterface"
	defaultHandler = "supervisor.dispatchers:default_handler"
)

// readPlugins looks at the sections that load code. Only Supervisor's own is known here.
func (r *reader) readPlugins() {
	const key = "supervisor.rpcinterface_factory"
	for _, section := range r.of("rpcinterface") {
		s := &scope{reader: r, section: section}
		factory, at, is := s.lookup(key)
		switch {
		case is && factory == rpcFactory:
			r.config.RPC = true
		case is:
			r.fail(at, errors.New(factory+" cannot be resolved within ["+section.Name+"]: it is a plug-in in Python, and there is no Python here"))
		case !r.reported[at]:
			r.fail(at, errors.New("section ["+section.Name+"] does not specify a "+key))
		}
		for _, other := range r.ini.Keys(section) { // which the plug-in would get
			s.lookup(other)
		}
	}
}

// readSockets reads the sections of the servers. Any section counts whose name begins so.
func (r *reader) readSockets() {
	for _, section := range r.ini.Sections() {
		if hasPrefix(section.Name, "inet_http_server") {
			r.readInet(section)
		}
	}
	for _, section := range r.ini.Sections() {
		if hasPrefix(section.Name, "unix_http_server") {
			r.readUnix(section)
		}
	}
}

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && name[:len(prefix)] == prefix
}

func (r *reader) readInet(section *python.Section) {
	s := &scope{reader: r, section: section}
	socket := Socket{Section: section.Name, Family: Inet, At: section.At}
	s.readPassword(&socket)
	text, at, is := s.lookup("port")
	if !is {
		r.needs(at, "section ["+section.Name+"] has no port value")
		return
	}
	var err error
	if socket.Host, socket.Port, err = inetAddress(text); err != nil {
		r.fail(at, err)
	}
	r.config.Sockets = append(r.config.Sockets, socket)
}

func (r *reader) readUnix(section *python.Section) {
	s := &scope{reader: r, section: section}
	here := &scope{reader: r, section: section, names: python.Names{"here": r.here}}
	socket := Socket{Section: section.Name, Family: Unix, Mode: 0o700, At: section.At}
	file, at, is := here.lookup("file")
	if !is {
		r.needs(at, "section ["+section.Name+"] has no file value")
		return
	}
	socket.File = Absolute(python.Strip(file))
	s.readPassword(&socket)
	socket.Owner = s.ids("chown", "sockchown")
	if mode := s.mode("chmod"); mode != nil {
		socket.Mode = *mode
	}
	r.config.Sockets = append(r.config.Sockets, socket)
}

// needs notes that a key is missing, unless the key is there and something is wrong with it.
func (r *reader) needs(at Place, text string) {
	if !r.reported[at] {
		r.fail(at, errors.New(text))
		delete(r.reported, at) // more than one may be missing
	}
}

// readPassword reads who may connect.
func (s *scope) readPassword(socket *Socket) {
	for key, field := range map[string]**string{"username": &socket.Username, "password": &socket.Password} {
		if text, _, is := s.lookup(key); is {
			*field = &text
		}
	}
	if (socket.Username == nil) != (socket.Password == nil) {
		s.needs(s.section.At, "Section ["+s.section.Name+"] contains incomplete authentication: "+
			"If a username or a password is specified, both the username and password must be specified")
	}
}
