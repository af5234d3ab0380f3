package supervisorctl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/python"
)

// options are what the command line and the configuration file say. What neither says is nil.
type options struct {
	program     string // as which supervisorctl was called
	configFile  *string
	serverURL   *string
	username    *string
	password    *string
	prompt      *string
	historyFile *string
	interactive bool
	json        bool
	args        []string
}

var known = []python.Flag{
	{Short: 'h', Long: "help"},
	{Short: '?'},
	{Long: "version"},
	{Short: 'c', Long: "configuration", Takes: true},
	{Short: 'i', Long: "interactive"},
	{Short: 'j', Long: "json"},
	{Short: 's', Long: "serverurl", Takes: true},
	{Short: 'u', Long: "username", Takes: true},
	{Short: 'p', Long: "password", Takes: true},
	{Short: 'r', Long: "history_file", Takes: true},
}

// parse reads the command line. show is an option that prints something, if there is one.
func (o *options) parse(args []string) (show string, err error) {
	list, rest, err := python.Getopt(known, args)
	if err != nil {
		return "", usageError{err.Error()}
	}
	o.args = rest
	for _, g := range list {
		var field **string
		switch g.Short {
		case 'h', '?', 0:
			return g.Long, nil
		case 'j':
			o.json = true
			continue
		case 'i':
			if o.interactive {
				return "", usagef("conflicting command line option '%s'", g.Name)
			}
			o.interactive = true
			continue
		case 'c':
			field = &o.configFile
		case 's':
			field = &o.serverURL
			if !isURL(g.Word) {
				shown := python.Repr(g.Word)
				return "", usagef("invalid value for %s %s: value %s is not a URL", g.Name, shown, shown)
			}
		case 'u':
			field = &o.username
		case 'p':
			field = &o.password
		case 'r':
			field = &o.historyFile
		}
		if *field != nil {
			return "", usagef("conflicting command line option '%s'", g.Name)
		}
		*field = &g.Word
	}
	return "", nil
}

// configure reads the configuration file, and fills in what the command line does not say.
func (o *options) configure() error {
	if o.configFile == nil {
		if found, _ := config.Find(o.program); found != "" {
			o.configFile = &found
		}
	}
	if o.configFile != nil && *o.configFile != "" {
		if err := o.readConfig(*o.configFile); err != nil {
			return err
		}
	}
	byDefault(&o.serverURL, "http://localhost:9001")
	byDefault(&o.prompt, "supervisor")
	return nil
}

func byDefault(field **string, text string) {
	if *field == nil {
		*field = &text
	}
}

// readConfig reads the section of supervisorctl. As for Supervisor, files that the
// configuration includes are not read.
func (o *options) readConfig(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return usagef("could not find config file %s", file)
	} else if err != nil {
		return usagef("could not read config file %s: %v", file, errors.Unwrap(err))
	}
	var c python.Config
	if bad := c.Read(file, string(text)); bad != nil {
		return usagef("%s:%d: %s", bad[0].At.File, bad[0].At.Line, bad[0].Kind)
	}
	section := c.Section("supervisorctl")
	if section == nil {
		return usageError{".ini file does not include supervisorctl section"}
	}
	for _, s := range c.Sections() {
		if strings.HasPrefix(s.Name, "ctlplugin:") {
			return usagef("%s:%d: [%s] asks for a plug-in in Python, and supervisorctl of catena has none", s.At.File, s.At.Line, s.Name)
		}
	}
	here := filepath.Dir(config.Absolute(file))
	names := python.Names{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		names["ENV_"+name] = value
	}
	withHere := names.With(python.Names{"here": here})
	for _, key := range []struct {
		name  string
		names python.Names
		field **string
		path  string // what a path stands behind, which is made absolute
		paths bool
	}{
		{"serverurl", withHere, &o.serverURL, "unix://", true},
		{"prompt", names, &o.prompt, "", false},
		{"username", names, &o.username, "", false},
		{"password", names, &o.password, "", false},
		{"history_file", withHere, &o.historyFile, "", true},
	} {
		option, has := c.Get(section, key.name)
		if !has {
			continue
		}
		value, err := python.Expand(option.Text, key.names, "supervisorctl."+key.name)
		if err != nil {
			return usageError{err.Error()}
		}
		if path, is := strings.CutPrefix(value, key.path); is && key.paths && path != "" {
			value = key.path + config.Absolute(path)
		}
		byDefault(key.field, value)
	}
	return nil
}
