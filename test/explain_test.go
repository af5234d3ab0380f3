package test

// What catena-explain says of a chain is so: the program, when it does run, finds itself in the
// state that was said; each link has changed what was said; and nothing else has happened.
//
// Not tested in this file: how the report looks (the scripts explain*); signals that are ignored
// and standard descriptors that are closed at the start, which the Go runtime changes; sudo;
// arm64, whose registers an emulator does not let anybody change.

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An explanation is what -j prints, as far as these tests look at it.
type explanation struct {
	Links []struct {
		Words   []string
		Changes []struct {
			What, Name string
			Was, Is    *string
		}
		Notes, Says []string
	}
	Program *explainedState
	Failure *struct {
		Exit        int
		Signal, Why string
	}
}

type explainedState struct {
	Argv, Environment, Capabilities, Bounding, Ignored, Blocked []string
	File, Cwd, Root, Umask                                      string
	UID, GID                                                    struct{ Real, Effective, Saved int }
	Groups                                                      []int
	NoNewPrivs                                                  bool   `json:"no_new_privs"`
	OOMScore                                                    string `json:"oom_score_adj"`
	Nice                                                        int
	Limits                                                      []struct{ Name, Soft, Hard string }
	Descriptors                                                 []struct {
		Number     int
		File, Mode string
	}
}

// inherited is what a probe has reported, by the names of its facts.
func inherited(report string) map[string][]string {
	facts := map[string][]string{}
	for line := range strings.Lines(report) {
		line = strings.TrimSuffix(line, "\n")
		name, value, ok := strings.Cut(line, ": ")
		if quoted := strings.Index(line, ` "`); quoted >= 0 && (!ok || quoted < len(name)) {
			name, value = line[:quoted], line[quoted+1:]
		}
		name = strings.TrimSuffix(name, ":")
		if text, err := strconv.Unquote(value); err == nil {
			value = string([]rune(text)) // bytes that are not UTF-8 are not in JSON
		}
		facts[name] = append(facts[name], value)
	}
	return facts
}

// facts has the same in the words of the probe.
func (s *explainedState) facts() map[string][]string {
	facts := map[string][]string{
		"argument":      s.Argv,
		"directory":     {s.Cwd},
		"root":          {s.Root},
		"uid":           {fmt.Sprint(s.UID.Real, s.UID.Effective, s.UID.Saved)},
		"gid":           {fmt.Sprint(s.GID.Real, s.GID.Effective, s.GID.Saved)},
		"groups":        {strings.Trim(fmt.Sprint(s.Groups), "[]")},
		"priority":      {strconv.Itoa(20 - s.Nice)},
		"no_new_privs":  {strconv.Itoa(map[bool]int{true: 1}[s.NoNewPrivs])},
		"ignored":       {signalNumbers(s.Ignored)},
		"blocked":       {signalNumbers(s.Blocked)},
		"oom_score_adj": {s.OOMScore},
	}
	if len(s.Environment) > 0 {
		facts["variable"] = s.Environment
	}
	for _, l := range s.Limits {
		facts["limit "+l.Name] = []string{l.Soft + " " + l.Hard}
	}
	return facts
}

func signalNumbers(names []string) string {
	numbers := []int{}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			n = int(unix.SignalNum("SIG" + name))
		}
		numbers = append(numbers, n)
	}
	return strings.Trim(fmt.Sprint(numbers), "[]")
}

// differs says where a program that has reported what it was given is not as explained.
func (s *explainedState) differs(report string) (list []string) {
	is := inherited(report)
	for name, want := range s.facts() {
		got := slices.Clone(is[name])
		if name != "variable" && name != "argument" {
			for i := range got {
				got[i] = strings.TrimSpace(got[i])
			}
		}
		if len(got) == 0 {
			got = []string{""}
		}
		if !slices.Equal(got, want) && got[0] != "no way to tell" {
			list = append(list, fmt.Sprintf("%s: %q, explained as %q", name, got, want))
		}
	}
	for name, want := range map[string][]string{"permitted": s.Capabilities, "bounding": s.Bounding} {
		set, _ := strconv.ParseUint(is[name][0], 0, 64)
		if bits.OnesCount64(set) != len(want) {
			list = append(list, fmt.Sprintf("%s: %x, explained as %q", name, set, want))
		}
	}
	mask, _ := strconv.ParseInt(s.Umask, 8, 32)
	if got := is["umask"][0]; got != fmt.Sprintf("0%o", mask) {
		list = append(list, fmt.Sprintf("umask: %s, explained as %s", got, s.Umask))
	}
	if executed := is["executed"][0]; filepath.Base(s.File) != filepath.Base(executed) {
		list = append(list, fmt.Sprintf("executed %q, explained as %q", executed, s.File))
	}
	return append(list, s.differsInDescriptors(is)...)
}

// differsInDescriptors compares which are open, and the names of files.
func (s *explainedState) differsInDescriptors(is map[string][]string) (list []string) {
	for _, d := range s.Descriptors {
		name := "descriptor " + strconv.Itoa(d.Number)
		found := false
		for fact, values := range is {
			if fact != name && !strings.HasPrefix(fact, name+": ") {
				continue
			}
			found = true
			_, kind, _ := strings.Cut(fact+" "+values[0], " status ")
			if strings.Contains(kind, " file ") && !strings.Contains(unescaped(kind), d.File) {
				list = append(list, fmt.Sprintf("%s %q, explained as %s", fact, values, d.File))
			}
			delete(is, fact)
		}
		if !found {
			list = append(list, name+" is not open, explained as "+d.File)
		}
	}
	for fact := range is {
		if strings.HasPrefix(fact, "descriptor ") {
			list = append(list, fact+" was not explained")
		}
	}
	return list
}

// unescaped is a fact with the name of a file in it as it is, and not as the probe writes it.
func unescaped(fact string) string {
	before, name, _ := strings.Cut(fact, `"`)
	if text, err := strconv.Unquote(`"` + name[:strings.LastIndex(name, `"`)+1]); err == nil {
		return before + string([]rune(text))
	}
	return fact
}

// explain runs a chain under explain in an arena.
func (a arena) explain(t testing.TB, s state, words []string) (e explanation, said outcome) {
	t.Helper()
	said = a.run(t, s, slices.Concat(commandLine{"@/bin/catena-explain", "catena-explain", "-j", "--"}, words))
	if said.end != "exit 0" && said.end != "exit 111" || said.stdout == "" {
		t.Fatalf("%q: %s", words, said)
	}
	if err := json.Unmarshal([]byte(said.stdout), &e); err != nil {
		t.Fatalf("%q: %v\n%s", words, err, said)
	}
	if reached := e.Program != nil; reached != (e.Failure == nil) || reached != (said.end == "exit 0") {
		t.Fatalf("%q: %s", words, said)
	}
	return e, said
}

// explainedChains end in the probe. "@" is the arena.
var explainedChains = []string{
	"probe a b",
	"envdir @/here/env envdir -i env probe",
	"setlock lock pgrphack envuidgid daemon softlimit -o 60 -c 0 -r = probe",
	"chpst -u www-data -e ./env -b server -o 40 -m 900000000 -n 3 @/../../probe",
	"/usr/bin/chpst -u www-data:daemon -e ./env -b server -o 40 -n 3 -l lock @/../../probe",
	"setlock new setuidgid nobody envfile @/here/settings probe",
	"softlimit -m 500000000 -p 500 setuidgid daemon catena umask 027 catena cd / probe",
	"redirfd -w 1 out redirfd -r 0 file redirfd -a 7 new fdmove -c 2 1 fdclose 0 probe",
	"redirfd -x 5 @/here/env/new redirfd -u 6 file probe",
	"fghack probe",
	"pidfile new pidfile lock probe",
	"setlock -o lock gosu nobody probe",
	"su-exec daemon:games catena env -u A B=1 probe",
	"fghack -s catena nohup catena nice -n 4 probe x y",
	"catena argv0 probe other name",
	"setuser -s www-data probe",
	"env -i A=1 PATH=@/bin:@/../..:/usr/bin nice -n 2 setsid envdir env timeout 100 probe",
	"env PATH= @/bin/setuidgid nobody @/../../probe",
	"setpriv --reuid 1 --clear-groups --no-new-privs --ambient-caps -all --bounding-set -net_raw probe",
	"prlimit --nofile=33 --core=0:0 taskset 1 ionice -c 3 probe",
	"/usr/bin/setuidgid nobody /usr/bin/softlimit -f 1000 softlimit -f 900 probe",
	"flock lock choom -n 5 -- probe",
	"fghack timeout 100 fghack probe",
	"setuidgid nosuch probe",
	"setuidgid nobody envdir dark probe",
	"setuidgid nobody setlock new probe",
	"softlimit -m 1 probe",
	"envdir env chpst -u www-data nosuch",
}

// mustBe looks whether the files are what they were before a chain was explained.
func (a arena) mustBe(t *testing.T, words []string, before string) {
	t.Helper()
	if after := a.files(); after != before {
		t.Errorf("%q was explained, and the files are other ones:\n%s\nwere\n%s", words, after, before)
	}
}

func TestProgramGetsWhatExplainSays(t *testing.T) {
	needRoot(t)
	need(t, filepath.Join(debian, "chpst"), filepath.Join(debian, "setuidgid"), "setpriv", "prlimit", "taskset", "choom", "flock", "setsid")
	path := []string{"PATH=@/bin:@/../..:" + systemPath}
	states := []state{{name: "root", env: path}, {name: "nobody", env: path, words: dropped()}}
	for _, s := range states {
		for _, words := range explainedChains {
			t.Run(s.name+"/"+words, func(t *testing.T) {
				t.Parallel()
				a := newArena(fused).furnish()
				defer a.remove()
				must(os.WriteFile(filepath.Join(a.here, "settings"), []byte("PORT=8080\nNAME='a b'\n"), 0o644))
				chain := strings.Fields(words)
				before := a.files()
				e, said := a.explain(t, s, chain)
				a.mustBe(t, chain, before)
				real := a.run(t, s, slices.Concat(commandLine{"@/bin/" + "catena", "catena", "cd", "."}, chain))
				if text, err := os.ReadFile(filepath.Join(a.here, "out")); err == nil {
					real.stdout = a.comparable(string(text), 0)
				}
				if (e.Program != nil) != real.reached() {
					t.Fatalf("%s\nbut\n%s", said, real)
				}
				if e.Program == nil {
					compareFailures(t, e, real)
					return
				}
				for _, difference := range e.Program.differs(real.stdout) {
					t.Error(difference)
				}
			})
		}
	}
}

// compareFailures looks whether the last link fails as the chain does.
func compareFailures(t *testing.T, e explanation, real outcome) {
	t.Helper()
	end := fmt.Sprintf("exit %d", e.Failure.Exit)
	if e.Failure.Signal != "" {
		end = "signal " + strconv.Itoa(int(unix.SignalNum(e.Failure.Signal)))
	}
	said := strings.Join(e.Links[len(e.Links)-1].Says, "\n")
	if want := strings.TrimSpace(real.stderr); said != want {
		t.Errorf("says %q, and it is %q", said, want)
	}
	if !strings.HasPrefix(real.end, end) && e.Failure.Exit >= 0 {
		t.Errorf("ends by %q, and it is %q", end, real.end)
	}
}

// Random chains of daemontools' words, and of chpst's.
func TestRandomChainsGetWhatExplainSays(t *testing.T) {
	needRoot(t)
	programs, seed := randomPrograms(), firstSeed(t)
	count := max(60, chainsToTry()/10)
	for i := range count {
		g := generate(seed + i)
		if i%2 == 0 {
			g = generateChpst(seed + i)
		}
		if g.narrow {
			continue
		}
		real := g.run(t, fused, programs)
		chain := slices.Clone(g.words)
		if !strings.Contains(chain[0], "/") {
			chain[0] = "@/bin/" + chain[0]
		}
		g.words = slices.Concat([]string{"catena-explain", "-j", "--"}, chain)
		said := g.run(t, fused, programs)
		var e explanation
		if err := json.Unmarshal([]byte(said.stdout), &e); err != nil {
			t.Fatalf("%s: %v\n%s", g, err, said)
		}
		if !real.reached() || !strings.Contains(strings.Join(chain, " "), "probe") {
			continue
		}
		if e.Program == nil {
			t.Errorf("%s\n%s\nbut\n%s", g, said, real)
			continue
		}
		e.Program.Argv[0] = inherited(real.stdout)["argument"][0] // chain[0] is another one
		for _, difference := range e.Program.differs(real.stdout) {
			t.Errorf("%s\n%s", g, difference)
		}
	}
}

// Each link has the changes that are its own, also where all of them are in one file.
func TestExplainSaysWhichLinkHasChangedWhat(t *testing.T) {
	needRoot(t)
	a := newArena(fused).furnish()
	defer a.remove()
	must(os.WriteFile(filepath.Join(a.here, "chain"), []byte("umask\n 027\ncd\n /\nsoftlimit\n -o\n 60\nfghack\nsetuidgid\n daemon\nargv0\nprobe\nname\n"), 0o644))
	must(os.Symlink(filepath.Join(fused.dir, "catena"), filepath.Join(a.here, "run")))
	want := []string{
		"umask 027: umask",
		"cd /: directory",
		"softlimit -o 60: limit nofile",
		"fghack: descriptor 3 4 5 6",
		"setuidgid daemon: user group groups capabilities",
		"argv0 probe:",
	}
	words := strings.Fields("umask 027 cd / softlimit -o 60 fghack setuidgid daemon argv0 probe name")
	for _, chain := range [][]string{append([]string{"catena"}, words...), {"./run"}} {
		e, _ := a.explain(t, state{}, chain)
		var got []string
		for _, l := range e.Links {
			line, last := strings.Join(l.Words, " ")+":", ""
			for _, c := range l.Changes {
				if c.What != last {
					line += " " + c.What
				}
				if last = c.What; c.Name != "" {
					line += " " + c.Name
				}
			}
			got = append(got, line)
		}
		if chain[0] == "./run" {
			if len(got) == 0 || got[0] != "./run:" {
				t.Fatalf("%q", got)
			}
			got = got[1:]
		}
		for i, line := range got {
			if fields, more, _ := strings.Cut(line, " 7 "); strings.HasPrefix(line, "fghack") && more != "" {
				got[i] = fields
			}
			got[i] = strings.TrimPrefix(got[i], "catena ")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n%q, want\n%q", chain, got, want)
		}
	}
}

// The program would leave a file. It does not run, whatever is in front of it.
func TestProgramOfAChainThatIsExplainedDoesNotRun(t *testing.T) {
	need(t, "setsid", "timeout", "flock")
	a := newArena(fused).furnish()
	defer a.remove()
	script(filepath.Join(a.here, "script"), "#!/bin/sh\n>"+a.here+"/ran\n")
	must(os.Mkdir(filepath.Join(a.here, "web"), 0o755))
	script(filepath.Join(a.here, "web", "run"), "#!/bin/sh\n>../ran\nmkdir ../ran\nexec ../script\n")
	script(filepath.Join(a.here, "web", "finish"), "#!/bin/sh\nkill -9 $PPID\nkill -9 0\nexec 2>../ran\necho ran\numask 0\nexec fghack ../script\n")
	before := a.files()
	for _, chain := range []string{
		"./web/run", "catena cd web ./run", "catena cd web ./finish 0 0",
		"./script", "fghack ./script", "fghack -s ./script", "env nice fghack ./script", "timeout 100 ./script", "setsid -f ./script",
		"touch ran", "fghack touch ran", "timeout 9 touch ran", "setsid -f touch ran", "flock lock -c touch~ran",
		"flock lock touch ran", "sh -c touch~ran", "catena nice touch ran", "supervise .", "svscan .", "multilog t ./log",
	} {
		words := strings.Fields(chain)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "~", " ")
		}
		if e, said := a.explain(t, state{env: []string{"PATH=@/bin:" + systemPath}}, words); e.Program == nil {
			t.Errorf("%q: %s", words, said)
		}
		a.mustBe(t, words, before)
	}
}

// A program that is taken for a link, by mistake or by -l, does no harm to files.
func TestFilesStayAsTheyAreWhateverIsExplained(t *testing.T) {
	a := newArena(fused).furnish()
	defer a.remove()
	before := a.files()
	for _, words := range []string{
		"touch ran", "touch file", "rm -f lock", "rmdir gone", "mkdir new", "mv lock new", "ln lock new", "ln -s lock new",
		"chmod 777 lock", "truncate -s 1 file", "tee file new", "cp lock file", "cp lock new", "dd of=file count=0", "mkfifo new",
	} {
		chain := strings.Fields(words)
		line := slices.Concat(commandLine{"@/bin/catena-explain", "catena-explain", "-l", chain[0]}, chain)
		said := a.run(t, state{env: []string{"PATH=@/bin:" + systemPath}}, line)
		if !strings.Contains(said.stdout, "\nThe program is not reached: ") || !strings.Contains(said.stdout, "\n  note ") && chain[len(chain)-1] != "file" {
			t.Errorf("%q: %s", words, said)
		}
		a.mustBe(t, chain, before)
	}
}

// Who waits for the other end of a FIFO goes on waiting, and nobody waits for a lock.
func TestExplainDisturbsNobody(t *testing.T) {
	a := newArena(fused).furnish()
	defer a.remove()
	var waiting []int
	for name, redirection := range map[string]string{"read": "<", "written": ">"} {
		must(unix.Mkfifo(filepath.Join(a.here, name), 0o600))
		cmd := exec.Command("sh", "-c", ": "+redirection+" "+name)
		cmd.Dir = a.here
		must(cmd.Start())
		defer cmd.Wait()
		defer cmd.Process.Kill()
		waiting = append(waiting, cmd.Process.Pid)
		eventually(t, "a process that waits for a FIFO", func() bool { return opens(cmd.Process.Pid) })
	}
	lock, err := os.OpenFile(filepath.Join(a.here, "lock"), os.O_RDWR, 0)
	must(err)
	defer lock.Close()
	must(unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	before := a.files()
	for words, notes := range map[string]int{
		"redirfd -w 1 read probe":      1,
		"redirfd -r 0 read probe":      1,
		"redirfd -w 1 written probe":   1,
		"redirfd -rnb 0 written probe": 1,
		"setlock lock probe":           2,
		"setlock -t 100000 lock probe": 3,
		"chpst -l lock probe":          2,
		"redirfd -w 1 file probe":      1,
		"redirfd -a 1 new probe":       1,
	} {
		chain := strings.Fields(words)
		e, said := a.explain(t, plainest, chain)
		if e.Program == nil || len(e.Links[0].Notes) != notes {
			t.Errorf("%q: %s", words, said)
		}
		a.mustBe(t, chain, before)
	}
	if e, said := a.explain(t, plainest, strings.Fields("setlock -n lock probe")); e.Program != nil || len(e.Links[0].Notes) != 1 {
		t.Errorf("%s", said)
	}
	for _, pid := range waiting {
		if !opens(pid) {
			t.Error("who waited for a FIFO has gone on")
		}
	}
}

// opens reports whether a process waits for a file to open.
func opens(pid int) bool {
	return strings.HasPrefix(textOf(fmt.Sprintf("/proc/%d/syscall", pid)), fmt.Sprint(unix.SYS_OPENAT)+" ") && inState(pid, "S")
}

func TestExplainGivesUpAChainThatNeverReturns(t *testing.T) {
	a := newArena(fused)
	defer a.remove()
	script(filepath.Join(a.here, "nice"), "#!/bin/sh\nexec ./nice\n")
	script(filepath.Join(a.here, "more"), "#!/bin/sh\nexec ./more \"$@\" x\n")
	for _, c := range []struct{ words, why string }{
		{"-t 1 -l sleep sleep 1000", "sleeps, and the time is over"},
		{"-t1 -lsleep fghack sleep 1000", "sleeps, and the time is over"},
		{"./nice", "comes again and again"},
		{"-l more ./more", "comes again and again"},
		{"nice ./nice", "comes again and again"},
	} {
		line := append(commandLine{"@/bin/catena-explain", "catena-explain", "-j"}, strings.Fields(c.words)...)
		said := a.run(t, state{env: []string{"PATH=@/bin:" + systemPath}}, line)
		var e explanation
		if err := json.Unmarshal([]byte(said.stdout), &e); err != nil || said.end != "exit 111" || e.Failure == nil || e.Failure.Why != c.why {
			t.Errorf("%q: %v\n%s", c.words, err, said)
		}
	}
}

// What a chain has started ends with explain, also if explain is killed.
func TestKilledExplainLeavesNothing(t *testing.T) {
	cmd := exec.Command(filepath.Join(fused.dir, "catena-explain"), "-t", "1000", "-l", "sleep", "fghack", "sleep", "1000")
	cmd.Env = []string{"PATH=" + fused.dir + ":" + systemPath}
	must(cmd.Start())
	var links []int
	eventually(t, "a link and its child", func() bool {
		if links = nil; len(childrenOf(cmd.Process.Pid)) == 1 {
			links = append(childrenOf(cmd.Process.Pid), childrenOf(childrenOf(cmd.Process.Pid)[0])...)
		}
		return len(links) == 2
	})
	must(cmd.Process.Kill())
	cmd.Wait()
	for _, pid := range links {
		eventually(t, "the end of a link", func() bool { return stateOf(pid) == "" || inState(pid, "Z") })
	}
}

func childrenOf(pid int) (children []int) {
	for _, word := range strings.Fields(textOf(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))) {
		n, _ := strconv.Atoi(word)
		children = append(children, n)
	}
	return children
}

// Whoever adds a link adds its name.
func TestExplainKnowsTheLinks(t *testing.T) {
	known := submatches(`"([a-z0-9-]+)"`, read(t, filepath.Join(root, "internal", "explain", "links.go")))
	links := submatches(`(?m)^\s+&link\.(\w+),`, read(t, filepath.Join(root, "cmd", "catena", "main.go")))
	if len(links) < 10 {
		t.Fatal("cmd/catena has no table of links")
	}
	for _, link := range links {
		if !slices.ContainsFunc(known, func(name string) bool { return strings.EqualFold(strings.ReplaceAll(name, "-", ""), link) }) {
			t.Errorf("internal/explain/links.go lacks %s", link)
		}
	}
}

// A container may forbid to trace. Explain says so, and runs nothing then.
func TestExplainSaysThatItMayNotTrace(t *testing.T) {
	a := newArena(fused)
	defer a.remove()
	number := strconv.Itoa(unix.SYS_PTRACE)
	said := a.run(t, plainest, commandLine{refuse(), "refuse", number, strconv.Itoa(int(unix.EPERM)), filepath.Join(fused.dir, "catena-explain"), "fghack", "touch", "ran"})
	want := "catena-explain: fatal: unable to run fghack step by step: permission denied\n"
	if said.end != "exit 111" || said.stdout != "" || said.stderr != want || exists(filepath.Join(a.here, "ran")) {
		t.Errorf("%s\nwant %s", said, want)
	}
}
