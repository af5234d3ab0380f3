package config

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"catena/internal/supervisord/python"
)

// programs reads a section of a program, and returns its processes.
func (r *reader) programs(section *python.Section, group string) []Program {
	_, called := kind(section.Name)
	s := &scope{reader: r, section: section, process: true}
	called, err := name(called)
	if err != nil {
		s.refuse(section.At, err)
	}
	s.names = python.Names{"here": r.here, "program_name": called, "host_node_name": r.node, "group_name": group}
	common := s.common()
	number := value(s, "numprocs", 1, func(text string) (int64, error) {
		const most = 1 << 16
		n, err := integer(text)
		if n > most {
			err = errors.New("numprocs is too large: " + text)
		}
		return n, err
	})
	first := value(s, "numprocs_start", 0, integer)
	nameFormat := s.nameFormat(number)
	command, has := r.ini.Get(section, "command")
	if !has {
		r.problems = append(r.problems, Problem{section.At, "program section " + section.Name + " does not specify a command in section " +
			python.Repr(section.Name) + " (file: " + python.Repr(cmp.Or(r.files[section.Name], r.config.File)) + ")"})
	}
	programs := []Program{}
	s.names["numprocs"] = int(number)
	for i := range max(number, 0) {
		s.names["process_num"] = int(first + i)
		p := common
		p.At = command.At
		s.complete(&p, nameFormat)
		programs = append(programs, p)
	}
	if first := slices.IndexFunc(programs, func(p Program) bool { return p.Command != "" }); has && first >= 0 {
		s.checkCommand(programs[first])
	} else if has && len(programs) > 0 && !r.reported[command.At] {
		s.checkCommand(programs[0])
	}
	slices.SortStableFunc(programs, func(a, b Program) int { return cmp.Compare(a.Name, b.Name) })
	return programs
}

// common reads what is the same for all processes of a program.
func (s *scope) common() (p Program) {
	p = Program{
		Priority:     value(s, "priority", 999, integer),
		AutoStart:    value(s, "autostart", true, boolean),
		AutoRestart:  value(s, "autorestart", Unexpected, autoRestart),
		StartSecs:    value(s, "startsecs", 1, integer),
		StartRetries: value(s, "startretries", 3, integer),
		StopSignal:   value(s, "stopsignal", 15, Signal),
		StopWaitSecs: value(s, "stopwaitsecs", 10, integer),
		StopAsGroup:  value(s, "stopasgroup", false, boolean),
	}
	p.KillAsGroup = value(s, "killasgroup", p.StopAsGroup, func(text string) (bool, error) {
		kill, err := boolean(text)
		if err == nil && p.StopAsGroup && !kill {
			err = errors.New("Cannot set stopasgroup=true and killasgroup=false")
		}
		return kill, err
	})
	p.ExitCodes = value(s, "exitcodes", []int64{0}, exitCodes)
	p.RedirectStderr = value(s, "redirect_stderr", false, boolean)
	for key, log := range map[string]*Log{"stdout": &p.Stdout, "stderr": &p.Stderr} {
		log.CaptureMaxBytes = value(s, key+"_capture_maxbytes", 0, size)
		log.Events = value(s, key+"_events_enabled", false, boolean)
	}
	p.ServerURL = value(s, "serverurl", "", func(url string) (string, error) {
		if strings.ToUpper(python.Strip(url)) == "AUTO" {
			url = ""
		}
		return url, nil
	})
	p.User, p.UID = s.account("user")
	p.UMask = value(s, "umask", nil, func(text string) (*int64, error) {
		mask, err := octal(text)
		return &mask, err
	})
	p.DependsOn = value(s, "depends_on", nil, list)
	return p
}

// nameFormat is what the names of the processes are made of.
func (s *scope) nameFormat(number int64) string {
	option, is := s.ini.Get(s.section, "process_name")
	if !is {
		option = python.Option{Text: "%(program_name)s", At: s.section.At}
	}
	format, err := name(option.Text)
	if err == nil && number > 1 && !strings.Contains(format, "%(process_num)") {
		err = errors.New("%(process_num) must be present within process_name when numprocs > 1")
	}
	if err != nil {
		s.refuse(option.At, err)
	}
	return format
}

// complete reads what may be different for each process. The variables of a process are names
// in what follows.
func (s *scope) complete(p *Program, nameFormat string) {
	if option, is := s.ini.Get(s.section, "environment"); is {
		text, err := python.Expand(option.Text, s.environ.With(s.names), "environment")
		if err == nil {
			p.Environment, err = python.Pairs(text)
		}
		if err != nil {
			s.refuse(option.At, err)
		}
	}
	for _, variable := range p.Environment {
		s.names["ENV_"+variable.Key] = variable.Value
	}
	p.Directory = value(s, "directory", "", asIs)
	for _, of := range []struct {
		key string
		log *Log
	}{{"stdout", &p.Stdout}, {"stderr", &p.Stderr}} {
		s.log(of.key, of.log)
	}
	if p.RedirectStderr {
		if p.Stderr.File != Auto && p.Stderr.File != None {
			s.warnOnce("For [" + s.section.Name + "], redirect_stderr=true but stderr_logfile has " +
				"also been set to a filename, the filename has been ignored")
		}
		p.Stderr.File = None
	}
	p.Command = value(s, "command", "", asIs)
	var err error
	if p.Name, err = python.Expand(nameFormat, s.environ.With(s.names), "process_name"); err != nil {
		at := s.section.At
		if option, is := s.ini.Get(s.section, "process_name"); is {
			at = option.At
		}
		s.refuse(at, err)
	}
}

// log reads what becomes of a stream.
func (s *scope) log(stream string, log *Log) {
	key := stream + "_logfile"
	log.File = value(s, key, Auto, func(text string) (string, error) {
		// Supervisor expands this value once more.
		text, err := python.Expand(text, s.environ.With(s.names), key)
		if err != nil {
			return "", err
		}
		return logFile(text)
	})
	log.Backups = value(s, key+"_backups", 10, integer)
	log.MaxBytes = value(s, key+"_maxbytes", 50<<20, size)
	log.Syslog = value(s, stream+"_syslog", false, boolean)
	if log.File == syslog {
		s.warnOnce("For [" + s.section.Name + "], " + key + "=syslog but this is deprecated and will " +
			"be removed.  Use " + stream + "_syslog=true to enable syslog instead.")
		log.File, log.Syslog = None, true
	}
	if log.File == Auto && log.MaxBytes == 0 {
		s.warnOnce("For [" + s.section.Name + "], AUTO logging used for " + key + " without " +
			"rollover, set maxbytes > 0 to avoid filling up filesystem unintentionally")
	}
}

// warnOnce warns of what is the same for all processes of a program.
func (s *scope) warnOnce(text string) {
	if !slices.Contains(s.config.Warnings, text) {
		s.warn(text)
	}
}

// checkCommand checks that a command has words. Supervisor finds out when it starts the program.
func (s *scope) checkCommand(p Program) {
	words, err := python.Words(p.Command)
	switch {
	case err != nil:
		s.refuse(p.At, errors.New("can't parse command "+python.Repr(p.Command)+": "+err.Error()))
	case len(words) == 0:
		s.refuse(p.At, errors.New("command is empty"))
	}
}

// ownByDefault sets who owns a socket in the file system: the user of the program, if that is
// another than the server's, with mode 0700.
func (f *FastCGI) ownByDefault(uid *int64) {
	if f.Owner == nil && uid != nil && *uid != int64(os.Getuid()) {
		if a, is := accountOf(strconv.FormatInt(*uid, 10)); is {
			f.Owner = &IDs{a.uid, a.gid}
		}
	}
	if f.Mode == nil {
		mode := int64(0o700)
		f.Mode = &mode
	}
}
