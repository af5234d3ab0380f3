package test

// A program is started as often by our supervisord as by Debian's, however it ends.
//
// Not tested in this file: how long a start waits (the tests of restart policies measure that),
// what is said of it.

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ways are how a program ends, by its number.
var ways = []string{"exit 0", "exit 2", "exit 7", "kill -TERM $$"}

// A program that ends the same way each time, and stays once it has been started three times.
func TestProgramsAreStartedAsOftenAsByDebiansSupervisord(t *testing.T) {
	theirs := debiansSupervisord(t)
	configuration := ""
	var names []string
	for _, restart := range []string{"true", "false", "unexpected"} {
		for _, codes := range []string{"0", "2,7", ""} {
			for _, start := range []string{"0", "30"} { // Debian's may find out late that a program has ended
				for i, way := range ways {
					if start == "30" && (codes != "0" || i > 1) {
						continue // a failed start, whatever the code
					}
					name := fmt.Sprintf("%s-%s-%s-%d", restart, strings.ReplaceAll(codes, ",", "."), start, i)
					names = append(names, name)
					configuration += fmt.Sprintf("[program:%s]\ncommand=sh -c 'echo up >>$0; [ $(wc -l <$0) -ge 3 ] && exec sleep 1000; %s' %%(here)s/n.%s\n"+
						"autorestart=%s\nexitcodes=%s\nstartsecs=%s\nstartretries=1\nstdout_logfile=NONE\nstderr_logfile=NONE\n", name, way, name, restart, codes, start)
				}
			}
		}
	}
	ours, debians := newHouse(t, ourSupervisord(), configuration), newHouse(t, theirs, withServer+configuration)
	ours.begin(t)
	debians.begin(t)
	settled := func() bool { // nothing is about to be started
		need(t, "supervisorctl")
		out, _ := exec.Command("supervisorctl", "-s", "unix://"+debians.file("s"), "status").Output()
		return strings.Count(string(out), "\n") == len(names) && !strings.Contains(string(out), "BACKOFF") && !strings.Contains(string(out), "STARTING")
	}
	eventually(t, "Debian's programs have settled", settled)
	counts := func(h *house) map[string]int {
		count := map[string]int{}
		for _, name := range names {
			text, _ := os.ReadFile(h.file("n." + name))
			count[name] = strings.Count(string(text), "\n")
		}
		return count
	}
	want := counts(debians)
	different := func() string {
		got, said := counts(ours), ""
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if got[name] != want[name] {
				said += fmt.Sprintf("%s: %d starts, and %d by Debian's\n", name, got[name], want[name])
			}
		}
		return said
	}
	eventually(t, "as many starts", func() bool { return different() == "" }, different)
	for name, state := range map[string]string{"false-0-0-0": "ended well", "false-0-0-1": "ended", "true-0-30-1": "gave up after 2 starts", "unexpected-0-0-0": "ended well"} {
		out, _ := exec.Command(ourSvstat(), "-l", ours.file("run/svc/"+name)).Output()
		if !strings.Contains(string(out), state) {
			t.Errorf("%s is not %q: %s", name, state, out)
		}
	}
	if again := different(); again != "" { // nor is any started later
		t.Error(again)
	}
}

func ourSvstat() string { return fused.dir + "/svstat" }
