package supervisorctl

import (
	"fmt"
	"strings"
)

// A usageError is for somebody who has mistyped the command line or the configuration file.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// An option of the command line.
type option struct {
	short byte   // or 0
	long  string // or empty
	takes bool   // a word
}

// given is an option that stands on the command line.
type given struct {
	option
	name string // -s or --serverurl, as it was written
	word string
}

// getopt reads a command line as Python's getopt does: options end at the first word that is
// none, and a long option may be cut short.
func getopt(known []option, args []string) (list []given, rest []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		var g given
		if long, is := strings.CutPrefix(word, "--"); is {
			if g, args, err = longOption(known, long, args); err != nil {
				return nil, nil, err
			}
			list = append(list, g)
			continue
		}
		for letters := word[1:]; letters != ""; {
			if g, letters, args, err = shortOption(known, letters, args); err != nil {
				return nil, nil, err
			}
			list = append(list, g)
		}
	}
	return list, args, nil
}

// shortOption takes the first of some letters. The word of an option is what follows the letter,
// or the next word.
func shortOption(known []option, letters string, args []string) (g given, left string, rest []string, err error) {
	letter, left := letters[0], letters[1:]
	for _, o := range known {
		if o.short != letter {
			continue
		}
		g := given{option: o, name: "-" + string(letter)}
		switch {
		case !o.takes:
			return g, left, args, nil
		case left != "":
			g.word = left
			return g, "", args, nil
		case len(args) > 0:
			g.word = args[0]
			return g, "", args[1:], nil
		}
		return g, "", nil, usagef("option %s requires argument", g.name)
	}
	return g, "", nil, usagef("option -%c not recognized", []rune(letters)[0])
}

// longOption takes an option that may have its word behind a "=".
func longOption(known []option, text string, args []string) (g given, rest []string, err error) {
	name, word, has := strings.Cut(text, "=")
	var found []option
	for _, o := range known {
		if o.long == name && name != "" {
			found = []option{o}
			break
		}
		if o.long != "" && strings.HasPrefix(o.long, name) {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		return g, nil, usagef("option --%s not recognized", name)
	case len(found) > 1:
		return g, nil, usagef("option --%s not a unique prefix", name)
	}
	g = given{option: found[0], name: "--" + found[0].long, word: word}
	switch {
	case !g.takes && has:
		return g, nil, usagef("option %s must not have an argument", g.name)
	case g.takes && !has && len(args) == 0:
		return g, nil, usagef("option %s requires argument", g.name)
	case g.takes && !has:
		g.word, args = args[0], args[1:]
	}
	return g, args, nil
}
