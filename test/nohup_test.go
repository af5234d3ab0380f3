package test

// nohup does what GNU's does, whichever of its standard descriptors are terminals, are closed
// or are neither: the messages, the files and their modes, the exit code, and what the
// command inherits.
//
// Not tested in this file: names and errors of commands, which need no terminal (the scripts
// nohup_*_as_coreutils); arm64.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A setting is where nohup is started, beside its descriptors.
type setting struct {
	name    string
	command string
	prepare string // a script that makes what is there, and exports what is exported
}

var settings = []setting{
	{"plain", "probe", ""},
	{"command that is not there", "nosuch", ""},
	{"command that is denied", "../here", ""},
	{"nohup.out with a text and a mode", "probe", "echo before >nohup.out; chmod 644 nohup.out"},
	{"umask 777", "probe", "umask 777"},
	{"nohup.out cannot be opened, no HOME", "probe", "mkdir nohup.out; unset HOME"},
	{"nohup.out cannot be opened, HOME", "probe", "mkdir nohup.out home; export HOME=./home//"},
	{"nohup.out cannot be opened, empty HOME", "probe", "mkdir nohup.out; export HOME="},
	{"neither can be opened", "probe", "mkdir nohup.out; export HOME=/nonexistent"},
	{"the name of HOME is odd", "probe", `mkdir nohup.out "o'd
d"; export HOME="o'd
d"`},
	{"POSIXLY_CORRECT", "probe", "mkdir nohup.out; unset HOME; export POSIXLY_CORRECT="},
	{"a hangup is ignored already", "probe", "trap '' HUP"},
	{"chain", "setlock lock pgrphack probe", "echo >lock"},
	{"chain whose link fails", "setlock lock envdir nosuch probe", ""},
	{"chain whose program is not there", "pgrphack nosuch", ""},
	{"nohup twice", "nohup setlock lock probe", ""},
	{"directory that is gone", "probe", "mkdir gone; cd gone; rmdir ../gone; unset HOME"},
}

func TestNohupDoesWhatGNUsDoesWithTerminals(t *testing.T) {
	needRoot(t)
	need(t, "nohup", "setlock")
	for _, how := range settings {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			near, far := terminal(t)
			for number := range 27 {
				kinds := [3]int{number % 3, number / 3 % 3, number / 9}
				closed := kinds[0] == isClosed || kinds[1] == isClosed || kinds[2] == isClosed
				run := func(p path) outcome {
					o := how.run(t, near, far, p, kinds)
					return trial{in: state{closed: closed}, c: chain{words: "nohup probe"}}.without(p, o)
				}
				for _, p := range []path{fused, separate, plain} {
					if p.name == plain.name && closed {
						continue // the runtime opens what is closed
					}
					want := run(path{p.name, oracleDir})
					if text := difference(want, run(p)); text != "" {
						t.Errorf("%v, %s: differs from GNU's\n%s", kinds, p.name, text)
					}
				}
			}
		})
	}
}

// What a standard descriptor is.
const (
	isFile = iota
	isTerminal
	isClosed
)

// run has a shell prepare the arena and become nohup. What nohup writes to the terminal counts
// as its standard error, and the report of the probe as its standard output.
func (how setting) run(t *testing.T, near, far *os.File, p path, kinds [3]int) outcome {
	t.Helper()
	a := newArena(p)
	defer a.remove()
	must(os.WriteFile(a.report(), nil, 0o600))
	var streams [3]*os.File
	for fd, kind := range kinds {
		switch kind {
		case isFile:
			file, err := os.OpenFile(filepath.Join(a.here, fmt.Sprint("text", fd)), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
			must(err)
			defer file.Close()
			streams[fd] = file
		case isTerminal:
			streams[fd] = far
		}
	}
	shell, err := os.StartProcess("/bin/sh", []string{"sh", "-c", how.prepare + "\nexec nohup " + how.command}, &os.ProcAttr{
		Dir:   a.here,
		Env:   []string{"PATH=" + a.bin + ":" + work + ":" + systemPath, "PROBE_OUT=" + a.report()},
		Files: streams[:], // one that is nil is closed
	})
	must(err)
	late := time.AfterFunc(patience, func() { shell.Kill() })
	defer late.Stop()
	state, err := shell.Wait()
	must(err)
	report, err := os.ReadFile(a.report())
	must(err)
	return outcome{
		stdout: a.comparable(string(report), shell.Pid),
		stderr: a.comparable(heard(near, far), shell.Pid),
		end:    ending(state),
		left:   a.files(),
	}
}

// heard is what has been written to a terminal so far.
func heard(near, far *os.File) string {
	const end = "\x04"
	_, err := far.WriteString(end)
	must(err)
	var text []byte
	for piece := make([]byte, 4096); !strings.HasSuffix(string(text), end); {
		n, err := near.Read(piece)
		must(err)
		text = append(text, piece[:n]...)
	}
	return strings.TrimSuffix(string(text), end)
}
