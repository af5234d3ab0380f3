package test

// The tables of docs/chain.md are true: what catena has in the place of another program leaves the
// next program the same, and no option of the others is forgotten.
//
// Not tested in this file: whether the reasons are good ones.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A chainRow is a row of a table in docs/chain.md.
type chainRow struct {
	of           string // the program
	options      string // the first cell
	theirs, ours string // commands; empty if there is none
	note         string
}

func chainRows(t *testing.T) (rows []chainRow) {
	of := ""
	for line := range strings.Lines(read(t, filepath.Join(root, "docs", "chain.md"))) {
		if heading, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			of = heading
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || cells[0] == " there" {
			continue
		}
		r := chainRow{of: of, options: cells[0], note: strings.TrimSpace(cells[2])}
		if ours := submatches("^`([^`]+)`$", strings.TrimSpace(cells[1])); ours != nil {
			r.theirs, r.ours = submatches("`([^`]+)`", cells[0])[0], ours[0]
		}
		rows = append(rows, r)
	}
	return rows
}

// saidToDiffer are the facts that differ where a row says so.
var saidToDiffer = map[string][]string{
	"the descriptor of the lock has other flags":                               {"descriptor"},
	"the program is the process itself there, and no child":                    {"pid", "parent"},
	"as in daemontools, the group is in the list of supplementary groups, too": {"groups"},
}

func TestLinksLeaveWhatTheProgramsOfTheTableLeave(t *testing.T) {
	needRoot(t)
	need(t, "env", "setpriv", "prlimit", "flock", "nice", "chroot", "setsid")
	nothing := path{"the other program", filepath.Join(work, "nothing")}
	must(os.MkdirAll(nothing.dir, 0o755))
	ran := 0
	for _, r := range chainRows(t) {
		if r.ours == "" {
			if r.note == "" {
				t.Errorf("%s: no reason for %s", r.of, r.options)
			}
			continue
		}
		ran++
		want, got := r.run(t, nothing, r.theirs), r.run(t, asInstalled(t, fused), r.ours)
		if !want.reached() && !strings.Contains(r.theirs, "/bin/pwd") {
			t.Errorf("proves nothing: %s\n%s", r.theirs, want)
		}
		if facts := saidToDiffer[r.note]; facts != nil {
			s := publicScript{deviates: facts}
			if difference(want, got) == "" {
				t.Errorf("%s: there is no such difference: %s", r.ours, r.note)
			}
			want, got = s.without(want), s.without(got)
		}
		if text := difference(want, got); text != "" {
			t.Errorf("%s leaves another state than %s\n%s", r.ours, r.theirs, text)
		}
	}
	if ran < 20 {
		t.Errorf("%d rows have commands", ran)
	}
}

// run has a shell become a command of the table.
func (r chainRow) run(t *testing.T, p path, command string) outcome {
	a := newArena(p)
	defer a.remove()
	must(os.Mkdir(filepath.Join(a.here, "jail"), 0o755))
	must(os.Link(probe, filepath.Join(a.here, "server")))
	must(os.Link(probe, filepath.Join(a.here, "jail", "server")))
	must(os.WriteFile(filepath.Join(a.here, "lock"), nil, 0o644))
	o := a.run(t, state{name: command, env: []string{"PATH=@/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/"}},
		commandLine{"/bin/sh", "sh", "-c", "exec " + command})
	o.stdout = sorted(o.stdout, "variable ")
	return o
}

// Each option that --help prints stands in the table of its program.
func TestNoOptionIsForgottenInTheTable(t *testing.T) {
	for of, version := range map[string]string{
		"env": "coreutils) 9.1", "nice": "coreutils) 9.1", "chroot": "coreutils) 9.1", "timeout": "coreutils) 9.1",
		"setpriv": "util-linux 2.38", "prlimit": "util-linux 2.38", "flock": "util-linux 2.38", "setsid": "util-linux 2.38",
	} {
		need(t, of)
		if out, _ := exec.Command(of, "--version").Output(); !strings.Contains(string(out), version) {
			skipHere(t, of+" is not that of "+version)
		}
		help, err := exec.Command(of, "--help").Output()
		must(err)
		there := map[string]bool{}
		for _, r := range chainRows(t) {
			if r.of == of {
				for _, option := range submatches("[ `](--?[A-Za-z0-9-]+)", r.options) {
					there[option] = true
				}
			}
		}
		for _, line := range regexp.MustCompile(`(?m)^ +(-[A-Za-z0-9]|--[a-z-]+)(, --[a-z-]+)*`).FindAllString(string(help), -1) {
			for _, option := range strings.Split(strings.TrimSpace(line), ", ") {
				if !there[option] && !slices.Contains([]string{"-h", "--help", "-V", "--version"}, option) {
					t.Errorf("docs/chain.md does not have %s of %s", option, of)
				}
			}
		}
	}
}
