package compile

import (
	"path/filepath"
	"slices"

	"catena/internal/supervisord/config"
)

// Logger is the service that writes the files which are rotated.
const Logger = ":log"

// logger is that service. Programs need it, so it is there before them and ends after them.
func logger(around Surroundings) Service {
	return Service{Logger, []File{
		{Name: chain, Text: "logscan\n    ../../" + Scan + "\n", Mode: 0o644},
		{Name: run, Kind: Link, Text: around.Catena},
	}}
}

// has reports whether a service directory has a file of us.
func (s *Service) has(name string) bool {
	return slices.ContainsFunc(s.Files, func(f File) bool { return f.Name == name })
}

// SetPaths decides which files the streams go to. Relative paths count from a directory. auto
// is asked for a file that Supervisor would make for a stream.
func SetPaths(c *config.Config, directory string, auto func(group, process, stream string) (string, error)) error {
	for _, g := range c.Groups {
		for i := range g.Programs {
			p := &g.Programs[i]
			for stream, log := range map[string]*config.Log{"stdout": &p.Stdout, "stderr": &p.Stderr} {
				var err error
				switch {
				case log.File == config.None:
					log.Path = ""
				case log.File == config.Auto:
					log.Path, err = auto(g.Name, p.Name, stream)
				case filepath.IsAbs(log.File):
					log.Path = log.File
				default:
					log.Path = filepath.Join(directory, log.File)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// NotYet lists what a configuration asks for that a stream does not get, in words for the log.
func NotYet(c *config.Config) (list []string) {
	for _, g := range c.Groups {
		for _, p := range g.Programs {
			for stream, log := range map[string]config.Log{"stdout": p.Stdout, "stderr": p.Stderr} {
				if log.Syslog && isDevice(log.Path) {
					list = append(list, "For "+config.FullName(g.Name, p.Name)+", "+stream+" goes to "+log.Path+", and not to syslog as well")
				}
			}
		}
	}
	slices.Sort(list)
	return list
}
