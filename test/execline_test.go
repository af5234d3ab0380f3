package test

// redirfd, fdmove, fdclose and envfile leave a program what those of execline leave it, in
// every state that a chain may start in, and fail where those fail.
//
// Not tested in this file: the reasons in messages, which are those of the C library in
// execline and daemontools' here; what only one of the two does (scripts).

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The words that both understand, to be run in each state.
var redirections = []string{
	"redirfd -r 0 file probe",
	"redirfd -r 3 file probe",
	"redirfd -w 1 new probe",
	"redirfd -w 2 file probe",
	"redirfd -u 100 file probe",
	"redirfd -a 1 file probe",
	"redirfd -x 4 new probe",
	"redirfd -w -n -b 1 new probe",
	"redirfd -r 3 nosuch probe",
	"redirfd -r 3 file/x probe",
	"redirfd -r 3 file",
	"fdmove 5 1 probe",
	"fdmove 1 5 probe",
	"fdmove 0 2 probe",
	"fdmove 2 0 probe",
	"fdmove 1 1 probe",
	"fdmove 9 9 probe",
	"fdmove 100 3 probe",
	"fdmove -c 5 1 probe",
	"fdmove -c 1 0 probe",
	"fdmove -c 2 1 probe",
	"fdmove -c 1 1 probe",
	"fdmove -c 9 9 probe",
	"fdclose 0 probe",
	"fdclose 1 probe",
	"fdclose 3 probe",
	"envfile vars probe",
}

// To be run in the plainest state.
var furtherRedirections = []string{
	"redirfd -u 5 new probe",
	"redirfd -a 7 new probe",
	"redirfd -x 4 file probe",
	"redirfd -rn 0 file probe",
	"redirfd -rb 0 file probe",
	"redirfd -rwuax 1 new probe",
	"redirfd -xauwr 3 file probe",
	"redirfd -wx 1 new probe",
	"redirfd -aw 1 file probe",
	"redirfd -r -- 3 file probe",
	"redirfd -r 3 dark probe",
	"redirfd -w 3 dark probe",
	"redirfd -r 003 file probe",
	"redirfd -r 99999999 file probe",
	"redirfd -r 4294967295 file probe",
	"redirfd -r 4294967296 file probe",
	"redirfd -r 18446744073709551617 file probe",
	"redirfd -r -1 file probe",
	"redirfd -r +3 file probe",
	"redirfd -r 3x file probe",
	"redirfd -r x file probe",
	"redirfd 3 file probe",
	"redirfd -n 3 file probe",
	"redirfd -z 3 file probe",
	"redirfd -r 3",
	"redirfd",
	"fdmove 3 4 probe",
	"fdmove -cc 3 0 probe",
	"fdmove -- 3 0 probe",
	"fdmove 99999999 0 probe",
	"fdmove 0 99999999 probe",
	"fdmove 4294967295 0 probe",
	"fdmove 0 4294967295 probe",
	"fdmove 4294967296 0 probe",
	"fdmove a 0 probe",
	"fdmove 0 a probe",
	"fdmove -1 0 probe",
	"fdmove -x 1 0 probe",
	"fdmove 1 0",
	"fdmove",
	"fdclose 99999999 probe",
	"fdclose 4294967296 probe",
	"fdclose a probe",
	"fdclose -x 3 probe",
	"fdclose 0",
	"fdclose",
	"envfile nosuch probe",
	"envfile -I nosuch probe",
	"envfile -Ii nosuch probe",
	"envfile -z file probe",
	"envfile file",
	"envfile",
}

// variables are lines that both read alike.
const variables = "# a comment\nA=1\r\n \t\n DUP = two words\t\nQUOTED=\"  \\`\" \t\n" + `EMPTY=
QUOTES="\"quoted\" \\ \$A"
ESCAPED=\ a\\b\"c
NUMBER=#1
LONG=one \
  and two
LONGER="one \
and two"
ITS=it's $A ${A} %A = #no comment
with.dots-and-dashes=1
1=2
`

func TestRedirectionsLeaveWhatThoseOfExeclineLeave(t *testing.T) {
	needRoot(t)
	need(t, execlineDir+"/redirfd")
	t.Run(plainest.name, func(t *testing.T) {
		t.Parallel()
		redirectAsExecline(t, plainest, furtherRedirections)
	})
	for _, s := range states {
		if s.closed || s.extra != nil || s.name == "umask 0" || s.name == "duplicate variables" || s.name == plainest.name {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				redirectAsExecline(t, s, redirections)
			})
		}
	}
}

func redirectAsExecline(t *testing.T, s state, executions []string) {
	t.Helper()
	report := s
	report.closed = true // the words may take standard output away from the probe
	for _, words := range executions {
		run := func(p path) outcome {
			a := newArena(p).furnish()
			defer a.remove()
			must(os.WriteFile(filepath.Join(a.here, "vars"), []byte(variables), 0o644))
			o := a.run(t, report, native(p, strings.Fields(words)))
			o.stderr = withoutReason(o.stderr)
			return o
		}
		want := run(path{"execline", execlineDir})
		for _, p := range []path{fused, separate, plain} {
			if p.name == plain.name && s.closed {
				continue // the runtime opens what is closed
			}
			x := trial{in: s, c: chain{words: words}}
			if text := difference(x.without(p, want), x.without(p, run(p))); text != "" {
				t.Errorf("%s, %s: differs from execline\n%s", words, p.name, text)
			}
		}
	}
}

// withoutReason cuts off why something is not possible.
func withoutReason(message string) string {
	return regexp.MustCompile(`(: unable to [^:]*): .*\n`).ReplaceAllString(message, "$1\n")
}
