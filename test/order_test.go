package test

// A chain makes the system calls of daemontools' programs, in their order, and a fused chain
// those of separate programs.
//
// Not tested in this file: that the calls have the right effect (inherit_test.go),
// calls that only look something up, that manage memory or that the start of a
// runtime or C library makes, and the order of calls in two processes at once.

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every link is in these, and every one that a link may change something for.
var tracedChains = []chain{
	{words: "envdir env probe"},
	{words: "envuidgid nobody probe"},
	{words: "setuidgid nobody probe"},
	{words: "softlimit -o 50 -m 900000000 -c = -t 18446744073709551615 probe"},
	{words: "setlock new probe"},
	{words: "setlock -n lock probe"},
	{words: "pgrphack probe"},
	{words: "fghack probe exit=3"},
	{words: "envdir env setuidgid nobody softlimit -m 1000000000 probe"},
	{words: "setlock lock pgrphack envuidgid daemon setuidgid daemon envdir env probe"},
	{words: "softlimit -o 40 fghack setlock new setuidgid nobody pgrphack probe exit=1"},
	{words: "fghack fghack envdir env probe"},
}

// These have links that are not daemontools'.
var tracedFurther = []chain{
	{words: "nohup setuidgid nobody probe"},
	{words: "setlock lock nohup -- envdir env nohup softlimit -o 50 probe"},
}

func TestAFusedChainMakesTheCallsOfItsSeparateProgramsInTheSameOrder(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	for _, c := range slices.Concat(tracedChains, tracedFurther) {
		want, got := trace(t, separate, c), trace(t, fused, c)
		compareCalls(t, c, "separate programs", want.withoutExecs(kept(ownEffects)), "fused", got.withoutExecs(kept(ownEffects)))
	}
}

// noTerminal leaves out a flag that catena gives to every open, and 0.76 to none.
var noTerminal = strings.NewReplacer("O_NOCTTY|", "", "|O_NOCTTY", "")

func TestEachProgramMakesTheCallsOfDaemontoolsInTheSameOrder(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	old := daemontools(t)
	for _, c := range tracedChains {
		want, got := trace(t, old, c), trace(t, separate, c)
		compareCalls(t, c, "daemontools", want.withoutExecs(kept(effects)), "separate programs", got.withoutExecs(kept(effects)))
	}
}

func TestAFusedChainReachesItsProgramByASingleExec(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	for _, c := range slices.Concat(tracedChains, tracedFurther) {
		// The first is the chain's own start, by strace.
		var execs []string
		for _, process := range trace(t, fused, c).calls(kept([]string{"execve"})) {
			execs = append(execs, process...)
		}
		first, rest, _ := strings.Cut(c.words, " ")
		want := []string{"execve " + first}
		if strings.Contains(rest, "fghack") { // it stays, to be seen by ps
			want = append(want, "execve fghack")
		}
		if want = append(want, "execve probe"); !slices.Equal(execs, want) {
			t.Errorf("%s: %q, want %q", c.words, execs, want)
		}
	}
}

// effects are the calls that change something for the program, or outside.
var effects = strings.Fields(`execve open close chdir fchdir umask mkdir unlink rename
	setuid setgid setgroups setresuid setresgid setreuid setregid setfsuid setfsgid capset prctl
	prlimit64 setpriority setsid setpgid flock fcntl dup dup2 dup3 pipe fork wait4 waitid kill
	rt_sigaction rt_sigprocmask write exit_group`)

// ownEffects are those which catena's own programs have to agree on as well.
var ownEffects = append([]string{"read", "getdents64", "lseek"}, effects...)

func kept(names []string) func(call) bool {
	return func(c call) bool { return slices.Contains(names, c.name) }
}

// A call is a system call as strace writes it.
type call struct{ name, arguments, result string }

func (c call) String() string {
	if c.name == "execve" {
		file, _, _ := strings.Cut(c.arguments, ",")
		return "execve " + filepath.Base(strings.Trim(file, `"`))
	}
	return c.name + "(" + c.arguments + ") = " + c.result
}

// A tracing is the calls of every process of a chain, in the order in which the
// processes came to be, without those of the probe.
type tracing [][]call

func trace(t *testing.T, p path, c chain) tracing {
	t.Helper()
	a := newArena(p).furnish()
	defer a.remove()
	words := c.called(byName)
	o := a.run(t, plainest, slices.Concat(commandLine{"/usr/bin/strace", "strace", "-ff", "-s", "9999", "-e", "signal=none",
		"-o", "@/trace", "@/bin/" + words[0]}, words[1:]))
	if !o.reached() {
		t.Fatalf("%s: %s does not reach the probe\n%s", c.words, p.name, o)
	}
	texts := map[string]string{} // by process
	files, err := filepath.Glob(filepath.Join(a.top, "trace.*"))
	must(err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(err)
		texts[strings.TrimPrefix(filepath.Ext(f), ".")] = addresses.ReplaceAllString(a.comparable(noTerminal.Replace(string(text)), 0), "address")
	}
	family := generations(texts)
	var all tracing
	for _, pid := range family {
		text := texts[pid]
		for i, relative := range family {
			text = regexp.MustCompile(`\b`+relative+`\b`).ReplaceAllString(text, "process"+strconv.Itoa(i))
		}
		all = append(all, untilProbe(parse(text)))
	}
	return all
}

var addresses = regexp.MustCompile(`0x[0-9a-f]{5,}`)

// generations lists processes, parents before children. The first is the only one
// that begins with an exec.
func generations(texts map[string]string) (pids []string) {
	for pid, text := range texts {
		if strings.HasPrefix(text, "execve(") {
			pids = append(pids, pid)
		}
	}
	for i := 0; i < len(pids); i++ {
		for _, c := range parse(texts[pids[i]]) {
			if c.name == "fork" {
				pids = append(pids, c.result)
			}
		}
	}
	return pids
}

var traced = regexp.MustCompile(`^(\w+)\((.*)\) += (.*)$`)

// parse reads strace's lines. Calls that do the same get the same name.
func parse(text string) (calls []call) {
	for line := range strings.Lines(text) {
		m := traced.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		c := call{m[1], m[2], m[3]}
		switch {
		case c.name == "openat" && strings.HasPrefix(c.arguments, "AT_FDCWD, "):
			c.name, c.arguments = "open", strings.TrimPrefix(c.arguments, "AT_FDCWD, ")
		case c.name == "pipe2" && strings.HasSuffix(c.arguments, "], 0"):
			c.name, c.arguments = "pipe", strings.TrimSuffix(c.arguments, ", 0")
		case slices.Contains([]string{"clone", "clone3", "vfork"}, c.name):
			c.name, c.arguments = "fork", ""
		case c.name == "wait4":
			// How a child was made does not matter for the only one there is.
			c.arguments = strings.Replace(c.arguments, "__WALL", "0", 1)
		case c.name == "setrlimit":
			c.name, c.arguments = "prlimit64", "0, "+c.arguments+", NULL"
		}
		calls = append(calls, c)
	}
	return calls
}

// untilProbe cuts a process off where the probe begins.
func untilProbe(calls []call) []call {
	for i, c := range calls {
		if c.String() == "execve probe" && c.result == "0" {
			return calls[:i+1]
		}
	}
	return calls
}

// What is opened to start a C library or to look something up.
var lookedUp = regexp.MustCompile(`^"(/etc/(ld\.so\.cache|nsswitch\.conf|passwd|group)|/lib.*\.so[.0-9]*|/proc/self/exe)"`)

// calls returns the calls that are of interest, for each process. What is done to
// a descriptor that was opened for a look-up belongs to the look-up, and so does
// an exec that fails.
func (x tracing) calls(interesting func(call) bool) (list [][]string) {
	for _, process := range x {
		lookUp := map[string]bool{}
		var calls []string
		for _, c := range process {
			descriptor, _, _ := strings.Cut(c.arguments, ",")
			switch {
			case c.name == "open" && lookedUp.MatchString(c.arguments), c.name == "socket":
				lookUp[c.result] = true
				continue
			case lookUp[descriptor]:
				lookUp[descriptor] = c.name != "close"
				continue
			case c.name == "execve" && c.result != "0":
				continue
			case c.name == "prlimit64" && strings.Contains(c.arguments, ", NULL, "),
				c.name == "prctl" && strings.HasPrefix(c.arguments, "PR_GET_"):
				continue // asks
			case c.name == "prctl" && strings.HasPrefix(c.arguments, "PR_SET_NAME"):
				continue // as an exec does
			}
			if interesting(c) {
				calls = append(calls, c.String())
			}
		}
		// 0.76 sets the limit on open files twice, as RLIMIT_NOFILE and as what
		// BSD calls it.
		list = append(list, slices.Compact(calls))
	}
	return list
}

func (x tracing) withoutExecs(interesting func(call) bool) [][]string {
	return x.calls(func(c call) bool { return c.name != "execve" && interesting(c) })
}

func compareCalls(t *testing.T, c chain, from string, want [][]string, of string, got [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %s are %d processes, %s %d", c.words, from, len(want), of, len(got))
		return
	}
	for i := range want {
		if !slices.Equal(want[i], got[i]) {
			t.Errorf("%s, process %d\n-- %s --\n%s\n-- %s --\n%s", c.words, i,
				from, strings.Join(want[i], "\n"), of, strings.Join(got[i], "\n"))
		}
	}
}
