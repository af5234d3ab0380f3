package test

// What flag-kill-descendants does. Everything here runs in PID and mount namespaces of
// its own, with control groups (version 2) and without.
//
// Not tested in this file: a service that is given to another control group together
// with its supervisor; a fork bomb that nothing stops; processes in another PID namespace
// below the service; what finish leaves behind.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run of a service that leaves behind all that a process can. Its own process is called
// main, and there counts the others.
const broods = `#!/bin/sh
echo "start $(./there)" >>notes
./left 1000 &
(./left 1000 &)
setsid ./left 1000 &
setsid -f ./family -c 'setsid -f ./left 1000'
pgrphack ./left 1000 &
(trap '' HUP INT QUIT TERM; exec setsid ./left 1000) &
./family -c './left 1000 & ./left 1000 & wait' &
./left 1000 & kill -STOP $!
[ "$(id -u)" != 0 ] || setuidgid nobody ./left 1000 &
setsid ./forks 25 &
echo ready >>notes
exec ./main 1000
`

// Processes by these names are the service's.
const there = `#!/bin/sh
ps -e -o s= -o comm= | grep -Ec '^[^ZX] (left|family|forks|setsid|main)$'
`

// Each is the child of one that has ended.
const forks = `#!/bin/sh
[ "$1" != 0 ] || exec ./left 1000
setsid ./forks $(($1 - 1)) &
`

// A brood is such a service.
type brood struct {
	*yard
	dir    string
	groups string // the directory of the supervisor's control group; empty if there is none
}

// newBrood makes one. Finish notes what it is told and what is there by then.
func newBrood(t testing.TB, grouped bool) *brood {
	t.Helper()
	need(t, "setsid", "ps")
	b := &brood{yard: newYard(t, perService)}
	if grouped {
		b.giveGroups()
	} else {
		b.takeGroups()
	}
	b.dir = filepath.Join(b.top, "x")
	b.furnish(b.dir)
	return b
}

// furnish makes the service directory.
func (b *brood) furnish(dir string) {
	write(dir, broods)
	for name, text := range map[string]string{
		"there": there, "forks": forks, "finish": "#!/bin/sh\necho \"finish $1 $2 $(./there)\" >>notes\n",
	} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	for name, program := range map[string]string{"left": "/bin/sleep", "main": "/bin/sleep", "bystander": "/bin/sleep", "family": "/bin/sh"} {
		must(os.Symlink(program, filepath.Join(dir, name)))
	}
	must(os.WriteFile(filepath.Join(dir, "flag-kill-descendants"), nil, 0o644))
	// Some of the brood ignore TERM.
	must(os.WriteFile(filepath.Join(dir, "timeout-kill"), []byte("100\n"), 0o644))
}

// takeGroups leaves the yard without control groups.
func (y *yard) takeGroups() {
	y.t.Helper()
	y.do("sh", "-c", `awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | while read -r dir; do umount -l "$dir" || exit; done`)
}

// mountGroups finds the control group in which the yard's processes are, in a mount where
// groups can be made.
func (y *yard) mountGroups() (dir string) {
	y.t.Helper()
	dir = strings.TrimSpace(y.do("sh", "-c", `
own=$(sed -n s/^0:://p /proc/self/cgroup)
mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
try=$mount${own%/}/catena-test.$$
[ -n "$mount" ] && mkdir "$try" 2>/dev/null && rmdir "$try" && echo "$mount$own"`+` || :`))
	if dir == "" {
		y.takeGroups()
		dir = strings.TrimSpace(y.do("sh", "-c", `
mkdir "$TOP/groups" && mount -t cgroup2 none "$TOP/groups" && echo "$TOP/groups$(sed -n s/^0:://p /proc/self/cgroup)"`))
	}
	return dir
}

// giveGroups is mountGroups, and removes what is left in the group after the test.
func (b *brood) giveGroups() {
	b.t.Helper()
	dir := b.mountGroups()
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root%s", b.first.Process.Pid, dir), unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(err)
	b.groups = fmt.Sprintf("/proc/self/fd/%d", fd)
	b.t.Cleanup(func() {
		b.first.Process.Kill()
		b.first.Wait()
		for _, g := range b.groupsOf(b.dir) {
			os.Remove(g)
		}
		unix.Close(fd)
	})
}

// groupsOf lists the control groups of a service directory.
func (b *brood) groupsOf(dir string) []string {
	var st unix.Stat_t
	if b.groups == "" || unix.Stat(dir, &st) != nil {
		return nil
	}
	list, err := filepath.Glob(fmt.Sprintf("%s/catena.*.%d", b.groups, st.Ino))
	must(err)
	return list
}

// supervise starts one for the service. Words come in front of it.
func (b *brood) supervise(words ...string) (*exec.Cmd, tenant) {
	b.t.Helper()
	cmd := b.inside(append(words, filepath.Join(fused.dir, "supervise"), b.dir)...)
	cmd.Stderr = b.hear()
	must(cmd.Start())
	var p tenant
	b.await("supervise", func() bool {
		for _, p = range b.named("supervise") {
			if p.cwd == b.dir {
				return true
			}
		}
		return false
	})
	b.await("its control FIFO", func() bool { return b.inside("svok", b.dir).Run() == nil })
	return cmd, p
}

func (b *brood) notes() []string { return strings.Split(textOf(b.dir+"/notes"), "\n") }

// ready waits for the nth generation.
func (b *brood) ready(n int) {
	b.t.Helper()
	b.await(fmt.Sprint("generation ", n), func() bool {
		return strings.Count(textOf(b.dir+"/notes"), "ready\n") == n && len(b.named("main")) == 1
	})
}

// children are those of the service that are there.
func (b *brood) children() (list []tenant) {
	for _, p := range b.tenants() {
		if p.cwd == b.dir && p.name != "supervise" && p.name != "bystander" {
			list = append(list, p)
		}
	}
	return list
}

// gone wants nothing of the service to be there, and no control group of it.
func (b *brood) gone() {
	b.t.Helper()
	if list := b.children(); list != nil {
		b.t.Errorf("left behind: %v", list)
	}
	if list := b.groupsOf(b.dir); list != nil {
		b.t.Errorf("control groups are left: %q", list)
	}
}

// unknown15 is TERM of a process that was taken over, which may be learnt or not.
const unknown15 = "256 15|256 0"

// nobodyNoted wants every note of who was there to say that nobody was, and as many
// notes of finish, with these words.
func (b *brood) nobodyNoted(finish ...string) {
	b.t.Helper()
	var got []string
	for _, n := range b.notes() {
		if strings.HasPrefix(n, "start") && n != "start 0" {
			b.t.Errorf("some were there at a start: %q", b.notes())
		}
		if words, ok := strings.CutPrefix(n, "finish "); ok {
			got = append(got, words)
		}
	}
	same := slices.EqualFunc(finish, got, func(want, got string) bool {
		got, nobody := strings.CutSuffix(got, " 0")
		return nobody && slices.Contains(strings.Split(want, "|"), got)
	})
	if !same {
		b.t.Errorf("finish noted %q, want %q and nobody there", got, finish)
	}
}

// ends waits for a supervise that was told to end.
func (b *brood) ends(supervise *exec.Cmd) {
	b.t.Helper()
	if got := endingInTime(supervise); got != "exit 0" {
		b.t.Fatalf("supervise: %s\n%s\n%s", got, b.heard(), b.list())
	}
}

func TestAServiceLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct {
		name    string
		grouped bool
		words   []string
	}{
		{"with control groups", true, nil},
		{"without control groups", false, nil},
		{"as nobody, who may make no control group", true, []string{"setuidgid", "nobody"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBrood(t, c.grouped)
			must(os.Chmod(filepath.Dir(b.top), 0o755)) // of t.TempDir
			if c.words != nil {
				const nobody = 65534
				must(os.Chown(b.dir, nobody, nobody))
			}
			supervise, p := b.supervise(c.words...)
			b.ready(1)
			if n := len(b.groupsOf(b.dir)); c.grouped && c.words == nil && n != 1 {
				t.Fatalf("%d control groups", n)
			}
			b.do("svc", "-t", b.dir)
			b.ready(2)
			for _, m := range b.named("main") {
				b.kill(m, unix.SIGKILL)
			}
			b.ready(3)
			b.do("svc", "-d", b.dir)
			b.do("svwait", "-d", b.dir)
			b.await("the end of finish", func() bool { return strings.Count(textOf(b.dir+"/notes"), "finish") == 3 })
			b.await("everything gone", func() bool { return b.children() == nil }) // of finish
			b.gone()
			b.do("svc", "-u", b.dir)
			b.ready(4)
			if c.words == nil {
				b.do("svc", "-dx", b.dir)
			} else {
				b.kill(p, unix.SIGTERM)
			}
			b.ends(supervise)
			b.gone()

			supervise, p = b.supervise(c.words...)
			b.ready(5)
			b.kill(p, unix.SIGTERM)
			b.ends(supervise)
			b.gone()
			b.nobodyNoted("256 15", "256 9", "256 15", "256 15", "256 15")
			b.saysNothing()
		})
	}
}

// A shell that has not become its server dies before it. The server then has the time to
// end well, and what it has started as well.
func TestWhatAServiceLeavesMayEndWell(t *testing.T) {
	for _, grouped := range []bool{true, false} {
		t.Run(fmt.Sprint("control groups: ", grouped), func(t *testing.T) {
			t.Parallel()
			b := newBrood(t, grouped)
			for name, text := range map[string]string{
				"run":          "#!/bin/sh\nexec 2>/dev/null # where a shell says what has become of its children\n./server\n:\n",
				"server":       "#!/bin/sh\ntrap './left 0.1; echo saved $1 >>notes; exit' TERM\n[ $1 ] || ./server too &\necho ready >>notes\nwhile :; do ./left 0.05; done\n",
				"timeout-kill": "30000\n",
			} {
				must(os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o755))
			}
			supervise, _ := b.supervise()
			note := func(text string, n int) {
				t.Helper()
				b.await(fmt.Sprint(text, " ", n), func() bool { return strings.Count(textOf(b.dir+"/notes"), text) == n })
			}
			note("ready", 2)
			b.do("svc", "-t", b.dir)
			note("ready", 4)
			note("saved", 2)
			b.do("svc", "-dx", b.dir)
			b.ends(supervise)
			note("saved", 4)
			b.gone()
			b.nobodyNoted("256 15", "256 15")
			b.saysNothing()
		})
	}
}

// By the control group the next supervisor finds also what had gone into the background
// before; when the service runs still, and when it has died meanwhile.
func TestNothingIsLeftBehindAfterASupervisorWasKilled(t *testing.T) {
	t.Parallel()
	b := newBrood(t, true)
	supervise, p := b.supervise()
	b.ready(1)
	again := func() {
		b.kill(p, unix.SIGKILL)
		supervise.Wait()
	}
	again()
	supervise, p = b.supervise()
	b.do("svc", "-t", b.dir)
	b.ready(2)
	again()
	for _, m := range b.named("main") {
		b.kill(m, unix.SIGKILL)
	}
	b.await("its death", func() bool { return len(b.named("main")) == 0 })
	supervise, _ = b.supervise()
	b.ready(3)
	b.do("svc", "-dx", b.dir)
	b.ends(supervise)
	b.gone()
	b.nobodyNoted(unknown15, "256 0", "256 15")
	b.saysNothing()
}

// What is started while nobody supervises the service is found as well; and without
// control groups the service goes on, at least.
func TestASupervisorThatAdoptsWithoutControlGroupsGoesOn(t *testing.T) {
	t.Parallel()
	b := newBrood(t, false)
	supervise, p := b.supervise()
	b.ready(1)
	b.kill(p, unix.SIGKILL)
	supervise.Wait()
	supervise, _ = b.supervise()
	b.do("svc", "-t", b.dir)
	b.ready(2)
	b.do("svc", "-dx", b.dir)
	b.ends(supervise)
	b.saysNothing()
}

// daemontools' supervise and ours, as long as nobody asks for more.
func TestWithoutTheFlagDescendantsLiveOn(t *testing.T) {
	needOld(t)
	for _, p := range []path{old, fused} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			b := newBrood(t, true)
			must(os.Remove(b.dir + "/flag-kill-descendants"))
			must(os.WriteFile(b.dir+"/forks", []byte("#!/bin/sh\nexec ./left 1000\n"), 0o755))
			cmd := b.inside(filepath.Join(p.dir, "supervise"), b.dir)
			must(cmd.Start())
			b.ready(1)
			const many = 11 // of broods, one of which may have been stopped before it was left
			left := func() (pids []int) {
				for _, p := range b.children() {
					if p.name == "left" || p.state == 'T' {
						pids = append(pids, p.pid)
					}
				}
				return pids
			}
			b.await("its children", func() bool { return len(left()) == many })
			before := fmt.Sprint(left())
			b.do("svc", "-dkx", b.dir)
			cmd.Wait()
			if after := fmt.Sprint(left()); after != before {
				t.Errorf("%s became %s", before, after)
			}
			if list := b.groupsOf(b.dir); list != nil {
				t.Errorf("control groups: %q", list)
			}
		})
	}
}

// A shell has started something in the background and has then become supervise; the
// service is its own, or one that it has taken over.
func TestChildrenFromBeforeSuperviseAreLeftAlone(t *testing.T) {
	for _, grouped := range []bool{true, false} {
		for _, adopts := range []bool{false, true} {
			t.Run(fmt.Sprintf("control groups: %v, adopts: %v", grouped, adopts), func(t *testing.T) {
				t.Parallel()
				b := newBrood(t, grouped)
				if adopts {
					supervise, p := b.supervise()
					b.ready(1)
					b.kill(p, unix.SIGKILL)
					supervise.Wait()
				}
				supervise, _ := b.supervise("sh", "-c", `"$TOP/x/bystander" 1000 & exec "$@"`, "sh")
				b.ready(1)
				b.await("the bystander", func() bool { return len(b.named("bystander")) == 1 })
				before := b.named("bystander")
				b.do("svc", "-t", b.dir)
				b.ready(2)
				b.do("svc", "-dx", b.dir)
				b.ends(supervise)
				if after := b.named("bystander"); len(before) != 1 || len(after) != 1 || before[0].pid != after[0].pid {
					t.Errorf("the bystander %v became %v", before, after)
				}
				if grouped || !adopts {
					b.gone()
				}
			})
		}
	}
}

// Root may leave a control group. Then it is still a child of supervise in the end.
func TestADescendantThatHasLeftTheControlGroupIsFound(t *testing.T) {
	t.Parallel()
	b := newBrood(t, true)
	run := "#!/bin/sh\nsetsid sh -c 'echo $$ >\"$0/cgroup.procs\" && exec ./left 1000' \"$(cat groups)\" &\necho ready >>notes\nexec ./main 1000\n"
	must(os.WriteFile(b.dir+"/run", []byte(run), 0o755))
	group, err := os.Readlink(b.groups)
	must(err)
	must(os.WriteFile(b.dir+"/groups", []byte(group), 0o644))
	supervise, _ := b.supervise()
	b.ready(1)
	inside := func(p tenant) bool {
		return strings.Contains(textOf(fmt.Sprintf("/proc/%d/cgroup", p.pid)), "catena.")
	}
	b.await("one that has left", func() bool { l := b.named("left"); return len(l) == 1 && !inside(l[0]) })
	if m := b.named("main"); len(m) != 1 || !inside(m[0]) {
		t.Errorf("main %v is not in the control group", m)
	}
	b.do("svc", "-dx", b.dir)
	b.ends(supervise)
	b.gone()
	b.nobodyNoted("256 15")
}

// Linux before 5.14 has control groups and no cgroup.kill. Then a service must not stay
// down for ever for what was left before its supervisor was killed.
func TestAServiceGoesOnWithoutCgroupKill(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	b := newBrood(t, true)
	must(os.WriteFile(b.dir+"/run", []byte("#!/bin/sh\n[ -e notes ] || setsid -f ./left 1000\necho ready >>notes\nexec ./main 1000\n"), 0o755))
	without := []string{"strace", "-qq", "-o", "/dev/null", "-e", "trace=openat", "-P", "cgroup.kill", "-e", "inject=openat:error=ENOENT"}
	supervise, p := b.supervise(without...)
	b.ready(1)
	b.await("its child", func() bool { return len(b.named("left")) == 1 })
	b.kill(p, unix.SIGKILL)
	supervise.Wait()
	supervise, _ = b.supervise(without...)
	b.do("svc", "-t", b.dir)
	b.ready(2)
	b.do("svc", "-dx", b.dir)
	b.ends(supervise)
}

// There are no means without /proc; the service is kept running all the same.
func TestAServiceWithTheFlagRunsWithoutProc(t *testing.T) {
	t.Parallel()
	b := newBrood(t, false)
	run := "#!/bin/sh\necho ready >>notes\nexec ./main 1000\n"
	must(os.WriteFile(b.dir+"/run", []byte(run), 0o755))
	must(os.Remove(b.dir + "/finish")) // its ps needs /proc
	// Below the mount of the yard there is the one of the machine.
	supervise, _ := b.supervise("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /proc && exec "$@"`, "sh")
	b.ready(1)
	b.do("svc", "-t", b.dir)
	b.ready(2)
	b.do("svc", "-dx", b.dir)
	b.ends(supervise)
	b.gone()
	b.saysNothing()
}

// One that has been killed and is still there, because a debugger holds it, keeps the
// service down; commands are taken meanwhile, and all goes on when it is gone.
func TestWhatDoesNotDieIsWaitedFor(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprint("the supervisor is killed meanwhile: ", killed), func(t *testing.T) {
			t.Parallel()
			need(t, "strace")
			b := newBrood(t, true)
			run := "#!/bin/sh\n[ -e brood ] && rm brood && { setsid ./left 1000 & }\necho ready >>notes\nexec ./main 1000\n"
			must(os.WriteFile(b.dir+"/run", []byte(run), 0o755))
			must(os.WriteFile(b.dir+"/max-death-tally", []byte("10\n"), 0o644))
			supervise, p := b.supervise()
			b.ready(1)
			must(os.WriteFile(b.dir+"/brood", nil, 0o644))
			b.do("svc", "-t", b.dir)
			b.ready(2)
			b.await("its child", func() bool { return len(b.named("left")) == 1 })
			left := b.named("left")[0]
			tracer := exec.Command("strace", "-o", "/dev/null", "-p", strconv.Itoa(left.pid))
			must(tracer.Start())
			defer tracer.Wait()
			defer tracer.Process.Kill()
			b.await("a debugger", func() bool {
				return !strings.Contains(textOf(fmt.Sprintf("/proc/%d/status", left.pid)), "TracerPid:\t0\n")
			})
			must(tracer.Process.Signal(unix.SIGSTOP))
			b.await("its stop", func() bool {
				return strings.Contains(textOf(fmt.Sprintf("/proc/%d/stat", tracer.Process.Pid)), ") T ")
			})

			b.do("svc", "-t", b.dir)
			b.do("svwait", "-d", b.dir)
			b.do("svc", "-dou", b.dir)
			b.await("what it says", func() bool {
				return b.heard() == fmt.Sprintf("supervise: warning: unable to kill everything that %s has left\n", b.dir)
			})
			if n := b.notes(); len(n) != 4 {
				t.Errorf("it has gone on: %q", n)
			}
			if killed {
				b.kill(p, unix.SIGKILL)
				supervise.Wait()
				supervise, _ = b.supervise()
			}
			tracer.Process.Kill()
			b.ready(3)
			b.do("svc", "-dx", b.dir)
			b.ends(supervise)
			b.gone()
			b.nobodyNoted("256 15", "256 15", "256 15") // what the killed supervisor knew is on record
			if n := len(textOf(b.dir + "/supervise/death_tally")); n != 3*14 {
				t.Errorf("%d bytes of tally for 3 deaths", n)
			}
		})
	}
}

// A process of all services has no children of one service; such a one has its own.
func TestSvscanOfOneProcessLeavesServicesWithTheFlagToSupervise(t *testing.T) {
	t.Parallel()
	b := newBrood(t, true)
	add := func(name string, flags ...string) string {
		dir := b.add(name, sleeps, reads)
		for _, f := range flags {
			must(os.WriteFile(filepath.Join(dir, f), nil, 0o644))
		}
		return dir
	}
	plainly, logged := add("plainly"), add("logged", "log/flag-kill-descendants")
	must(os.Rename(b.dir, b.scan+"/x"))
	b.dir = b.scan + "/x"
	write(b.dir, broods, reads)
	one := []string{filepath.Join(fused.dir, "svscan"), "-1"}
	svscan := b.svscan(one...)
	b.ready(1)
	wanted := func() bool {
		n := map[string]int{}
		for _, p := range b.named("supervise") {
			n[p.cwd]++
		}
		return len(n) == 2 && n[b.dir] == 1 && n[logged+"/log"] == 1
	}
	running := func() bool {
		all := b.pairs()
		for _, d := range []string{plainly, plainly + "/log", logged, logged + "/log", b.dir + "/log"} {
			if len(all[d].others) != 1 {
				return false
			}
		}
		return true
	}
	b.await("a supervise for two", func() bool { return wanted() && running() })
	b.do("svc", "-t", b.dir)
	b.ready(2)

	// And for the next one, whether or not supervise is killed too.
	for _, name := range []string{"supervise", "none"} {
		b.kill(b.main, unix.SIGKILL)
		svscan.Wait()
		for _, p := range b.named(name) {
			b.kill(p, unix.SIGKILL)
		}
		svscan = b.svscan(one...)
		b.await("a supervise for two", func() bool { return wanted() && running() })
	}
	b.do("svc", "-t", b.dir)
	b.ready(3)
	b.stop(svscan)
	b.gone()
	if left := b.tenants(); left != nil {
		t.Errorf("left running:\n%s", b.list())
	}
	b.nobodyNoted("256 15", unknown15, "256 15")
	b.saysNothing()
}
