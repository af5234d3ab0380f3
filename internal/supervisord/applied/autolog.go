package applied

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"catena/internal/supervisord/config"
)

// The files of streams for which the configuration has AUTO. Supervisor makes new ones at each
// start, and removes those of the last time. A program that has outlived a supervisor still
// writes to its file, so here a file stays as long as its program is the same.

// KeptLogs returns a function that has the file of a stream, as it was in a configuration before;
// or, if there was none, the pattern of its name.
func KeptLogs(before *config.Config, s config.Server) func(group, process, stream string) (string, error) {
	return func(group, process, stream string) (string, error) {
		if path := loggedBefore(before, group, process, stream); path != "" && filepath.Dir(path) == filepath.Clean(s.ChildLogDir) {
			return path, nil
		}
		return filepath.Join(s.ChildLogDir, process+"-"+stream+"---"+s.Identifier+"-*.log"), nil
	}
}

// loggedBefore is the file that a configuration has made for a stream, if it is still there.
func loggedBefore(c *config.Config, group, process, stream string) string {
	if c == nil {
		return ""
	}
	for _, g := range c.Groups {
		for _, p := range g.Programs {
			log := p.Stdout
			if stream == "stderr" {
				log = p.Stderr
			}
			if g.Name == group && p.Name == process && log.File == config.Auto {
				if info, err := os.Lstat(log.Path); err == nil && info.Mode().IsRegular() {
					return log.Path
				}
			}
		}
	}
	return ""
}

// MakeLogs returns a function that has the file of a stream, and makes a new one if there was
// none.
func MakeLogs(before *config.Config, s config.Server) func(group, process, stream string) (string, error) {
	kept := KeptLogs(before, s)
	return func(group, process, stream string) (string, error) {
		pattern, err := kept(group, process, stream)
		if err != nil || !strings.HasSuffix(pattern, "*.log") {
			return pattern, err
		}
		file, err := os.CreateTemp(filepath.Dir(pattern), filepath.Base(pattern))
		if err != nil {
			return "", err
		}
		return file.Name(), file.Close()
	}
}

// ClearLogs removes the files of this kind that nobody writes to any more. What goes wrong is
// told to say.
func ClearLogs(c *config.Config, say func(string)) {
	s := c.Server
	used := map[string]bool{}
	for _, g := range c.Groups {
		for _, p := range g.Programs {
			used[p.Stdout.Path], used[p.Stderr.Path] = true, true
		}
	}
	ours := regexp.MustCompile(`^.+?---` + regexp.QuoteMeta(s.Identifier) + `-\S+\.log\.?\d{0,4}`)
	entries, err := os.ReadDir(s.ChildLogDir)
	if err != nil {
		say("Could not clear childlog dir")
		return
	}
	for _, entry := range entries {
		path := filepath.Join(s.ChildLogDir, entry.Name())
		if ours.MatchString(entry.Name()) && !used[path] {
			if err := os.Remove(path); err != nil {
				say("Failed to clean up '" + path + "'")
			}
		}
	}
}
