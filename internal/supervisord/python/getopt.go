package python

import (
	"fmt"
	"strings"
)

// A Flag is an option of a command line.
type Flag struct {
	Short byte   // or 0
	Long  string // or empty
	Takes bool   // a word
}

// A Given is an option that stands on a command line.
type Given struct {
	Flag
	Name string // -s or --serverurl
	Word string
}

// Getopt reads a command line as Python's getopt does: options end at the first word that is
// none, and a long option may be cut short.
func Getopt(known []Flag, args []string) (list []Given, rest []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		var g Given
		if long, is := strings.CutPrefix(word, "--"); is {
			if g, args, err = longFlag(known, long, args); err != nil {
				return nil, nil, err
			}
			list = append(list, g)
			continue
		}
		for letters := word[1:]; letters != ""; {
			if g, letters, args, err = shortFlag(known, letters, args); err != nil {
				return nil, nil, err
			}
			list = append(list, g)
		}
	}
	return list, args, nil
}

// shortFlag takes the first of some letters. The word of an option is what follows the letter,
// or the next word.
func shortFlag(known []Flag, letters string, args []string) (g Given, left string, rest []string, err error) {
	letter, left := letters[0], letters[1:]
	for _, f := range known {
		if f.Short != letter {
			continue
		}
		g := Given{Flag: f, Name: "-" + string(letter)}
		switch {
		case !f.Takes:
			return g, left, args, nil
		case left != "":
			g.Word = left
			return g, "", args, nil
		case len(args) > 0:
			g.Word = args[0]
			return g, "", args[1:], nil
		}
		return g, "", nil, fmt.Errorf("option %s requires argument", g.Name)
	}
	return g, "", nil, fmt.Errorf("option -%c not recognized", []rune(letters)[0])
}

// longFlag takes an option that may have its word behind a "=".
func longFlag(known []Flag, text string, args []string) (g Given, rest []string, err error) {
	name, word, has := strings.Cut(text, "=")
	var found []Flag
	for _, f := range known {
		if f.Long == name && name != "" {
			found = []Flag{f}
			break
		}
		if f.Long != "" && strings.HasPrefix(f.Long, name) {
			found = append(found, f)
		}
	}
	switch {
	case len(found) == 0:
		return g, nil, fmt.Errorf("option --%s not recognized", name)
	case len(found) > 1:
		return g, nil, fmt.Errorf("option --%s not a unique prefix", name)
	}
	g = Given{Flag: found[0], Name: "--" + found[0].Long, Word: word}
	switch {
	case !g.Takes && has:
		return g, nil, fmt.Errorf("option %s must not have an argument", g.Name)
	case g.Takes && !has && len(args) == 0:
		return g, nil, fmt.Errorf("option %s requires argument", g.Name)
	case g.Takes && !has:
		g.Word, args = args[0], args[1:]
	}
	return g, args, nil
}
