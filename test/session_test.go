package test

// Sessions and process groups of services, and what a terminal sends to them.
//
// Not tested in this file: signals that svc sends to a group (group_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a service sends to its process group reaches neither svscan nor any other service.
func TestWhatAServiceSendsToItsGroupGoesNoFurther(t *testing.T) {
	inModes(t, append([]mode{{"a session for each service", "-s", 1}}, both...), func(t *testing.T, m mode) {
		y := newYard(t, m)
		good := y.add("good", sleeps, reads)
		bad := y.add("bad", "#!/bin/sh\necho begun >>begun\ntrap 'kill 0' EXIT\nexit 1\n", reads)
		svscan := y.svscan()
		before := y.up(good, good+"/log", bad+"/log")
		y.await("three starts", func() bool { return strings.Count(textOf(bad+"/begun"), "begun") >= 3 })
		after := y.up(good, good+"/log", bad+"/log")
		delete(before, bad) // which comes and goes
		delete(after, bad)
		if fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("%v became %v", before, after)
		}
		y.stop(svscan)
	})
}

// A service has a session of its own where svscan or its directory say so.
func TestWhoseSessionAServiceIsIn(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct{ words, file, whose string }{
		{"supervise s", "", "the supervisor's"},
		{"supervise s", "no-setsid", "the supervisor's"},
		{"supervise s", "flag-newsession", "its own"},
		{"supervise -s s", "", "its own"},
		{"supervise -s s", "no-setsid", "the supervisor's"},
		{"svscan", "", "another"},
		{"svscan", "flag-newsession", "its own"},
		{"svscan -s", "", "its own"},
		{"svscan -1", "", "its own"},
		{"svscan -1", "no-setsid", "the supervisor's"},
	} {
		crowd.run(t, c.words+" "+c.file, func(t *testing.T) {
			h := newHome(t, "")
			if c.file != "" {
				must(os.WriteFile(h.file(c.file), nil, 0o644))
			}
			var s *supervisor
			words := strings.Fields(c.words)
			if words[0] == "svscan" {
				s = h.scanApart(t, words[1:]...)
			} else {
				words[0] = filepath.Join(fused.dir, words[0])
				s = h.inGroup(t, 0, words...)
			}
			h.up(t, 1)
			// A supervisor that has been started by itself leads its group only.
			group, err := unix.Getpgid(h.pid())
			must(err)
			session, err := unix.Getsid(h.pid())
			must(err)
			whose := "another"
			switch {
			case session == h.pid() && group == h.pid():
				whose = "its own"
			case group == s.Process.Pid:
				whose = "the supervisor's"
			}
			if whose != c.whose {
				t.Errorf("it is in group %d and session %d: %s", group, session, whose)
			}
			h.svc(t, fused, "k")
			h.up(t, 2)
		})
	}
}

// ^Z stops the job, supervisor and all, and the shell sees that.
func TestSupervisorsStopWithTheirJob(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	need(t, "script")
	for _, words := range []string{"supervise s", "svscan .", "svscan -1 ."} {
		crowd.run(t, words, func(t *testing.T) {
			h := newHome(t, "")
			must(os.WriteFile(filepath.Join(h.top, "job.sh"), []byte(`set -m
`+filepath.Join(fused.dir, words)+` 2>&1
kill -l $? >stopped.new
mv stopped.new stopped
fg >/dev/null
echo $? >over.new
mv over.new over
`), 0o644))
			// The terminal is a FIFO that this test types into.
			must(unix.Mkfifo(filepath.Join(h.top, "keys"), 0o600))
			keys, err := os.OpenFile(filepath.Join(h.top, "keys"), os.O_RDWR, 0)
			must(err)
			defer keys.Close()
			h.start(t, "/bin/sh", "-c", "PATH="+fused.dir+":$PATH exec script -qec 'exec sh job.sh' /dev/null <keys >/dev/null")
			h.up(t, 1)
			eventually(t, "nothing being done", func() bool { return h.exists("supervise/ok") })
			keys.WriteString("\x1a")
			eventually(t, "a stop that the shell sees", func() bool { return exists(filepath.Join(h.top, "stopped")) })
			if got := textOf(filepath.Join(h.top, "stopped")); got != "TSTP\n" && got != "STOP\n" {
				t.Errorf("the shell has seen %q", got)
			}
			h.svc(t, fused, "h")
			eventually(t, "what was written to it meanwhile", func() bool { return slices.Contains(strings.Fields(h.state().signals), "1") }, h.explain)
			h.svc(t, fused, "dkx")
			if words != "supervise s" {
				keys.WriteString("\x03")
			}
			eventually(t, "its end", func() bool { return exists(filepath.Join(h.top, "over")) })
			if got := textOf(filepath.Join(h.top, "over")); got != "0\n" {
				t.Errorf("it has ended with %q", got)
			}
		})
	}
}

// The process of a service finds its standard descriptors as they were, whatever the last
// one has done to them, and can only write to the pipe to its log.
func TestStandardDescriptorsAreNewForEachStart(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		var spoil []string
		for fd := range uintptr(3) {
			spoil = append(spoil, sys(unix.SYS_FCNTL, fd, unix.F_SETFL, unix.O_NONBLOCK))
		}
		spoils := "#!/bin/sh\nfor i in 0 1 2; do sed -n 's/^flags:.*\\(.\\)...\\(.\\)$/'$i' \\1 \\2/p' /proc/self/fdinfo/$i; done >>flags\n" +
			"exec " + probe + " start " + strings.Join(spoil, " ") + " -- /bin/sleep sleep 1000\n"
		dir := y.add("x", spoils, spoils)
		svscan := y.svscan()
		for n := 1; n <= 3; n++ {
			y.await("a start", func() bool {
				return strings.Count(textOf(dir+"/flags"), "\n") == 3*n && strings.Count(textOf(dir+"/log/flags"), "\n") == 3*n && len(y.named("sleep")) == 2
			})
			y.do("svc", "-k", dir)
			y.do("svc", "-k", dir+"/log")
		}
		// Octal digits: O_NONBLOCK is 4000; the last is 0 for reading, 1 for writing, 2 for both.
		for name, standard := range map[string]string{"/flags": "1 0 1", "/log/flags": "0 0 0"} {
			fd, end, _ := strings.Cut(standard, " ")
			want := fd + " " + end
			for _, line := range strings.Split(strings.TrimSpace(textOf(dir+name)), "\n") {
				if line[:1] == fd && line != want || strings.Fields(line)[1] == "4" {
					t.Errorf("%s: %q, want %q", name, line, want)
				}
			}
		}
		y.stop(svscan)
	})
}
