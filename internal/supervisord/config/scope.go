package config

import (
	"errors"
	"strings"

	"catena/internal/supervisord/python"
)

// A scope is a section whose keys are read, and the names that may stand in their values.
type scope struct {
	*reader
	section *python.Section
	names   python.Names // without those of the environment
	process bool         // what is wrong is said with the section and the file
}

// lookup returns the value of a key, expanded, and whether it is there and sound.
func (s *scope) lookup(key string) (text string, at Place, is bool) {
	option, is := s.ini.Get(s.section, key)
	if !is {
		return "", s.section.At, false
	}
	text, err := python.Expand(option.Text, s.environ.With(s.names), s.section.Name+"."+key)
	if err != nil {
		s.refuse(option.At, err)
		return "", option.At, false
	}
	return text, option.At, true
}

// refuse notes what is wrong in the section.
func (s *scope) refuse(at Place, err error) {
	if s.process {
		file, included := s.files[s.section.Name]
		if !included {
			file = s.config.File
		}
		err = errors.New(err.Error() + " in section " + python.Repr(s.section.Name) + " (file: " + python.Repr(file) + ")")
	}
	s.fail(at, err)
}

// value returns the value of a key as convert has it, or what holds without the key.
func value[T any](s *scope, key string, without T, convert func(string) (T, error)) T {
	text, at, is := s.lookup(key)
	if !is {
		return without
	}
	converted, err := convert(text)
	if err != nil {
		s.refuse(at, err)
		return without
	}
	return converted
}

// asIs converts a text to itself.
func asIs(s string) (string, error) { return s, nil }

// An account as a program has it.
func (s *scope) account(key string) (name string, uid *int64) {
	a := value(s, key, account{}, userID)
	if a.name == "" {
		return "", nil
	}
	return a.name, &a.uid
}

// mode converts the key of a mode, with words of its own for what is none.
func (s *scope) mode(key string) *int64 {
	return value(s, key, nil, func(text string) (*int64, error) {
		mode, err := octal(text)
		if err != nil {
			return nil, errors.New("Invalid " + key + " value " + text)
		}
		return &mode, nil
	})
}

// ids converts the key of an owner, likewise.
func (s *scope) ids(key, called string) *IDs {
	return value(s, key, nil, func(text string) (*IDs, error) {
		ids, err := owner(text)
		if err != nil {
			return nil, errors.New("Invalid " + called + " value " + text)
		}
		return ids, nil
	})
}

// kind is the part of a section's name before the colon, and called the part behind it.
func kind(section string) (is, called string) {
	is, called, _ = strings.Cut(section, ":")
	return is, called
}

// of lists the sections of a kind.
func (r *reader) of(wanted string) (list []*python.Section) {
	for _, s := range r.ini.Sections() {
		if strings.HasPrefix(s.Name, wanted+":") {
			list = append(list, s)
		}
	}
	return list
}
