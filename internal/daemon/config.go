package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The configuration files: lines of NAME OPTION[=VALUE],..., where the NAME * is for all
// daemons, and of VARIABLE=VALUE.

const systemConfig = "/etc/daemon.conf"

// A directive is a line of a configuration file.
type directive struct {
	name    string
	options []string // as on a command line
}

// readConfiguration reads the files of the system and of the user, and applies what they say
// of all daemons, and then what they say of this one.
func (s *settings) readConfiguration() error {
	var all []directive
	load := func(file string) (err error) {
		for _, file := range append([]string{file}, filesIn(file+".d")...) {
			if all, err = s.load(all, file); err != nil {
				return err
			}
		}
		return nil
	}
	if !s.noConfig {
		file := systemConfig
		if s.hasConfig {
			file = s.config
		}
		if err := load(file); err != nil {
			return err
		}
	}
	if home := s.homeOf(""); home != "" {
		if err := load(filepath.Join(home, ".daemonrc")); err != nil {
			return err
		}
	}
	for _, name := range []string{"*", s.name} {
		for _, d := range all {
			if d.name != name || name == "" {
				continue
			}
			if _, err := s.parse(d.options); err != nil || s.over {
				return err
			}
		}
	}
	return nil
}

// filesIn lists the files of a directory, in order, but for those whose names begin with a dot.
func filesIn(dir string) (files []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	return slices.Sorted(slices.Values(files))
}

// load adds the directives of a file to all, and sets the variables that it sets. A file that
// others may write is ignored, and that is said.
func (s *settings) load(all []directive, file string) ([]directive, error) {
	if s.isCareful() {
		why, err := unsafeBecause(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(filepath.Dir(file), ".d"):
			return all, nil
		case err != nil:
			s.warn("ignoring %s (failed to check if it is safe): %s", file, reason(err))
			return all, nil
		case why != "":
			s.warn("ignoring unsafe %s (%s)", file, why)
			return all, nil
		}
	}
	opened, err := os.Open(file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.warn("ignoring %s: %s", file, reason(err))
		}
		return all, nil
	}
	defer opened.Close()
	lines := bufio.NewScanner(opened)
	lines.Buffer(nil, 1<<20)
	joined, number := "", 0
	for lines.Scan() {
		number++
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimRight(line, blanks)
		if line == "" {
			continue
		}
		more := strings.HasSuffix(line, `\`)
		joined += strings.TrimSuffix(line, `\`)
		if more {
			continue
		}
		if all, err = s.understand(all, joined, file, number); err != nil {
			return all, err
		}
		joined = ""
	}
	if err := lines.Err(); err != nil {
		s.warn("ignoring the rest of %s: %s", file, reason(err))
	} else if joined != "" {
		s.warn("ignoring the end of %s: a line without an end", file)
	}
	return all, nil
}

const blanks = " \t\n\v\f\r"

// understand reads a line.
func (s *settings) understand(all []directive, line, file string, number int) ([]directive, error) {
	wrong := func(what string) ([]directive, error) {
		return all, fmt.Errorf("syntax error in %s, line %d, %s:\n%s", file, number, what, line)
	}
	const mostName, mostOptions = 511, 4095
	name, rest := takeName(strings.TrimLeft(line, blanks))
	if name == "" {
		return wrong("expected * or a daemon name")
	}
	if value, is := strings.CutPrefix(rest, "="); is {
		if !isMadeOf(name, "_") || '0' <= name[0] && name[0] <= '9' {
			return wrong("invalid environment variable name")
		}
		s.environ = s.environ.with(name + "=" + s.expand(value))
		return all, nil
	}
	text := unescaped(strings.TrimLeft(rest, blanks))
	switch {
	case len(name) > mostName || rest == "": // libslack's words for a line that is a name alone
		return wrong("name too long")
	case text == "":
		return wrong("expected options")
	case len(text) > mostOptions:
		return wrong("options too long")
	}
	d := directive{name: name}
	for option := range strings.SplitSeq(text, ",") {
		if option != "" {
			d.options = append(d.options, "--"+strings.Trim(option, blanks))
		}
	}
	return append(all, d), nil
}

// takeName takes the name at the beginning of a line. A backslash makes the next character
// part of it.
func takeName(line string) (name, rest string) {
	var b strings.Builder
	i := 0
	for i < len(line) && line[i] != '=' && !strings.ContainsRune(blanks, rune(line[i])) {
		if line[i] == '\\' && i+1 < len(line) {
			i++
		}
		b.WriteByte(line[i])
		i++
	}
	return b.String(), line[i:]
}

// unescaped is a text without its backslashes, each of which is for the next character.
func unescaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
