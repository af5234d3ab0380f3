package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"catena/internal/supervisord/python"
)

// What Supervisor does not check, and what would do harm here or be a mistake there.

// checkNames checks that the names of processes can be those of directories, and that none
// comes twice. Of two with the same name, Supervisor forgets one without a word.
func (r *reader) checkNames() {
	groups := map[string]bool{}
	r.config.Groups = slices.DeleteFunc(r.config.Groups, func(g Group) bool {
		if groups[g.Name] {
			r.warn(fmt.Sprintf("%s:%d: there is another group %s before this one, and this one is ignored", g.At.File, g.At.Line, g.Name))
		}
		twice := groups[g.Name]
		groups[g.Name] = true
		return twice
	})
	for i := range r.config.Groups {
		g := &r.config.Groups[i]
		r.checkName(g.At, g.Name)
		last := map[string]int{}
		for j, p := range g.Programs {
			r.checkName(p.At, p.Name)
			if before, twice := last[p.Name]; twice {
				at := g.Programs[before].At
				r.warn(fmt.Sprintf("%s:%d: there is another process %s:%s after this one, and this one is ignored", at.File, at.Line, g.Name, p.Name))
			}
			last[p.Name] = j
		}
		kept := g.Programs[:0]
		for j, p := range g.Programs {
			if last[p.Name] == j {
				kept = append(kept, p)
			}
		}
		g.Programs = kept
	}
	r.checkNeeds()
}

// checkName checks what becomes part of the name of a directory.
func (r *reader) checkName(at Place, called string) {
	const most = 120 // two of them and a colon are a name
	reason := ""
	switch {
	case called == "":
		reason = "it is empty"
	case called[0] == '.':
		reason = "it begins with a dot"
	case len(called) > most:
		reason = fmt.Sprintf("it is longer than %d bytes", most)
	default:
		for _, c := range called {
			if c == '/' || c == ':' || c == ' ' || python.IsSpace(c) || c < 0x20 || c == 0x7f {
				reason = "of character: " + python.Repr(string(c))
			}
		}
	}
	if reason != "" {
		r.fail(at, errors.New("Invalid name: "+python.Repr(called)+" because "+reason))
	}
}

// checkNeeds checks that what programs depend on is there.
func (r *reader) checkNeeds() {
	for _, g := range r.config.Groups {
		for _, p := range g.Programs {
			for _, needed := range p.DependsOn {
				if found := r.config.Named(needed); len(found) == 0 {
					r.fail(p.At, fmt.Errorf("%s depends on %s, and there is no such group or process", FullName(g.Name, p.Name), needed))
				}
			}
		}
	}
}

// Named lists the full names of what a name stands for: a group, group:* or a process.
func (c *Config) Named(called string) (names []string) {
	group, process, both := strings.Cut(called, ":")
	for _, g := range c.Groups {
		for _, p := range g.Programs {
			if g.Name == group && (!both || process == "*" || process == p.Name) {
				names = append(names, FullName(g.Name, p.Name))
			}
		}
	}
	return names
}

// known has the keys of each kind of section. Those in the last line of a program are ours.
var known = map[string][]string{
	"supervisord": strings.Fields(`logfile logfile_maxbytes logfile_backups loglevel pidfile umask nodaemon silent minfds minprocs
		nocleanup childlogdir user directory strip_ansi environment identifier rundir`),
	"supervisorctl":    strings.Fields("serverurl username password prompt history_file"),
	"unix_http_server": strings.Fields("file chmod chown username password"),
	"inet_http_server": strings.Fields("port username password"),
	"include":          {"files"},
	"group":            {"programs", "priority"},
	"program": strings.Fields(`command process_name numprocs numprocs_start priority autostart autorestart startsecs startretries exitcodes
		stopsignal stopwaitsecs stopasgroup killasgroup user redirect_stderr environment directory umask serverurl
		stdout_logfile stdout_logfile_maxbytes stdout_logfile_backups stdout_capture_maxbytes stdout_events_enabled stdout_syslog
		stderr_logfile stderr_logfile_maxbytes stderr_logfile_backups stderr_capture_maxbytes stderr_events_enabled stderr_syslog
		depends_on`),
}

// ofKind has what a kind of section has beyond a program.
var ofKind = map[string][]string{
	"eventlistener": strings.Fields("events buffer_size result_handler"),
	"fcgi-program":  strings.Fields("socket socket_owner socket_mode socket_backlog"),
}

// refuseUnknown warns of keys and sections that mean nothing. Supervisor ignores them; a slip of
// the pen is ignored as well then.
func (r *reader) refuseUnknown() {
	for _, section := range r.ini.Sections() {
		is, _ := kind(section.Name)
		keys, ok := known[is]
		if more, like := ofKind[is]; like {
			keys, ok = append(slices.Clone(known["program"]), more...), true
		}
		if is == "rpcinterface" || is == "ctlplugin" {
			continue
		}
		if !ok {
			r.warn(fmt.Sprintf("%s:%d: there is no section [%s], and it is ignored", section.At.File, section.At.Line, section.Name))
			continue
		}
		for _, key := range section.Own() {
			if at := section.At; !slices.Contains(keys, key) {
				if o, is := r.ini.Get(section, key); is {
					at = o.At
				}
				r.warn(fmt.Sprintf("%s:%d: [%s] has no key %s, and it is ignored", at.File, at.Line, section.Name, key))
			}
		}
	}
}
