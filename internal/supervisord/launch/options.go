package launch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/python"
)

const help = `usage: supervisord [-knstx] [-a n] [-c file] [-d dir] [-e level] [-i name] [-j pidfile] [-l logfile] [-m umask] [-q dir] [-u user] [-y bytes] [-z n]
  -a n        as minfds, and --minprocs n as minprocs
  -c file     the configuration
  -d dir      as directory
  -e level    as loglevel
  -i name     as identifier
  -j pidfile  as pidfile
  -k          as nocleanup=true
  -l logfile  as logfile
  -m umask    as umask
  -n          as nodaemon=true: stay in the foreground
  -q dir      as childlogdir
  -s          as silent=true
  -t          as strip_ansi=true
  -u user     as user
  -x          print what the configuration becomes, and start nothing
  -y bytes    as logfile_maxbytes
  -z n        as logfile_backups
An option stands for the key of [supervisord] that it names, and counts before that.
`

// An option of the command line, and the key that it sets.
type option struct {
	python.Flag
	key string
}

var options = []option{
	{python.Flag{Short: 'a', Long: "minfds", Takes: true}, "minfds"},
	{python.Flag{Long: "minprocs", Takes: true}, "minprocs"},
	{python.Flag{Short: 'd', Long: "directory", Takes: true}, "directory"},
	{python.Flag{Short: 'e', Long: "loglevel", Takes: true}, "loglevel"},
	{python.Flag{Short: 'i', Long: "identifier", Takes: true}, "identifier"},
	{python.Flag{Short: 'j', Long: "pidfile", Takes: true}, "pidfile"},
	{python.Flag{Short: 'k', Long: "nocleanup"}, "nocleanup"},
	{python.Flag{Short: 'l', Long: "logfile", Takes: true}, "logfile"},
	{python.Flag{Short: 'm', Long: "umask", Takes: true}, "umask"},
	{python.Flag{Short: 'n', Long: "nodaemon"}, "nodaemon"},
	{python.Flag{Short: 'q', Long: "childlogdir", Takes: true}, "childlogdir"},
	{python.Flag{Short: 's', Long: "silent"}, "silent"},
	{python.Flag{Short: 't', Long: "strip_ansi"}, "strip_ansi"},
	{python.Flag{Short: 'u', Long: "user", Takes: true}, "user"},
	{python.Flag{Short: 'y', Long: "logfile_maxbytes", Takes: true}, "logfile_maxbytes"},
	{python.Flag{Short: 'z', Long: "logfile_backups", Takes: true}, "logfile_backups"},
	{python.Flag{Short: 'c', Long: "configuration", Takes: true}, ""},
	{python.Flag{Short: 'x', Long: "explain"}, ""},
	{python.Flag{Short: 'h', Long: "help"}, ""},
	{python.Flag{Short: '?'}, ""},
	{python.Flag{Short: 'v', Long: "version"}, ""},
}

// A commandLine is what the command line says.
type commandLine struct {
	file    string // the configuration, or empty
	explain bool
	set     []python.Given // options that set a key
	show    string         // what is to be printed, and nothing done
}

// parse reads the command line.
func parse(args []string) (c commandLine, err error) {
	var known []python.Flag
	for _, o := range options {
		known = append(known, o.Flag)
	}
	list, rest, err := python.Getopt(known, args)
	if err != nil {
		return c, err
	}
	if len(rest) > 0 {
		return c, errors.New("positional arguments are not supported: ['" + strings.Join(rest, "', '") + "']")
	}
	seen := map[python.Flag]bool{}
	for _, g := range list {
		if seen[g.Flag] {
			return c, fmt.Errorf("conflicting command line option '%s'", g.Name)
		}
		seen[g.Flag] = true
		switch g.Short {
		case 'h', '?':
			c.show = help
			return c, nil
		case 'v':
			c.show = config.Version + "\n"
			return c, nil
		case 'c':
			c.file = g.Word
		case 'x':
			c.explain = true
		default:
			c.set = append(c.set, g)
		}
	}
	return c, c.check()
}

// check checks the values of the options, which Supervisor does before it reads anything; only
// whether there is such a user it finds out later.
func (c *commandLine) check() error {
	for _, g := range c.set {
		if err := set(&config.Server{}, g); err != nil && g.Short != 'u' {
			return err
		}
	}
	return nil
}

// apply has what the command line says count before what the configuration says.
func (c *commandLine) apply(s *config.Server) error {
	for _, g := range c.set {
		if err := set(s, g); err != nil {
			return err
		}
	}
	return nil
}

// set sets the key that an option stands for.
func set(s *config.Server, g python.Given) error {
	i := slices.IndexFunc(options, func(o option) bool { return o.Flag == g.Flag })
	word := g.Word
	if !g.Takes {
		word = "true"
	}
	err := s.Set(options[i].key, word)
	if err != nil && g.Short != 'u' {
		err = fmt.Errorf("invalid value for %s %s: %w", g.Name, python.Repr(word), err)
	}
	return err
}
