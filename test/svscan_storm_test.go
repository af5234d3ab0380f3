package test

// A storm: everything is killed at random, over and over, with multilog and its processors
// for logs, stops in between, and programs that are replaced while they run.
//
// Not tested in this file: kills of all who have a pipe open at the same time, which lose
// what is in it; loggers other than multilog (svscan_kills_test.go).

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var stormRounds = flag.Int("storm.rounds", 4, "rounds of the storm")

// init makes this program the finish of a service of the storm, which notes the life that
// has ended: the highest of which there is a count.
func init() {
	if len(os.Args) > 1 && os.Args[1] == "svscan-finishes" {
		life := 0
		for exists(fmt.Sprint("written.", life+1)) {
			life++
		}
		out, err := os.OpenFile("finished", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		must(err)
		fmt.Fprintln(out, life)
		os.Exit(0)
	}
}

// stormy adds services of numbered lines with multilog for a log, each of another kind. Two of them
// have an errlog.
func (y *yard) stormy() (services []string) {
	self, err := os.Executable()
	must(err)
	for i, actions := range []string{
		"./main", "s4096 n1000 ./main", "s4096 n1000 '!sleep 0.05; cat' ./main", "s8192 n1000 !cat ./main",
	} {
		keeps, errors := "#!/bin/sh\nexec multilog "+strings.Replace(actions, "!cat", "'!cat'", 1)+"\n", ""
		if i%3 == 0 {
			errors = keeps
		}
		x := y.add(fmt.Sprint("x", i), "#!"+self+" svscan-numbers\n", keeps, errors)
		script(x+"/finish", "#!"+self+" svscan-finishes\n")
		must(os.WriteFile(x+"/timeout-finish", []byte("0\n"), 0o644))
		if i%2 == 1 {
			must(os.WriteFile(x+"/flag-kill-descendants", nil, 0o644))
		}
		services = append(services, x)
	}
	return services
}

// gather makes one file of lines of what a multilog has kept, in order, for each log.
func gather(x string) {
	for log, lines := range map[string]string{"/log": "/lines", "/errlog": "/errlines"} {
		old, err := filepath.Glob(x + log + "/main/@*")
		must(err)
		all := ""
		for _, f := range append(old, x+log+"/main/current") { // sorted by name, which is the time
			all += textOf(f)
		}
		must(os.WriteFile(x+lines, []byte(all), 0o644))
	}
}

func TestStorm(t *testing.T) { inModes(t, both, storm) }

func storm(t *testing.T, m mode) {
	seed := *killSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-svscan.seed=%d", seed)
	random := rand.New(rand.NewSource(seed))
	y := newYard(t, m)
	tools := y.top + "/bin" // they are replaced
	must(os.Mkdir(tools, 0o755))
	y.path = tools + ":" + systemTools
	y.replaceTools(tools)
	services := y.stormy()
	svscan := y.svscan(tools + "/svscan")
	for round := range *stormRounds {
		y.hasPipes(services)
		for range 3 {
			time.Sleep(time.Duration(random.Int63n(int64(300 * time.Millisecond))))
			y.gust(random)
		}
		if round%3 == 1 {
			y.replaceTools(tools)
		}
		y.await("services and pipes after a gust", func() bool { return y.allUp(services) })
		whole := unix.SIGKILL
		if round%2 == 1 {
			whole = unix.SIGTERM
		}
		y.kill(y.main, whole)
		if whole == unix.SIGKILL {
			svscan.Wait()
		} else {
			if random.Intn(2) == 0 {
				y.gustOfSupervisors(random)
			}
			y.ends(svscan)
			y.await("the end of all", func() bool { return y.tenants() == nil })
			y.judge(services, round)
		}
		svscan = y.svscan(tools + "/svscan")
	}
	y.await("everything up", func() bool { return y.allUp(services) })
	y.stop(svscan)
	y.await("the end of all", func() bool { return y.tenants() == nil })
	y.judge(services, *stormRounds)
}

// replaceTools puts new files in the place of those that run.
func (y *yard) replaceTools(dir string) {
	program, err := os.ReadFile(filepath.Join(fused.dir, "catena"))
	must(err)
	script(dir+"/new", string(program))
	must(os.Rename(dir+"/new", dir+"/catena"))
	for _, name := range []string{"svscan", "supervise", "multilog"} {
		os.Symlink("catena", dir+"/"+name)
	}
}

// allUp tells whether all services and logs run, and svscan has their pipes.
func (y *yard) allUp(services []string) bool {
	all := map[string]int{}
	for _, p := range y.tenants() {
		if p.name == "multilog" || p.name == "run" && counts(p) {
			all[p.cwd]++
		}
	}
	for _, x := range services {
		if all[x] != 1 || all[x+"/log"] != 1 || all[x+"/errlog"] != 1 && exists(x+"/errlog") {
			return false
		}
	}
	return true
}

// counts tells whether a service has begun to count: a life that ends before that is none.
func counts(p tenant) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid))
	for _, f := range files {
		if name, _ := os.Readlink(f); strings.Contains(name, "/written.") {
			return true
		}
	}
	return false
}

// gust kills some processes, but not svscan, which keeps the pipes, and not finish, which
// takes notes.
func (y *yard) gust(random *rand.Rand) {
	for _, p := range y.tenants() {
		switch p.name {
		case "svscan", "nsenter", "finish":
			continue
		case "run":
			if !counts(p) {
				continue
			}
		case "supervise":
			if !y.supervises(p) {
				continue
			}
		}
		if random.Intn(3) == 0 {
			y.end(p, unix.SIGKILL) // one that has yet to die is not to be taken for the next life
		}
	}
}

// supervises tells a supervisor, which is on record, from a child of one that is to become
// run or finish: that has the same name.
func (y *yard) supervises(p tenant) bool {
	const at = 64 + 16 // the pid in the second record
	lock := textOf(p.cwd + "/supervise/lock")
	if len(lock) < at+4 {
		return false
	}
	status := textOf(fmt.Sprintf("/proc/%d/status", p.pid))
	return strings.Contains(status, fmt.Sprintf("\t%d\nNSpgid:", binary.LittleEndian.Uint32([]byte(lock[at:]))))
}

// gustOfSupervisors kills supervisors while everything stops, and some of their services.
func (y *yard) gustOfSupervisors(random *rand.Rand) {
	all := y.tenants()
	for _, p := range all {
		if p.name != "supervise" || !y.supervises(p) || random.Intn(2) == 0 {
			continue
		}
		y.end(p, unix.SIGKILL)
		for _, s := range all {
			if s.cwd == p.cwd && s.name == "run" && random.Intn(2) == 0 {
				y.kill(s, unix.SIGKILL)
			}
		}
	}
}

// judge compares what the services have written with what their logs have, and their lives
// with their ends, while nothing runs.
func (y *yard) judge(services []string, round int) {
	y.t.Helper()
	for _, x := range services {
		gather(x)
		if err := complete(x); err != nil {
			y.t.Errorf("round %d: %s: %v", round, filepath.Base(x), err)
		}
		want := ""
		for life := 1; exists(fmt.Sprint(x, "/written.", life)); life++ {
			want += fmt.Sprintln(life)
		}
		if got := textOf(x + "/finished"); got != want {
			y.t.Errorf("round %d: %s: lives\n%sends\n%s", round, filepath.Base(x), want, got)
		}
		if exists(x + "/overlap") {
			y.t.Errorf("round %d: %s ran twice", round, filepath.Base(x))
		}
	}
	if y.t.Failed() {
		y.t.Fatalf("%s", y.heard())
	}
}
