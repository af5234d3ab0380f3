package test

// What a service inherits is what daemontools' supervise hands on; and what an idle supervisor
// does and keeps.
//
// Not tested in this file: what the probe finds after a chain (inherit_test.go).

import (
	"bytes"
	"fmt"
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

// The probe reports what it inherits from a supervisor in each state.
func TestServiceInheritsWhatItDoesIn076(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needRoot(t)
	needOld(t)
	signal := func(s unix.Signal) string { return strconv.Itoa(int(s)) }
	mask := func(signals ...unix.Signal) string {
		n := uint64(0)
		for _, s := range signals {
			n |= 1 << (s - 1)
		}
		return strconv.FormatUint(n, 10)
	}
	for _, s := range []state{
		{name: "as usual"},
		{name: "an odd environment", env: []string{"PROBE_OUT=@/report", "A=1", "A=2", "B", "=c", "PATH="}},
		{name: "open files", extra: []string{"s/file", "s/file", "."}},
		{name: "closed 0", words: []string{sys(unix.SYS_CLOSE, 0)}},
		{name: "closed 1", words: []string{sys(unix.SYS_CLOSE, 1)}},
		{name: "closed 0 to 2", words: []string{sys(unix.SYS_CLOSE, 0), sys(unix.SYS_CLOSE, 1), sys(unix.SYS_CLOSE, 2)}},
		{name: "TERM HUP INT PIPE ignored", words: []string{"ignore=" + signal(unix.SIGTERM), "ignore=" + signal(unix.SIGHUP), "ignore=" + signal(unix.SIGINT), "ignore=" + signal(unix.SIGPIPE)}},
		{name: "CHLD ignored", words: []string{"ignore=" + signal(unix.SIGCHLD)}},
		{name: "CHLD blocked", words: []string{"block=" + mask(unix.SIGCHLD)}},
		{name: "TERM USR1 blocked", words: []string{"block=" + mask(unix.SIGTERM, unix.SIGUSR1)}},
		{name: "everything blocked", words: []string{"block=18446744073709551615"}},
		{name: "USR1 pending", words: []string{"block=" + mask(unix.SIGUSR1), "raise=" + signal(unix.SIGUSR1)}},
		{name: "umask 077", words: []string{sys(unix.SYS_UMASK, 0o077)}},
		{name: "limits", words: []string{"limit=7:100:200", "limit=4:0:0", "limit=1:100000:200000"}},
		{name: "a session", words: []string{"fork", sys(unix.SYS_SETSID)}},
		{name: "nobody", words: dropped()},
		{name: "nice", words: []string{sys(unix.SYS_SETPRIORITY, 0, 0, 5)}},
		{name: "no new privileges, subreaper", words: []string{sys(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1), sys(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1)}},
	} {
		crowd.run(t, s.name, func(t *testing.T) {
			var reports [2]string
			for i, p := range []path{old, fused} {
				reports[i] = inherits(t, p, s)
			}
			if d := difference(outcome{stdout: reports[0]}, outcome{stdout: reports[1]}); d != "" {
				t.Errorf("daemontools (-) and catena (+) differ:\n%s", d)
			}
		})
	}
}

// inherits starts a supervisor in a state and returns the probe's report, which is
// its service.
func inherits(t *testing.T, p path, s state) string {
	t.Helper()
	a := newArena(fused)
	t.Cleanup(a.remove)
	dir := filepath.Join(a.here, "s")
	must(os.Mkdir(dir, 0o755))
	must(os.Chmod(dir, 0o777))
	must(os.WriteFile(filepath.Join(dir, "file"), []byte("some text"), 0o644))
	// The report is in its place when it is whole; then it sleeps.
	report := filepath.Join(a.top, "report")
	must(os.WriteFile(report, nil, 0o666))
	must(os.Chmod(report, 0o666))
	must(os.Chmod(a.top, 0o777))
	must(os.Symlink(probe, filepath.Join(dir, "run")))
	env := a.locals(s.env)
	if s.env == nil {
		env = []string{"PATH=" + systemPath, "PROBE_OUT=" + report}
	}
	cmd := exec.Command(probe, slices.Concat([]string{"start"}, s.words, []string{"--", filepath.Join(p.dir, "supervise"), "supervise", "s"})...)
	cmd.Dir, cmd.Env = a.here, env
	cmd.ExtraFiles = a.extra(s)
	defer closeAll(cmd.ExtraFiles)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(cmd.Start())
	defer cmd.Wait()
	var text []byte
	read := func() bool {
		var err error
		text, err = os.ReadFile(report)
		must(err)
		return bytes.Contains(text, []byte("\nexecuted ")) && bytes.Contains(text, []byte("\nvariable "))
	}
	supervisor := cmd.Process.Pid
	defer func() {
		killWithChildren(supervisor)
	}()
	eventually(t, "a report", read)
	return a.comparable(firstReport(string(text)), supervisor)
}

// firstReport cuts off what the service reported when it was started again.
func firstReport(text string) string {
	head, _, _ := strings.Cut(text, "\n")
	if i := strings.Index(text[1:], "\n"+head+"\n"); i > 0 {
		text = text[:i+2]
	}
	return text
}

// A supervisor that has nothing to do does nothing, in one thread.
func TestIdleSupervisorDoesNotWakeUp(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "h")
	eventually(t, "HUP", func() bool { return h.state().signals == " 1" })
	// What is due a second after the start would still be to come.
	time.Sleep(1500 * time.Millisecond)
	before := switches(t, s.Process.Pid)
	time.Sleep(3 * time.Second)
	if after := switches(t, s.Process.Pid); after != before {
		t.Errorf("it woke up:\n%s\n%s", before, after)
	}
	if !strings.Contains(before, "Threads:\t1 ") {
		t.Error(before)
	}
}

// Every 2 MiB of a process have a page of page tables of their own. The program is a little
// longer than that: one page is for its text, one for its data. An idle supervisor, of
// which there may be thousands, has no third one.
func TestIdlePagesAreOnOneTable(t *testing.T) {
	t.Parallel()
	needRoot(t) // for the pagemap
	const page, table = 4 << 10, 2 << 20
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	h.svc(t, fused, "k")
	h.up(t, 2)
	pid := s.Process.Pid
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	must(err)
	var first, last uint64
	for i, l := range strings.Split(string(maps), "\n") {
		var from, to uint64
		if n, _ := fmt.Sscanf(l, "%x-%x", &from, &to); n < 2 || i > 0 && from != last {
			break // behind a gap come the stack and the rest
		}
		if i == 0 {
			first = from
		}
		last = to
	}
	pages, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	must(err)
	defer pages.Close()
	tables := map[uint64]bool{}
	for at := first; at < last; at += page {
		var entry [8]byte
		_, err := pages.ReadAt(entry[:], int64(at/page*8))
		must(err)
		if entry[7]&0x80 != 0 { // it is there: bit 63
			tables[at/table] = true
		}
	}
	if len(tables) > 1 {
		t.Errorf("pages of %x-%x are on %d tables", first, last, len(tables))
	}
}

func switches(t testing.TB, pid int) (list string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if strings.HasPrefix(l, "Threads:") || strings.HasPrefix(l, "voluntary_ctxt_switches:") {
			list += strings.TrimSuffix(l, "\n") + " "
		}
	}
	return list
}

// A child that a supervisor had before it was one is reaped when it ends.
func TestChildrenFromBeforeAreReaped(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needOld(t)
	for _, p := range []path{old, fused} {
		crowd.run(t, p.name, func(t *testing.T) {
			h := newHome(t, "")
			s := h.start(t, "sh", "-c", `sleep 0.1 & exec "$1" s`, "sh", filepath.Join(p.dir, "supervise"))
			h.up(t, 1)
			eventually(t, "one child", func() bool {
				list, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", s.Process.Pid))
				must(err)
				return strings.TrimSpace(string(list)) == strconv.Itoa(h.pid())
			})
		})
	}
}
