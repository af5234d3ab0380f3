package python

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A Place is a line of a file. Lines are counted from 1.
type Place struct {
	File string
	Line int
}

// An Option is the value of a key, and where the value stands.
type Option struct {
	Text string
	At   Place
}

// A Section is a part of a file under a heading.
type Section struct {
	Name    string
	At      Place // of its first heading
	keys    []string
	options map[string]Option
}

// Default is the section whose options all others have, too.
const Default = "DEFAULT"

// A Config is what one file after the other has put into it. Of a section or a key that comes
// twice, the later one adds to the former, or replaces it.
type Config struct {
	sections []*Section
	defaults *Section
}

// Sections lists the sections in the order in which they came.
func (c *Config) Sections() []*Section { return c.sections }

// Section returns the section of a name, or nil.
func (c *Config) Section(name string) *Section {
	for _, s := range c.sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Get returns the option of a key, which is in lower case.
func (c *Config) Get(s *Section, key string) (Option, bool) {
	option, is := s.options[key]
	if !is && c.defaults != nil {
		option, is = c.defaults.options[key]
	}
	return option, is
}

// Keys lists the keys of a section and of DEFAULT.
func (c *Config) Keys(s *Section) []string {
	keys := slices.Clone(s.keys)
	if c.defaults != nil {
		for _, key := range c.defaults.keys {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Own lists the keys of a section without those of DEFAULT.
func (s *Section) Own() []string { return s.keys }

// Replace replaces a text in all values. What DEFAULT has of them becomes the section's own.
func (c *Config) Replace(old, by string) {
	for _, s := range c.sections {
		for _, key := range c.Keys(s) {
			if o, _ := c.Get(s, key); strings.Contains(o.Text, old) {
				s.set(key, Option{strings.ReplaceAll(o.Text, old, by), o.At})
			}
		}
	}
}

func newSection(name string, at Place) *Section {
	return &Section{Name: name, At: at, options: map[string]Option{}}
}

func (s *Section) set(key string, o Option) {
	if _, is := s.options[key]; !is {
		s.keys = append(s.keys, key)
	}
	s.options[key] = o
}

// The kinds of lines that RawConfigParser refuses.
const (
	NoHeading = "File contains no section headers."
	NotAKey   = "Source contains parsing errors"
)

// A BadLine is a line that RawConfigParser refuses.
type BadLine struct {
	At   Place
	Kind string // NoHeading or NotAKey
	Line string // with its newline
}

// reading is the state of a Config while it reads a file.
type reading struct {
	*Config
	file    string
	section *Section
	key     string              // the key that a line which is indented more goes on with, or empty
	values  map[string][]string // the lines of each value of the section, so far
	indent  int                 // of the line of the key or of the heading
	bad     []BadLine
}

// Read adds the text of a file. It goes on after a bad line, so that it finds all of them.
func (c *Config) Read(file, text string) []BadLine {
	r := reading{Config: c, file: file}
	for i, line := range lines(text) {
		r.line(Place{file, i + 1}, line)
	}
	r.endSection()
	return r.bad
}

// lines splits a text into lines, each with a newline, whatever ended it in the file.
func lines(text string) (list []string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	return slices.Collect(strings.Lines(text))
}

// line reads a line: a heading, a key, more of the value before it, or nothing.
func (r *reading) line(at Place, line string) {
	comment := commentStart(line)
	value := Strip(line[:comment])
	if value == "" {
		// An empty line may be part of a value. One with a comment is not.
		if comment == len(line) && r.section != nil && r.key != "" {
			r.values[r.key] = append(r.values[r.key], "")
		}
		return
	}
	indent := utf8.RuneCountInString(line[:len(line)-len(strings.TrimLeftFunc(line, IsSpace))])
	if r.section != nil && r.key != "" && indent > r.indent {
		r.values[r.key] = append(r.values[r.key], value)
		return
	}
	r.indent = indent
	if name, is := heading(value); is {
		r.begin(name, at)
		return
	}
	if r.section == nil {
		if len(r.bad) == 0 || r.bad[len(r.bad)-1].Kind != NoHeading {
			r.bad = append(r.bad, BadLine{at, NoHeading, line})
		}
		return
	}
	i := strings.IndexAny(value, "=:")
	if i < 0 {
		r.bad = append(r.bad, BadLine{at, NotAKey, line})
		return
	}
	r.key = strings.ToLower(Strip(value[:i]))
	if r.key == "" {
		r.bad = append(r.bad, BadLine{at, NotAKey, line})
		return
	}
	r.values[r.key] = []string{Strip(value[i+1:])}
	r.section.set(r.key, Option{At: at})
}

// heading returns the name in a heading. It reaches to the last bracket of the line.
func heading(value string) (name string, is bool) {
	end := strings.LastIndexByte(value, ']')
	if value[0] != '[' || end < 2 {
		return "", false
	}
	return value[1:end], true
}

// begin begins a section, or goes on with it.
func (r *reading) begin(name string, at Place) {
	r.endSection()
	r.section = r.Section(name)
	switch {
	case r.section != nil:
	case name == Default:
		if r.defaults == nil {
			r.defaults = newSection(name, at)
		}
		r.section = r.defaults
	default:
		r.section = newSection(name, at)
		r.sections = append(r.sections, r.section)
	}
	r.key, r.values = "", map[string][]string{}
}

// endSection gives the keys of the section their values.
func (r *reading) endSection() {
	for key, lines := range r.values {
		text := strings.TrimRightFunc(strings.Join(lines, "\n"), IsSpace)
		r.section.set(key, Option{text, r.section.options[key].At})
	}
	r.values = nil
}

// commentStart is where the comment of a line begins, or the length of the line. A comment
// begins the line, or has a blank before it.
//
// RawConfigParser looks for the first semicolon and the first number sign, then for the second
// ones, and so on, and takes the first round in which there is a comment.
func commentStart(line string) int {
	if first := Strip(line); first != "" && (first[0] == '#' || first[0] == ';') {
		return 0
	}
	at := map[byte]int{';': -1, '#': -1}
	for len(at) > 0 {
		start := len(line)
		for _, sign := range []byte(";#") {
			from, searched := at[sign]
			if !searched {
				continue
			}
			i := strings.IndexByte(line[from+1:], sign)
			if i < 0 {
				delete(at, sign)
				continue
			}
			at[sign] = from + 1 + i
			if before, _ := utf8.DecodeLastRuneInString(line[:at[sign]]); at[sign] == 0 || IsSpace(before) {
				start = min(start, at[sign])
			}
		}
		if start < len(line) {
			return start
		}
	}
	return len(line)
}
