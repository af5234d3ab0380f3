package daemon

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The command line, as GNU's getopt_long reads it for libslack: options and other words in any
// order, until a word "--".

// What follows an option.
type argument uint8

const (
	none argument = iota
	required
	optional
)

// An option of the command line, which is also one of a configuration file.
type option struct {
	long  string
	short byte // or 0
	takes argument
	shows string // what the argument is, for the usage
	does  string
	// Either is set. number gets an integer: 1 if an optional one is missing.
	set    func(s *settings, value string) error
	number func(s *settings, value int) error
	parts  bool // an empty line follows in the usage
}

// parse reads the options of a command line, or of a configuration file, and returns the other
// words.
func (s *settings) parse(words []string) (others []string, err error) {
	_, inOrder := os.LookupEnv("POSIXLY_CORRECT")
	for len(words) > 0 && !s.over {
		word := words[0]
		switch {
		case word == "--":
			return append(others, words[1:]...), nil
		case strings.HasPrefix(word, "--"):
			words, err = s.parseLong(word[2:], words[1:])
		case len(word) > 1 && word[0] == '-':
			words, err = s.parseShort(word[1:], words[1:])
		case inOrder:
			return append(others, words...), nil
		default:
			others, words = append(others, word), words[1:]
		}
		if err != nil {
			return nil, err
		}
	}
	return others, nil
}

// parseLong reads an option that begins with "--". It returns the words behind it and its
// argument.
func (s *settings) parseLong(word string, words []string) ([]string, error) {
	name, value, has := strings.Cut(word, "=")
	o, err := find(name, word)
	if err != nil {
		return nil, err
	}
	switch {
	case o.takes == none && has:
		return nil, misused("daemon: option '--%s' doesn't allow an argument", o.long)
	case o.takes == required && !has:
		if len(words) == 0 {
			return nil, misused("daemon: option '--%s' requires an argument", o.long)
		}
		value, words, has = words[0], words[1:], true
	}
	return words, s.apply(o, "--"+o.long, value, has)
}

// find finds the option of a name, which may be cut short if no other option begins so.
func find(name, word string) (*option, error) {
	var fit []*option
	for i := range options {
		o := &options[i]
		if o.long == name {
			return o, nil
		}
		if strings.HasPrefix(o.long, name) {
			fit = append(fit, o)
		}
	}
	switch len(fit) {
	case 0:
		return nil, misused("daemon: unrecognized option '--%s'", word)
	case 1:
		return fit[0], nil
	}
	// getopt_long names the first one and those that differ in what they take. Where none
	// differs it takes the first one, which is not what anybody has asked for.
	which := fit[:1:1]
	for _, o := range fit[1:] {
		if o.takes != fit[0].takes {
			which = append(which, o)
		}
	}
	if len(which) == 1 {
		which = fit
	}
	text := fmt.Sprintf("daemon: option '--%s' is ambiguous; possibilities:", word)
	for _, o := range which {
		text += " '--" + o.long + "'"
	}
	return nil, misused("%s", text)
}

// parseShort reads a word of options that are a letter each.
func (s *settings) parseShort(letters string, words []string) ([]string, error) {
	for letters != "" && !s.over {
		letter := letters[0]
		letters = letters[1:]
		o := letterOption(letter)
		if o == nil {
			return nil, misused("daemon: invalid option -- '%c'", letter)
		}
		value, has := "", false
		if o.takes != none && letters != "" {
			value, letters, has = letters, "", true
		} else if o.takes == required {
			if len(words) == 0 {
				return nil, misused("daemon: option requires an argument -- '%c'", letter)
			}
			value, words, has = words[0], words[1:], true
		}
		if err := s.apply(o, "-"+string(letter), value, has); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func letterOption(letter byte) *option {
	for i := range options {
		if options[i].short == letter {
			return &options[i]
		}
	}
	return nil
}

// apply has an option take effect. called is what it was called.
func (s *settings) apply(o *option, called, value string, has bool) error {
	if s.given = has; o.number == nil {
		return o.set(s, value)
	}
	n, wrong := 1, ""
	if has {
		n, wrong = integer(value)
	}
	if err := o.number(s, n); err != nil {
		return err
	}
	if wrong != "" {
		return misused("daemon: invalid %s argument: %s", called, wrong)
	}
	return nil
}

// integer reads an integer as strtol does with base 0. A text that is none is 0.
func integer(text string) (n int, wrong string) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	base := 10
	switch digits := strings.ToLower(strings.TrimLeft(text, "+-")); {
	case strings.HasPrefix(digits, "0x"):
		text, base = strings.Replace(strings.ToLower(text), "0x", "", 1), 16
	case strings.HasPrefix(digits, "0"):
		base = 8
	}
	long, err := strconv.ParseInt(text, base, 32)
	switch {
	case err == nil:
		return int(long), ""
	case strings.Contains(err.Error(), strconv.ErrRange.Error()):
		return int(long), "integer out of range"
	}
	return 0, "not an integer"
}

// usage is the list of options.
func usage() string {
	var b strings.Builder
	b.WriteString("usage: daemon [options] [--] [cmd arg...]\noptions:\n\n")
	show := func(o *option) {
		head := "    "
		if o.short != 0 {
			head = fmt.Sprintf("-%c, ", o.short)
		}
		head += "--" + o.long
		switch o.takes {
		case required:
			head += "=" + o.shows
		case optional:
			head += "[=" + o.shows + "]"
		}
		fmt.Fprintf(&b, "  %-25s %s\n", head, o.does)
		if o.parts {
			b.WriteByte('\n')
		}
	}
	// The last four, which all programs of libslack have, come first.
	common := len(options) - 4
	for i := range options {
		show(&options[(common+i)%len(options)])
	}
	return b.String()
}
