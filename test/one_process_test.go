package test

// svscan -1: one process that supervises all services of a directory.
//
// Not tested in this file: what it has in common with supervise, which is the same code
// (supervise_states_test.go, supervise_commands_test.go, adopt_test.go,
// adopt_state_test.go); directories and names, which it has in common with svscan
// (svscan_names_test.go, svscan_services_test.go); services with flag-kill-descendants
// (descendants_test.go); signals for groups (group_test.go); memory.

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOneProcessSupervisesServicesAndLogs(t *testing.T) {
	t.Parallel()
	y := newYard(t, oneProcess)
	finish := "#!/bin/sh\necho \"$PWD $1 $2 $3\" >>\"$TOP/finished\"\n"
	a, b := y.add("a", sleeps), y.add("b", "#!/bin/sh\necho begun; exec sleep 1000\n", "#!/bin/sh\nexec cat >>../lines\n")
	for _, dir := range []string{a, b, b + "/log"} {
		must(os.WriteFile(dir+"/finish", []byte(finish), 0o755))
	}
	down := write(filepath.Join(y.top, "down"), sleeps)
	must(os.WriteFile(down+"/down", nil, 0o644))
	must(os.Symlink(down, filepath.Join(y.scan, "c")))
	svscan := y.svscan()
	before := y.alone(a, b, b+"/log")
	y.do("svok", down)
	if got := y.do("svstat", down); !strings.HasPrefix(got, down+": down ") || strings.Contains(got, "normally") {
		t.Errorf("svstat: %s", got)
	}
	for _, dir := range []string{a, b, b + "/log"} {
		y.do("svok", dir)
		y.do("svwait", "-u", dir)
		if got := y.do("svstat", dir); !strings.HasPrefix(got, fmt.Sprintf("%s: up (pid %d) ", dir, y.pidInside(before[dir]))) {
			t.Errorf("svstat: %s, and its pid is %d", got, y.pidInside(before[dir]))
		}
	}
	if got := y.do("svc", "-tLt", a, b); got != "svc: warning: unable to chdir to "+a+"/log: file does not exist\n" {
		t.Errorf("svc said %q", got)
	}
	y.await("other processes", func() bool {
		after := y.alone(a, b, b+"/log")
		return after[a] != before[a] && after[b] != before[b] && after[b+"/log"] != before[b+"/log"]
	})
	y.do("svc", "-o", down)
	y.alone(down)
	y.do("svc", "-d", a)
	y.do("svwait", "-d", a)
	y.do("svc", "-u", a)
	y.alone(a)
	for dir, name := range map[string]string{a: "a", b: "b", b + "/log": "b/log"} {
		want := dir + " 256 15 " + name + "\n" // of a finish that may have been one of the other processes
		y.await("a note of "+want, func() bool { return strings.Contains(textOf(y.top+"/finished"), want) })
	}
	// One that is taken out is forgotten, and may come again.
	hidden := filepath.Join(y.scan, ".b")
	must(os.Rename(b, hidden))
	y.do("svc", "-dx", hidden, hidden+"/log")
	y.do("svwait", "-x", hidden, hidden+"/log")
	y.await("the end of both", func() bool { all := y.pairs(); return all[hidden].others == nil && all[hidden+"/log"].others == nil })
	must(os.Rename(hidden, b))
	y.alone(a, b, b+"/log", down)
	y.await("a line of each start", func() bool { return textOf(b+"/lines") == strings.Repeat("begun\n", 3) })
	y.stop(svscan)
	if left := y.tenants(); left != nil {
		t.Errorf("left running:\n%s", y.list())
	}
	y.saysNothing()
}

// One takes the place of the other, each killed; supervisors are killed as well or live.
// No service is started twice or again, and no line is lost.
func TestSvscanOfOneProcessAndSvscanFollowEachOther(t *testing.T) {
	t.Parallel()
	y := newYard(t, oneProcess)
	services, dirs := y.numbered(2)
	svscan := y.svscan()
	before := y.alone(dirs...)
	for i, step := range []struct {
		one, all  bool // svscan -1 follows; supervisors are killed too
		supervise int  // how many there are then
	}{
		{one: true}, {supervise: 4}, {one: true, supervise: 4}, {one: true, all: true}, {supervise: 4}, {supervise: 4, all: true}, {one: true, supervise: 4},
	} {
		y.kill(y.main, unix.SIGKILL)
		svscan.Wait()
		for _, p := range y.named("supervise") {
			if step.all {
				y.kill(p, unix.SIGKILL)
			}
		}
		y.mode = perService
		if step.one {
			y.mode = oneProcess
		}
		svscan = y.svscan()
		// It has found all when it has seen one that is new.
		late := y.add(fmt.Sprint("late", i), sleeps)
		y.await(fmt.Sprintf("%d supervisors after step %d", step.supervise, i), func() bool {
			all := y.pairs()
			n := 0
			for _, d := range dirs {
				n += len(all[d].supervisors)
			}
			return n == step.supervise && len(all[late].others) == 1
		})
		for _, d := range dirs {
			y.await("a supervisor of "+d, func() bool { return y.inside("svok", d).Run() == nil })
			if others := y.pairs()[d].others; len(others) != 1 || others[0] != before[d] {
				t.Fatalf("step %d: %s: %d became %v", i, d, before[d], others)
			}
		}
		if i == 2 {
			// A supervisor that svscan -1 has found and watched ends: it takes the
			// service itself.
			for _, p := range y.named("supervise") {
				if p.cwd == dirs[0] || p.cwd == dirs[1] {
					y.kill(p, unix.SIGKILL)
				}
			}
			y.await("the services without supervise", func() bool {
				all := y.pairs()
				return all[dirs[0]].supervisors == nil && y.inside("svok", dirs[0]).Run() == nil &&
					all[dirs[1]].supervisors == nil && y.inside("svok", dirs[1]).Run() == nil
			})
		}
	}
	for _, d := range dirs {
		if exists(d + "/overlap") {
			t.Errorf("%s ran twice", d)
		}
		if exists(d + "/written.2") {
			t.Errorf("%s was started again", d)
		}
	}
	y.stop(svscan)
	if left := y.tenants(); left != nil {
		t.Errorf("left running:\n%s", y.list())
	}
	for _, x := range services {
		if err := complete(x); err != nil {
			t.Errorf("%s: %v", filepath.Base(x), err)
		}
	}
	for line := range strings.Lines(y.heard()) {
		if !strings.HasSuffix(line, "/supervise/lock: temporary failure\n") {
			t.Errorf("on standard error: %s", line)
		}
	}
}

// How many of the moments in which svscan -1 and its child can be killed are tried.
var systemCallKills = flag.Int("one.kills", 36, "moments in which to kill svscan -1 and its child")

// Descriptors.

// What it raises for itself the services do not get.
func TestOneProcessRaisesItsLimitOfDescriptorsAndNotThatOfServices(t *testing.T) {
	t.Parallel()
	const n, soft = 100, 64
	y := newYard(t, oneProcess)
	run := filepath.Join(y.top, "run")
	must(os.WriteFile(run, []byte("#!/bin/sh\necho $(ulimit -Sn) $(ulimit -Hn) >limits; exec sleep infinity\n"), 0o755))
	var dirs []string
	for i := range n {
		dir := filepath.Join(y.scan, strconv.Itoa(i))
		must(os.Mkdir(dir, 0o755))
		must(os.Symlink(run, dir+"/run"))
		dirs = append(dirs, dir)
	}
	must(os.WriteFile(dirs[0]+"/notification-fd", []byte("3"), 0o644))
	apart := filepath.Join(y.scan, "apart")
	must(os.Rename(write(filepath.Join(y.top, "apart"), textOf(run)), apart))
	must(os.WriteFile(apart+"/flag-kill-descendants", nil, 0o644))
	svscan := y.svscan("sh", "-c", `ulimit -Sn "$1" && ulimit -Hn 4000 && shift && exec "$@"`, "sh", strconv.Itoa(soft), filepath.Join(fused.dir, "svscan"))
	for _, dir := range append(dirs, apart) {
		y.await("limits", func() bool { return textOf(dir+"/limits") != "" })
		if got := textOf(dir + "/limits"); got != "64 4000\n" {
			t.Errorf("%s has the limits %q", dir, got)
		}
	}
	if list := textOf(fmt.Sprintf("/proc/%d/limits", y.main.pid)); !strings.Contains(list, "Max open files            4000                 4000 ") {
		t.Errorf("svscan itself has\n%s", list)
	}
	y.stop(svscan)
	y.saysNothing()
}

// Neither does the soft limit, which svscan raises for itself, keep services with logs
// from being started by processes of their own.
func TestPipesBeyondTheLimitOnOpenFiles(t *testing.T) {
	t.Parallel()
	y := newYard(t, perService)
	var dirs []string
	for i := range 30 {
		x := y.add(fmt.Sprint("x", i), "#!/bin/sh\necho $(ulimit -Sn) >limits; exec sleep infinity\n", reads, reads)
		dirs = append(dirs, x, x+"/log", x+"/errlog")
	}
	svscan := y.svscan("sh", "-c", `ulimit -Sn 24 && exec "$@"`, "sh", filepath.Join(fused.dir, "svscan"))
	y.up(dirs...)
	for i := 0; i < len(dirs); i += 3 {
		y.await("limits", func() bool { return textOf(dirs[i]+"/limits") == "24\n" })
	}
	y.stop(svscan)
	y.saysNothing()
}

// The hard limit lets some services in, and each of the others has a supervisor of its
// own. All run, start again and show it, also when another svscan has taken over.
func TestOneProcessWithTooFewDescriptors(t *testing.T) {
	for limit := 64; limit < 68; limit++ { // of four for a service, and six for a log
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			y := newYard(t, oneProcess)
			var dirs []string
			for i := range 6 {
				with := y.add(fmt.Sprint("with", i), sleeps, reads, reads)
				dirs = append(dirs, with, with+"/log", with+"/errlog", y.add(fmt.Sprint("x", i), sleeps))
			}
			start := func() *exec.Cmd {
				return y.svscan("sh", "-c", `ulimit -n "$1" && shift && exec "$@"`, "sh", strconv.Itoa(limit), filepath.Join(fused.dir, "svscan"))
			}
			shown := func(all map[string]pair) bool {
				return !slices.ContainsFunc(dirs, func(d string) bool {
					p := all[d]
					return len(p.others) != 1 || len(p.supervisors) > 1 || y.statusPid(d) != y.pidInside(p.others[0])
				})
			}
			var all map[string]pair
			up := func() {
				t.Helper()
				y.await("all up and shown", func() bool { all = y.pairs(); return shown(all) })
				y.blocks()
				in := 0
				for _, d := range dirs {
					if len(all[d].supervisors) == 0 {
						in++
					}
				}
				if in < 2 || in > len(dirs)-2 {
					t.Fatalf("%d of %d are in svscan", in, len(dirs))
				}
			}
			svscan := start()
			up()
			for range 2 {
				before := all
				y.end(y.main, unix.SIGKILL)
				svscan.Wait()
				svscan = start()
				up()
				for _, d := range dirs {
					if all[d].others[0] != before[d].others[0] {
						t.Errorf("%s: %v became %v", d, before[d], all[d])
					}
				}
			}
			before := all
			y.do(append([]string{"svc", "-k"}, dirs...)...)
			y.await("other processes", func() bool {
				all = y.pairs()
				return shown(all) && !slices.ContainsFunc(dirs, func(d string) bool { return all[d].others[0] == before[d].others[0] })
			})
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
			y.saysNothing()
		})
	}
}

// Descriptors that svscan has inherited reach the services, closed ones are closed there,
// and none of its own do. Without a log that is as in daemontools; with one, and where a
// standard descriptor is closed, as with supervise.
func TestOneProcessHandsItsDescriptorsOn(t *testing.T) {
	needOld(t)
	for _, c := range []struct {
		name   string
		extra  []int
		closed string // a shell's words
		old    bool
	}{
		{"none", nil, "", true},
		{"7", []int{7}, "", true},
		{"7 and 300", []int{7, 300}, "", true},
		{"3, 4, 5 and 6", []int{3, 4, 5, 6}, "", true},
		{"0 closed", nil, "<&-", false},
		{"0 to 2 closed", nil, "<&- >&- 2>&-", false},
		{"0 to 2 closed and 7", []int{7}, "<&- >&- 2>&-", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := given(t, fused, oneProcess, c.extra, c.closed)
			compare := func(name string, all map[string]string, services ...string) {
				for _, s := range services {
					if d := difference(outcome{stdout: all[s]}, outcome{stdout: got[s]}); d != "" {
						t.Errorf("%s: %s (-) and one process (+)\n%s", s, name, d)
					}
				}
			}
			compare("supervise", given(t, fused, perService, c.extra, c.closed), "plainly", "logged", "logged/log", "both", "both/log", "both/errlog")
			if c.old {
				compare("daemontools", given(t, old, perService, c.extra, c.closed), "plainly")
			}
		})
	}
}

// given starts a svscan and tells what its services get: the probe's reports, but for
// what is different in every process.
func given(t *testing.T, p path, m mode, extra []int, closed string) map[string]string {
	t.Helper()
	y := newYard(t, m)
	y.path = p.dir + ":" + systemTools
	must(os.WriteFile(filepath.Join(y.top, "file"), []byte("some text"), 0o644))
	names := []string{"plainly", "logged", "logged/log"}
	if p.dir == fused.dir {
		names = append(names, "both", "both/log", "both/errlog")
	}
	for _, dir := range names {
		dir = filepath.Join(y.scan, dir)
		must(os.MkdirAll(dir, 0o755))
		must(os.Symlink(probe, dir+"/run"))
		must(os.WriteFile(dir+"/report", nil, 0o644))
		must(os.WriteFile(dir+"/down", nil, 0o644))
	}
	cmd := y.inside("sh", "-c", `exec "$@" `+closed, "sh")
	cmd.Args = append(cmd.Args, slices.DeleteFunc([]string{"svscan", m.option, y.scan}, func(w string) bool { return w == "" })...)
	cmd.Env = append(cmd.Env, "PROBE_OUT=report")
	last := 2
	for _, fd := range extra {
		f, err := os.Open(filepath.Join(y.top, "file"))
		must(err)
		defer f.Close()
		for ; last+1 < fd; last++ {
			cmd.ExtraFiles = append(cmd.ExtraFiles, nil)
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		last = fd
	}
	must(cmd.Start())
	reports := map[string]string{}
	for _, name := range names {
		dir := filepath.Join(y.scan, name)
		y.await("a supervisor of "+name, func() bool { return y.inside("svok", dir).Run() == nil })
		y.do("svc", "-o", dir)
		y.await("the report of "+name, func() bool { return strings.Contains(textOf(dir+"/report"), "\nvariable ") })
		y.await("its death", func() bool { return exists(dir+"/supervise/status") && y.statusPid(dir) == 0 })
		var kept []string
		for line := range strings.Lines(firstReport(textOf(dir + "/report"))) {
			fact, _, _ := strings.Cut(line, ":")
			if !slices.Contains([]string{"pid", "parent", "session", "group"}, fact) && !strings.HasPrefix(line, "variable \"PATH=") {
				kept = append(kept, strings.ReplaceAll(line, y.top, "@"))
			}
		}
		reports[name] = strings.Join(kept, "")
	}
	return reports
}

// Hundreds of deaths, by themselves and by KILL, and services that come and go leave no
// descriptor behind.
func TestOneProcessLeaksNoDescriptors(t *testing.T) {
	t.Parallel()
	busy(t)
	const n, deaths, more = 100, 500, 20
	y := newYard(t, oneProcess)
	add := func(name string) string {
		dir := write(filepath.Join(y.top, "made", name), sleeps, sleeps)
		must(os.Remove(dir + "/run"))
		must(os.Symlink("/bin/true", dir+"/run"))
		switch name[len(name)-1] {
		case '1', '4', '5', '6', '7', '8':
			must(os.RemoveAll(dir + "/log"))
		case '2':
			must(os.WriteFile(dir+"/notification-fd", []byte("9"), 0o644))
		case '3':
			must(os.Symlink("/bin/true", dir+"/finish"))
		}
		must(os.Rename(dir, filepath.Join(y.scan, name)))
		return filepath.Join(y.scan, name)
	}
	var dirs []string
	for i := range n {
		dirs = append(dirs, add(strconv.Itoa(i)))
	}
	svscan := y.svscan()
	starts := func() (sum int) {
		for _, d := range dirs {
			sum += rememberedIn(d).starts
		}
		return sum
	}
	tell := func(dir, letters string) {
		fd, err := unix.Open(dir+"/supervise/control", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		must(err)
		_, err = unix.Write(fd, []byte(letters))
		must(err)
		unix.Close(fd)
	}
	y.await("all started", func() bool {
		return !slices.ContainsFunc(dirs, func(d string) bool {
			return rememberedIn(d).starts == 0 || exists(d+"/log") && rememberedIn(d+"/log").starts == 0
		})
	})
	// Some are open for a moment at any time.
	settled := func() int {
		least := descriptorsOf(y.main.pid)
		for range 100 {
			time.Sleep(2 * time.Millisecond)
			least = min(least, descriptorsOf(y.main.pid))
		}
		return least
	}
	before := settled()
	for i := 0; i%100 != 0 || starts() < n+deaths; i++ {
		tell(dirs[rand.IntN(n)], "ku")
		time.Sleep(time.Millisecond)
	}
	for _, d := range dirs {
		tell(d, "d")
	}
	var hidden []string
	for i := range more {
		dir := add("more" + strconv.Itoa(i))
		y.await("one more", func() bool { return rememberedIn(dir).starts > 0 })
		hidden = append(hidden, filepath.Join(y.scan, fmt.Sprint(".more", i)))
		must(os.Rename(dir, hidden[i]))
	}
	y.do(append([]string{"svc", "-dxLdx"}, hidden...)...)
	y.await("no more than before", func() bool { return settled() <= before })
	if after := settled(); after != before {
		t.Errorf("%d descriptors were %d", after, before)
	}
	y.stop(svscan)
}

// Kills.

// A row is homes whose services are in one directory for svscan.
type row struct {
	homes []*home
	scan  string
}

func newRow(t testing.TB, n int) *row {
	t.Helper()
	r := &row{}
	for i := range n {
		h := newHome(t, "")
		if i == 0 {
			r.scan = filepath.Join(h.top, "scan")
			must(os.Mkdir(r.scan, 0o755))
		}
		must(os.Symlink(h.service(), filepath.Join(r.scan, string(rune('a'+i)))))
		r.homes = append(r.homes, h)
	}
	return r
}

// one starts a svscan -1.
func (r *row) one(t testing.TB) *supervisor {
	t.Helper()
	return r.homes[0].start(t, filepath.Join(fused.dir, "svscan"), "-1", r.scan)
}

// supervised counts the services that are.
func (r *row) supervised(t testing.TB) (n int) {
	t.Helper()
	for _, h := range r.homes {
		if h.tool(t, fused, "svok", "s") == "exit 0" {
			n++
		}
	}
	return n
}

// cut starts one below cut and returns what that says.
func (r *row) cut(t testing.TB, how ...string) (said chan string, lets io.Closer) {
	t.Helper()
	cmd := exec.Command(cut(), slices.Concat(how, []string{"--", filepath.Join(fused.dir, "svscan"), "-1", r.scan})...)
	cmd.Env = []string{"PATH=" + systemPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	stdin, err := cmd.StdinPipe()
	must(err)
	stdout, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	said = make(chan string, 10000)
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			said <- lines.Text()
		}
		cmd.Wait()
		close(said)
	}()
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		for range said {
		}
	})
	return said, stdin
}

// hears reads what cut says as far as a word, or its end.
func hears(t testing.TB, said chan string, word string) (lines []string) {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case line, more := <-said:
			if !more && word != "" {
				t.Fatalf("cut has ended before it said %q", word)
			}
			if !more || line == word {
				return lines
			}
			lines = append(lines, line)
		case <-late:
			t.Fatalf("no %q within %v", word, patience)
		}
	}
}

// ends wants one copy of each service to run, under control of a svscan that ends in
// good order then and leaves no lock.
func (r *row) ends(t testing.TB, svscan *supervisor) {
	t.Helper()
	eventually(t, "supervision", func() bool { return r.supervised(t) == len(r.homes) })
	for _, h := range r.homes {
		h.runsOnce(t)
		if n := h.remembers().starts; n > 2 { // the second one where the first was killed
			t.Errorf("it says that there have been %d starts", n)
		}
		h.svc(t, fused, "h")
		eventually(t, "HUP", func() bool { return strings.Contains(string(h.bytes("log")), "signal 1\n") })
	}
	must(svscan.Process.Signal(unix.SIGTERM))
	if got := svscan.exit(t); got != "exit 0" {
		t.Error(got)
	}
	for _, h := range r.homes {
		if h.runs() != 0 || h.state().overlaps != 0 {
			t.Errorf("afterwards:\n%s", h.bytes("log"))
		}
		lock, err := os.Open(h.file("supervise/lock"))
		must(err)
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
			t.Errorf("a lock is held: %v", err)
		}
		lock.Close()
	}
}

// svscan -1 is killed while the first of its children, which shares its descriptors, is
// at any of its system calls; the child dies too, or goes on, or goes on only when the
// next svscan -1 has tried.
func TestOneProcessAndItsChildAreKilledAtSystemCalls(t *testing.T) {
	needRoot(t)
	r := newRow(t, 3)
	said, _ := r.cut(t)
	for _, h := range r.homes {
		h.runsOnce(t)
	}
	parent, child, fork := 0, 0, 0
	for _, line := range quiet(t, said) {
		switch {
		case strings.HasPrefix(line, "stop parent "):
			parent++
		case strings.HasPrefix(line, "stop child "):
			child++
		case strings.HasPrefix(line, "child "):
			fork = parent
		}
	}
	if fork < 20 || child < 6 || parent <= fork {
		t.Fatalf("only %d stops before the fork, %d of the child, %d in all", fork, child, parent)
	}
	var cases [][2]int
	for p := fork; p <= parent; p++ {
		for c := 1; c <= child; c++ {
			cases = append(cases, [2]int{p, c})
		}
	}
	random := rand.New(rand.NewPCG(seedOf(t), 1))
	random.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	crowd := newCrowd()
	defer crowd.Wait()
	for i, at := range cases[:min(len(cases), *systemCallKills)] {
		then := []string{"kill", "hold", "run"}[i%3]
		crowd.run(t, fmt.Sprintf("%v of %d and %d, %s", at, parent, child, then), func(t *testing.T) {
			r := newRow(t, 3)
			said, lets := r.cut(t, fmt.Sprint("parent=", at[0]), fmt.Sprint("child=", at[1]), "then="+then)
			hears(t, said, "ended")
			svscan := r.one(t)
			if then == "hold" {
				// It finds a lock that is held, or all is well.
				eventually(t, "the other services", func() bool { return r.supervised(t) >= len(r.homes)-1 })
				lets.Close()
				hears(t, said, "")
			}
			r.ends(t, svscan)
		})
	}
}

// A child that is killed before it has descriptors of its own leaves none open in its
// parent's.
func TestAChildThatIsKilledLeavesNoDescriptorsToOneProcess(t *testing.T) {
	needRoot(t)
	// What is open for a moment is none of them.
	descriptors := func(t *testing.T, r *row, pid int) (all []string) {
		h := r.homes[0]
		h.runsOnce(t)
		idle(t, pid)
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		must(err)
		for _, f := range files {
			link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name()))
			all = append(all, f.Name()+" "+strings.ReplaceAll(link, h.top, "@"))
		}
		return all
	}
	r := newRow(t, 1)
	said, _ := r.cut(t)
	r.homes[0].runsOnce(t)
	lines := quiet(t, said)
	child := 0
	for _, l := range lines {
		if strings.HasPrefix(l, "stop child ") {
			child++
		}
	}
	if child < 6 {
		t.Fatalf("only %d stops", child)
	}
	want := descriptors(t, r, parentIn(lines))
	crowd := newCrowd()
	defer crowd.Wait()
	for n := 1; n <= child; n++ {
		crowd.run(t, fmt.Sprint(n), func(t *testing.T) {
			r := newRow(t, 1)
			said, _ := r.cut(t, fmt.Sprint("child=", n))
			pid := parentIn(hears(t, said, "cut"))
			if got := descriptors(t, r, pid); len(got) > len(want) {
				t.Errorf("descriptors\n%q, want\n%q", got, want)
			}
		})
	}
}

// quiet reads what cut says until the process that it has started has nothing more to do.
func quiet(t testing.TB, said chan string) (lines []string) {
	t.Helper()
	eventually(t, "quiet", func() bool {
		pid := parentIn(lines)
		quiet := waits(pid) == forever && stateOf(pid) == "S" // and has been before what is read now
		for {
			select {
			case line := <-said:
				lines, quiet = append(lines, line), false
			default:
				return quiet
			}
		}
	})
	return lines
}

// svscan -1 is killed again and again while it starts 200 services; the last one has all
// of them, and none was ever started twice.
func TestOneProcessIsKilledWhileItStarts200Services(t *testing.T) {
	t.Parallel()
	busy(t)
	const n, kills = 200, 10
	random := rand.New(rand.NewPCG(seedOf(t), 1))
	y := newYard(t, oneProcess)
	var dirs []string
	must(unix.Mkfifo(y.top+"/alive", 0o644))
	alive, err := os.OpenFile(y.top+"/alive", os.O_RDWR, 0)
	must(err)
	defer alive.Close()
	for i := range n {
		dir := filepath.Join(y.scan, strconv.Itoa(i))
		must(os.Mkdir(dir, 0o755))
		script(dir+"/run", "#!"+tally()+"\n")
		must(os.Symlink(y.top+"/alive", dir+"/alive"))
		dirs = append(dirs, dir)
	}
	begun := func() (sum int) {
		for _, d := range dirs {
			if exists(d + "/log") {
				sum++
			}
		}
		return sum
	}
	for i := range kills {
		svscan := y.svscan()
		if i < 5 {
			// Among the first starts, and among later ones.
			least := min(n, begun()+1+random.IntN(n/4))
			y.await("some starts", func() bool { return begun() >= least })
		} else {
			time.Sleep(time.Duration(random.Int64N(int64(60 * time.Millisecond))))
		}
		y.kill(y.main, unix.SIGKILL)
		svscan.Wait()
	}
	svscan := y.svscan()
	y.await("all under control", func() bool {
		return y.inside(append([]string{"svwait", "-u", "-t", "1"}, dirs...)...).Run() == nil
	})
	pids := y.alone(dirs...)
	for _, d := range dirs {
		y.await("a note in "+d, func() bool { return strings.HasSuffix(textOf(d+"/log"), "\n") })
		log := strings.Fields(textOf(d + "/log"))
		if len(log) != 2 || log[0] != "start" || log[1] != strconv.Itoa(y.pidInside(pids[d])) {
			t.Errorf("%s: %q, and %d runs", d, log, y.pidInside(pids[d]))
		}
		if got := y.statusPid(d); got != y.pidInside(pids[d]) {
			t.Errorf("%s: the status has %d, and %d runs", d, got, y.pidInside(pids[d]))
		}
	}
	y.stop(svscan)
	if left := y.tenants(); left != nil {
		t.Errorf("%d left running:\n%s", len(left), y.list())
	}
	for line := range strings.Lines(y.heard()) {
		if !strings.HasSuffix(line, "/supervise/lock: temporary failure\n") {
			t.Errorf("on standard error: %s", line)
		}
	}
}

// Both watch what the other has; when one is killed the other takes it all.
func TestTwoOfOneProcess(t *testing.T) {
	t.Parallel()
	y := newYard(t, oneProcess)
	var dirs []string
	for i := range 10 {
		x := y.add(fmt.Sprint("x", i), sleeps, reads)
		dirs = append(dirs, x, x+"/log")
	}
	first := y.svscan()
	one := y.main
	second := y.svscan()
	before := y.alone(dirs...)
	y.kill(one, unix.SIGKILL)
	first.Wait()
	for _, d := range dirs {
		y.await("a supervisor of "+d, func() bool { return y.inside("svok", d).Run() == nil })
	}
	if after := y.alone(dirs...); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%v became %v", before, after)
	}
	for _, p := range y.named("svscan") {
		y.main = p
	}
	y.stop(second)
	if left := y.tenants(); left != nil {
		t.Errorf("left running:\n%s", y.list())
	}
}

// Directories.

// A directory that is renamed goes on as what it is; what takes its name is another
// service.
func TestOneProcessWithADirectoryThatIsReplaced(t *testing.T) {
	for _, linked := range []bool{false, true} {
		t.Run(fmt.Sprint("a link: ", linked), func(t *testing.T) {
			t.Parallel()
			y := newYard(t, oneProcess)
			x, gone, fresh := filepath.Join(y.scan, "x"), filepath.Join(y.top, "gone"), filepath.Join(y.top, "fresh")
			before := x
			if linked {
				before = write(gone, sleeps, reads)
				must(os.Symlink(gone, x))
			} else {
				write(x, sleeps, reads)
			}
			write(fresh, sleeps, reads)
			svscan := y.svscan()
			y.alone(before, before+"/log")
			after := x
			if linked {
				after = fresh
				must(os.Symlink(fresh, filepath.Join(y.top, "swap")))
				must(os.Rename(filepath.Join(y.top, "swap"), x))
			} else {
				must(os.Rename(x, gone))
				must(os.Rename(fresh, x))
			}
			// The old one is restarted where it is, and so is its log.
			old := y.alone(gone, gone+"/log")
			y.do("svc", "-kLk", gone)
			y.await("others in their places", func() bool {
				now := y.alone(gone, gone+"/log")
				return now[gone] != old[gone] && now[gone+"/log"] != old[gone+"/log"]
			})
			y.do("svc", "-dxLdx", gone)
			y.alone(after, after+"/log")
			y.await("the end of the old ones", func() bool { all := y.pairs(); return all[gone].others == nil && all[gone+"/log"].others == nil })
			y.stop(svscan)
			if left := y.tenants(); left != nil {
				t.Errorf("left running:\n%s", y.list())
			}
			y.saysNothing()
		})
	}
}

// With one process as with supervise: a log whose directory was replaced goes on when it
// has died, in the old directory or in the new one, and no line is lost.
func TestALogDirectoryThatIsReplaced(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		const lines = 100
		x := y.add("x", fmt.Sprintf("#!/bin/sh\nfor i in $(seq %d); do echo $i; [ $i != 20 ] || until [ -e go ]; do sleep 0.01; done; done\nexec sleep infinity\n", lines),
			"#!/bin/sh\nexec cat >>\"$TOP/lines\"\n")
		svscan := y.svscan()
		y.await("lines", func() bool { return strings.Contains(textOf(y.top+"/lines"), "\n20\n") })
		fresh := write(filepath.Join(y.top, "fresh"), "#!/bin/sh\nexec cat >>\"$TOP/lines\"\n")
		must(os.Rename(x+"/log", x+"/oldlog"))
		must(os.Rename(fresh, x+"/log"))
		cats := func() []tenant { return y.named("cat") }
		for _, p := range cats() {
			y.kill(p, unix.SIGKILL)
			y.await("its end", func() bool { now, ok := y.look(p.pid); return !ok || now.start != p.start })
		}
		must(os.WriteFile(x+"/go", nil, 0o644))
		y.await("the rest of the lines", func() bool { return strings.Count(textOf(y.top+"/lines"), "\n") == lines })
		if list := cats(); len(list) != 1 {
			t.Errorf("logs: %v", list)
		}
		y.do("svc", "-dx", x+"/oldlog")
		y.await("the new log", func() bool { all := y.pairs(); return len(all[x+"/log"].others) == 1 && all[x+"/oldlog"].others == nil })
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}

// A directory that has two names is one service. It goes on by the second name when the
// first is taken out, and TERM ends it.
func TestADirectoryWithTwoNames(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprint("ends: ", ends), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, m)
				x, names := write(filepath.Join(y.top, "x"), sleeps), []string{y.scan + "/a", y.scan + "/b"}
				for _, name := range names {
					must(os.Symlink(x, name))
				}
				svscan := y.svscan()
				later := y.add("later", sleeps)
				y.await("both", func() bool { all := y.pairs(); return len(all[x].others) == 1 && len(all[later].others) == 1 })
				if ends {
					y.stop(svscan)
					if left := y.tenants(); left != nil {
						t.Errorf("left running:\n%s", y.list())
					}
					return
				}
				for _, name := range names { // one of them is that by which it runs
					before := y.pairs()[x].others[0]
					must(os.Remove(name))
					y.do("svc", "-dx", x)
					y.await("the service by its other name", func() bool {
						now := y.pairs()[x].others
						return len(now) == 1 && now[0] != before
					})
					must(os.Symlink(x, name))
				}
			})
		}
	})
}

// The end.

// A log that is down when TERM comes is started once more, to read what there is; whoever
// starts it does not wait for others to write.
func TestSvscanEndsWithALogThatIsDown(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		x := y.add("x", "#!/bin/sh\necho up\nexec sleep infinity\n", "#!/bin/sh\nexec cat >>../lines\n")
		svscan := y.svscan()
		y.await("up", func() bool { return textOf(x+"/lines") == "up\n" })
		y.up(x, x+"/log")
		y.do("svc", "-Ld", x)
		y.do("svwait", "-d", x+"/log")
		y.do("svc", "-t", x)
		y.await("another start", func() bool { return rememberedIn(x).starts == 2 })
		y.await("its line", func() bool {
			return slices.ContainsFunc(y.named("sleep"), func(p tenant) bool { return p.cwd == x })
		})
		y.stop(svscan)
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
		if got := textOf(x + "/lines"); got != "up\nup\n" {
			t.Errorf("the log has %q", got)
		}
		y.saysNothing()
	})
}
