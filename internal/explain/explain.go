// Package explain runs a chain up to its program, and says what each link has changed, what the
// program would get, and where a link would fail. The program itself does not run.
//
// It is ordinary Go, in a program of its own, and looks at the chain from outside by ptrace(2): so
// the links run as they are, under whatever limits, and programs of other projects do as well.
package explain

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"catena/internal/bare"
	"catena/internal/execchain"
)

const usage = "usage: catena-explain [-j] [-l name] [-t seconds] program [arg ...]\n"

const help = usage + `  -j          as JSON
  -l name     a program of that name is a link too: it executes the rest of its words
  -t seconds  give up after so long; 10 unless said otherwise
The chain is run as far as its program, which does not run. Files are not made or emptied,
locks are not taken, and nobody is waited for.
`

// The exit codes, as those of links.
const (
	misused = 100
	failed  = 111
)

// Main is the program catena-explain. It returns the exit code.
func Main(args []string) int {
	var o options
	words, exit := o.parse(args)
	switch {
	case exit != leave:
		return exit
	case architecture == 0:
		return fatal("only amd64 and arm64 are known")
	}
	file, err := lookUp(words[0])
	if err != nil {
		return fatal("unable to run %s: %v", visible(words[0]), reason(err))
	}
	t := tracer{links: linkNames(o.links)}
	if err := t.run(file, words, o.within); err != nil {
		return fatal("unable to run %s step by step: %v", visible(words[0]), reason(err))
	}
	r := newReport(&t)
	write := r.writeText
	if o.json {
		write = r.writeJSON
	}
	if err := write(os.Stdout); err != nil {
		return fatal("unable to write output: %v", reason(err))
	}
	if r.Failure != nil {
		return failed
	}
	return 0
}

// options are those of the command line.
type options struct {
	json   bool
	links  []string
	within time.Duration
}

const leave = -1 // no exit code: the program goes on

// parse returns the words behind the options. Any exit code but leave ends the program.
func (o *options) parse(args []string) (words []string, exit int) {
	o.within = 10 * time.Second
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		switch {
		case word == "--":
			return needWords(args)
		case word == "--help":
			return nil, say(help)
		case word == "--version":
			return nil, say(execchain.Version)
		case word == "-j":
			o.json = true
			continue
		case word[:2] != "-l" && word[:2] != "-t":
			return nil, refuse("illegal option", word)
		case len(word) == 2 && len(args) == 0:
			return nil, refuse("option requires an argument", word)
		}
		value := word[2:]
		if value == "" {
			value, args = args[0], args[1:]
		}
		if word[1] == 'l' {
			o.links = append(o.links, value)
		} else if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
			o.within = time.Duration(seconds) * time.Second
		} else {
			return nil, fatal("not a number of seconds: %s", visible(value))
		}
	}
	return needWords(args)
}

func needWords(words []string) ([]string, int) {
	if len(words) == 0 {
		fmt.Fprint(os.Stderr, "catena-explain: "+usage)
		return nil, misused
	}
	return words, leave
}

func refuse(why, word string) int {
	fmt.Fprintf(os.Stderr, "catena-explain: %s -- %s\ncatena-explain: %s", why, visible(word[1:]), usage)
	return misused
}

func say(text string) int {
	if _, err := os.Stdout.WriteString(text); err != nil {
		return fatal("unable to write output: %v", reason(err))
	}
	return 0
}

func fatal(format string, words ...any) int {
	fmt.Fprintf(os.Stderr, "catena-explain: fatal: "+format+"\n", words...)
	return failed
}

// reason is why an error came, without the call and the names, which the message has.
func reason(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		return bare.Reason(number)
	case errors.Is(err, exec.ErrNotFound):
		return bare.Reason(syscall.ENOENT)
	}
	return visible(err.Error())
}
