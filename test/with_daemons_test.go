package test

// libslack's daemon and ours run the same shell scripts, each in a box: a PID and mount
// namespace with its own /run, /tmp, /etc, /root and syslog, in which every file has the same
// name for both programs. What came of a script is a text, which is compared.
//
// Not tested in this file: anything.

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A side is one of the two programs: a folder that has it, and what it needs.
type side struct {
	name string
	dir  string
}

// ourDaemon is the program under test.
func ourDaemon() side {
	return side{"ours", fused.dir}
}

// libslack is the program of Debian's package daemon.
func libslack(t testing.TB) side {
	t.Helper()
	need(t, filepath.Join(debian, "daemon"))
	dir := filepath.Join(work, "libslack")
	copyOnce.Do(func() {
		must(os.MkdirAll(dir, 0o755))
		program, err := os.ReadFile(filepath.Join(debian, "daemon"))
		must(err)
		must(os.WriteFile(filepath.Join(dir, "daemon"), program, 0o755))
	})
	return side{"libslack's", dir}
}

var copyOnce sync.Once

// A box is a PID and mount namespace for one program. /srv/here is where scripts start,
// /srv/bin has the program.
type box struct {
	t     testing.TB
	side  side
	first *exec.Cmd
	log   *net.UnixConn
	read  sync.WaitGroup // who reads the log

	lock sync.Mutex
	said []string // to syslog
}

// furnishBox is what PID 1 of a box does. Nothing but the mounts of the namespace is changed.
const furnishBox = `
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 srv /srv
mkdir /srv/bin /srv/here /srv/dev /srv/dev/pts /srv/upper /srv/work /srv/etc /srv/root /srv/run /srv/tmp
mount --bind "$PROGRAMS" /srv/bin
touch /srv/probe
mount --bind "$PROBE" /srv/probe
for node in null zero full tty random urandom; do
	touch /srv/dev/$node
	mount --bind /dev/$node /srv/dev/$node
done
mount -t devpts -o newinstance,ptmxmode=666 devpts /srv/dev/pts
ln -s pts/ptmx /srv/dev/ptmx
ln -s /proc/self/fd /srv/dev/fd
mount -t proc proc /proc
mount --rbind /srv/dev /dev
mount -t overlay -o lowerdir=/etc,upperdir=/srv/upper,workdir=/srv/work etc /etc 2>/dev/null || {
	cp -a /etc/. /srv/etc
	mount --bind /srv/etc /etc
}
rm -rf /etc/daemon.conf /etc/daemon.conf.d
echo 'app:x:4001:4001::/srv/home:/bin/sh' >>/etc/passwd
printf '%s\n' 'app:x:4001:' 'crew:x:4002:app' 'rest:x:4003:' >>/etc/group
mkdir -m 755 /srv/home
chown 4001:4001 /srv/home
chmod 700 /srv/root
chmod 1777 /srv/tmp
mount --bind /srv/root /root
mount --bind /srv/run /run
mount --bind /srv/tmp /tmp
: >/srv/ready
sleep infinity; :`

func newBox(t testing.TB, s side) *box {
	t.Helper()
	needRoot(t)
	need(t, "nsenter", "mount")
	c := &box{t: t, side: s}
	var said bytes.Buffer
	c.first = exec.Command("sh", "-c", furnishBox)
	c.first.Env = []string{"PATH=" + systemPath, "PROGRAMS=" + s.dir, "PROBE=" + probe}
	c.first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	c.first.Stderr = &said
	must(c.first.Start())
	t.Cleanup(func() {
		c.first.Process.Kill()
		c.first.Wait()
		if c.log != nil {
			c.log.Close()
			c.read.Wait()
		}
	})
	eventually(t, "a box", func() bool { return exists(c.outside("/srv/ready")) })
	c.listen()
	return c
}

// outside is the name that a file of the box has for the test.
func (c *box) outside(file string) string {
	return fmt.Sprintf("/proc/%d/root%s", c.first.Process.Pid, file)
}

// write makes a file of /srv/here.
func (c *box) write(name, text string) {
	must(os.WriteFile(c.outside("/srv/here/"+name), []byte(text), 0o644))
}

// listen keeps what is sent to syslog.
func (c *box) listen() {
	var err error
	c.log, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.outside("/dev/log"), Net: "unixgram"})
	must(err)
	must(os.Chmod(c.outside("/dev/log"), 0o666))
	c.log.SetReadBuffer(1 << 20)
	c.read.Go(func() {
		for message := make([]byte, 1<<16); ; {
			n, err := c.log.Read(message)
			if err != nil {
				return
			}
			c.lock.Lock()
			c.said = append(c.said, string(message[:n]))
			c.lock.Unlock()
		}
	})
}

// catchUp waits until all is read that was sent to syslog so far.
func (c *box) catchUp() {
	socket, err := net.Dial("unixgram", c.outside("/dev/log"))
	if err != nil {
		return // the script has removed it
	}
	defer socket.Close()
	if _, err := socket.Write([]byte(upToHere)); err != nil {
		return
	}
	eventually(c.t, "the last message to syslog", func() bool {
		c.lock.Lock()
		defer c.lock.Unlock()
		at := slices.Index(c.said, upToHere)
		if at >= 0 {
			c.said = slices.Delete(c.said, at, at+1)
		}
		return at >= 0
	})
}

// upToHere is a message that no daemon sends.
const upToHere = "up to here"

// syslog is what was sent there so far, a line each. The lines of clients come first: another
// process may send them than the messages.
func (c *box) syslog() string {
	c.catchUp()
	c.lock.Lock()
	defer c.lock.Unlock()
	var lines, messages strings.Builder
	for _, s := range c.said {
		to := &lines
		if aboutClients.MatchString(s) {
			to = &messages
		}
		to.WriteString(strings.TrimRight(s, "\n\x00") + "\n")
	}
	return lines.String() + messages.String()
}

var aboutClients = regexp.MustCompile(`^<\d+>(?:\w{3} [ \d]\d [\d:]{8} )?[^ ]+: [-.\w]+: (client|fatal:|terminating|end of|failed|ignoring)`)

// daemonWords are what scripts are written in.
//
//	d WORD...       runs the program, and prints its exit code if that is not 0
//	client NAME     makes an executable script NAME of standard input
//	await WORD...   waits until a command exits with 0
//	refuse WORD...  waits until it does not
//	lines N FILE    tells whether a file has N lines
//	runs NAME       tells whether there is a daemon of this name, whose client has begun
//	gone NAME       tells whether there is none
//	alone           tells whether nothing runs that a daemon has started
//	sweep           kills what such a test may leave: the program, and clients that sleep
const daemonWords = `
d() { daemon "$@"; code=$?; [ $code = 0 ] || echo "exit $code"; }
client() { cat >"$1.new"; chmod 755 "$1.new"; mv "$1.new" "$1"; }
await() { tries=0; until "$@" >/dev/null 2>&1; do tries=$((tries+1)); [ $tries -lt 1000 ] || { echo "never: $*"; exit 98; }; sleep 0.02; done; }
refuse() { tries=0; while "$@" >/dev/null 2>&1; do tries=$((tries+1)); [ $tries -lt 1000 ] || { echo "always: $*"; exit 98; }; sleep 0.02; done; }
lines() { [ "$(grep -c '' "$2")" -ge "$1" ]; }
runs() {
	pid=$(daemon -v --running -n "$@" | sed -n 's/.*clientpid \([0-9]*\).*/\1/p')
	case $(readlink "/proc/$pid/exe") in '' | /srv/bin/*) return 1;; esac
}
gone() { ! daemon --running -n "$@"; }
sweep() { for p in /proc/[0-9]*; do case $(tr '\0' ' ' <$p/cmdline) in *'sleep 1000 ') kill -9 ${p#/proc/}; esac; case $(readlink $p/exe) in /srv/bin/*) kill -9 ${p#/proc/}; esac; done 2>/dev/null; }
alone() { [ "$(wc -w </proc/1/task/1/children)" = 1 ]; }
as() { setpriv --reuid=4001 --regid=4001 --init-groups env HOME=/srv/home "$@"; }
cd /srv/here
umask 022
exec </dev/null
`

// command is a script that will run in the box.
func (c *box) command(script string) *exec.Cmd {
	need(c.t, "nsenter", "setpriv")
	pid := fmt.Sprint(c.first.Process.Pid)
	cmd := exec.Command("nsenter", "-t", pid, "-p", "-m", "-r", "--", "/bin/sh", "-c", daemonWords+script)
	cmd.Env = []string{"PATH=/srv/bin:" + systemPath, "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// run runs a script and returns what it and what it starts print. Nothing may hold what the
// script prints to once the script has ended.
func (c *box) run(script string) string {
	c.t.Helper()
	cmd := c.command(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(cmd.Start())
	late := time.AfterFunc(2*longest, func() { killWithChildren(cmd.Process.Pid) })
	defer late.Stop()
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		c.t.Errorf("%s: somebody holds the output of the script", c.side.name)
	} else if err != nil {
		c.t.Errorf("%s: the script: %v\n%s%s", c.side.name, err, &out, c.syslog())
	}
	return out.String()
}

// left lists the files that both programs make, with what is in them.
func (c *box) left() string {
	return c.run(`find /srv/here /srv/home /run /tmp /root -mindepth 1 ! -path '/run/daemon*' ! -path '*/.daemon' ! -path '*/.daemon/*' ! -path '/run/mount*' -printf '%p %y%m %u:%g\n' | sort |
while read -r name rest; do
	echo "$name $rest"
	case $rest in f*) sed 's/^/    /' "$name";; esac
done`)
}

// daemonComparable takes from a text what differs between two runs of the same: times and the
// numbers of processes, those in reports of the probe as well.
func daemonComparable(text string) string {
	var b strings.Builder
	pid := ""
	for line := range strings.Lines(text) {
		fact, value, _ := strings.Cut(line, ": ")
		switch fact {
		case "pid":
			pid = value
		case "parent":
		case "session", "group":
			fmt.Fprintf(&b, "%s: its own: %t\n", fact, value == pid)
		default:
			b.WriteString(line)
		}
	}
	text = b.String()
	for _, change := range daemonChanges {
		text = change.pattern.ReplaceAllString(text, change.by)
	}
	return text
}

var daemonChanges = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`(?m)^(\s*)\d{8} \d\d:\d\d:\d\d `), "${1}TIME "},
	{regexp.MustCompile(`(?m)^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d `), "$1"}, // syslogd has the time, too
	{regexp.MustCompile(`(?ms)^usage: daemon .*?^ +--list [^\n]*\n`), "USAGE\n"},
	{regexp.MustCompile(`\b(pid|clientpid|client pid) \d+`), "$1 PID"},
	{regexp.MustCompile(`(?m)(\.(?:client)?pid f\d+ \S+\n)    \d+$`), "$1    PID"},
}

// A situation is a script that both programs run.
type situation struct {
	name   string
	config string // the file /srv/here/conf
	script string
	// deviates is the reason why ours differs: then ours is what comes of it.
	deviates string
	ours     string
}

// outcome is what comes of a situation in a fresh box.
func (s situation) outcome(t testing.TB, program side) string {
	t.Helper()
	c := newBox(t, program)
	if s.config != "" {
		c.write("conf", s.config)
	}
	text := c.run(s.script)
	os.Remove(c.outside("/srv/here/conf"))
	text += "-- left --\n" + c.left()
	if said := c.syslog(); said != "" {
		text += "-- syslog --\n" + said
	}
	return daemonComparable(text)
}

// compare runs situations with both programs.
func compareDaemons(t *testing.T, situations []situation) {
	t.Parallel()
	theirs, ours := libslack(t), ourDaemon()
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.outcome(t, theirs)
			got := s.outcome(t, ours)
			switch {
			case s.deviates == "" && got != want:
				t.Errorf("differs from libslack's\n%s", difference(outcome{stdout: want}, outcome{stdout: got}))
			case s.deviates != "" && got == want:
				t.Errorf("does not deviate any more: %s", s.deviates)
			case s.deviates != "" && got != strings.TrimPrefix(s.ours, "\n"):
				t.Errorf("%s: differs from what it should be\n%s", s.deviates,
					difference(outcome{stdout: strings.TrimPrefix(s.ours, "\n")}, outcome{stdout: got}))
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("libslack's:\n%s\nours:\n%s", want, got)
			}
		})
	}
}
