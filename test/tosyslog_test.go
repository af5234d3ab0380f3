package test

// tosyslog sends each line once, by the right numbers, and its reader is nobody's child.
//
// Not tested in this file: wrong usage, which is in testdata/script.

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sendsToSyslog fails unless a script has these messages sent. "..." stands for any messages
// before the next one. The script runs in a mount and a PID namespace of its own, with a /dev that has nothing
// but a socket for syslog, /dev/null and /dev/full.
func sendsToSyslog(t *testing.T, script string, want ...string) {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp(work, "syslog-")
	must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	log, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "log"), Net: "unixgram"})
	must(err)
	defer log.Close()
	must(errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, "log"), 0o777)))
	cmd := exec.Command("sh", "-c", `
mount --make-rprivate / && mount -t proc proc /proc
mount --bind "$PROGRAMS" /srv
await() { n=0; until "$@" >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 1000 ] || { echo "never: $*"; exit 98; }; sleep 0.01; done; }
touch null full; mount --bind /dev/null null; mount --bind /dev/full full; mount --rbind . /dev
`+script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/srv:" + systemPath, "PROGRAMS=" + fused.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Setsid: true}
	said := make(chan []string)
	go func() {
		var all []string
		for message := make([]byte, 1<<16); ; {
			n, err := log.Read(message)
			if err != nil || string(message[:n]) == "over" {
				said <- all
				return
			}
			if more := len(want) > 0 && want[0] == "..." && string(message[:n]) != want[1]; !more {
				all = append(all, string(message[:n]))
			}
		}
	}()
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("the script: %v\n%s", err, out)
	}
	over, err := net.Dial("unixgram", filepath.Join(dir, "log"))
	must(err)
	defer over.Close()
	over.Write([]byte("over"))
	got := <-said
	if len(want) > 0 && want[0] == "..." {
		want = want[1:]
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nsends\n%q\nand not\n%q", script, got, want)
	}
}

// readersEnd is what a script ends with, as its namespace ends with it.
const readersEnd = `
await sh -c '! pgrep -x tosyslog'
`

func TestTosyslogSendsEachLineOnce(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 8192)
	for _, c := range []struct {
		script string
		want   []string
	}{
		{`tosyslog -1 user.info echo hello`, []string{"<14>echo: hello"}},
		{`tosyslog -t web -1 local7.emerg sh -c 'echo one; echo; printf two'`, []string{"<184>web: one", "<184>web: ", "<184>web: two"}},
		{`tosyslog -t a -2 kern.debug sh -c 'echo one >&2; echo two'>/dev/null`, []string{"<7>a: one"}},
		// Both streams to the same are one pipe, whose lines stay in their order.
		{`tosyslog -t a -1 daemon.err -2 daemon.err sh -c 'for i in 1 2 3; do echo $i; echo $i >&2; done'`,
			[]string{"<27>a: 1", "<27>a: 1", "<27>a: 2", "<27>a: 2", "<27>a: 3", "<27>a: 3"}},
		{`tosyslog -t a -1 daemon.err -2 daemon.info sh -c 'echo out; exec >&-; while pgrep -x nosuch; do :; done; sleep 0.2; echo err >&2'`,
			[]string{"<27>a: out", "<30>a: err"}},
		// A line that comes in pieces, and one that is too long.
		{`tosyslog -t a -1 user.info sh -c 'printf one; sleep 0.1; printf " line\nand"; sleep 0.1; echo " another"'`,
			[]string{"<14>a: one line", "<14>a: and another"}},
		{`tosyslog -t a -1 user.info sh -c 'printf "%08192d%08192d.\n" 0 0 | tr 0 x'`, []string{"<14>a: " + long, "<14>a: " + long, "<14>a: ."}},
		// What the program leaves behind may print, and the program waits for nobody.
		{`tosyslog -t a -1 user.info sh -c 'sh -c "sleep 0.2; echo late" & echo early'`, []string{"<14>a: early", "<14>a: late"}},
		// The reader is no child of the program, and no signal for its group ends the reader.
		{`pgrphack tosyslog -t a -1 user.info sh -c 'read children </proc/$$/task/$$/children; trap "" TERM; kill 0; echo "children: $children"'`,
			[]string{"<14>a: children: "}},
		{`tosyslog -t a -1 user.info sh -c 'exec >&-; sleep 0.1; wait; echo $? >&2' 2>/dev/null`, nil},
		// Closed standard descriptors are in nobody's way.
		{`tosyslog -t a -1 user.info -2 user.err sh -c 'echo out; sleep 0.1; echo err >&2' <&- >&- 2>&-`, []string{"<14>a: out", "<11>a: err"}},
		// One in the other, and within a chain of one process.
		{`tosyslog -t a -1 user.info setuidgid nobody tosyslog -t b -2 user.err sh -c 'echo out; sleep 0.1; echo err >&2'`, []string{"<14>a: out", "<11>b: err"}},
	} {
		sendsToSyslog(t, c.script+readersEnd, c.want...)
	}
}

func TestTosyslogWithoutASyslogDaemon(t *testing.T) {
	t.Parallel()
	// What is printed meanwhile is lost, and the program goes on; the next daemon is found.
	sendsToSyslog(t, `
mv log log.kept
tosyslog -t a -1 user.info sh -c 'seq 100000; touch lost; until [ -e back ]; do sleep 0.01; done; echo found' &
await test -e lost
mv log.kept log
touch back
wait`+readersEnd, "...", "<14>a: found")
}
