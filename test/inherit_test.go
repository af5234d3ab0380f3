package test

// What the program at the end of a chain inherits, in every state that the chain may start
// in: all of it is as daemontools leave it.
//
// Not tested in this file: what the tools print and how they fail, other than
// what follows from the state that they start in (scripts and random_test.go);
// the options that daemontools does not have; programs that start after the
// chain's own, and memory that is locked, mapped or shared, which no exec keeps.

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// These run in every state.
var tellingChains = []chain{
	{words: "envdir env probe a b"},
	{words: "envdir @/here/env setuidgid nobody softlimit -m 1000000000 probe"},
	{words: "setlock lock pgrphack envuidgid daemon softlimit -o 60 -c 0 -r = probe"},
	{words: "fghack envdir env probe exit=7"},
	{words: "pgrphack setlock -n @/here/lock fghack setuidgid www-data probe ''"},
}

// These run in the plainest state.
var furtherChains = []chain{
	{words: "envdir env envdir dark/env envdir env probe"},
	{words: "envuidgid nobody probe -- -x"},
	{words: "envuidgid nobody envuidgid daemon envuidgid root probe"},
	{words: "setuidgid nobody probe"},
	{words: "setuidgid root probe"},
	{words: "setuidgid root setuidgid man envuidgid games probe"},
	{words: "softlimit -a 900000000 -c 10 -d 800000000 -f 5000 -l 70000 -o 100 -p 900 -r 6000 -s 4000000 -t 50 probe"},
	{words: "softlimit -a= -c= -d= -f= -l= -o= -p= -r= -s= -t= probe"},
	{words: "softlimit -m 900000000 softlimit -s = softlimit -m = probe"},
	{words: "softlimit -o 3 probe"},
	{words: "softlimit -l 100000000000 -o 1000000 -p 18446744073709551615 probe"},
	{words: "softlimit -c 0 -c 1 -c 2 -- probe -c 3"},
	{words: "softlimit probe"},
	{words: "softlimit -f 0 setlock new probe"},
	{words: "setlock new setlock -x lock setlock -N -n dark/lock probe"},
	{words: "setlock -xX lock setuidgid nobody probe"},
	{words: "pgrphack pgrphack probe"},
	{words: "fghack probe signal=9"},
	{words: "fghack fghack setlock lock probe exit=100"},
	{words: "setlock lock fghack setuidgid nobody softlimit -o 35 probe"},
	{words: "pgrphack envdir env setlock lock envuidgid nobody softlimit -o 50 setuidgid nobody probe"},
	{words: "softlimit -m 3000000 probe", tight: true},
	{words: "softlimit -m 3000000 envdir env setuidgid nobody probe", tight: true},
	{words: "softlimit -a 3500000 setlock lock fghack envuidgid nobody pgrphack probe exit=1", tight: true},
}

// What x/sys does not have of <linux/personality.h> and <linux/securebits.h>.
const (
	addrNoRandomize = 0x0040000
	noSetuidFixup   = 1 << 2
)

// The states that chains start in. Each differs from the first in one respect.
var states = []state{
	plainest,
	{name: "every signal ignored", words: ignoring(1, 64)},
	{name: "every signal blocked", words: []string{blocking(allSignals...)}},
	{name: "TERM and CHLD blocked", words: []string{blocking(unix.SIGTERM, unix.SIGCHLD)}},
	{name: "USR1 blocked and pending", words: []string{blocking(unix.SIGUSR1), fmt.Sprint("raise=", int(unix.SIGUSR1))}},
	{name: "0 closed", words: closing(0), closed: true},
	{name: "1 closed", words: closing(1), closed: true},
	{name: "2 closed", words: closing(2), closed: true},
	{name: "0 and 1 closed", words: closing(0, 1), closed: true},
	{name: "0 and 2 closed", words: closing(0, 2), closed: true},
	{name: "1 and 2 closed", words: closing(1, 2), closed: true},
	{name: "0 to 2 closed", words: closing(0, 1, 2), closed: true},
	{name: "descriptors open", extra: []string{"file", "env", "file"}},
	{name: "duplicate variables", words: []string{"env=A=1", "env=DUP=1", "env=GONE=1", "env=A=2", "env=DUP=2",
		"env=GONE=2", "env=A=3", "env=UID=1", "env=GID=1", "env=UID=2"}},
	{name: "odd variables", words: []string{"env=", "env=A", "env==", "env=AA=", "env==A=1", "env=GONE", "env=X=\xff\n"}},
	{name: "PATH twice and nothing else", env: []string{}, words: []string{"env=PATH=@/bin:@/../..", "env=PATH=/nonexistent"}},
	{name: "soft NOFILE below hard", words: []string{"limit=7:64:4096"}},
	{name: "every limit lower", words: everyLimitLower},
	{name: "umask 0", words: []string{sys(unix.SYS_UMASK, 0)}},
	{name: "umask 0777", words: []string{sys(unix.SYS_UMASK, 0o777)}},
	{name: "in a directory that is gone", words: []string{"chdir=gone", "rmdir=../gone"}},
	{name: "in a directory that cannot be read", words: append(dropped(), "chdir=dark")},
	{name: "in /proc", words: []string{"chdir=/proc"}},
	{name: "not root", words: dropped()},
	{name: "supplementary groups", words: []string{"groups=4:24"}},
	{name: "leader of a session", words: []string{sys(unix.SYS_SETSID)}},
	{name: "leader of a group", words: []string{sys(unix.SYS_SETPGID, 0, 0)}},
	{name: "no_new_privs", words: []string{sys(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)}},
	{name: "capabilities narrowed", words: []string{sys(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, unix.CAP_SYS_CHROOT),
		sys(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, noSetuidFixup)}, execsAfterSetuid: true},
	{name: "other attributes", words: []string{
		sys(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1), sys(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 70000),
		sys(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGWINCH)), sys(unix.SYS_PRCTL, unix.PR_SET_THP_DISABLE, 1),
		sys(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, 5), sys(unix.SYS_IOPRIO_SET, 1, 0, 3<<13),
		sys(unix.SYS_PERSONALITY, addrNoRandomize), "alarm=1000"}},
}

// As low as an ordinary Go program can bear.
var everyLimitLower = []string{"limit=0:1000:2000", "limit=1:10000000:20000000", "limit=2:2000000000:3000000000",
	"limit=3:4000000:16000000", "limit=4:5:6", "limit=5:7000000:8000000", "limit=6:5000:6000", "limit=7:200:300",
	"limit=8:60000:70000", "limit=9:4000000000:5000000000", "limit=10:100:200", "limit=11:50:60", "limit=12:1000:2000",
	"limit=13:0:0", "limit=14:0:0", "limit=15:1000000:2000000"}

// In these only a program that needs next to nothing can start.
var tightStates = []state{
	{name: "4 MB of address space", words: []string{"limit=9:4194304:4194304"}},
	{name: "NPROC exhausted", words: append(dropped(), "limit=6:0:0")},
}

var allSignals = func() (list []unix.Signal) {
	for s := unix.Signal(1); s <= 64; s++ {
		list = append(list, s)
	}
	return list
}()

func ignoring(from, to int) (words []string) {
	for s := from; s <= to; s++ {
		if s != int(unix.SIGKILL) && s != int(unix.SIGSTOP) {
			words = append(words, fmt.Sprint("ignore=", s))
		}
	}
	return words
}

func blocking(signals ...unix.Signal) string {
	set := uint64(0)
	for _, s := range signals {
		set |= 1 << (s - 1)
	}
	return fmt.Sprint("block=", set)
}

func closing(descriptors ...uintptr) (words []string) {
	for _, fd := range descriptors {
		words = append(words, sys(unix.SYS_CLOSE, fd))
	}
	return words
}

// emulated is the control experiment for arm64: daemontools are native programs,
// so theirs is a chain that an arm64 program starts, the probe, which does no
// more than execute it.
func emulated(p path, words []string) commandLine {
	file := "@/bin/" + filepath.Base(words[0])
	if p.name == arm64.name {
		return append(commandLine{"/usr/bin/" + qemu, qemu, "-0", words[0], file}, words[1:]...)
	}
	return append(commandLine{"/usr/bin/" + qemu, qemu, probeARM64(), "start", "--", file}, words...)
}

// lostByQEMU is the control experiment for what the emulation does to a chain's
// own system calls. An arm64 program, not a chain, makes the same calls, and what
// is different after that is qemu's doing: it says that it has set three of the
// limits and has not, and the child of a fork has BUS and SEGV unblocked.
func lostByQEMU(t *testing.T, s state, c chain) (facts []string) {
	t.Helper()
	if strings.Contains(c.words, "softlimit") {
		// Where the limits are not so low already.
		want := starting(t, plainest, commandLine{probe, "probe"}, everyLimitLower...)
		got := starting(t, plainest, commandLine{"/usr/bin/" + qemu, qemu, probeARM64()}, everyLimitLower...)
		facts = append(facts, differing(want, got, "limit ")...)
	}
	if strings.Contains(c.words, "fghack") {
		want := starting(t, s, commandLine{"/usr/bin/" + qemu, qemu, probeARM64()})
		got := starting(t, s, commandLine{"/usr/bin/" + qemu, qemu, probeARM64()}, "fork")
		facts = append(facts, differing(want, got, "blocked")...)
	}
	return facts
}

// starting lets a build of the probe do some words of its start, and then execute
// the probe.
func starting(t *testing.T, s state, build commandLine, words ...string) outcome {
	t.Helper()
	a := newArena(arm64).furnish()
	defer a.remove()
	o := a.run(t, s, slices.Concat(build, []string{"start"}, words, []string{"--", probe, "probe"}))
	if !o.reached() {
		t.Fatalf("%s: the control experiment failed\n%s", s.name, o)
	}
	return o
}

// differing lists the facts of a kind that are not the same in two reports.
func differing(want, got outcome, kind string) (facts []string) {
	others := strings.Split(got.stdout, "\n")
	for line := range strings.SplitSeq(want.stdout, "\n") {
		if fact, _, _ := strings.Cut(line, ":"); strings.HasPrefix(fact, kind) && !slices.Contains(others, line) {
			facts = append(facts, fact)
		}
	}
	return facts
}

var probeARM64 = sync.OnceValue(func() string {
	file := filepath.Join(work, "probe.arm64")
	build(file, "./test/probe", true, "GOARCH=arm64")
	return file
})

// A trial is one chain in one state, called in one way.
type trial struct {
	in   state
	c    chain
	how  calling
	on   machine
	lost []string // facts that the machine itself does not pass on
}

func (x trial) run(t testing.TB, p path) outcome {
	t.Helper()
	a := newArena(p).furnish()
	defer a.remove()
	return a.run(t, x.in, x.on(p, x.c.called(x.how)))
}

// agree compares the outcome along some paths with daemontools' own, which it
// returns.
func (x trial) agree(t *testing.T, paths ...path) outcome {
	t.Helper()
	want := x.run(t, daemontools(t))
	for _, p := range paths {
		got := x.run(t, p)
		if text := difference(x.without(p, want), x.without(p, got)); text != "" {
			t.Errorf("%s, %s, %s, %s: differs from daemontools\n%s", x.c.words, x.in.name, x.how.name, p.name, text)
		}
	}
	return want
}

// A loss is what a chain's program does not inherit on the plain path, because
// the Go runtime starts in each of the chain's tools. Nothing else is overlooked
// there, and nothing at all on other paths.
type loss struct {
	why string
	in  func(x trial) bool
	of  func(o *outcome)
}

var losses = []loss{{
	why: "the runtime installs a handler for every signal but these, and exec makes a handler the default",
	in:  func(trial) bool { return true },
	of: func(o *outcome) {
		keptIgnored := []int{1, 2, 18, 20, 21, 22, 32, 34} // HUP INT CONT TSTP TTIN TTOU
		o.edit("ignored:", func(s int) bool { return slices.Contains(keptIgnored, s) })
	},
}, {
	why: "the runtime never lets signals be blocked that it crashes or preempts with",
	in:  func(trial) bool { return true },
	of: func(o *outcome) {
		unblocked := []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 16, 17, 23, 27, 31, 32, 33, 34}
		o.edit("blocked:", func(s int) bool { return !slices.Contains(unblocked, s) })
	},
}, {
	why: "as SIGCHLD is not ignored any more, fghack does not wait in vain",
	in: func(x trial) bool {
		return slices.Contains(x.in.words, "ignore=17") && strings.Contains(x.c.words, "fghack")
	},
	of: func(o *outcome) { o.stderr, o.end = "", "" },
}, {
	why: "the runtime opens what is closed of 0 to 2 on /dev/null, and later descriptors get other numbers",
	in:  func(x trial) bool { return x.in.closed },
	of: func(o *outcome) {
		o.stdout = withoutFacts(o.stdout, func(fact string) bool {
			return strings.HasPrefix(fact, "descriptor ") || strings.HasPrefix(fact, "lock on ")
		})
	},
}}

func withoutFacts(report string, lost func(string) bool) string {
	lines := slices.DeleteFunc(strings.SplitAfter(report, "\n"), func(line string) bool {
		fact, _, _ := strings.Cut(line, ":")
		return lost(fact)
	})
	return strings.Join(lines, "")
}

// edit keeps some of a line's signals.
func (o *outcome) edit(fact string, keep func(int) bool) {
	lines := strings.Split(o.stdout, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, fact) {
			continue
		}
		lines[i] = fact
		for _, s := range strings.Fields(line)[1:] {
			if n, err := strconv.Atoi(s); err == nil && keep(n) {
				lines[i] += " " + s
			}
		}
	}
	o.stdout = strings.Join(lines, "\n")
}

// without takes the known losses of a path from an outcome.
func (x trial) without(p path, o outcome) outcome {
	o.stdout = withoutFacts(o.stdout, func(fact string) bool { return slices.Contains(x.lost, fact) })
	if p.name == plain.name {
		for _, l := range losses {
			if l.in(x) {
				l.of(&o)
			}
		}
	}
	return o
}

func TestAProgramInheritsFromEveryChainWhatDaemontoolsGivesIt(t *testing.T) {
	needRoot(t)
	for _, c := range slices.Concat(tellingChains, furtherChains) {
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			for _, how := range callings {
				x := trial{plainest, c, how, native, nil}
				if o := x.agree(t, pathsFor(c)...); !o.reached() {
					t.Errorf("proves nothing, as daemontools do not reach the probe:\n%s", o)
				}
			}
		})
	}
}

// pathsFor leaves out the path whose programs need more memory than a chain has.
func pathsFor(c chain) []path {
	if c.tight {
		return []path{fused, separate}
	}
	return []path{fused, separate, plain}
}

func TestAProgramInheritsTheStateThatItsChainStartedIn(t *testing.T) {
	needRoot(t)
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range tellingChains {
				trial{s, c, byName, native, nil}.agree(t, pathsFor(c)...)
			}
		})
	}
}

func TestAChainStartsWhereThereIsHardlyAnyMemoryAndNoRoomForAProcess(t *testing.T) {
	needRoot(t)
	for _, s := range tightStates {
		for _, c := range tellingChains {
			trial{s, c, byName, native, nil}.agree(t, fused, separate)
		}
	}
}

// The kernel notices at setuid that an account has too many processes, and refuses
// the next exec, whatever its file. A fused chain saves that exec.
func TestAChainWhoseAccountHasTooManyProcessesStopsWhereDaemontoolsDo(t *testing.T) {
	needRoot(t)
	const games, words = 5, "softlimit -p 0 setuidgid games setlock new envdir env probe"
	other := exec.Command("sleep", "60")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: games, Gid: games}}
	must(other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	want := trial{plainest, chain{words: words}, byName, native, nil}.agree(t, fused, separate)
	if want.stderr != "setuidgid: fatal: unable to run setlock: temporary failure\n" {
		t.Errorf("proves nothing: daemontools say %q", want.stderr)
	}
}

func TestEachSignalThatCanBeIgnoredStaysIgnored(t *testing.T) {
	needRoot(t)
	for signal := 1; signal < 32; signal++ {
		for _, words := range ignoring(signal, signal) {
			s := state{name: words, words: []string{words}}
			c := chain{words: "envdir env setlock lock softlimit -c 0 probe"}
			want := trial{s, c, byName, native, nil}.agree(t, fused, separate, plain)
			if !strings.Contains(want.stdout, fmt.Sprintf("\nignored: %d\n", signal)) {
				t.Errorf("signal %d was not ignored in the first place", signal)
			}
		}
	}
}

func TestArm64GivesWhatDaemontoolsGiveUnderTheSameEmulation(t *testing.T) {
	needRoot(t)
	need(t, qemu)
	// The kernel cannot exec an arm64 link, and fghack is always execed.
	fuses := func(c chain) bool { return strings.LastIndex(c.words, "fghack") <= 0 }
	for _, c := range furtherChains {
		if !fuses(c) {
			continue
		}
		trial{plainest, c, byName, emulated, lostByQEMU(t, plainest, c)}.agree(t, arm64)
	}
	for _, s := range states {
		if s.execsAfterSetuid {
			continue // the kernel cannot exec an arm64 link
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range tellingChains {
				if fuses(c) {
					trial{s, c, byName, emulated, lostByQEMU(t, s, c)}.agree(t, arm64)
				}
			}
		})
	}
}
