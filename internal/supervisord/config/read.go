package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/python"
)

// Find looks for a configuration where Supervisor does: beside the folder of a program, here, and
// in /etc. If it is in none of the places, file is empty.
func Find(program string) (file string, places []string) {
	if !strings.Contains(program, "/") { // found along PATH
		if found, err := os.Executable(); err == nil {
			program = found
		}
	}
	above := filepath.Dir(filepath.Dir(program))
	places = []string{
		filepath.Join(above, "etc/supervisord.conf"), filepath.Join(above, "supervisord.conf"),
		"supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf",
	}
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place, places
		}
	}
	return "", places
}

// A reader reads a configuration, and collects what is wrong with it.
type reader struct {
	config   *Config
	ini      python.Config
	here     string            // the directory of the main file
	node     string            // the name of the machine
	environ  python.Names      // ENV_ and the name of each variable
	files    map[string]string // the file that a section came from, if the main one has included it
	problems []Problem
	reported map[Place]bool
}

// Read reads a configuration file, in an environment. If there are problems, the configuration
// must not be used.
func Read(file string, environ []string) (*Config, []Problem) {
	r := &reader{
		config:   &Config{File: file},
		environ:  python.Names{},
		files:    map[string]string{},
		reported: map[Place]bool{},
	}
	variables := map[string]string{}
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		r.environ["ENV_"+key], variables[key] = value, value
	}
	var names unix.Utsname
	unix.Uname(&names)
	r.node = unix.ByteSliceToString(names.Nodename[:])
	if !r.readMain(file) {
		return r.config, r.problems
	}
	r.include(file)
	r.refuseUnknown()
	r.readServer(func(name string) string { return variables[name] })
	r.readPlugins()
	r.readGroups()
	r.readSockets()
	r.checkNames()
	return r.config, r.problems
}

// fail notes what is wrong. Of what is wrong in one place the first is noted: what follows from
// it would be noise.
func (r *reader) fail(at Place, err error) {
	if at.Line == 0 || !r.reported[at] {
		r.problems = append(r.problems, Problem{at, err.Error()})
	}
	r.reported[at] = true
}

func (r *reader) warn(text string) { r.config.Warnings = append(r.config.Warnings, text) }

// readMain reads the file that is named on the command line.
func (r *reader) readMain(file string) bool {
	r.here = filepath.Dir(Absolute(file))
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fail(Place{}, errors.New("could not find config file "+file))
		return false
	case err != nil:
		r.fail(Place{}, errors.New("could not read config file "+file+": "+reason(err)))
		return false
	}
	r.parse(file, string(text))
	return true
}

// reason is why a system call has failed.
func reason(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// parse adds the text of a file.
func (r *reader) parse(file, text string) {
	if !utf8.ValidString(text) {
		valid := strings.ToValidUTF8(text, "\x00")
		line := 1 + strings.Count(text[:commonPrefix(text, valid)], "\n")
		r.fail(Place{File: file, Line: line}, errors.New("'utf-8' codec can't decode what stands in this line"))
		return
	}
	for _, bad := range r.ini.Read(file, text) {
		r.fail(bad.At, errors.New(bad.Kind+": "+python.Repr(bad.Line)))
	}
}

// commonPrefix is the length of what two texts begin with.
func commonPrefix(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// include reads the files that the section include names.
func (r *reader) include(main string) {
	section := r.ini.Section("include")
	if section == nil {
		return
	}
	r.ini.Replace("%(here)s", r.here)
	patterns, is := r.ini.Get(section, "files")
	if !is {
		r.fail(section.At, errors.New(".ini file has [include] section, but no files setting"))
		return
	}
	text, err := python.Expand(patterns.Text, r.environ.With(python.Names{"here": r.here, "host_node_name": r.node}), "include.files")
	if err != nil {
		r.fail(patterns.At, err)
		return
	}
	for _, pattern := range strings.FieldsFunc(text, python.IsSpace) {
		if !filepath.IsAbs(pattern) {
			pattern = r.here + "/" + pattern
		}
		found := python.Glob(pattern)
		if len(found) == 0 {
			r.warn(`No file matches via include "` + pattern + `"`)
		}
		for _, file := range found {
			r.config.Notes = append(r.config.Notes, `Included extra file "`+file+`" during parsing`)
			r.includeFile(file, patterns.At)
		}
	}
}

// includeFile reads a file that the section include has named. Supervisor passes over what it
// cannot open. A directory and a link to nowhere are no loss; but where a file is closed to the
// server, programs would be missing, and an update would stop them.
func (r *reader) includeFile(file string, named Place) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.EISDIR):
		r.warn(`Extra file "` + file + `" is not read: ` + reason(err))
		return
	case err != nil:
		r.fail(Place{File: named.File}, errors.New("could not read config file "+file+": "+reason(err)))
		return
	}
	before := map[string]bool{}
	for _, s := range r.ini.Sections() {
		before[s.Name] = true
	}
	r.parse(file, string(text))
	for _, s := range r.ini.Sections() {
		if !before[s.Name] {
			r.files[s.Name] = file
		}
	}
	r.ini.Replace("%(here)s", filepath.Dir(Absolute(file)))
}
