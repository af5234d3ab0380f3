package test

// Services that need each other at random are started and stopped in an order that is right,
// whatever is killed.
//
// Not tested in this file: what is said (svscan_order_test.go).

import (
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

var needsCount = flag.Int("svscan.needs", 60, "services of the test of random needs")

// inOrder is a service that notes in the file wrong what must not be: that it is started while
// something that it needs has not been ready, and that it is told to end while something runs
// that needs it. What does not say that it is ready must have been started once: how often
// that was stands in the lock file.
const inOrder = `#!/bin/sh
for n in needs/*; do
	[ -e "$n" ] || continue
	n=${n#needs/}
	if [ -e "../$n/notification-fd" ]; then
		[ -e "../$n/serving" ] && continue
	else
		[ "$(od -An -tu4 -j136 -N4 "../$n/supervise/lock")" -ne 0 ] && continue
	fi
	echo "${PWD##*/} is started before $n is ready" >>../../wrong
done
told() {
	for n in needed/*; do
		[ ! -e "../${n#needed/}/running" ] || echo "${PWD##*/} is told before ${n#needed/} is over" >>../../wrong
	done
	rm -f running serving
	exit 0
}
trap told TERM
: >running
if [ -e notification-fd ]; then
	sleep "$(cat delay)"
	: >serving
	echo >&3
	exec 3>&-
fi
echo $$ >settled
while :; do read -r line <>wait; done
`

// A graph is services that need each other, each those with lower numbers.
type graph struct {
	*yard
	random *rand.Rand
	dirs   []string
}

func (y *yard) addGraph(n int, seed int64) *graph {
	g := &graph{yard: y, random: rand.New(rand.NewSource(seed))}
	made := filepath.Join(y.top, "made")
	must(os.Mkdir(made, 0o755))
	names := g.random.Perm(n) // the order of names and of the directory says nothing
	for i := range n {
		dir := write(filepath.Join(made, fmt.Sprint("s", names[i])), inOrder)
		must(os.Mkdir(dir+"/needs", 0o755))
		must(os.Mkdir(dir+"/needed", 0o755))
		must(unix.Mkfifo(dir+"/wait", 0o600))
		if g.random.Intn(3) == 0 {
			must(os.WriteFile(dir+"/notification-fd", []byte("3\n"), 0o644))
			must(os.WriteFile(dir+"/delay", []byte(fmt.Sprintf("0.%02d\n", g.random.Intn(20))), 0o644))
		}
		if g.random.Intn(3) == 0 {
			must(os.WriteFile(dir+"/priority", []byte(fmt.Sprint(g.random.Intn(2000))), 0o644))
		}
		for range min(i, g.random.Intn(4)) {
			needed := fmt.Sprint("s", names[max(0, i-1-g.random.Intn(10))])
			must(os.WriteFile(dir+"/needs/"+needed, nil, 0o644))
			must(os.WriteFile(filepath.Join(made, needed, "needed", filepath.Base(dir)), nil, 0o644))
		}
		g.dirs = append(g.dirs, filepath.Join(y.scan, filepath.Base(dir)))
	}
	for _, dir := range g.dirs {
		must(os.Rename(filepath.Join(made, filepath.Base(dir)), dir))
	}
	return g
}

// isRight wants nothing to be wrong so far.
func (g *graph) isRight(when string) {
	g.t.Helper()
	if wrong := textOf(g.top + "/wrong"); wrong != "" {
		g.t.Fatalf("%s:\n%s", when, wrong[:min(len(wrong), 2000)])
	}
}

// isUp waits until all services run, each once, and have settled.
func (g *graph) isUp() {
	g.t.Helper()
	g.await("all up", func() bool {
		all := g.pairs()
		for _, dir := range g.dirs {
			if !g.once(all[dir]) || textOf(dir+"/settled") != fmt.Sprintln(g.pidInside(all[dir].others[0])) {
				return false
			}
		}
		return true
	})
}

// killOne kills svscan, a supervisor, or with services set a service. It returns the svscan
// that runs then.
func (g *graph) killOne(running func(), services bool) func() {
	all := g.tenants()
	if len(all) == 0 {
		return running
	}
	victim := all[g.random.Intn(len(all))]
	if g.random.Intn(8) == 0 {
		victim = g.process(g.main.pid)
	}
	switch {
	case victim.pid == 0 || victim.name == "nsenter" || victim.name == "svscan" && victim.pid != g.main.pid:
	case victim.name == "svscan":
		g.end(victim, unix.SIGKILL)
		running()
		return g.start()
	case victim.name == "supervise" || services:
		g.kill(victim, unix.SIGKILL)
	}
	return running
}

// start starts a svscan and returns what waits for its end.
func (g *graph) start() (wait func()) {
	cmd := g.svscan()
	return func() { cmd.Wait() }
}

func TestRandomNeedsAreKeptWhateverIsKilled(t *testing.T) {
	need(t, "od")
	inModes(t, both, func(t *testing.T, m mode) {
		seed := int64(seedOf(t))
		y := newYardInMemory(t, m)
		g := y.addGraph(*needsCount, seed)
		running := g.start()
		// While services are started, svscan and the supervisors are killed. So whatever a service
		// needs still runs when the service is started.
		for range 20 {
			time.Sleep(time.Duration(g.random.Intn(100)) * time.Millisecond)
			running = g.killOne(running, false)
		}
		g.isUp()
		g.isRight("after the start")
		for range *needsCount / 2 {
			time.Sleep(time.Duration(g.random.Intn(30)) * time.Millisecond)
			running = g.killOne(running, true)
		}
		time.Sleep(time.Second / 10) // for the last kills
		g.isUp()
		g.isRight("after kills")
		if line := y.heard(); strings.Contains(line, "circle") || strings.Contains(line, "no service") {
			t.Errorf("it says\n%s", y.explain())
		}
		y.kill(y.main, unix.SIGTERM)
		running()
		g.isRight("after the stop")
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}
