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
	r.config.Server = Server{
		MinFDs:      value(s, "minfds", 1024, integer),
		MinProcs:    value(s, "minprocs", 200, integer),
		Directory:   value(s, "directory", "", existingDirectory),
		User:        value(s, "user", "", validUser),
		UMask:       value(s, "umask", 0o22, octal),
		LogFile:     value(s, "logfile", "supervisord.log", pathInDirectory),
		LogMaxBytes: value(s, "logfile_maxbytes", 50<<20, size),
		LogBackups:  value(s, "logfile_backups", 10, integer),
		LogLevel:    value(s, "loglevel", "info", logLevel),
		PIDFile:     value(s, "pidfile", "supervisord.pid", pathInDirectory),
		Identifier:  value(s, "identifier", "supervisor", asIs),
		NoDaemon:    value(s, "nodaemon", false, boolean),
		Silent:      value(s, "silent", false, boolean),
		ChildLogDir: value(s, "childlogdir", temporary(environ), existingDirectory),
		NoCleanup:   value(s, "nocleanup", false, boolean),
		StripANSI:   value(s, "strip_ansi", false, boolean),
		RunDir:      value(s, "rundir", "", pathInDirectory),
		Environment: value(s, "environment", nil, func(text string) ([]Variable, error) {
			// Supervisor expands this value once more.
			text, err := python.Expand(text, r.environ.With(python.Names{"here": r.here, "host_node_name": r.node}), "environment")
			if err != nil {
				return nil, err
			}
			return python.Pairs(text)
		}),
	}
	for _, variable := range r.config.Server.Environment {
		r.environ["ENV_"+variable.Key] = variable.Value
	}
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
