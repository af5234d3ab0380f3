package daemon

import (
	"bytes"
	"os"
	"os/user"
	"strings"
)

// An environment is a list of NAME=VALUE, as execve(2) takes it.
type environment []string

// ownEnvironment is the environment that this process was started with. os.Environ would drop
// what stands in it twice, and a client is to find all of it.
func ownEnvironment() (e environment) {
	text, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return os.Environ()
	}
	for entry := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{0}), []byte{0}) {
		e = append(e, string(entry))
	}
	if len(text) == 0 {
		return nil
	}
	return e
}

func (e environment) get(name string) string {
	for _, entry := range e {
		if is, value, has := strings.Cut(entry, "="); has && is == name {
			return value
		}
	}
	return ""
}

// with returns an environment in which an entry is set: in the place of the variable's first
// one, or at the end.
func (e environment) with(entry string) (changed environment) {
	name, _, _ := strings.Cut(entry, "=")
	set := false
	for _, old := range e {
		if is, _, _ := strings.Cut(old, "="); is != name {
			changed = append(changed, old)
		} else if !set {
			changed, set = append(changed, entry), true
		}
	}
	if !set {
		changed = append(changed, entry)
	}
	return changed
}

// forClient is the environment of the client. libslack's has the entries of --env twice, and
// with --inherit the inherited value of a variable may come first there.
func (s *settings) forClient() environment {
	if s.env == nil && !s.inherit {
		return s.environ
	}
	var e environment
	if s.inherit {
		e = s.environ
	}
	for _, entry := range s.env {
		e = e.with(entry)
	}
	return e
}

// expand replaces $NAME and ${NAME}, and then ~ and ~USER where a word begins or follows a
// colon or an equals sign. For root variables stay as they are, unless --idiot.
func (s *settings) expand(text string) string {
	if s.idiot || os.Getuid() != 0 && os.Geteuid() != 0 {
		text = s.expandVariables(text)
	}
	return s.expandHomes(text)
}

func (s *settings) expandVariables(text string) string {
	var b strings.Builder
	for {
		before, after, has := strings.Cut(text, "$")
		b.WriteString(before)
		if !has {
			return b.String()
		}
		name := strings.TrimPrefix(after, "{")
		end := strings.IndexFunc(name, func(c rune) bool { return !isMadeOf(string(c), "_") })
		if end < 0 {
			end = len(name)
		}
		if end == 0 {
			b.WriteByte('$')
			text = after
			continue
		}
		b.WriteString(s.environ.get(name[:end]))
		if text = name[end:]; name != after {
			text = strings.TrimPrefix(text, "}")
		}
	}
}

func (s *settings) expandHomes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '~' || i > 0 && !strings.ContainsRune(" \t\n\v\f\r:=", rune(text[i-1])) {
			b.WriteByte(text[i])
			continue
		}
		end := i + 1
		for end < len(text) && !strings.ContainsRune(":/ \t", rune(text[end])) {
			end++
		}
		if home := s.homeOf(text[i+1 : end]); home != "" {
			b.WriteString(home)
			i = end - 1
		} else {
			b.WriteByte('~')
		}
	}
	return b.String()
}

// homeOf is the home directory of an account, or of the user that the daemon runs as; or empty.
func (s *settings) homeOf(name string) string {
	var found *user.User
	var err error
	switch {
	case name != "":
		found, err = user.Lookup(name)
	case s.user.UID != 0:
		return s.user.Home
	default:
		found, err = lookupID(os.Getuid())
	}
	if err != nil {
		return ""
	}
	return found.HomeDir
}
