package test

// Public run scripts of runit, s6-overlay, qmail and djbdns leave their program the same with
// catena's tools as with their own, and so do the chains that take the place of these scripts.
// testdata/run-scripts has them.
//
// Not tested in this file: what the scripts do beside their chain; multilog and the servers, which
// the probe stands for; builds without the early entry.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A publicScript is an entry of testdata/run-scripts.
type publicScript struct {
	name      string
	script    string // of sh, or of execline
	chain     string // in catena's words
	deviates  []string
	execlines bool
}

// publicScripts reads testdata/run-scripts.
func publicScripts(t *testing.T) (all []publicScript) {
	for line := range strings.Lines(read(t, "testdata/run-scripts")) {
		last := &publicScript{}
		if len(all) > 0 {
			last = &all[len(all)-1]
		}
		text, indented := strings.CutPrefix(line, "\t")
		text = strings.TrimSuffix(text, "\n")
		words, isChain := strings.CutPrefix(text, "= ")
		deviations, deviates := strings.CutPrefix(text, "~ ")
		switch {
		case text == "" || text[0] == '#' && !indented:
		case !indented:
			all = append(all, publicScript{name: text})
		case text == "#!execlineb":
			last.execlines = true
		case isChain:
			last.chain = words
		case deviates:
			facts, _, _ := strings.Cut(deviations, ": ")
			last.deviates = append(last.deviates, strings.Split(facts, ", ")...)
		default:
			last.script += text + "\n"
		}
	}
	return all
}

// isOld tells whether the script has no words but those that catena knows as well.
func (s publicScript) isOld() bool { return !s.execlines && !strings.Contains(s.script, "s6-") }

// cleans tells whether the program gets no environment, and so reports to standard output.
func (s publicScript) cleans() bool {
	return strings.Contains(s.script, "exec -c") || strings.Contains(s.script, "emptyenv") || strings.Contains(s.script, "env -")
}

// The accounts of the scripts. What is in /etc has no account with supplementary groups.
const (
	standInPasswd = `root:x:0:0::/root:/bin/sh
daemon:x:1:1::/:/bin/false
app:x:5001:5001::/home/app:/bin/sh
log:x:5002:5002::/:/bin/false
db:x:5003:5003::/:/bin/false
nobody:x:65534:65534::/:/bin/false
`
	standInGroup = `root:x:0:
daemon:x:1:
adm:x:4:log
tty:x:5:
audio:x:29:
app:x:5001:
log:x:5002:
db:x:5003:
media:x:5010:nobody,app,log
video:x:5011:app,daemon
nogroup:x:65534:
`
)

// standIns are the programs that stand between the links of some scripts. They drop their own
// words, and exec the rest.
var standIns = map[string]string{
	"tcpserver":        "while getopts vqQ1pPdDoOrRhHUXx:B:c:b:u:g:i:l:t: option; do :; done; shift $((OPTIND+1)); TCPREMOTEIP=192.0.2.2; export TCPREMOTEIP; exec \"$@\"",
	"s6-notifyoncheck": "while getopts d3:s:T:t:w:n:c: option; do :; done; shift $((OPTIND-1)); exec \"$@\"",
}

// publicStage is what the arenas of the scripts share: the programs of the peers, and those of
// each path under the names that make installs.
type publicStage struct{ peers, fused, separate path }

func newPublicStage(t *testing.T) publicStage {
	top := filepath.Join(work, "public")
	must(os.MkdirAll(filepath.Join(top, "stand-ins"), 0o755))
	for name, text := range standIns {
		must(os.WriteFile(filepath.Join(top, "stand-ins", name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	}
	must(os.WriteFile(filepath.Join(top, "overlay"), []byte(overlay), 0o644))
	must(os.WriteFile(filepath.Join(top, "passwd"), []byte(standInPasswd), 0o644))
	must(os.WriteFile(filepath.Join(top, "group"), []byte(standInGroup), 0o644))
	peers := path{"peers", filepath.Join(top, "peers")}
	must(os.MkdirAll(peers.dir, 0o755))
	for _, name := range slices.Concat(sevenTools, []string{"chpst"}, strings.Fields("s6-applyuidgid s6-envdir s6-envuidgid s6-fghack s6-setlock s6-setsid s6-setuidgid s6-softlimit")) {
		file := filepath.Join(debian, name)
		need(t, file)
		linkOnce(file, filepath.Join(peers.dir, name))
	}
	return publicStage{peers, asInstalled(t, fused), asInstalled(t, separate)}
}

// run has a process become a run script in an arena with the stand-ins.
func (s publicScript) run(t *testing.T, p path, words ...string) outcome {
	a := newArena(p).furnish()
	defer a.remove()
	in := state{name: s.name, closed: !s.cleans(), env: []string{
		"PATH=@/bin:@/../../public/stand-ins:@/../..:/usr/bin:/bin:" + execlineDir, "A=before", "HOME=/",
	}}
	for name, text := range map[string]string{
		"seed": "0123456789abcdef", "theirs": s.script, "dns/IP": "192.0.2.1\n", "dns/DATALIMIT": "30000000\n",
		"container/PATH": in.env[0][len("PATH="):], "container/A": "1\n", "container/DISK": "disk.img\n", "sub/file": "",
		"chain": "",
	} {
		name = filepath.Join(a.here, name)
		must(os.MkdirAll(filepath.Dir(name), 0o755))
		must(os.WriteFile(name, []byte(strings.ReplaceAll(text, "@/", a.top+"/")), 0o644))
	}
	must(unix.Mkfifo(filepath.Join(a.here, "fifo"), 0o644))
	holder, err := os.OpenFile(filepath.Join(a.here, "fifo"), os.O_RDWR, 0)
	must(err)
	defer holder.Close()
	if words == nil {
		s.writeChain(a, in)
		words = []string{"./run"}
	}
	shared := filepath.Join(work, "public")
	return a.run(t, in, slices.Concat(
		commandLine{"/usr/bin/unshare", "unshare", "--mount", "sh", filepath.Join(shared, "overlay")},
		[]string{filepath.Join(shared, "passwd"), "/etc/passwd", filepath.Join(shared, "group"), "/etc/group", "--"}, words))
}

// writeChain makes a chain file of the words of the chain, and run to read it.
func (s publicScript) writeChain(a arena, in state) {
	split := exec.Command("sh", "-c", "for word in "+strings.ReplaceAll(s.chain, "@/", a.top+"/")+`; do printf '#\n|%s\n' "$word"; done`)
	split.Env = a.environment(in)
	text, err := split.Output()
	must(err)
	must(os.WriteFile(filepath.Join(a.here, "chain"), text, 0o644))
	must(os.Symlink("../bin/catena", filepath.Join(a.here, "run")))
}

// withoutScript takes from an outcome what a shell or execline leave a program and a chain does
// not: the order of the variables, where cd has been, and the folder of execline in PATH.
func withoutScript(o outcome) outcome {
	o.stdout = strings.ReplaceAll(o.stdout, `"PATH=`+execlineDir+":@", `"PATH=@`)
	o.stdout = withoutFacts(o.stdout, func(fact string) bool {
		return strings.HasPrefix(fact, `variable "PWD=`) || strings.HasPrefix(fact, `variable "OLDPWD=`)
	})
	o.stdout = sorted(o.stdout, "variable ")
	kept := strings.Split(o.left, "\n")
	o.left = strings.Join(slices.DeleteFunc(kept, func(line string) bool {
		return strings.HasPrefix(line, `"/run"`) || strings.HasPrefix(line, `"/chain"`)
	}), "\n")
	return o
}

// without takes the deviations from an outcome that the entry names: facts of the probe's report,
// a variable, or a file that is left.
func (s publicScript) without(o outcome) outcome {
	for _, named := range s.deviates {
		kind, name, _ := strings.Cut(named, " ")
		switch kind {
		case "file":
			lines := strings.Split(o.left, "\n")
			o.left = strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, fmt.Sprintf("%q ", name)) }), "\n")
		case "variable":
			o.stdout = withoutFacts(o.stdout, func(fact string) bool { return strings.HasPrefix(fact, `variable "`+name+"=") })
		default:
			o.stdout = withoutFacts(o.stdout, func(fact string) bool { return fact == named || strings.HasPrefix(fact, named+" ") })
		}
	}
	return o
}

func TestPublicRunScriptsLeaveTheirProgramsTheSame(t *testing.T) {
	needRoot(t)
	need(t, "unshare", "execlineb")
	stage := newPublicStage(t)
	all := publicScripts(t)
	if says := fmt.Sprint("[", len(all), " public run scripts]"); !strings.Contains(read(t, filepath.Join(root, "docs", "moving.md")), says) {
		t.Errorf("docs/moving.md does not say %s", says)
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			theirs := []string{"sh", "./theirs"}
			if s.execlines {
				theirs = []string{"execlineb", "-P", "./theirs"}
			}
			want := s.run(t, stage.peers, theirs...)
			if !want.reached() {
				t.Fatalf("proves nothing, as the script does not reach its program:\n%s", want)
			}
			for _, p := range []path{stage.fused, stage.separate} {
				if s.isOld() {
					if text := difference(want, s.run(t, p, theirs...)); text != "" {
						t.Errorf("the script, %s: differs\n%s", p.name, text)
					}
				}
			}
			whole, got := withoutScript(want), withoutScript(s.run(t, stage.fused))
			if text := difference(s.without(whole), s.without(got)); text != "" {
				t.Errorf("the chain differs\n%s", text)
			}
			for i, named := range s.deviates {
				others := publicScript{deviates: slices.Delete(slices.Clone(s.deviates), i, i+1)}
				if difference(others.without(whole), others.without(got)) == "" {
					t.Errorf("names a deviation that is none: %s", named)
				}
			}
		})
	}
}
